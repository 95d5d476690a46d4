"""The commands behind the names, one module each: parses its words, calls the core, prints.

The table says where each is; a module is imported when its command is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

COMMANDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "plan": ("plan.Plan", "show what would be done, as commands to paste or as JSON"),
        "targets": ("targets.Targets", "list the project's targets, with what it says of them"),
        "run": ("run.Run", "run a command in the make container: rbuild run -- COMMAND..."),
        "exec": ("exec.Exec", "be docker for a command at work: rbuild exec -- COMMAND..."),
        "make": ("make.Make", "build targets that are named like one of these commands"),
        "matrix": ("matrix.MatrixCommand", "build many combinations: targets, platforms, git refs"),
        "bundles": ("bundles.Bundles", "list what was built, or verify it: bundles [list|verify]"),
        "log": ("log.Log", "what a run said: log [RUN]"),
        "debug": ("debug.Debug", "a shell where a command failed: debug [RUN] [-- COMMAND...]"),
        "report": ("report.Report", "a run as a page to look at, or as a trace: report [RUN]"),
        "history": ("history.History", "the runs that are kept, or what differs: history [diff]"),
        "sign": ("sign.Sign", "sign the bundles' provenance with a key: sign --key FILE"),
        "reproduce": ("reproduce.Reproduce", "build the same again and compare byte for byte"),
        "install": ("install.Install", "copy the latest bundles' executables to PREFIX/bin"),
        "base": ("base.Base", "make a base image with no registry: base debian:bookworm"),
        "init": ("init.Init", "write an rbuild.toml for this project, or print its schema"),
        "doctor": ("doctor.Doctor", "what is wrong with this host, and what cures it"),
        "backends": ("backends.Backends", "which engines are here, which would be used, and why"),
        "nodes": ("nodes.Nodes", "other machines that can build, and what is wrong there"),
        "clean": ("clean.Clean", "remove what builds left in the engine's storage"),
        "path": ("path.Where", "where rbuild's containerfiles, examples and own files are"),
        "completion": ("completion.Completion", "what a shell completes with: completion bash"),
        "help": ("help.Help", "this, or what a command does: help [COMMAND]"),
    }
)
"""Of each command, its class in this package, and what it does in a line."""
WITH_TARGETS: Final = frozenset({"plan", "make", "reproduce", "matrix"})
"""Commands whose words are the project's targets and variables."""
WITH_VARIABLES: Final = WITH_TARGETS | {"run"}
"""Commands that read the project's recipe: what NAME=VALUE is for."""

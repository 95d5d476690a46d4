"""Heredocs of RUN: the script as one argument of the shell, as BuildKit hands it over."""

from __future__ import annotations

import re
import shlex
from typing import Final

from rootless_build.images.containerfile.edit import exec_form, with_flags
from rootless_build.images.containerfile.mounts import Mount
from rootless_build.images.containerfile.parser import heredoc_of
from rootless_build.images.containerfile.syntax import Flag, Heredoc, Instruction
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.rules.mount_content import file_marker
from rootless_build.images.rewrite.state import FILES, Site

_PIPES: Final = "/dev/pipes"
"""Where BuildKit puts a script with an interpreter line."""
_NAME: Final = re.compile(r"[\w.-]+", re.ASCII)


def run_heredoc(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """The exec form, with the SHELL that holds; a script with `#!` is a file that is mounted."""
    if not instruction.heredocs:
        return None
    at.note("run-heredoc", at.work.builder.why(Feature.RUN_HEREDOC))
    first = instruction.heredocs[0]
    if heredoc_of(instruction.body) is None:
        parts = (f"\n{heredoc.content}{heredoc.name}" for heredoc in instruction.heredocs)
        script = "".join([instruction.body, *parts])
    elif first.text.startswith("#!"):
        return (_mount_script(instruction, first, at),)
    else:
        script = first.text
    return (exec_form(instruction, (*at.scope.shell, script)),)


def _mount_script(instruction: Instruction, heredoc: Heredoc, at: Site) -> Instruction:
    name = heredoc.name if _NAME.fullmatch(heredoc.name) else "script"
    path = f"{_PIPES}/{name}"
    content = heredoc.text.encode(errors="surrogateescape")
    if not at.work.takes_files:
        script = (
            f"mkdir -p {_PIPES} && printf %s {shlex.quote(heredoc.text)} > {path}"
            f" && chmod 755 {path} && exec {path}"
        )
        return exec_form(instruction, (*at.scope.shell, script))
    source = at.work.add_file(name, content, 0o755)
    mount = Mount(
        origin=FILES if at.work.needs_context else None,
        source=source,
        target=path,
        others=(f"consistency={file_marker(name, content)}",),
    )
    with_mount = with_flags(instruction, (*instruction.flags, Flag("mount", str(mount))))
    return exec_form(with_mount, (*at.scope.shell, path))

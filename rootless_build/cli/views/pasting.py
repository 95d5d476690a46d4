"""Lines of a plan that a shell may be given, whatever stands in them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Final

from rootless_build.model import plan as plans
from rootless_build.model.text import script_joined, script_quoted, shown

_PLAIN: Final = re.compile(r"[\w@%+=:,./~\"'$ *?-]+")
"""Words of one simple command; what a shell makes more of is handed to a shell of its own."""
_RESERVED: Final = frozenset(
    ("if", "then", "elif", "else", "fi", "for", "while", "until", "do", "done", "case", "esac")
) | {"in", "function", "select", "time", "coproc"}
_NOT_OF_A_RECIPE: Final = re.compile(r"_|PWD|OLDPWD|SHLVL|MAKE(?:LEVEL|_.*)")


def comment(text: str) -> Iterator[str]:
    """The text as comments: no line of it is a command."""
    for line in text.removesuffix("\n").split("\n") if text else ():
        yield f"# {shown(line)}".rstrip()


def host_command(
    step: plans.HostCommand | plans.Unexpanded, environment: Mapping[str, str] = os.environ
) -> str:
    """A line that does the step as make would; `environment` is that of whoever pastes it.

    What is more than a simple command has a shell of its own, as with make: a comment ends with
    it, and `set -e` of a script that it stands in is not its own.
    """
    own = [
        f"{name}={value}"
        for name, value in step.environment
        if environment.get(name) != value and not _NOT_OF_A_RECIPE.fullmatch(name)
    ]
    command = script_joined((*step.shell, step.script))
    if step.shell == plans.SHELL and not own and _is_plain(step.script):
        command = step.script
    if own:
        command = f"{script_joined(('env', *own))} {command}"
    line = f"(cd {script_quoted(step.directory)} && {command})"
    # make goes on after a line that begins with `-`.
    ignored = isinstance(step, plans.HostCommand) and step.ignore_errors
    return f"{line} || true" if ignored else line


def _is_plain(script: str) -> bool:
    if not _PLAIN.fullmatch(script):
        return False
    try:
        words = shlex.split(script)
    except ValueError:
        return False
    return bool(words) and words[0] not in _RESERVED

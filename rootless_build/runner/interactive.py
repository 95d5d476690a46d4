"""What a container's standard streams are, and whether somebody works in it by hand."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from rootless_build.backend.api import Image, Stdio
from rootless_build.model.plan import RunContainer

_TARGETS: Final = frozenset({"shell", "dev"})
"""Targets that projects begin a shell with, some through a script of their own."""
_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "fish"})
_WRAPPERS: Final = frozenset(
    {
        "env",
        "exec",
        "nice",
        "setpriv",
        "su-exec",
        "gosu",
        "tini",
        "dumb-init",
        "catatonit",
        "script",
    }
)
_WITH_VALUE: Final = frozenset({"-o", "+o", "-O", "+O", "--rcfile", "--init-file"})
_COMMAND: Final = re.compile(r"-[A-Za-z]*c[A-Za-z]*|--command(=.*)?")
"""Options after which a shell does what is written there: `-c`, `-lc`; not `--norc`."""


def stdio(step: RunContainer, *, terminal: bool) -> Stdio:
    """What the container's standard streams are; `terminal`: it may have rbuild's own."""
    if not step.interactive or sys.stdin is None or sys.stdin.closed:
        return Stdio.CLOSED
    if os.isatty(0):
        return Stdio.TERMINAL if step.tty and terminal and os.isatty(1) else Stdio.CLOSED
    # /dev/null and its like have nothing to say.
    return Stdio.CLOSED if stat.S_ISCHR(os.fstat(0).st_mode) else Stdio.PIPED


def is_by_hand(step: RunContainer, image: Image | None, streams: Stdio) -> bool:
    """Whether somebody works in the container: a shell without a script on a terminal, and
    whatever `make shell` starts there.

    `image` is the one that it is made of, None where it is not in storage: it may bring the shell.
    """
    argv = _argv(step, image)
    options = _after_shell(argv)
    named = step.origin is not None and step.origin.target in _TARGETS
    if options is None:
        return named and streams is Stdio.TERMINAL
    return _wait_for_input(options) and (named or streams is Stdio.TERMINAL)


def _argv(step: RunContainer, image: Image | None) -> tuple[str, ...]:
    if step.entrypoint is not None:
        return step.entrypoint + step.command
    if image is None:
        return step.command
    return image.entrypoint + (step.command or image.command)


def _after_shell(argv: Sequence[str]) -> Sequence[str] | None:
    """The words after a shell that is the command, or that a wrapper starts; None without one."""
    for number, word in enumerate(argv):
        if PurePosixPath(word).name in _SHELLS and "=" not in word:
            return argv[number + 1 :]
        first = PurePosixPath(argv[0])
        if first.name not in _WRAPPERS and len(first.parts) == 1 and first.suffix != ".sh":
            return None
    return None


def _wait_for_input(options: Sequence[str]) -> bool:
    """Whether a shell with these words reads its commands from standard input."""
    words = iter(options)
    for word in words:
        if _COMMAND.fullmatch(word) or not word.startswith(("-", "+")):
            return False
        if word in _WITH_VALUE:
            next(words, None)
    return True

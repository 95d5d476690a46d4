"""What the doctor says: findings, and the cures that go with them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from rootless_build.model.text import shell_joined, shell_quoted


class Severity(StrEnum):
    """How bad it is. BLOCKS: no build can run; NOTE: rbuild copes; OK: nothing is wrong."""

    BLOCKS = "blocks"
    WARNING = "warning"
    NOTE = "note"
    OK = "ok"


class NewFile(Struct, frozen=True):
    """A cure that needs no root: a file of the user's own, which must not exist yet."""

    path: Path
    content: str

    @property
    def command(self) -> str:
        """What `--fix` does, as a command to paste into a shell."""
        path = shell_quoted(self.path)
        directory = shell_quoted(self.path.parent)
        # What echo makes of a backslash differs between shells.
        lines = " ".join(map(shell_quoted, self.content.splitlines()))
        return f"mkdir -p {directory} && printf '%s\\n' {lines} > {path}"


class Run(Struct, frozen=True):
    """A cure that needs no root: a command that may be run at any time."""

    argv: tuple[str, ...]

    @property
    def command(self) -> str:
        """What `--fix` does, as a command to paste into a shell."""
        return shell_joined(self.argv)


class Cure(Struct, frozen=True):
    """`text` says what to do, or what rbuild does; `command` is exact, for a shell.

    `automatic`: rbuild does it itself for its own runs. `action` is what `--fix` does.
    """

    text: str
    command: str = ""
    needs_root: bool = False
    automatic: bool = False
    action: NewFile | Run | None = None


class Finding(Struct, frozen=True):
    """`id` is a key of `rootless_build.host.catalogue`; `breaks` is empty where nothing does."""

    id: str
    severity: Severity
    seen: str
    breaks: str = ""
    cure: Cure | None = None


def by_rbuild(text: str) -> Cure:
    """A cure that rbuild applies to its own runs."""
    return Cure(text, automatic=True)


def as_root(command: str, text: str = "") -> Cure:
    """A cure for an administrator."""
    return Cure(text, command, needs_root=True)


def by_user(command: str, text: str = "") -> Cure:
    """A cure that needs no root, and the user's own decision."""
    return Cure(text, command)


def by_fix(action: NewFile | Run, text: str = "") -> Cure:
    """A cure that `rbuild doctor --fix` applies."""
    return Cure(text, action.command, action=action)

"""What ended a run, as one block: what failed, where and after how long, the last words that nobody
has seen, what became of the bundles, where the log is, and what to type next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from msgspec import Struct

from rootless_build.cli.views.tables import duration
from rootless_build.model.errors import BundlesError, HostError, RbuildError, StepFailedError
from rootless_build.model.text import shown, width
from rootless_build.process import user_directories

_LOG: Final = "the log: "
_LAST: Final = 15
"""Lines of what a command wrote last."""


class Line(Struct, frozen=True):
    """A line of the block; `head` is what it begins with, of the first the name of who speaks."""

    text: str
    head: str = ""
    is_first: bool = False


def block(error: RbuildError, seen: Collection[str], columns: int | None) -> Iterator[Line]:
    """The lines; `seen` are those of others that stand just above, `columns` the width of the
    terminal, if it is one.
    """
    yield Line(shown(error.message), "rbuild: ", is_first=True)
    if error.where:
        took = "" if error.seconds is None else f", after {duration(error.seconds)}"
        yield Line(f"  at {shown(error.where)}{took}")
    if isinstance(error, BundlesError):
        yield from (Line(f"  {shown(problem)}") for problem in error.problems)
    yield from (Line(shown(line), "  | ") for line in _words(error, seen))
    yield from (Line(f"  {shown(note)}") for note in getattr(error, "__notes__", ()))
    if error.log:
        yield from _log(error, columns)
    for number, line in enumerate(_lines(error.hint)):
        yield Line(f"  {'  ' if number else '->'} {line}")
    if isinstance(error, HostError):
        yield Line("", f"  rbuild doctor --explain {error.finding} says more")


def _log(error: RbuildError, columns: int | None) -> Iterator[Line]:
    command, file = f"  {_LOG}{shown(error.log)}", shown(_of_home(error.log_file))
    if columns is None or width(f"{command} ({file})") < columns:
        yield Line(f"{command} ({file})")
    else:
        yield Line(command)
        yield Line(f"  {' ' * len(_LOG)}{file}")


def _of_home(file: str) -> str:
    """A path as a shell has it."""
    home = str(user_directories.home())
    return f"~{file.removeprefix(home)}" if file.startswith(f"{home}/") else file


def _words(error: RbuildError, seen: Collection[str]) -> list[str]:
    """What is to be shown of others, of a command that failed its own last lines; what stands just
    above is not said again.
    """
    own = error.last_words if isinstance(error, StepFailedError) else None
    if own is not None:
        return [line for line in _lines(own)[-_LAST:] if line not in seen]
    words = _lines(error.engine_words)
    return [] if set(words) <= set(seen) else words


def _lines(text: str) -> list[str]:
    lines = text.removesuffix("\n").split("\n") if text else []
    return [line.removesuffix("\r") for line in lines]

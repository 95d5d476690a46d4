"""What checks found, as `docker build --check` prints it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rootless_build.backend.build_files import existing_containerfile
from rootless_build.files import plain
from rootless_build.images.checks.warning import CheckWarning
from rootless_build.images.containerfile import file as containerfile
from rootless_build.model.plan import BuildImage

_RULER: Final = "-" * 20
_AROUND_ONE: Final = 4
_AROUND: Final = 2
"""Lines that are shown beside those that are meant, in both directions together."""


def summary(found: Sequence[CheckWarning]) -> str:
    """What it comes to."""
    if not found:
        return "Check complete, no warnings found."
    count = "1 warning has" if len(found) == 1 else f"{len(found)} warnings have"
    return f"Check complete, {count} been found!"


def told(step: BuildImage, found: Sequence[CheckWarning]) -> str:
    """All of it, with the lines that are meant."""
    path = existing_containerfile(step)
    if path is None:
        return f"{summary(found)}\n"
    text = plain.content(path).decode(errors="surrogateescape")
    shown = containerfile.display(step, path)
    parts = (_warning(each, shown, text.split("\n")) for each in found)
    return "\n".join((f"{summary(found)}\n", *parts))


def _warning(warning: CheckWarning, shown: str, lines: Sequence[str]) -> str:
    page = f" - {warning.page}" if warning.page else ""
    head = f"WARNING: {warning.rule}{page}\n{warning.detail}\n{shown}:{warning.line}\n"
    return f"{head}{_RULER}\n{''.join(_excerpt(warning, lines))}{_RULER}\n"


def _excerpt(warning: CheckWarning, lines: Sequence[str]) -> Iterator[str]:
    meant = range(warning.line, warning.end_line + 1)
    begin, end = warning.line, min(warning.end_line, len(lines))
    shown, most = 0, _AROUND_ONE if begin == end else _AROUND
    while shown < most:
        more = (begin > 1, end != len(lines))
        begin, end = begin - more[0], end + more[1]
        shown += sum(more) + 1
    for number in range(begin, end + 1):
        mark = ">>>" if number in meant else "   "
        yield f"{number:4d} | {mark} {lines[number - 1]}\n"

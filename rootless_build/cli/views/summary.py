"""What a run came to, for a person: its bundles with their sizes, its steps with their times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.cli.views.tables import count, duration, size
from rootless_build.model.events import BundlesPublished, Event, StepFinished, StepStarted
from rootless_build.model.text import shown

_LISTED: Final = 12
"""Files, and steps; of more of them the largest and the longest."""
_SIZE: Final = 10
_CHANGE: Final = 11
"""Columns of a size and of what became of it, `-1023.9 KiB`."""
_TIME: Final = 12


class Line(Struct, frozen=True):
    """A line of the bundles: `head` is to be seen first, `is_new` is told quietly too."""

    text: str
    head: str = ""
    is_new: bool = True


class _File(Struct, frozen=True):
    path: str
    size: int | None
    before: int | None


class _Bundles(Struct, frozen=True):
    """What was published to one directory, once or several times."""

    directory: Path
    files: Mapping[str, _File] = {}
    checked: int = 0
    total: int | None = None
    total_before: int | None = None

    def then(self, event: BundlesPublished) -> _Bundles:
        """What it is after another time: what a file had before the run stays."""
        files = dict(self.files)
        for each in _files(event):
            known = files.get(each.path)
            files[each.path] = _File(each.path, each.size, known.before) if known else each
        before = event.total_before if self.total is None else self.total_before
        checked = max(self.checked, event.checked)
        return _Bundles(self.directory, files, checked, event.total, before)


class _Step(Struct, frozen=True):
    number: int
    title: str
    seconds: float
    cached: bool


class Summary:
    """Learns from the events of a run what it comes to."""

    def __init__(self) -> None:
        self._bundles: dict[Path, _Bundles] = {}
        self._titles: dict[int, str] = {}
        self._steps: list[_Step] = []
        self._of = 0

    def learn(self, event: Event) -> None:
        """Take one event."""
        match event:
            case StepStarted():
                self._titles[event.step] = event.title
            case StepFinished():
                title = self._titles.get(event.step, event.kind)
                self._steps.append(_Step(event.step, title, event.seconds, event.cached))
                # A command at work has as many as it has called for when it ends.
                self._of = max(self._of, event.of, event.step)
            case BundlesPublished():
                known = self._bundles.get(event.directory, _Bundles(event.directory))
                self._bundles[event.directory] = known.then(event)
            case _:
                pass

    def bundles(self) -> Iterator[Line]:
        """What was built, how large it is, and where it is. It is told once."""
        told, self._bundles = self._bundles, {}
        for each in told.values():
            yield from _told(each)

    def steps(self) -> Iterator[str]:
        """How long each step took, where several did something."""
        steps = [step for step in self._steps if not step.cached]
        if len(steps) < 2:
            return
        listed = set(_largest([step.seconds for step in steps]))
        for step in (step for at, step in enumerate(steps) if at in listed):
            took = duration(step.seconds)
            yield f"  {took:>{_TIME}}  [{step.number}/{self._of}] {shown(step.title)}"
        rest = [step.seconds for at, step in enumerate(steps) if at not in listed]
        if rest:
            yield f"  {duration(sum(rest)):>{_TIME}}  … {count(len(rest), 'shorter step')}"


def _told(bundles: _Bundles) -> Iterator[Line]:
    place = shown(str(bundles.directory))
    files = list(bundles.files.values())
    if not files:
        total = "" if bundles.total is None else f", {size(bundles.total)} in all"
        yield Line(f"bundles unchanged in {place}{total}", is_new=False)
        return
    agreed = f", {count(bundles.checked, 'checksum')} agreed" if bundles.checked else ""
    changed = count(len(files), "new or changed file")
    yield Line(f"{changed} in {place}{agreed}", head="bundles: ")
    listed = set(_largest([each.size or 0 for each in files]))
    yield from (Line(_row(each)) for at, each in enumerate(files) if at in listed)
    rest = [each for at, each in enumerate(files) if at not in listed]
    if rest:
        sizes = [each.size for each in rest if each.size is not None]
        taking = f", {size(sum(sizes))}" if sizes else ""
        yield Line(f"  … and {len(rest)} more{taking}")
    if bundles.total is not None:
        yield Line(f"  {size(bundles.total):>{_SIZE}}  in all{_since(bundles)}")


def _row(file: _File) -> str:
    if file.size is None:
        return f"  {shown(file.path)}"
    return f"  {size(file.size):>{_SIZE}}  {_change(file):<{_CHANGE}}  {shown(file.path)}"


def _change(file: _File) -> str:
    assert file.size is not None
    if file.before is None:
        return "new"
    difference = file.size - file.before
    return f"{'+' if difference > 0 else '-'}{size(abs(difference))}" if difference else "changed"


def _since(bundles: _Bundles) -> str:
    if bundles.total is None or not bundles.total_before:
        return ""
    difference = bundles.total - bundles.total_before
    if not difference:
        return ", as much as before"
    return f", {size(abs(difference))} {'more' if difference > 0 else 'less'} than before"


def _files(event: BundlesPublished) -> Iterator[_File]:
    if len(event.sizes) != len(event.files) or len(event.sizes_before) != len(event.files):
        # Told by an earlier rbuild.
        yield from (_File(path, None, None) for path in event.files)
        return
    for path, now, before in zip(event.files, event.sizes, event.sizes_before, strict=True):
        yield _File(path, now, before)


def _largest(numbers: Sequence[float]) -> Sequence[int]:
    """Where the largest are."""
    return sorted(range(len(numbers)), key=lambda at: -numbers[at])[:_LISTED]

"""What make printed in a dry run, taken apart: recipes with their places, and messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.model.errors import RecipeError
from rootless_build.recipes.make.probe import Probe

_TRACE: Final = re.compile(
    r"(?P<file>.+):(?P<line>\d+): "
    r"(?:target '(?P<new>.*)' does not exist|update target '(?P<old>.*)' due to: .*)"
)
_MAKE_ITSELF: Final = re.compile(r"g?make(\[\d+\])?: (?P<text>.*)")
_ENTERING: Final = re.compile(r"Entering directory '(?P<directory>.*)'")
_LEAVING: Final = re.compile(r"Leaving directory '.*'")


class Group(Struct):
    """The recipe of one target as make printed it; `level` is 0 for the first make."""

    file: Path
    line: int
    target: str
    directory: Path
    level: int
    texts: list[str] = []
    places: list[int] = []
    ran: set[int] = set()

    @property
    def starts_make(self) -> bool:
        return bool(self.ran)


class Printed:
    """make's output, taken apart."""

    def __init__(self, project: Path, probe: Probe, make: str) -> None:
        self.groups: list[Group] = []
        self.messages: list[str] = []
        self._probe = probe
        self._make = make
        # Where the groups of each make that runs begin.
        self._begins = [0]
        self._count = 0
        self._directories = [project]
        # Below a make that was started by a line, the rest of that line's recipe waits.
        self._open: list[Group | None] = [None]
        self._first = True

    def read(self, output: str) -> None:
        for text in _joined(output):
            own = _MAKE_ITSELF.fullmatch(text)
            trace = _TRACE.fullmatch(text)
            if own:
                self._of_make(own["text"], text)
            elif trace:
                group = Group(
                    self._directories[-1] / trace["file"],
                    int(trace["line"]),
                    trace["new"] if trace["new"] is not None else trace["old"],
                    self._directories[-1],
                    len(self._directories) - 1,
                )
                self._open[-1] = group
                if self._probe.ends_remaking(group.target):
                    # So far makefiles were remade, for which make runs recipes in a dry run too.
                    del self.groups[self._begins[-1] :]
                elif group.file != self._probe.file:
                    self.groups.append(group)
            else:
                self._line(text)

    def _of_make(self, said: str, text: str) -> None:
        entering = _ENTERING.fullmatch(said)
        if entering:
            if self._first:
                self._directories[-1] = Path(entering["directory"])
                self._first = False
                return
            group = self._open[-1]
            if group is not None and group.texts:
                group.ran.add(len(group.texts) - 1)
            self._directories.append(Path(entering["directory"]))
            self._open.append(None)
            self._begins.append(len(self.groups))
        elif _LEAVING.fullmatch(said):
            if len(self._directories) > 1:
                self._directories.pop()
                self._open.pop()
                self._begins.pop()
        else:
            self.messages.append(text)

    def _line(self, text: str) -> None:
        group = self._open[-1]
        reader = self._probe.reader(text)
        if reader is not None:
            level, directory = reader
            if level >= len(self._directories):
                raise _unannounced(group, self._directories[0], self._make)
            # One that has something to say of its options says where it is before `-C` counts.
            self._directories[-1] = directory
            # make starts anew when it has remade a makefile.
            del self.groups[self._begins[-1] :]
            self._open[-1] = None
            return
        if group is None:
            self.messages.append(text)
        elif group.file != self._probe.file:
            group.texts.append(text)
            group.places.append(self._count)
            self._count += 1
        elif str(self._probe.file.parent) not in text:
            self.messages.append(text)


def _unannounced(group: Group | None, project: Path, make: str) -> RecipeError:
    if group is None or not group.texts:
        return RecipeError("the Makefile starts make while it is read")
    file = group.file.relative_to(project) if group.file.is_relative_to(project) else group.file
    return RecipeError(
        f"{file}:{group.line}: this line can't be turned into a step: it starts a make that does "
        "not say in which directory",
        hint="take --no-print-directory out of the Makefile",
        engine_words=group.texts[-1].replace(make, "make"),
    )


def _joined(output: str) -> Iterator[str]:
    """Lines, with those that end in a backslash joined to the next, as the shell reads them."""
    held: list[str] = []
    for line in output.split("\n"):
        held.append(line)
        if (len(line) - len(line.rstrip("\\"))) % 2 == 0:
            if len(held) > 1 or line.strip():
                yield "\n".join(held)
            held = []
    if held:
        yield "\n".join(held)


def after_last_trace(output: str) -> list[str]:
    """What the recipe said itself that make ran last."""
    lines = output.splitlines()
    traced = [number for number, line in enumerate(lines) if _TRACE.fullmatch(line)]
    after = lines[traced[-1] + 1 :] if traced else []
    return [line for line in after if line.strip() and not _MAKE_ITSELF.fullmatch(line)]

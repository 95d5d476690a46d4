"""The view for people: what rbuild does goes to standard error, what containers say stays theirs.

Containers' standard output and standard error are passed on as they are, so `rbuild run -- cat x`
can be piped; on a terminal escape sequences other than colours are taken out, unless the container
has the terminal. An instruction of an image build is one line, completed when the engine has its
result.
"""

from __future__ import annotations

import os
from collections import deque
from enum import IntEnum
from typing import Final, Protocol, assert_never

from msgspec import Struct

from rootless_build.cli.views import failure
from rootless_build.cli.views.escapes import for_terminal
from rootless_build.cli.views.summary import Summary
from rootless_build.cli.views.tables import duration
from rootless_build.model.errors import RbuildError, StepFailedError
from rootless_build.model.events import (
    Answer,
    AtWork,
    BackendChosen,
    BuildFinished,
    BuildProgress,
    BuildState,
    BundlesPublished,
    Event,
    ImageReady,
    Level,
    Notice,
    OutputLine,
    ScreenOutput,
    StepFinished,
    StepStarted,
    UnfinishedLine,
)
from rootless_build.model.structs import replace
from rootless_build.model.text import counted, cut, fit, shown

_RECENT_LINES: Final = 64
_COLUMNS: Final = 100
"""Of a list where there is no terminal."""


class Verbosity(IntEnum):
    """QUIET: containers' output, the bundles and errors; VERBOSE: settings and times too."""

    QUIET = 0
    NORMAL = 1
    VERBOSE = 2


class ByteStream(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, /) -> int:
        """Take some; how many."""

    def flush(self) -> None:
        """Pass on what is held back."""

    def fileno(self) -> int:
        """The descriptor."""


class Sink(Struct, frozen=True):
    """A standard stream. `columns` is None when it is not a terminal."""

    stream: ByteStream
    columns: int | None = None


class TextView:
    """Writes events for a person."""

    def __init__(
        self,
        out: Sink,
        err: Sink,
        verbosity: Verbosity,
        *,
        color: bool,
        one_place: bool = False,
    ) -> None:
        """`one_place`: both streams go to the same terminal or file."""
        self._one_place = one_place
        self._out = out
        self._err = err
        self._verbosity = verbosity
        self._color = color
        self._open = False
        self._raw = False
        """Nobody returns the cursor at the end of a line: the container's terminal does it."""
        self._builds = False
        self._recent: deque[str] = deque(maxlen=_RECENT_LINES)
        self._names: dict[int, str] = {}
        """Of steps that go on at a time, by their numbers."""
        self._summary = Summary()
        self._instruction_of = 0
        """The step whose instruction was told last and is not done."""

    def __call__(self, event: Event) -> None:
        """Show one event."""
        self.learn(event)
        self.show(event)

    def learn(self, event: Event) -> None:
        """Remember what of an event is told when the run ends."""
        self._summary.learn(event)

    def show(self, event: Event) -> None:
        """Show an event that was learned of, or another in its place."""
        match event:
            case BackendChosen():
                self._say(self._dim(f"{event.name} {event.version} ({event.reason})"))
            case StepStarted():
                self._builds = event.kind == "build-image"
                if event.name:
                    self._names[event.step] = event.name
                self._say(self._bold(f"==> {counted(event.step, event.of)} ") + shown(event.title))
            case BuildProgress():
                self._progress(event)
            case OutputLine():
                self._output(event)
            case ScreenOutput():
                self._screen(event.data)
            case StepFinished():
                self._step_finished(event)
            case Notice():
                self._notice(event)
            case BundlesPublished():
                pass  # It is told when the run ends: a later step may make more.
            case BuildFinished():
                self._finished(event)
            case ImageReady() | Answer() | AtWork() | UnfinishedLine():
                pass  # Its step says what is built; the command has printed it; it is told again.
            case _:
                assert_never(event)

    def stopping(self) -> None:
        """Say at once that a signal was heard: the engine may need its time."""
        if self._verbosity is not Verbosity.QUIET:
            end = "\r\n" if self._raw else "\n"
            line = f"{end if self._open else ''}stopping …, again to kill{end}"
            # Past the stream, in the middle of whose work this may come.
            os.write(self._err.stream.fileno(), line.encode())
            self._open = False

    def close(self) -> None:
        """Nothing of it changes any more."""

    def _step_finished(self, event: StepFinished) -> None:
        self._close_line()
        self._raw = False
        how = "unchanged" if event.cached else f"status {event.status}"
        name = self._names.pop(event.step, "")
        if name or self._verbosity is Verbosity.VERBOSE:
            if name and not event.status and not event.cached:
                how = "done"
            what = f"{shown(name)}: " if name else ""
            text = f"    {counted(event.step, event.of)} {what}{how}, {duration(event.seconds)}"
            self._say(self._dim(text))
        elif event.cached:
            self._say(self._dim(f"    {how}"))

    def _finished(self, event: BuildFinished) -> None:
        self._close_line()
        self._raw = False
        if event.status == 0 and event.done:
            for line in self._summary.steps():
                self._say(self._dim(cut(line, (self._err.columns or _COLUMNS) - 1)))
        self._bundles()
        if event.status == 0:
            how = "done" if event.done else "nothing changed, checked"
            saved = f", {duration(event.saved)} saved" if event.saved >= 1 else ""
            self._say(self._dim(f"{how} in {duration(event.seconds)}{saved}"))

    def error(self, error: RbuildError) -> None:
        """Show what ended the run: what failed, the engine's words, what to do."""
        self._close_line()
        self._raw = False
        if isinstance(error, StepFailedError) and error.told_itself:
            return
        block = failure.block(error, self._recent, self._err.columns)
        for line in block:
            head = self._red(line.head) if line.is_first else self._dim(line.head)
            self._write(self._err, f"{head if line.head else ''}{line.text}\n")

    def _progress(self, event: BuildProgress) -> None:
        if self._verbosity is Verbosity.QUIET:
            return
        self._instruction_of = event.step if event.state is BuildState.STARTED else 0
        match event.state:
            case BuildState.STARTED:
                self._close_line()
                words = (self._names.get(event.step), event.stage)
                stage = "".join(f"{word} " for word in words if word)
                head = f"[{stage}{event.number}/{event.of}] "
                line = " ".join(event.instruction.split())
                columns = self._err.columns
                if columns is not None:
                    room = max(columns - len(head) - len(" (cached)") - 1, 20)
                    line = cut(line, room)
                self._write(self._err, self._bold(head) + shown(line))
                self._open = True
            case BuildState.CACHED:
                if self._open:
                    self._write(self._err, self._dim(" (cached)"))
                self._close_line()
            case BuildState.DONE:
                self._close_line()
            case _:
                assert_never(event.state)

    def _output(self, event: OutputLine) -> None:
        if self._builds and self._verbosity is Verbosity.QUIET:
            return
        self._close_line()
        sink = self._err if self._builds or event.stream == "stderr" else self._out
        name = self._names.get(event.step)
        if name and self._instruction_of != event.step:
            # It stands below nothing that says whose it is.
            event = replace(event, data=f"[{shown(name)}] ".encode() + event.data)
        if sink is self._err or self._one_place:
            self._recent.append(event.data.decode(errors="replace").rstrip("\r\n"))
        if sink.columns is None:
            sink.stream.write(event.data)
            sink.stream.flush()
        else:
            self._put(sink, for_terminal(event.data) + "\n")

    def _screen(self, data: bytes) -> None:
        """The container has the terminal: what it writes is shown as it is."""
        self._raw = True
        if data:
            self._out.stream.write(data)
            self._out.stream.flush()
            self._open = not data.endswith(b"\n")

    def _notice(self, event: Notice) -> None:
        if event.step in self._names:
            event = replace(event, text=f"{self._names[event.step]}: {event.text}")
        match event.level:
            case Level.DETAIL:
                if self._verbosity is Verbosity.VERBOSE:
                    self._say(self._dim(f"    {shown(event.text)}"))
            case Level.INFO:
                self._say(shown(event.text))
            case Level.WARNING:
                self._close_line()
                text = self._yellow("warning: ") + shown(event.text)
                self._write(self._err, text + "\n")
            case _:
                assert_never(event.level)

    def _bundles(self) -> None:
        """What became of the bundles; of new ones, quietly too."""
        for line in self._summary.bundles():
            if line.is_new or self._verbosity is not Verbosity.QUIET:
                head = self._green(line.head) if line.head else ""
                self._write(self._err, f"{head}{line.text}\n")

    def _say(self, text: str) -> None:
        if self._verbosity is not Verbosity.QUIET:
            self._close_line()
            self._write(self._err, text + "\n")

    def _close_line(self) -> None:
        if self._open:
            self._open = False
            self._write(self._err, "\n")

    def _write(self, sink: Sink, text: str) -> None:
        """What rbuild says itself."""
        self._put(sink, fit(text, styled=self._color))

    def _put(self, sink: Sink, text: str) -> None:
        text = text.replace("\n", "\r\n") if self._raw else text
        sink.stream.write(text.encode(errors="backslashreplace"))
        sink.stream.flush()

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._color else text

    def _bold(self, text: str) -> str:
        return self._paint("1", text)

    def _dim(self, text: str) -> str:
        return self._paint("2", text)

    def _red(self, text: str) -> str:
        return self._paint("1;31", text)

    def _yellow(self, text: str) -> str:
        return self._paint("33", text)

    def _green(self, text: str) -> str:
        return self._paint("32", text)

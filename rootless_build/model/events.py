"""What happens during a run, as data. Every view (terminal, JSON log) is a reader of these.

`step` counts the steps of the plan from 1.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol

from msgspec import Struct

from rootless_build.model.structs import replace

__all__ = [
    "LONGEST_LINE",
    "Answer",
    "AtWork",
    "BackendChosen",
    "BuildFinished",
    "BuildProgress",
    "BuildState",
    "BundlesPublished",
    "Emit",
    "Event",
    "ForwardingReporter",
    "ImageReady",
    "Level",
    "Notice",
    "OutputLine",
    "ScreenOutput",
    "StepFinished",
    "StepReporter",
    "StepStarted",
    "Stopwatch",
    "Stream",
    "StreamFilter",
    "UnfinishedLine",
]

Stream = Literal["stdout", "stderr"]


class Level(StrEnum):
    """How loud a notice is: DETAIL only with `-v`."""

    DETAIL = "detail"
    INFO = "info"
    WARNING = "warning"


class BackendChosen(Struct, frozen=True):
    """`reason` says why this one, in words for a person."""

    name: str
    version: str
    reason: str


class StepStarted(Struct, frozen=True):
    """`title` is one line: the image's tag, the container's command, the host's command. `of` is
    how many steps there are, 0 where nobody knows: of a command at work, and of its calls. `name`
    tells what the step says from what others say that go on at a time; empty: none does. Of those
    `at` is when it began, in seconds since 1970. `terminal`: what it does writes to rbuild's own
    terminal itself.
    """

    step: int
    of: int
    kind: str
    title: str
    name: str = ""
    at: float | None = None
    terminal: bool = False


class BuildState(StrEnum):
    """Where an instruction of a containerfile stands."""

    STARTED = "started"
    CACHED = "cached"
    DONE = "done"


class BuildProgress(Struct, frozen=True):
    """Instruction `number` of `of` in an image build, as the engine counts them.

    `stage` is the one in which it counts, as BuildKit names them; None where there is but one. In a
    build for several platforms it begins with the platform. `at` is when that was, in seconds since
    1970, where it is told later: stages that go on at a time take turns.
    """

    step: int
    number: int
    of: int
    instruction: str
    state: BuildState
    stage: str | None = None
    at: float | None = None


class AtWork(Struct, frozen=True):
    """What is going on beside other things, told at once; what it comes to is told in turns.

    An instruction of an image build, as `BuildProgress` has it, or with an empty one a whole step,
    which is one `of_steps` and has a `name`. `ends`: it goes on no more.
    """

    step: int
    number: int = 0
    of: int = 0
    instruction: str = ""
    stage: str | None = None
    ends: bool = False
    of_steps: int = 0
    name: str = ""


class OutputLine(Struct, frozen=True):
    """One line of output, its newline included if it had one; long lines come in pieces."""

    step: int
    stream: Stream
    data: bytes


class UnfinishedLine(Struct, frozen=True):
    """What a line of output is so far that has no end yet: of a progress bar, its last state.

    For who looks on: all of it comes once more as an `OutputLine`.
    """

    step: int
    data: bytes


class ScreenOutput(Struct, frozen=True):
    """What a container on rbuild's terminal wrote to it, in pieces of any size.

    Empty: nothing more came for a moment, so that what a reader holds back is to be shown.
    """

    step: int
    data: bytes


class StepFinished(Struct, frozen=True):
    """`status` is the exit status of a container or command, 0 for anything else that ended well.

    `seconds` is wall-clock time; `cached` says that nothing had to be done. `at` is when it ended,
    of those that go on at a time.
    """

    step: int
    of: int
    kind: str
    status: int
    seconds: float
    cached: bool = False
    at: float | None = None


class Notice(Struct, frozen=True):
    """Something the user should know. `code` is a stable word for the JSON log."""

    level: Level
    code: str
    text: str
    step: int | None = None


class BundlesPublished(Struct, frozen=True):
    """`files` are paths relative to `directory`: those that are new or changed in this run."""

    directory: Path
    files: tuple[str, ...]
    checked: int
    """How many checksum files were recomputed and agreed."""
    sizes: tuple[int, ...] = ()
    """Bytes of each of `files`; empty in events of before 0.3.0, as all below."""
    sizes_before: tuple[int | None, ...] = ()
    """Bytes that each of `files` had before; None for one that is new."""
    total: int | None = None
    """Bytes of all files in `directory` now, without what rbuild puts there."""
    total_before: int | None = None
    """What that was before."""


class ImageReady(Struct, frozen=True):
    """A step has an image in storage: built, or found to be what a build would make. `id` is its
    full id (64 hex digits), `names` are those that the recipe gives it. `platform` is the one that
    was asked for, empty where none was, or several: a list of images is told after these.
    """

    step: int
    names: tuple[str, ...]
    id: str
    platform: str = ""


class BuildFinished(Struct, frozen=True):
    """The end of a run. `status` is rbuild's exit status. `saved` are the seconds that what was
    not done again, or was found in a cache, took an earlier run; `done` is false when nothing had
    to be done.
    """

    status: int
    seconds: float
    saved: float = 0.0
    done: bool = True


class Answer(Struct, frozen=True):
    """Something that a command was asked for, as data: `bundle`, `plan`, `version`.

    `fields` hold what JSON can, and paths, enumerations and tuples.
    """

    name: str
    fields: Mapping[str, object]


Event = (
    BackendChosen
    | StepStarted
    | BuildProgress
    | AtWork
    | OutputLine
    | UnfinishedLine
    | ScreenOutput
    | StepFinished
    | Notice
    | BundlesPublished
    | ImageReady
    | BuildFinished
    | Answer
)
Emit = Callable[[Event], None]


class StreamFilter(Protocol):
    """Takes something out of one stream of output that comes in pieces; may hold an end back."""

    def __call__(self, data: bytes, *, show_all: bool) -> bytes:
        """The next piece; with `show_all` also what was held back, and all of this one."""


def _as_it_is(data: bytes, **_: bool) -> bytes:
    return data


LONGEST_LINE = 64 * 1024
"""Bytes after which a line is handed on in pieces, so that memory stays bounded."""
_LAST_LINES = 15
_LAST_BYTES = 1000
"""Of each of the last lines."""
_LATE = 0.05
"""Seconds after which something is told later than it happened."""
_SHORT = 2000
"""Bytes of a line without an end that are told whenever more of them comes."""
_PAUSE = 0.1
"""Seconds from one telling of a longer one to the next."""


class StepReporter:
    """What a backend talks to while it works on one step.

    Cuts raw output into lines: each is emitted as soon as its newline has come, `flush` emits what
    is left. Not for use from several threads at once.
    """

    def __init__(
        self, emit: Emit, step: int, stream_filter: Callable[[], StreamFilter] = lambda: _as_it_is
    ) -> None:
        """`stream_filter` makes what every stream goes through: secrets are taken out in it."""
        self._emit = emit
        self._step = step
        self._stream_filter = stream_filter
        self._filters: dict[Stream, StreamFilter] = {
            "stdout": stream_filter(),
            "stderr": stream_filter(),
        }
        self._screen_filter = stream_filter()
        self._pending: dict[Stream, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._instruction: BuildProgress | None = None
        self._at: float | None = None
        self._last_lines: deque[bytes] = deque(maxlen=_LAST_LINES)
        self._told_unfinished = 0.0
        self._in_pieces: set[Stream] = set()
        """Streams of whose current line a part was handed on."""

    @contextmanager
    def as_of(self, at: float) -> Iterator[None]:
        """A context: what is told in it happened at that time, in seconds since 1970."""
        before, self._at = self._at, at
        try:
            yield
        finally:
            self._at = before

    @property
    def last_words(self) -> str:
        """The last lines that were handed on, for an error; call `flush` first."""
        return b"".join(self._last_lines).decode(errors="replace").rstrip("\n")

    def output(self, data: bytes, stream: Stream = "stdout") -> None:
        """Take raw bytes, however they were cut."""
        pending = self._pending[stream]
        pending += data
        if b"\n" not in data and len(pending) < LONGEST_LINE:
            self._tell_rest(stream)
            return
        start = 0
        while (end := pending.find(b"\n", start)) >= 0:
            self._line(bytes(pending[start : end + 1]), stream, ends=True)
            start = end + 1
        del pending[:start]
        if start:
            self._in_pieces.discard(stream)
        if len(pending) >= LONGEST_LINE:
            self._line(bytes(pending), stream, ends=False)
            pending.clear()
            self._in_pieces.add(stream)
        elif pending:
            self._tell_rest(stream)

    def unfinished(self, line: bytes) -> None:
        """Show a line that has no end yet; all of it comes to `output` when it has one."""
        self._tell_unfinished(line)

    def _tell_rest(self, stream: Stream) -> None:
        """Tell the state of a stream's line, but for the rest of one that came in pieces: it may
        begin in the middle of a secret, of which nobody could know that.
        """
        if stream not in self._in_pieces:
            self._tell_unfinished(self._pending[stream])

    def _tell_unfinished(self, pending: bytes | bytearray) -> None:
        """Tell the state of a line that has no end yet."""
        now = time.monotonic()
        if len(pending) > _SHORT and now - self._told_unfinished < _PAUSE:
            return
        self._told_unfinished = now
        # A filter of its own holds back what may be the beginning of a secret.
        shown = self._stream_filter()(bytes(pending), show_all=False)
        self._emit(UnfinishedLine(self._step, shown[-_SHORT:]))

    def screen(self, data: bytes) -> None:
        """Take what a container wrote to rbuild's terminal; nothing, when it paused."""
        self._emit(ScreenOutput(self._step, self._screen_filter(data, show_all=not data)))

    def interrupted(self) -> None:
        """Ctrl-C was pressed on the container's terminal. The container has got the key too."""

    def typed(self) -> None:
        """A key was pressed on the container's terminal, which has got it."""

    def _line(self, piece: bytes, stream: Stream, *, ends: bool) -> None:
        line = self._filters[stream](piece, show_all=ends)
        if line:
            self._last_lines.append(line[-_LAST_BYTES:])
            self._emit(OutputLine(self._step, stream, line))

    def flush(self) -> None:
        """Emit the lines that had no newline. Call it when the output has ended."""
        for stream, pending in self._pending.items():
            self._line(bytes(pending), stream, ends=True)
            pending.clear()
        self._in_pieces.clear()

    def instruction(
        self, number: int, of: int, instruction: str, *, stage: str | None = None
    ) -> None:
        """The engine begins instruction `number` of `of`; the one before it is done."""
        self.instruction_done()
        self._instruction = BuildProgress(
            self._step, number, of, instruction, BuildState.STARTED, stage, self._late()
        )
        self._emit(self._instruction)

    def instruction_done(self, *, cached: bool = False) -> None:
        """The engine has the result of the current instruction. Without one, nothing happens."""
        current, self._instruction = self._instruction, None
        if current is None:
            return
        self.flush()
        state = BuildState.CACHED if cached else BuildState.DONE
        self._emit(replace(current, state=state, at=self._late()))

    def _late(self) -> float | None:
        """When that happened which is told now, unless it is now."""
        at = self._at
        return at if at is not None and time.time() - at > _LATE else None

    def at_work(
        self,
        number: int,
        of: int,
        instruction: str,
        *,
        stage: str | None = None,
        ends: bool = False,
    ) -> None:
        """An instruction goes on beside others, of which `instruction` tells in its turn."""
        self._emit(AtWork(self._step, number, of, instruction, stage, ends))

    def instruction_left(self) -> None:
        """Nobody is going to say what became of the current instruction."""
        self._instruction = None
        self.flush()

    def image(self, identity: str) -> None:
        """The engine has made an image for an instruction, or found it; the id may be cut off."""

    def image_ready(self, names: Sequence[str], identity: str, platform: str = "") -> None:
        """The step has an image; see `ImageReady`."""
        self._emit(ImageReady(self._step, tuple(names), identity, platform))

    def notice(self, code: str, text: str, level: Level = Level.INFO) -> None:
        """Tell the user something about this step."""
        self._emit(Notice(level, code, text, self._step))


class ForwardingReporter(StepReporter):
    """Hands everything on to another reporter; what is to be told otherwise is overridden."""

    def __init__(self, inner: StepReporter) -> None:
        # Nothing of the base class's own state is used: every method is here.
        self._inner = inner

    @contextmanager
    def as_of(self, at: float) -> Iterator[None]:
        """What is told in this context happened at that time."""
        with self._inner.as_of(at):
            yield

    @property
    def last_words(self) -> str:
        """The last lines that were handed on."""
        return self._inner.last_words

    def output(self, data: bytes, stream: Stream = "stdout") -> None:
        """Raw bytes, however they were cut."""
        self._inner.output(data, stream)

    def unfinished(self, line: bytes) -> None:
        """A line that has no end yet."""
        self._inner.unfinished(line)

    def screen(self, data: bytes) -> None:
        """What a container wrote to rbuild's terminal."""
        self._inner.screen(data)

    def interrupted(self) -> None:
        """Ctrl-C was pressed on the container's terminal."""
        self._inner.interrupted()

    def typed(self) -> None:
        """A key was pressed on the container's terminal."""
        self._inner.typed()

    def flush(self) -> None:
        """The output has ended."""
        self._inner.flush()

    def instruction(
        self, number: int, of: int, instruction: str, *, stage: str | None = None
    ) -> None:
        """The engine begins one."""
        self._inner.instruction(number, of, instruction, stage=stage)

    def instruction_done(self, *, cached: bool = False) -> None:
        """The engine has its result."""
        self._inner.instruction_done(cached=cached)

    def at_work(
        self,
        number: int,
        of: int,
        instruction: str,
        *,
        stage: str | None = None,
        ends: bool = False,
    ) -> None:
        """An instruction goes on beside others."""
        self._inner.at_work(number, of, instruction, stage=stage, ends=ends)

    def instruction_left(self) -> None:
        """Nobody is going to say what became of it."""
        self._inner.instruction_left()

    def image(self, identity: str) -> None:
        """The engine has an image for an instruction."""
        self._inner.image(identity)

    def image_ready(self, names: Sequence[str], identity: str, platform: str = "") -> None:
        """The step has an image."""
        self._inner.image_ready(names, identity, platform)

    def notice(self, code: str, text: str, level: Level = Level.INFO) -> None:
        """Tell the user something."""
        self._inner.notice(code, text, level)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Wall-clock seconds so far."""
        return time.monotonic() - self._start

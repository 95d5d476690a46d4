"""What a step's output goes to where a script is its reader: the caller's own descriptors."""

from __future__ import annotations

import contextlib
import io
import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from rootless_build.docker_cli.told import Told
from rootless_build.model.events import (
    BuildProgress,
    BuildState,
    Emit,
    Event,
    OutputLine,
    StepReporter,
    Stream,
    StreamFilter,
)

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PASSED_ON: Final = frozenset({signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2})
"""Signals of a caller's that its container gets; what is no container's ends by them."""
MakeFilter = Callable[[], StreamFilter]


READER_GONE: Final = "reader-gone"
"""What the run is told when nobody reads what a container writes any more, which goes on."""


class ReaderGoneError(KeyboardInterrupt):
    """Nobody reads what a container writes any more: docker's client, too, ends by that."""


def put(descriptor: int, data: bytes) -> None:
    """Write all of it. A caller that reads no more does not keep the step from its end."""
    with contextlib.suppress(OSError):
        write(descriptor, data)


def write(descriptor: int, data: bytes) -> None:
    """Write all of it, also where the caller's descriptor does not wait. Raises OSError."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            select.select((), (descriptor,), ())


class Output(io.RawIOBase):
    """The caller's standard output as a file. Raises BrokenPipeError where nobody reads."""

    def writable(self) -> bool:
        """It is written alone."""
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of it."""
        content = bytes(data)
        write(1, content)
        return len(content)


def tell(told: Told) -> int:
    """Write what docker prints; its status."""
    put(1, told.out.encode(errors="surrogateescape"))
    put(2, told.err.encode(errors="surrogateescape"))
    return told.status


def say(text: str) -> None:
    """Write a line to the caller's standard error."""
    put(2, f"{text}\n".encode(errors="surrogateescape"))


class ContainersOutput(StepReporter):
    """Hands on what a container writes, byte for byte and at once.

    Where nobody reads it any more it calls `on_gone`, once, and hands on nothing more. `attached`
    are the streams that the caller has, none for all.
    """

    def __init__(
        self,
        emit: Emit,
        step: int,
        stream_filter: MakeFilter,
        on_gone: Callable[[], None],
        attached: Sequence[str] = (),
    ) -> None:
        super().__init__(emit, step, stream_filter)
        self._on_gone = on_gone
        named = ((1, "stdout"), (2, "stderr")) if attached else ()
        self._left_out = frozenset(number for number, name in named if name not in attached)
        self._shown = {"stdout": stream_filter(), "stderr": stream_filter()}
        self._on_screen = stream_filter()
        self._has_told = False

    def output(self, data: bytes, stream: Stream = "stdout") -> None:
        """Take raw bytes."""
        self._put(1 if stream == "stdout" else 2, self._shown[stream](data, show_all=False))
        super().output(data, stream)

    def flush(self) -> None:
        """The output has ended."""
        for number, shown in enumerate(self._shown.values(), 1):
            self._put(number, shown(b"", show_all=True))
        super().flush()

    def screen(self, data: bytes) -> None:
        """Take what a container wrote to the caller's terminal."""
        self._put(1, self._on_screen(data, show_all=not data))
        super().screen(data)

    def _put(self, descriptor: int, data: bytes) -> None:
        if descriptor in self._left_out or self._has_told:
            return
        try:
            write(descriptor, data)
        except BrokenPipeError:
            self._has_told = True
            self._on_gone()
        except OSError:
            pass


class BuildsOutput(StepReporter):
    """Tells of an image build as BuildKit does where there is no terminal."""

    def __init__(self, emit: Emit, step: int, stream_filter: Callable[[], StreamFilter]) -> None:
        super().__init__(self._tell, step, stream_filter)
        self._to = emit
        self._vertices: dict[tuple[str | None, int], int] = {}
        self._began = time.monotonic()
        self._current = 1

    def _tell(self, event: Event) -> None:
        if isinstance(event, BuildProgress):
            self._progress(event)
        elif isinstance(event, OutputLine):
            seconds = time.monotonic() - self._began
            put(2, b"#%d %.3f %s\n" % (self._current, seconds, event.data.rstrip(b"\n")))
        self._to(event)

    def _progress(self, event: BuildProgress) -> None:
        place = (event.stage, event.number)
        self._current = self._vertices.setdefault(place, len(self._vertices) + 1)
        match event.state:
            case BuildState.STARTED:
                self._began = time.monotonic()
                where = f"{event.stage} " if event.stage else ""
                words = " ".join(event.instruction.split())
                say(f"#{self._current} [{where}{event.number}/{event.of}] {words}")
            case BuildState.CACHED:
                say(f"#{self._current} CACHED\n")
            case BuildState.DONE:
                say(f"#{self._current} DONE {time.monotonic() - self._began:.1f}s\n")


class NoOutput(StepReporter):
    """Tells the caller nothing: `--quiet`."""

"""Rbuild's standard streams for a program that can't inherit them, and opens them by name."""

from __future__ import annotations

import contextlib
import os
import selectors
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from rootless_build.model.events import StepReporter, Stream
from rootless_build.process.background import Background

IN: Final = ".in"
OUT: Final = ".out"
ERR: Final = ".err"
OPENED: Final = ".opened"
"""Written to when the program has opened the others: what is given to it before would be lost."""
_KEYBOARD: Final = 0
_CHUNK: Final = 64 * 1024


@contextlib.contextmanager
def carried(directory: Path, reporter: StepReporter, *, stdin: bool) -> Iterator[None]:
    """A context in which these are in a directory, as named pipes for whoever comes.

    Output goes to the reporter, from another thread, to its end. Without `stdin` there is no IN.
    """
    with contextlib.ExitStack() as stack:
        for name in (IN, OUT, ERR, OPENED) if stdin else (OUT, ERR, OPENED):
            os.mkfifo(directory / name)
            (directory / name).chmod(0o666)
        ended = os.eventfd(0)
        stack.callback(os.close, ended)
        relay = _Relay(directory, reporter, stdin=stdin)
        carrying = Background(lambda: relay.run(ended), "rbuild-streams")
        carrying.start()
        try:
            yield
        finally:
            os.eventfd_write(ended, 1)
            carrying.wait()
            reporter.flush()


class _Relay:
    """Carries bytes between standard input, the pipes and the reporter."""

    def __init__(self, directory: Path, reporter: StepReporter, *, stdin: bool) -> None:
        self._reporter = reporter
        self._selector = selectors.PollSelector()
        self._given = bytearray()
        self._opened = self._open(directory / OPENED)
        self._outputs: dict[int, Stream] = {
            self._open(directory / OUT): "stdout",
            self._open(directory / ERR): "stderr",
        }
        # While it is open here too, it has no end.
        self._in = os.open(directory / IN, os.O_RDWR | os.O_NONBLOCK) if stdin else None

    def _open(self, pipe: Path) -> int:
        return os.open(pipe, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self, ended: int) -> None:
        """Until something can be read of `ended`, and all that was written is carried."""
        read, acts = selectors.EVENT_READ, dict[int, Callable[[], object]]()
        for output in self._outputs:
            self._selector.register(output, read)
            acts[output] = partial(self._read_output, output)
        self._selector.register(self._opened, read)
        acts[self._opened] = self._begin
        self._selector.register(ended, read)
        acts[_KEYBOARD] = self._read_input
        if self._in is not None:
            acts[self._in] = self._write_input
        try:
            while True:
                ready = [key.fd for key, _ in self._selector.select()]
                if ended in ready:
                    break
                for descriptor in ready:
                    acts[descriptor]()
            for output in tuple(self._outputs):
                while self._read_output(output):
                    pass
        finally:
            self._close()

    def _begin(self) -> None:
        """The program has opened them."""
        self._selector.unregister(self._opened)
        if self._in is not None:
            self._selector.register(_KEYBOARD, selectors.EVENT_READ)

    def _read_output(self, output: int) -> bool:
        """Hand on what was written; whether there was anything."""
        try:
            data = os.read(output, _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            with contextlib.suppress(KeyError):
                self._selector.unregister(output)
            return False
        self._reporter.output(data, self._outputs[output])
        return True

    def _read_input(self) -> None:
        try:
            data = os.read(_KEYBOARD, _CHUNK)
        except OSError:
            data = b""
        self._selector.unregister(_KEYBOARD)
        if self._in is None:
            return
        if not data:
            os.close(self._in)
            self._in = None
            return
        self._given += data
        self._selector.register(self._in, selectors.EVENT_WRITE)

    def _write_input(self) -> None:
        """Give what there is room for; more is read when all of it was given."""
        if self._in is None:
            return
        with contextlib.suppress(BlockingIOError):
            del self._given[: os.write(self._in, self._given)]
        if not self._given:
            self._selector.unregister(self._in)
            self._selector.register(_KEYBOARD, selectors.EVENT_READ)

    def _close(self) -> None:
        self._selector.close()
        for descriptor in (self._opened, *self._outputs, *filter(None, [self._in])):
            os.close(descriptor)

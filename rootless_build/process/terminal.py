"""rbuild's own terminal, lent to a program through a pseudo-terminal between the two.

The program gets every key and the size of the window; what it writes comes back as events, so that
secrets are taken out of it and every view can have it. Before, the program had the terminal
itself: then nothing of that was possible, and nobody could tell that Ctrl-C was pressed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import selectors
import signal
import tempfile
import termios
import tty
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from msgspec import Struct

from rootless_build.model.events import ForwardingReporter, StepReporter
from rootless_build.process import programs
from rootless_build.process.background import Background

_KEYBOARD: Final = 0
"""The descriptor; `sys.stdin` may be something else."""
_NO_KEY: Final = b"\0"
"""_POSIX_VDISABLE on Linux."""
_CHUNK: Final = 64 * 1024
_QUIET: Final = 0.2
"""Seconds without output after which what a reader holds back is shown: it may be a prompt."""


class Attached(Struct, frozen=True):
    """A program that has ended. `status` is -N after signal N; `said` is its standard error."""

    status: int
    said: bytes


def attach(
    argv: Sequence[str], reporter: StepReporter, *, environment: programs.Environment
) -> Attached:
    """Run a program on rbuild's terminal, which standard input is, until it has ended.

    What it writes goes to `reporter.screen`; its standard error does not: where a program shows
    another one's terminal, what it says itself does not belong there. Ctrl-C reaches the program as
    a key, and `reporter.interrupted` is told. The terminal is afterwards as it was. Whatever is
    raised meanwhile ends the program first. Raises ProgramNotFoundError.
    """
    outer, inner = os.openpty()
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, outer)
        said = stack.enter_context(tempfile.TemporaryFile())
        try:
            # An engine's client makes it raw too, a moment later: until then no key may be lost, or
            # shown twice.
            tty.setraw(inner, termios.TCSANOW)
            _copy_size(outer)
            program = programs.start(
                argv, environment=environment, stdin=inner, stdout=inner, stderr=said
            )
        finally:
            os.close(inner)
        try:
            with _raw_keyboard() as interrupt, _following_window(outer, program.pid):
                ended = os.pidfd_open(program.pid)
                try:
                    _Relay(outer, reporter, interrupt).run(ended)
                finally:
                    os.close(ended)
            status = program.wait()
        except BaseException:
            programs.end(program)
            raise
        said.seek(0)
        return Attached(status, said.read())


@contextlib.contextmanager
def lent(reporter: StepReporter, *, to_others: bool) -> Iterator[Path]:
    """A terminal that is rbuild's own, which standard input is, for a program that opens it by its
    path, which this gives. `to_others`: it runs as another user of this host, one of a container's;
    then every user of this host may open it, and read what is typed.

    For the main thread. What the program writes goes to `reporter.screen`, from another thread.
    The terminal is afterwards as it was.
    """
    outer, inner = os.openpty()
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, outer)
        # While one end is open here, the other has no end.
        stack.callback(os.close, inner)
        # Where a group may write to terminals, so may its programs (wall).
        os.fchmod(inner, 0o666 if to_others else 0o600)
        termios.tcsetattr(inner, termios.TCSANOW, termios.tcgetattr(_KEYBOARD))
        _copy_size(outer)
        ended = os.eventfd(0)
        stack.callback(os.close, ended)
        interrupt = stack.enter_context(_raw_keyboard())
        stack.enter_context(_following_window(outer, None))
        relay = _Relay(outer, reporter, interrupt)
        carrying = Background(lambda: _or_hang_up(lambda: relay.run(ended)), "rbuild-terminal")
        carrying.start()
        try:
            yield Path(os.ttyname(inner))
        finally:
            os.eventfd_write(ended, 1)
            carrying.wait()


def _or_hang_up(work: Callable[[], None]) -> None:
    """Do it; where nobody sees what is written any more, this run ends as if its window were
    closed.
    """
    try:
        work()
    except Exception:
        os.kill(os.getpid(), signal.SIGHUP)


class KeyboardReporter(ForwardingReporter):
    """Counts how often Ctrl-C was pressed on a container's terminal.

    With `ends` the second time ends the run: the first was the container's to act on.
    """

    def __init__(self, inner: StepReporter, *, ends: bool) -> None:
        super().__init__(inner)
        self._ends = ends
        self.pressed = 0
        self.has_typed = False

    def typed(self) -> None:
        """A key was pressed, whichever."""
        self.has_typed = True

    def interrupted(self) -> None:
        """Ctrl-C was pressed. Raises KeyboardInterrupt where that ends the run."""
        self.pressed += 1
        if not self._ends:
            return
        if self.pressed > 1:
            raise KeyboardInterrupt
        self.notice("interrupting", "stopping …, again to kill")


@contextlib.contextmanager
def _raw_keyboard() -> Iterator[bytes]:
    """The keyboard hands on every key as it is; gives the one that interrupts, empty for none."""
    before = termios.tcgetattr(_KEYBOARD)
    key = before[6][termios.VINTR]
    try:
        tty.setraw(_KEYBOARD, termios.TCSANOW)
        yield key if isinstance(key, bytes) and key != _NO_KEY else b""
    finally:
        # It may be gone.
        with contextlib.suppress(termios.error):
            termios.tcsetattr(_KEYBOARD, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _following_window(outer: int, group: int | None) -> Iterator[None]:
    """The size of the window is the program's too; after `fg` the keyboard is raw again. `group` is
    that of a program whose controlling terminal this is not.
    """

    def resize(_number: int, _frame: FrameType | None) -> None:
        _copy_size(outer)
        if group is None:
            return
        # The kernel tells nobody.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGWINCH)

    def go_on(number: int, frame: FrameType | None) -> None:
        # The shell has set its own modes meanwhile.
        with contextlib.suppress(termios.error):
            tty.setraw(_KEYBOARD, termios.TCSANOW)
        resize(number, frame)

    handlers = {signal.SIGWINCH: resize, signal.SIGCONT: go_on}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        resize(signal.SIGWINCH, None)  # it may have changed before anybody listened
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _copy_size(outer: int) -> None:
    with contextlib.suppress(OSError):
        size = fcntl.ioctl(_KEYBOARD, termios.TIOCGWINSZ, bytes(8))
        fcntl.ioctl(outer, termios.TIOCSWINSZ, size)


class _Relay:
    """Carries bytes between the keyboard, the program's terminal and the reporter."""

    def __init__(self, outer: int, reporter: StepReporter, interrupt: bytes) -> None:
        self._outer = outer
        self._reporter = reporter
        self._interrupt = interrupt
        self._typed = bytearray()
        self._selector = selectors.DefaultSelector()

    def run(self, ended: int) -> None:
        """Until something can be read of the descriptor `ended`, which says that the program has
        ended, and all that it wrote is read.
        """
        os.set_blocking(self._outer, False)
        with self._selector as selector:
            selector.register(ended, selectors.EVENT_READ)
            selector.register(self._outer, selectors.EVENT_READ, self._read_program)
            selector.register(_KEYBOARD, selectors.EVENT_READ, self._read_keyboard)
            self._carry(ended)

    def _carry(self, ended: int) -> None:
        waits: float | None = None
        while True:
            ready = self._selector.select(waits)
            if not ready:
                self._reporter.screen(b"")
                waits = None
                continue
            if any(key.fd == ended for key, _ in ready):
                while self._read_program():
                    pass
                self._reporter.screen(b"")
                return
            for key, events in ready:
                act: Callable[[], bool] = key.data
                if events & selectors.EVENT_WRITE:
                    self._write_typed()
                if events & selectors.EVENT_READ and act() and key.fd == self._outer:
                    waits = _QUIET

    def _read_program(self) -> bool:
        """Hand on what the program wrote; whether there was anything."""
        try:
            data = os.read(self._outer, _CHUNK)
        except BlockingIOError:
            return False
        except OSError as error:
            # What Linux says once nobody has the other end open any more.
            if error.errno != errno.EIO:
                raise
            data = b""
        if not data:
            with contextlib.suppress(KeyError):
                self._selector.unregister(self._outer)
            return False
        self._reporter.screen(data)
        return True

    def _read_keyboard(self) -> bool:
        try:
            keys = os.read(_KEYBOARD, _CHUNK)
        except OSError:
            keys = b""
        if not keys:
            # The window was closed; a signal says the rest.
            self._selector.unregister(_KEYBOARD)
            return False
        self._typed += keys
        self._reporter.typed()
        self._write_typed()
        if self._interrupt and self._interrupt in keys:
            self._reporter.interrupted()
        return True

    def _write_typed(self) -> None:
        """Type what the program has room for; the rest once it has."""
        with contextlib.suppress(BlockingIOError):
            try:
                while self._typed:
                    del self._typed[: os.write(self._outer, self._typed)]
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                self._typed.clear()
        with contextlib.suppress(KeyError):
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._typed else 0)
            self._selector.modify(self._outer, wanted, self._read_program)

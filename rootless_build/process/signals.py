"""Signals that end a run: Ctrl-C, SIGTERM and SIGHUP do the same, and none of them is lost.

Python looks for signals before it calls what waits, and acts on one that comes between that look
and the call when the call returns: never, where a container has nothing to say (CPython 3.11 to
3.14). A thread therefore hears of each signal too (`signal.set_wakeup_fd`), and wakes the main
thread until that has acted on it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Final

from msgspec import Struct

_ENDING: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_WAKES: Final = signal.SIGALRM
_PATIENCE: Final = 0.05
"""Seconds that the main thread has to act on a signal by itself."""


class Interruption(Struct):
    """Whether and how a run is being ended: by which signal, `at_once` after a second Ctrl-C."""

    asked: bool = False
    number: int = signal.SIGINT
    at_once: bool = False


@contextlib.contextmanager
def signals_interrupt(
    tell: Callable[[], None] = lambda: None,
    same: float = 0.0,
    more: frozenset[signal.Signals] = frozenset(),
) -> Iterator[Interruption]:
    """SIGTERM and SIGHUP end a run the way Ctrl-C does: in order, everything cleaned up.

    `tell` is called at the first one, in the middle of whatever was being done. What comes within
    `same` seconds of that is the same Ctrl-C, which has come by another way too.
    A second Ctrl-C interrupts the cleaning up where that waits, a third one ends this process as
    it would any other. `more` are signals that end a run too. Signals that whoever started rbuild
    has it ignore (nohup) stay ignored.
    For the main thread, and not within itself.
    """
    state = Interruption()
    handlers = _Handlers(state, tell, same, _ENDING | more)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        with handlers.installed(), _wake_main(handlers):
            try:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
                yield state
            finally:
                signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Handlers:
    """What Python calls in the main thread when it acts on signals. `acted` counts the calls."""

    def __init__(
        self,
        state: Interruption,
        tell: Callable[[], None],
        same: float,
        ending: frozenset[signal.Signals],
    ) -> None:
        self._state = state
        self._ending = ending
        self._tell = tell
        self._same = same
        self._asked_at = 0.0
        self._lost = False
        self._hook = sys.unraisablehook
        self.acted = 0

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """In the place of those that were there."""
        handlers = {**dict.fromkeys(self._ending, self._interrupt), _WAKES: self._wake}
        before = {number: signal.getsignal(number) for number in handlers}
        for number, handler in handlers.items():
            if number == _WAKES or before[number] is not signal.SIG_IGN:
                signal.signal(number, handler)
        sys.unraisablehook = self._note_lost
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            sys.unraisablehook = self._hook
            for number, earlier in before.items():
                signal.signal(number, earlier)

    def _interrupt(self, number: int, interrupted: FrameType | None) -> None:
        self.acted += 1
        # A terminal that closes sends SIGHUP, and so does its shell; a service manager sends
        # SIGTERM and SIGHUP.
        if self._state.asked and number != signal.SIGINT:
            return
        if self._state.asked and time.monotonic() - self._asked_at < self._same:
            return
        if self._state.at_once:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        if not self._state.asked:
            self._asked_at = time.monotonic()
            self._state.number = number
            self._tell()
        self._state.at_once = self._state.asked
        self._state.asked = True
        self._strike(interrupted)

    def _wake(self, _number: int, interrupted: FrameType | None) -> None:
        self.acted += 1
        if self._lost:
            self._strike(interrupted)

    def _strike(self, interrupted: FrameType | None) -> None:
        if _is_within(interrupted, _Handlers._note_lost.__code__):
            self._set_aside()
            return
        self._lost = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise KeyboardInterrupt

    def _note_lost(self, unraisable: sys.UnraisableHookArgs) -> None:
        # The signal came while Python ran a finalizer, out of which nothing can be raised.
        if unraisable.exc_type is KeyboardInterrupt:
            self._set_aside()
        else:
            self._hook(unraisable)

    def _set_aside(self) -> None:
        self._lost = True
        signal.setitimer(signal.ITIMER_REAL, _PATIENCE, _PATIENCE)


def _is_within(frame: FrameType | None, code: CodeType) -> bool:
    """Whether the frame runs in that function, or in what that one called."""
    while frame is not None:
        if frame.f_code is code:
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def _wake_main(handlers: _Handlers) -> Iterator[None]:
    """The main thread, by signal, for as long as it has not acted on one."""
    main = threading.get_ident()
    ends = threading.Event()
    heard, told = os.pipe()
    os.set_blocking(told, False)

    def wake() -> None:
        while numbers := os.read(heard, 64):
            acted = handlers.acted
            if set(numbers) == {_WAKES}:
                continue
            while not ends.wait(_PATIENCE) and handlers.acted == acted:
                signal.pthread_kill(main, _WAKES)

    thread = threading.Thread(target=wake, name="rbuild-signals", daemon=True)
    thread.start()
    before = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        ends.set()
        os.close(told)
        thread.join()
        os.close(heard)

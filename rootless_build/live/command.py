"""The user's command at work, and the end of all that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from rootless_build.process import programs

_KEEPER: Final = str(Path(__file__).with_name("keeper.py"))
_LOOK_AGAIN: Final = 0.02
_PATIENCE: Final = 2 * programs.GRACE
"""Seconds for the end of a family that is killed after half of them."""


class Command:
    """A command that runs. `ended` becomes readable when it has ended, with how in two bytes.

    `keeper` is the process below which all is that it starts, `descriptors` lead to it.
    """

    def __init__(self, keeper: programs.Running, tell: int, ended: int) -> None:
        self._keeper = keeper
        self.keeper = keeper.pid
        self._tell = tell
        self.ended = ended
        self.descriptors = (tell, ended)

    def status(self) -> int:
        """The exit status, -N after signal N; that of SIGKILL where nobody could tell it."""
        told = os.read(self.ended, 2)
        code, signalled = told or (signal.SIGKILL, True)
        return -code if signalled else code

    def end(self, *, all_of_it: bool, meanwhile: Callable[[float], object] | None = None) -> None:
        """End all that is left of it; or let that go on, nobody's child. `meanwhile` is called for
        as long as that lasts, with the seconds that it may take.
        """
        with contextlib.suppress(BrokenPipeError):
            os.write(self._tell, b"e" if all_of_it else b"l")
        deadline = time.monotonic() + _PATIENCE
        while meanwhile and self._keeper.poll() is None and time.monotonic() < deadline:
            meanwhile(_LOOK_AGAIN)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._keeper.wait(max(0, deadline - time.monotonic()))


def as_shells(status: int) -> int:
    """An exit status that is -N after signal N as a shell has it: 128 + N."""
    return 128 - status if status < 0 else status


@contextlib.contextmanager
def started(
    words: Sequence[str],
    environment: programs.Environment,
    directory: Path | None = None,
    outputs: tuple[int, int] | None = None,
    *,
    reads: bool = True,
) -> Iterator[Command]:
    """The command, started with rbuild's standard streams but for `outputs`; it has no input where
    it does not read. Where the context ends by an exception, all that it started ends.
    """
    told, tell = os.pipe()
    ended, tells = os.pipe()
    argv = [sys.executable, "-IS", _KEEPER, str(told), str(tells), "--", *words]
    try:
        out, err = outputs or (None, None)
        keeper = programs.start_here(
            argv,
            environment=environment,
            directory=directory,
            stdin=None if reads else subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            pass_fds=(told, tells),
        )
    finally:
        os.close(told)
        os.close(tells)
    command = Command(keeper, tell, ended)
    try:
        yield command
    except BaseException:
        command.end(all_of_it=True)
        raise
    else:
        command.end(all_of_it=False)
    finally:
        os.close(tell)
        os.close(ended)

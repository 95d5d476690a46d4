"""Standard input for programs that may ask whether it is a terminal, and have nothing to read."""

from __future__ import annotations

import fcntl
import os
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def standard_input() -> Iterator[int]:
    """A terminal where rbuild's is one, of the same size, which can't be read from; else nothing.

    It is never rbuild's own: what is written to it acts on nobody's, and after `su` a user may not
    open that.
    """
    if not os.isatty(0):
        yield subprocess.DEVNULL
        return
    ours, theirs = os.openpty()
    try:
        with suppress(OSError):
            size = fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8))
            fcntl.ioctl(ours, termios.TIOCSWINSZ, size)
        # What reads from it ends, where it would wait for ever for somebody to type.
        mute = os.open(f"/proc/self/fd/{theirs}", os.O_WRONLY | os.O_NOCTTY)
        try:
            yield mute
        finally:
            os.close(mute)
    finally:
        os.close(ours)
        os.close(theirs)

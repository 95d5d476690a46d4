"""Runs a program and, when it has ended, ends everything it left behind.

A script, not a module: `python -I -S reaper.py PROGRAM ARGUMENT…` (30 ms). A container with
isolation chroot shares the host's pid namespace, so that no kernel ends what its command started
in the background; and an interrupted `buildah build` leaves its RUN going. As their subreaper
(prctl(2)) this process becomes the parent of all such orphans. It ends like the program did, and
when rbuild is gone. It also tells the terminals below it when its own changes size.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import sys
import termios
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def children(of: int) -> list[int]:
    """The processes whose parent is `of`, whichever of its threads made them."""
    found = []
    for thread in Path(f"/proc/{of}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(pid) for pid in thread.read_text().split()]
    return found


def resize(pid: int, size: bytes) -> bool:
    """Give a process's terminal that size; False when it has none but this one's."""
    with contextlib.suppress(OSError):
        terminal = os.open(f"/proc/{pid}/fd/0", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        with contextlib.closing(os.fdopen(terminal, "wb", 0)):
            if os.isatty(terminal) and not os.path.samestat(os.fstat(terminal), os.fstat(0)):
                fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
                return True
    return False


def pass_on_window_size() -> None:
    """Give the container's terminal the size of this one: buildah 1.28 does it only once."""
    size = fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8))
    below = children(os.getpid())
    for pid in below:  # grows while it is read
        # Whoever made a further terminal in the container sees to its size.
        if not resize(pid, size):
            below += children(pid)


def end_children() -> None:
    """Kill until there is none: what a killed one leaves comes here next."""
    while pids := children(os.getpid()):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def main() -> int:
    """Run it; returns its status."""
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    # Waited for, not handled: Python acts on a signal that comes just before it waits for a child
    # when that child has ended.
    waited_for = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGWINCH}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)
    # Whoever has it ignored hears of no child.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    program = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, setsigmask=before)
    on_terminal = os.isatty(0)
    while not (ended := os.waitid(os.P_PID, program, os.WEXITED | os.WNOHANG)):
        number = signal.sigwait(waited_for)
        # The terminal sends SIGINT to the program as well.
        if number == signal.SIGTERM:
            os.kill(program, number)
        elif number == signal.SIGWINCH and on_terminal:
            pass_on_window_size()
    end_children()
    if ended.si_code == os.CLD_EXITED:
        return ended.si_status
    number = ended.si_status
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    return 128 + number


if __name__ == "__main__":
    sys.exit(main())

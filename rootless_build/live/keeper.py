"""Starts a command and keeps its whole family: `python3 -IS keeper.py TOLD TELLS -- COMMAND…`.

It is a subreaper, so that whatever the command starts stays below it (prctl(2)). On the descriptor
TELLS it writes the command's exit status, and whether a signal ended it, as two bytes. On TOLD it
hears how to go: `l` leaves what still runs to itself, anything else ends all of it, as does the end
of rbuild.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Mapping

_SUBREAPER = 36
_GRACE = 8.0
"""Seconds between SIGTERM and SIGKILL."""
_LEAVE = b"l"
_KEPT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""What the command may end by, and its keeper may not."""


def main(words: list[str]) -> int:
    """Start it, tell of its end, and end what is left of it where that is asked."""
    told, tells = int(words[0]), int(words[1])
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _KEPT}
    woken, wakes = os.pipe()
    for end in (woken, wakes):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    command = os.fork()
    if command == 0:
        _become(words[3:], before, (told, tells))
    while True:
        ready = select.select([told, woken], [], [])[0]
        if told in ready:
            if os.read(told, 1) != _LEAVE:
                _end_all()
            return 0
        os.read(woken, 4096)
        for pid, status in _reaped():
            if pid == command:
                os.write(tells, _told(status))


def _become(
    words: list[str], before: Mapping[signal.Signals, object], own: tuple[int, ...]
) -> None:
    """The command, with the signals that rbuild was started with."""
    for number, handler in before.items():
        signal.signal(number, signal.SIG_IGN if handler == signal.SIG_IGN else signal.SIG_DFL)
    # Python ignores it for itself alone.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for one in own:
        os.close(one)
    try:
        os.execvp(words[0], words)  # noqa: S606 - the user's own command
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        os.write(2, os.fsencode(f"rbuild exec: {words[0]}: {error.strerror}\n"))
        os._exit(127 if missing else 126)


def _reaped() -> list[tuple[int, int]]:
    """The children that have ended."""
    found: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        found.append((pid, status))


def _told(status: int) -> bytes:
    code = os.waitstatus_to_exitcode(status)
    return bytes((abs(code), code < 0))


def _end_all() -> None:
    """End all that is below: SIGTERM, then SIGKILL. What a process starts that has been asked to
    end, such as a shell's trap, has the same time, and is not asked itself.
    """
    deadline = time.monotonic() + _GRACE
    asked: set[int] = set()
    while family := _family():
        late = time.monotonic() > deadline
        for pid, parent in family.items():
            if late or not asked & {pid, parent}:
                _kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        asked.update(family)
        signal.sigtimedwait([signal.SIGCHLD], 0.05)
        _reaped()


def _family() -> dict[int, int]:
    """Whatever runs below this process, with the parent of each."""
    children: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if fields[0] not in {b"Z", b"X"}:
            children.setdefault(int(fields[1]), []).append(int(name))
    found: dict[int, int] = {}
    pending = [os.getpid()]
    while pending:
        parent = pending.pop()
        below = children.get(parent, [])
        found |= dict.fromkeys(below, parent)
        pending += below
    return found


def _kill(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
        # It may have been stopped.
        os.kill(pid, signal.SIGCONT)
    except (ProcessLookupError, PermissionError):
        pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

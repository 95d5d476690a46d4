"""Which process this is, as no later one will be; and whether such a process is still there.

A process id alone is given again: beside it stands when the process was started. What rbuild makes
in places that others use too is named so, and what a killed run left is found by that.
"""

from __future__ import annotations

import os
import select
import time

from rootless_build.process import proc


def of_this() -> str:
    """This process: `PID.START`, START in clock ticks since boot."""
    return f"{os.getpid()}.{_start_time('self')}"


def lives(identity: str) -> bool:
    """Whether the process of that identity is still there."""
    pid, _, start = identity.partition(".")
    return pid.isdigit() and _start_time(int(pid)) == start


def private_prefix(of: str | None = None) -> str:
    """What the names of a process's private files and directories begin with, in places that it
    shares with others: what it leaves when it is killed is found by that. None: of this process.
    """
    return f"rbuild-{of or of_this()}-"


def age() -> float:
    """Seconds since this process was started, Python's own start included."""
    started = int(_start_time("self") or 0) / os.sysconf("SC_CLK_TCK")
    return max(time.clock_gettime(time.CLOCK_BOOTTIME) - started, 0.0)


def await_end(pid: int, seconds: float) -> None:
    """Wait for the end of a process that may be another one's child, at most so long."""
    try:
        watched = os.pidfd_open(pid)
    except OSError:
        return  # it has ended
    try:
        select.select([watched], [], [], seconds)
    finally:
        os.close(watched)


def _start_time(process: proc.Process) -> str | None:
    """None when there is no such process."""
    try:
        found = proc.stat(process)
    except OSError:
        return None
    return None if found.has_ended else found.start_time

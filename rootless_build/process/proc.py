"""What the kernel tells in /proc (proc(5)): of processes, and of its own settings.

A process may end while it is asked about: each function says what it does then. The mount table is
in `mount_table`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

_ROOT: Final = Path("/proc")
_CAPABILITIES: Final = "CapEff"

Process = int | Literal["self"]
"""A process by its id, as the kernel's /proc has it; `self` is this one, also where /proc is that
of another process id namespace."""


class Stat(NamedTuple):
    """A process: its state (a letter), its parent, its start in clock ticks since boot."""

    state: str
    parent: int
    start_time: str

    @property
    def has_ended(self) -> bool:
        """Whether only its exit status is left of the process."""
        return self.state in {"Z", "X"}


def processes() -> Iterator[int]:
    """The ids of all processes that can be seen."""
    return (int(entry.name) for entry in _ROOT.iterdir() if entry.name.isdecimal())


def stat(process: Process) -> Stat:
    """The state of a process. Raises OSError when there is none of that id."""
    text = (_ROOT / str(process) / "stat").read_text(errors="replace")
    # The name in parentheses may hold anything.
    fields = text.rpartition(")")[2].split()
    return Stat(fields[0], int(fields[1]), fields[19])


def ancestors(process: Process = "self") -> Iterator[int]:
    """The processes by which one was started, its parent first, as far as they can be seen."""
    while True:
        try:
            process = stat(process).parent
        except OSError:
            return
        if process == 0:
            return
        yield process


def status(process: Process = "self") -> Mapping[str, str]:
    """The rows of a process's `status` by their names; none where it can't be read."""
    try:
        lines = (_ROOT / str(process) / "status").read_text(errors="replace").splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def owner(process: Process) -> int:
    """The user id of a process. Raises OSError when there is no such process."""
    return (_ROOT / str(process)).stat().st_uid


def command_line(process: Process) -> tuple[bytes, ...]:
    """A process's words. Raises OSError when there is no such process."""
    return _words(process, "cmdline")


def environment(process: Process) -> tuple[bytes, ...]:
    """`NAME=VALUE`, as a process was started with it. Raises OSError, also for another user's."""
    return _words(process, "environ")


def _words(process: Process, file: str) -> tuple[bytes, ...]:
    text = (_ROOT / str(process) / file).read_bytes()
    return tuple(text.removesuffix(b"\0").split(b"\0")) if text else ()


def children_of_thread(thread: int) -> tuple[int, ...]:
    """The processes that a thread of this process started.

    Raises OSError where the kernel does not tell (CONFIG_PROC_CHILDREN).
    """
    text = (_ROOT / "self/task" / str(thread) / "children").read_text()
    return tuple(map(int, text.split()))


def has_capability(number: int) -> bool:
    """Whether this process has a capability of capabilities(7), in its own user namespace."""
    return bool(int(status().get(_CAPABILITIES, "0"), 16) >> number & 1)


def umask() -> int:
    """Which permissions this process does not give to what it makes (umask(2)).

    The system call can't ask without setting it, for all threads.
    """
    return int(status().get("Umask", "0022"), 8)


def setting(name: str) -> str:
    """The first line of a kernel setting, such as `kernel/pid_max`; empty where there is none."""
    return first_line(_ROOT / "sys" / name)


def number(name: str) -> int | None:
    """A kernel setting that is a number; None where there is none."""
    text = setting(name)
    return int(text) if text.isdigit() else None


def first_line(file: Path) -> str:
    """The first line of a file of the kernel's; empty where it can't be read."""
    try:
        with file.open(errors="replace") as lines:
            return lines.readline().strip()
    except OSError:
        return ""


def lock_holders(inode: int) -> tuple[int, ...]:
    """The processes that hold a lock of flock(2) on a file of that inode.

    Not the device: on btrfs it differs from the one that stat(2) gives. None of those on another
    host, or in another process id namespace.
    """
    rows = [line.split() for line in (_ROOT / "locks").read_text().splitlines()]
    held = (row for row in rows if row[1] == "FLOCK" and row[5].rpartition(":")[2] == str(inode))
    return tuple(int(row[4]) for row in held if row[4] != "0")

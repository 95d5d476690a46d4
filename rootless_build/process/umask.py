"""Which permissions this process does not give to what it makes (umask(2))."""

from __future__ import annotations

from pathlib import Path


def umask() -> int:
    """Of this process. The system call can't ask without setting it, for all threads."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = (line for line in lines if line.startswith("Umask:"))
    return int(next(found, "Umask: 0022").split()[1], 8)

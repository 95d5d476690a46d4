"""The namespaces of another process, entered: in those of an engine its files can be read."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from rootless_build.process.sandbox import kernel


def enter(process: int) -> None:
    """Enter the user and the mount namespace of a process of this user's, as root there.

    This process has one thread; its directory is the root. Raises OSError, and has entered none
    then, where that process has ended, or another one has its number.
    """
    # From now on the number is that one's.
    descriptor = os.pidfd_open(process)
    try:
        place = Path(f"/proc/{process}")
        is_root = (place / "uid_map").read_text().split()[:3] == ["0", str(os.getuid()), "1"]
        if not (is_root and (place / "root").samefile("/")):
            raise OSError(errno.ESRCH, "it is another process")
        kernel.enter_namespaces(descriptor)
    finally:
        os.close(descriptor)

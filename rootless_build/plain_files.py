"""Files that a container or a project made, read so that nothing else is read in their place."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def text_of(file: Path, largest: int) -> str:
    """The text of a regular file; empty for anything else, and where it can't be read.

    What is larger than `largest` bytes is cut.
    """
    return bytes_of(file, largest).decode(errors="replace")


def bytes_of(file: Path, largest: int) -> bytes:
    """What is in a regular file, as above.

    A link would lead to a file of this host, a named pipe to waiting for ever.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return b""
    with os.fdopen(descriptor, "rb") as opened:
        return opened.read(largest)

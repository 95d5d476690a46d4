"""Which file systems tell by a file's change time and inode that it was changed.

Nobody can set a change time on those that are named here, and every write moves it, through a
mapping of the file too. Elsewhere content has to be read: tmpfs does not see what is written
through a mapping, squashfs and its like have the times that their maker wrote, FAT's change time is
that of creation, one of a network or of a program in user space is known when it is asked for.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

_TELL: Final = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "bcachefs", "jfs", "zfs"})
_MOUNTS: Final = Path("/proc/self/mountinfo")
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


class FileSystems:
    """Those that are mounted, as far as they are asked for."""

    def __init__(self, mounts: Path = _MOUNTS) -> None:
        self._mounts = mounts
        self._read: dict[str, bool] | None = None
        self._known: dict[int, bool] = {}

    def tell_changes(self, device: int, path: str) -> bool:
        """Whether the one that a file is on, of that device number, does. `path` has no links."""
        known = self._known.get(device)
        if known is None:
            known = self._known[device] = self._of(path)
        return known

    def _of(self, path: str) -> bool:
        mounts = self._all()
        while path not in mounts and path != "/":
            path = os.path.dirname(path)  # noqa: PTH120 - a string, thousands of times
        return mounts.get(path, False)

    def _all(self) -> dict[str, bool]:
        """By mount point, the later over the earlier."""
        if self._read is None:
            try:
                lines = self._mounts.read_text(errors="surrogateescape").splitlines()
            except OSError:
                lines = []
            self._read = dict(map(_mount, lines))
        return self._read


def _mount(line: str) -> tuple[str, bool]:
    """proc(5): ID parent major:minor root PLACE options… - TYPE source OPTIONS."""
    before, _, after = line.partition(" - ")
    place = _ESCAPED.sub(lambda found: chr(int(found[1], 8)), before.split(" ")[4])
    kind, *_, options = after.split(" ")
    # What is mounted read-only may have been made as a whole, its times included.
    return place, kind in _TELL and "ro" not in options.split(",")

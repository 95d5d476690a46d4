"""Which file systems tell by a file's change time and inode that it was changed.

Nobody can set a change time on those that are named here, and every write moves it, through a
mapping of the file too. Elsewhere content has to be read: tmpfs does not see what is written
through a mapping, squashfs and its like have the times that their maker wrote, FAT's change time is
that of creation, one of a network or of a program in user space is known when it is asked for.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from rootless_build.process.mount_table import OWN, mounts

_TELL: Final = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "bcachefs", "jfs", "zfs"})


class FileSystems:
    """The file systems that are mounted, as far as they are asked for."""

    def __init__(self, table: Path = OWN) -> None:
        self._table = table
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
            path = os.path.dirname(path)
        return mounts.get(path, False)

    def _all(self) -> dict[str, bool]:
        """By mount point, the later over the earlier."""
        if self._read is None:
            self._read = {}
            with contextlib.suppress(OSError):
                # What is mounted read-only may have been made as a whole, its times included.
                self._read = {
                    mount.point: mount.kind in _TELL and "ro" not in mount.system_options
                    for mount in mounts(self._table)
                }
        return self._read

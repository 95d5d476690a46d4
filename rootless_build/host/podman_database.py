"""The storage driver that podman's own database names: podman keeps to it, whatever it is told.

podman 4.3.1 writes it at its first call, of `podman images` too, and asks for vfs where no
storage.conf names a driver and fuse-overlayfs can't be used. Until an image is there, only the
database tells.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Final

_BOLT: Final = "libpod/bolt_state.db"
_SQLITE: Final = "db.sql"
_NAMED: Final = re.compile(rb"graph-driver-name(overlay|vfs|btrfs|zfs)")
_LARGEST: Final = 4 << 20
"""Bytes of the database: one of an unused podman is smaller by far."""


def driver(storage: Path) -> str | None:
    """The driver, None where nobody has used podman with this storage."""
    return _of_bolt(storage / _BOLT) or _of_sqlite(storage / _SQLITE)


def _of_bolt(file: Path) -> str | None:
    """bbolt keeps a key and its value side by side in a page."""
    try:
        with file.open("rb") as database:
            found = _NAMED.search(database.read(_LARGEST))
    except OSError:
        return None
    return found[1].decode() if found else None


def _of_sqlite(file: Path) -> str | None:
    if not file.is_file():
        return None
    import sqlite3  # noqa: PLC0415 - newer podmans, before anything is stored

    with contextlib.suppress(sqlite3.Error):
        database = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
        with contextlib.closing(database):
            row = database.execute("SELECT GraphDriver FROM DBConfig").fetchone()
            return str(row[0]) if row and row[0] else None
    return None

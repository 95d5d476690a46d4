"""The root file system of the image that most tests with real engines run: busybox alone."""

from __future__ import annotations

import contextlib
import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

BASE: Final = "localhost/rbuild-test-base"
"""The image's name in the storage of the engine under test."""
USER: Final = 1000
"""The uid and gid of `tester` in it."""
_PASSWD: Final = f"""\
root:x:0:0:root:/root:/bin/sh
tester:x:{USER}:{USER}:Tester:/home/tester:/bin/sh
"""
_GROUP: Final = f"root:x:0:\ntester:x:{USER}:\n"


def write_base_root(file: Path) -> None:
    """Write the root as a tar archive. Raises FileNotFoundError without busybox."""
    with open_base_root(file):
        pass


@contextlib.contextmanager
def open_base_root(file: Path) -> Iterator[tarfile.TarFile]:
    """The archive with all that is in it, open for more. Raises FileNotFoundError without
    busybox.
    """
    listed = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=True)
    with tarfile.open(file, "w") as archive:
        for name in ("bin", "dev", "etc", "home", "proc", "root", "sys", "usr", "var"):
            add_directory(archive, name)
        add_directory(archive, "tmp", 0o1777)
        add_directory(archive, "home/tester", 0o750, USER)
        add(archive, "bin/busybox", 0o755, _busybox())
        for applet in listed.stdout.split():
            if applet != "busybox":
                add_link(archive, f"bin/{applet}", "busybox")
        add(archive, "etc/passwd", 0o644, _PASSWD.encode())
        add(archive, "etc/group", 0o644, _GROUP.encode())
        yield archive


def add(archive: tarfile.TarFile, name: str, mode: int, content: bytes = b"", uid: int = 0) -> None:
    """A file of that mode and owner (uid and gid alike)."""
    entry = tarfile.TarInfo(name)
    entry.mode, entry.size, entry.uid, entry.gid = mode, len(content), uid, uid
    archive.addfile(entry, io.BytesIO(content))


def add_directory(archive: tarfile.TarFile, name: str, mode: int = 0o755, uid: int = 0) -> None:
    """A directory of that mode and owner (uid and gid alike)."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, mode, uid, uid
    archive.addfile(entry)


def add_link(archive: tarfile.TarFile, name: str, target: str) -> None:
    """A symbolic link."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
    archive.addfile(entry)


def _busybox() -> bytes:
    """The statically linked one of busybox-static: nothing else is in the image."""
    with contextlib.suppress(FileNotFoundError):
        return Path("/usr/bin/busybox").read_bytes()
    return Path("/bin/busybox").read_bytes()

"""What stands in the way of staging and publishing bundles, said before anything is changed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rootless_build.files.tree import chown_command, existing, readable, real, walk
from rootless_build.model.errors import HostError, UsageError
from rootless_build.model.text import shell_quoted, shown
from rootless_build.process import mount_table


def check(directory: Path) -> None:
    """Whether `directory` can be staged and replaced. Raises as `stage` does; changes nothing."""
    directory = real(directory)
    _check_writable(existing(directory.parent))
    if directory.exists():
        _check_directory(directory)


def _check_directory(directory: Path) -> None:
    if not directory.is_dir():
        raise UsageError(f"{shown(directory)} is not a directory")
    if _is_mount_point(directory):
        raise HostError(
            f"{shown(directory)} is a mount point, and can't be replaced as a whole",
            finding="bundles-mount-point",
            hint="name a directory inside it with --bundles-dir",
        )
    _check_owners(directory)
    _check_writable(directory)


def _check_owners(directory: Path) -> None:
    user = os.geteuid()
    if user == 0:
        return
    with readable(directory):
        owners = {".": directory.stat().st_uid}
        for entry in walk(directory):
            if stat.S_ISDIR(entry.status.st_mode) or entry.status.st_uid == 0:
                owners[entry.path] = entry.status.st_uid
    if foreign := [path for path, owner in owners.items() if owner == 0]:
        raise HostError(
            f"{shown(directory / foreign[0])} belongs to root, from an earlier build as root",
            finding="bundles-owned-by-root",
            hint=chown_command(directory),
        )
    if foreign := [path for path, owner in owners.items() if owner != user]:
        raise HostError(
            f"{shown(directory / foreign[0])} belongs to user {owners[foreign[0]]}, not to you",
            finding="bundles-not-writable",
            hint=chown_command(directory),
        )


def _check_writable(directory: Path) -> None:
    if os.access(directory, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        return
    mine = directory.stat().st_uid == os.geteuid()
    raise HostError(
        f"you can't write to {shown(directory)}",
        finding="bundles-not-writable",
        hint=f"chmod u+rwx {shell_quoted(directory)}"
        if mine
        else "name a directory of your own with --bundles-dir",
    )


def _is_mount_point(directory: Path) -> bool:
    # A bind mount from the same file system has the device number of its parent.
    return any(mount.point == str(directory) for mount in mount_table.mounts())


@contextmanager
def tell_full_disk(source: Path, target: Path) -> Iterator[None]:
    """Raise HostError, with what a copy of `source` needs, where the disk of `target` is full."""
    before = os.statvfs(target)
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        entries = walk(source) if source.exists() else ()
        needed = sum(entry.status.st_blocks for entry in entries) * 512
        raise HostError(
            f"{error.strerror}: a copy of {shown(source)} needs {_megabytes(needed)},"
            f" and {_megabytes(before.f_bavail * before.f_frsize)} are free",
            finding="no-space",
            hint=f"make room on the file system of {shown(target)}",
        ) from error


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


@contextmanager
def tell_publishing_errors(directory: Path, finding: str) -> Iterator[None]:
    """Raise HostError, with a finding of the doctor's, where bundles can't be put in place."""
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        raise HostError(
            f"the new bundles can't be moved to {shown(directory)}: {error.strerror}",
            finding="no-space" if full else finding,
            hint="make room on its file system"
            if full
            else "is it a mount point, or did its owner change while the build ran?",
        ) from error

"""Installation: the executables of the latest bundles become `PREFIX/bin/NAME`.

Which ones, and under which names, follows hack/make/install-binary* of Docker's releases, with two
differences: the executables that lie beside dockerd are installed in every release (1.12 left them
out), and dynamic binaries are taken where no static ones were built.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rootless_build.bundles.copying import copy_data
from rootless_build.bundles.tree import (
    existing,
    leads_out,
    link_text,
    open_inside,
    readable,
    walk,
)
from rootless_build.bundles.verification import examine, is_checksum_file
from rootless_build.data import dataclass
from rootless_build.errors import BundlesError, HostError, UsageError
from rootless_build.escaping import shown

_BUNDLES: Final = (
    "binary-client",
    "binary-daemon",
    "binary",
    "all",
    "dynbinary-client",
    "dynbinary-daemon",
    "dynbinary",
)
"""Docker's bundles with executables, the preferred first. `binary`, `all` and `dynbinary` are those
of 23.0 and later (docker-bake.hcl)."""


@dataclass(frozen=True, slots=True)
class Installed:
    """`source` is a file or link in the bundles; `replaced`: there was a `target` before."""

    source: Path
    target: Path
    replaced: bool


@dataclass(frozen=True, slots=True)
class _Executable:
    path: str
    """In the bundles."""
    file: str
    """Where that leads, in the bundles too."""

    @property
    def name(self) -> str:
        return Path(self.path).name


def install(directory: Path, prefix: Path, *, dry_run: bool) -> Iterator[Installed]:
    """Copy the executables of the latest bundles in `directory` to `prefix/bin`.

    Everything that can be checked is checked when this is called; files are written, and renamed
    over what is there, one for each item that is taken from the iterator. `dry_run` yields the
    same items and writes nothing.

    Raises UsageError (nothing to install, two files of one name), BundlesError (checksums, links
    out of the bundles), HostError (`bundles-not-readable`, `prefix-not-writable`, `no-space`).
    """
    root = directory.resolve()
    with readable(root):
        start = _latest(root)
        executables = _executables(root, start)
        if not executables:
            raise UsageError(
                f"there are no executables in {shown(directory)}",
                hint="build them first: rbuild",
            )
        if problems := examine(root, start).report().problems:
            raise BundlesError(
                f"the bundles in {shown(directory)} are damaged; nothing was installed",
                problems=tuple(str(problem) for problem in problems),
                hint="build them again: rbuild",
            )
    target = prefix.absolute() / "bin"
    if not dry_run:
        _check_writable(target, [executable.name for executable in executables])
    return _install(directory, target, executables, dry_run=dry_run)


def _install(
    bundles: Path, directory: Path, executables: list[_Executable], *, dry_run: bool
) -> Iterator[Installed]:
    for executable in executables:
        target = directory / executable.name
        replaced = os.path.lexists(target)
        if not dry_run:
            with readable(bundles):
                source = open_inside(bundles.resolve(), executable.path)
            with source:
                try:
                    directory.mkdir(parents=True, exist_ok=True)
                    _place(source.fileno(), target)
                except OSError as error:
                    raise _failed(target, error) from error
        yield Installed(bundles / executable.path, target, replaced)


def _place(source: int, target: Path) -> None:
    """Write beside `target` and rename over it: a program that runs keeps its own file."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        try:
            copy_data(source, descriptor)
            os.fchmod(descriptor, 0o755)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    parent = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


# --- which files --------------------------------------------------------------------------------


def _latest(root: Path) -> str:
    """The directory of the latest bundles, relative to `root`; empty for `root` itself."""
    if not root.is_dir():
        raise UsageError(f"there are no bundles at {shown(root)}", hint="build them first: rbuild")
    latest = root / "latest"
    if not latest.is_dir():
        return ""
    real = latest.resolve()
    if not real.is_relative_to(root):
        raise _leads_out("latest")
    relative = str(real.relative_to(root))
    return "" if relative == "." else relative


def _executables(root: Path, start: str) -> list[_Executable]:
    directories = [
        str(Path(start, name))
        for name in _BUNDLES
        if stat.S_ISDIR(_mode(root / start / name))  # not a link
    ]
    if directories:
        chosen: dict[str, _Executable] = {}
        for directory in directories:
            names = sorted(path.name for path in (root / directory).iterdir())
            paths = [f"{directory}/{name}" for name in names]
            for executable in _short_names(root, paths):
                chosen.setdefault(executable.name, executable)
        return list(chosen.values())
    return _without_duplicates(_short_names(root, [entry.path for entry in walk(root, start)]))


def _without_duplicates(executables: list[_Executable]) -> list[_Executable]:
    chosen: dict[str, _Executable] = {}
    for executable in executables:
        other = chosen.setdefault(executable.name, executable)
        if other.file != executable.file:
            raise UsageError(
                f"{shown(other.path)} and {shown(executable.path)} would both be installed as"
                f" {shown(executable.name)}",
                hint="remove or rename one of them",
            )
    return list(chosen.values())


def _short_names(root: Path, paths: list[str]) -> list[_Executable]:
    """The executables among `paths`, without those that a shorter-named link stands for."""
    found = [
        _Executable(path, file)
        for path in paths
        if not is_checksum_file(path) and (file := _executable(root, path)) is not None
    ]
    versioned = {
        link.file
        for link in found
        if link.path != link.file
        and re.match(re.escape(link.name) + "[-_.]", Path(link.file).name, flags=re.DOTALL)
    }
    return [executable for executable in found if executable.path not in versioned]


def _executable(root: Path, path: str) -> str | None:
    """The executable regular file that `path` leads to, None when it leads to something else."""
    mode = _mode(root / path)
    if stat.S_ISREG(mode):
        return path if _may_run(root, path) else None
    if not stat.S_ISLNK(mode):
        return None
    real = Path(os.path.realpath(root / path))
    if not real.is_relative_to(root):
        # As root, this would give everybody a copy of a file that only root may read.
        raise _leads_out(path)
    if leads_out(path, link_text(root / path)) or not stat.S_ISREG(_mode(real)):
        return None
    return path if real == root / path else _resolved(root, real)


def _resolved(root: Path, real: Path) -> str | None:
    relative = str(real.relative_to(root))
    return relative if _may_run(root, relative) else None


def _may_run(root: Path, path: str) -> bool:
    status = (root / path).lstat()
    # A hard link to somebody else's file is a way out of the tree as well.
    if status.st_nlink > 1 and status.st_uid != root.stat().st_uid:
        raise _leads_out(path)
    return bool(status.st_mode & 0o111)


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _leads_out(path: str) -> BundlesError:
    return BundlesError(
        "a link leads out of the bundles; nothing was installed",
        problems=(f"{shown(path)}: leads out of the bundles",),
        hint="replace it with a copy of what it leads to, or remove it",
    )


# --- what stands in the way ---------------------------------------------------------------------


def _check_writable(directory: Path, names: list[str]) -> None:
    ancestor = existing(directory)
    if not ancestor.is_dir():
        raise UsageError(f"{shown(ancestor)} is not a directory")
    if not os.access(ancestor, os.W_OK | os.X_OK, effective_ids=True):
        raise _failed(ancestor, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    for name in names:
        if stat.S_ISDIR(_mode(directory / name)):
            raise UsageError(f"{shown(directory / name)} is a directory")


def _failed(target: Path, error: OSError) -> HostError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = os.statvfs(existing(target.parent))
        return HostError(
            f"{shown(target)} can't be written: {error.strerror},"
            f" {free.f_bavail * free.f_frsize / 1e6:.1f} MB are free",
            finding="no-space",
            hint=f"make room on the file system of {shown(target.parent)}",
        )
    return HostError(
        f"{shown(target)} can't be written: {error.strerror}",
        finding="prefix-not-writable",
        hint="sudo rbuild install, or name a directory of your own, as in"
        " rbuild install --prefix ~/.local",
    )

"""Installation: the executables of the latest bundles become `PREFIX/bin/NAME`.

Which ones, and under which names, follows hack/make/install-binary* of Docker's releases, with two
differences: the executables that lie beside dockerd are installed in every release (1.12 left them
out), and dynamic binaries are taken where no static ones were built.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from msgspec import Struct

from rootless_build.bundles.attested import Source
from rootless_build.bundles.leftovers import restore
from rootless_build.bundles.verification import (
    AGAIN,
    Findings,
    Problem,
    examine_bundles,
    is_checksum_file,
)
from rootless_build.files import owner_rights
from rootless_build.files.copying import copy_data
from rootless_build.files.owner_rights import Owner, rights_of
from rootless_build.files.tree import (
    CHUNK,
    Entry,
    contents,
    existing,
    leads_out,
    link_text,
    open_inside,
    parent_of,
    readable,
    real,
)
from rootless_build.model.errors import BundlesError, HostError, UsageError
from rootless_build.model.text import shown

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
_SIGNED: Final = "they have to be signed with this key, by who built them: rbuild sign --key FILE"
_AGAIN: Final = f"{AGAIN}; or, if you know where they are from: rbuild install --unverified"


class Installed(Struct, frozen=True):
    """`source` is a file or link in the bundles; `replaced`: there was a `target` before."""

    source: Path
    target: Path
    replaced: bool


class _Executable(Struct, frozen=True):
    path: str
    """In the bundles."""
    file: str
    """Where that leads, in the bundles too."""

    @property
    def name(self) -> str:
        return Path(self.path).name


class Installation(Struct, frozen=True):
    """What is to be installed: files are written, and renamed over what is there, one for each
    item that is taken.

    `skipped` is what keeps these bundles from being installed without `unverified`.
    """

    skipped: tuple[Problem, ...]
    items: Iterator[Installed]

    def __iter__(self) -> Iterator[Installed]:
        return self.items


def install(
    directory: Path,
    prefix: Path,
    *,
    dry_run: bool,
    unverified: bool = False,
    project: Path | None = None,
    signed: Source | None = None,
) -> Installation:
    """Copy the executables of the latest bundles in `directory` to `prefix/bin`.

    Root reads the bundles with the rights of whoever can decide what is in `project`, or else at
    `directory` (`rootless_build.files.owner_rights`), and writes with its own. Bundles that a
    killed run had set aside are put back first.

    Everything that can be checked is checked when this is called: that the bundles are what their
    checksums and their provenance say, and that they have provenance, unless `unverified`; with
    `signed` (`rootless_build.bundles.signing.source`) only what is signed counts. What is
    copied is held against the provenance once more before it takes its name. `dry_run` yields the
    same items and writes nothing.

    Raises UsageError (nothing to install, two files of one name), BundlesError (what `verify`
    refuses, no provenance, links out of the bundles), HostError (`bundles-not-readable`,
    `prefix-not-writable`, `no-space`).
    """
    owner = owner_rights.owner(*filter(None, (project, directory)))
    with rights_of(owner):
        if not directory.exists():
            restore(directory)
    with rights_of(owner), readable(directory):
        root = real(directory)
        start = _latest(root)
        entries = contents(root)
        executables = _executables(root, start, entries)
        if not executables:
            raise UsageError(
                f"there are no executables in {shown(directory)}",
                hint="build them first: rbuild",
            )
        findings = examine_bundles(root, entries, signed)
    bad = findings.report().problems
    without = tuple(_without_provenance(start, executables, findings))
    if not unverified:
        _refuse(directory, bad, without, _AGAIN if signed is None else _SIGNED)
    target = prefix.absolute() / "bin"
    if not dry_run:
        _check_writable(target, [executable.name for executable in executables])
    digests = {} if unverified else findings.provenance.files
    source = _Source(directory, root, owner)
    items = _install(source, target, executables, digests, dry_run=dry_run)
    return Installation((*bad, *without), items)


def _without_provenance(
    start: str, executables: list[_Executable], findings: Findings
) -> Iterator[Problem]:
    known = findings.provenance
    if start and not known.older and known.links.get("latest") is None:
        yield Problem("latest", "has no provenance")
    for executable in executables:
        if executable.file not in known.files and executable.file not in findings.problems:
            yield Problem(executable.file, "has no provenance")


def _refuse(
    directory: Path, bad: tuple[Problem, ...], without: tuple[Problem, ...], hint: str
) -> None:
    if bad:
        raise BundlesError(
            f"the bundles in {shown(directory)} are not what was built; nothing was installed",
            problems=tuple(map(str, bad)),
            hint=hint,
        )
    if without:
        raise BundlesError(
            f"nothing says what the bundles in {shown(directory)} were made of; nothing was"
            " installed",
            problems=tuple(map(str, without)),
            hint=hint,
        )


class _Source(Struct, frozen=True):
    """Bundles, as they were named and without links, and whose rights they are read with."""

    directory: Path
    root: Path
    owner: Owner | None

    def open(self, path: str) -> BinaryIO:
        with rights_of(self.owner), readable(self.directory):
            return open_inside(self.root, path)


def _install(
    source: _Source,
    directory: Path,
    executables: list[_Executable],
    digests: Mapping[str, str],
    *,
    dry_run: bool,
) -> Iterator[Installed]:
    for executable in executables:
        target = directory / executable.name
        replaced = os.path.lexists(target)
        if not dry_run:
            with source.open(executable.path) as file:
                try:
                    directory.mkdir(parents=True, exist_ok=True)
                    _place(file.fileno(), target, digests.get(executable.file))
                except OSError as error:
                    raise _failed(target, error) from error
        yield Installed(source.directory / executable.path, target, replaced)


def _place(source: int, target: Path, digest: str | None) -> None:
    """Write beside `target` and rename over it: a program that runs keeps its own file.

    Raises BundlesError when what was copied is not what was verified.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        try:
            copy_data(source, descriptor)
            if digest is not None and _digest(descriptor) != digest:
                raise BundlesError(
                    f"{shown(target.name)} was changed while it was installed; it was not",
                    problems=(f"{shown(target.name)}: is not what was verified",),
                    hint="who else works with these bundles?",
                )
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


def _digest(descriptor: int) -> str:
    found = hashlib.sha256()
    position = 0
    while chunk := os.pread(descriptor, CHUNK, position):
        found.update(chunk)
        position += len(chunk)
    return found.hexdigest()


# --- which files --------------------------------------------------------------------------------


def _latest(root: Path) -> str:
    """The directory of the latest bundles, relative to `root`; empty for `root` itself."""
    if not root.is_dir():
        raise UsageError(f"there are no bundles at {shown(root)}", hint="build them first: rbuild")
    latest = root / "latest"
    if not latest.is_dir():
        return ""
    there = real(latest)
    if not there.is_relative_to(root):
        raise _leads_out("latest")
    relative = str(there.relative_to(root))
    return "" if relative == "." else relative


def _executables(root: Path, start: str, entries: tuple[Entry, ...]) -> list[_Executable]:
    above = f"{start}/" if start else ""
    modes = {entry.path: entry.status.st_mode for entry in entries if entry.path.startswith(above)}
    directories = [
        f"{above}{name}"
        for name in _BUNDLES
        if stat.S_ISDIR(modes.get(f"{above}{name}", 0))  # not a link
    ]
    if directories:
        chosen: dict[str, _Executable] = {}
        for directory in directories:
            paths = sorted(path for path in modes if parent_of(path) == directory)
            for executable in _short_names(root, paths):
                chosen.setdefault(executable.name, executable)
        return list(chosen.values())
    return _without_duplicates(_short_names(root, [*modes]))


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
        if re.match(re.escape(link.name) + "[-_.]", Path(link.file).name, flags=re.DOTALL)
    }
    return [executable for executable in found if executable.path not in versioned]


def _executable(root: Path, path: str) -> str | None:
    """The executable regular file that `path` leads to, None when it leads to something else."""
    mode = _mode(root / path)
    if stat.S_ISREG(mode):
        return path if _may_run(root, path) else None
    if not stat.S_ISLNK(mode):
        return None
    there = real(root / path)
    if not there.is_relative_to(root):
        # As root, this would give everybody a copy of a file that only root may read.
        raise _leads_out(path)
    if leads_out(path, link_text(root / path)) or not stat.S_ISREG(_mode(there)):
        return None
    return path if there == root / path else _resolved(root, there)


def _resolved(root: Path, there: Path) -> str | None:
    relative = str(there.relative_to(root))
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

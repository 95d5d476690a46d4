"""Staging and publishing: a build writes into a copy, and the copy takes the place of the bundles.

Beside the bundles directory, on the same file system:

    .bundles.rbuild.PID.START.RANDOM/   0700, locked while its process lives
        new/                            what the container writes into
        previous/                       the old bundles, for a moment, where they can't be exchanged

START is the time at which the process started, in clock ticks since boot (proc(5)).
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.bundles import provenance
from rootless_build.bundles.changes import Changed, changed_files, flush, fsync, total
from rootless_build.bundles.checksums import write_checksums
from rootless_build.bundles.leftovers import not_removed, private_prefix, remove_leftovers
from rootless_build.bundles.merging import is_same, merge_tree, put_in_place, set_modes
from rootless_build.bundles.obstacles import check, tell_full_disk, tell_publishing_errors
from rootless_build.bundles.statement import NAME, OWN_NAMES
from rootless_build.bundles.swapping import swap
from rootless_build.bundles.verification import hollow, verify_checksums
from rootless_build.files.copying import copy_attributes, copy_file, copy_tree
from rootless_build.files.tree import (
    Seen,
    Snapshot,
    directories,
    existing,
    inside,
    is_empty,
    parent_of,
    readable,
    real,
    remove,
    snapshot,
    walk,
    writable,
)
from rootless_build.files.way import opened_directory
from rootless_build.model.errors import BundlesError, HostError, StepFailedError
from rootless_build.model.structs import replace
from rootless_build.model.text import shell_quoted, shown
from rootless_build.process.locks import hold

_NEW: Final = "new"


class Published(Struct, frozen=True):
    """What `Staging.publish` did.

    `changed` are files and links that are new or whose content, mode or link text changed, their
    paths relative to the bundles directory. `checked` checksum files agreed. `warnings` are
    sentences for the user. `total` and `total_before` are the bytes of all files after and before.
    """

    changed: tuple[Changed, ...]
    checked: int
    warnings: tuple[str, ...]
    total: int = 0
    total_before: int = 0

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of what changed."""
        return tuple(each.path for each in self.changed)


class Staging(Struct):
    """A private copy of the bundles. `path` is what is mounted in place of the real directory.

    Statements of provenance are not in it: a script that links or packs all that is in a bundle
    would not have found them with docker. They are back when the bundles are published.
    """

    path: Path
    directory: Path
    """The real bundles directory, links resolved."""
    mode: int
    """Permission bits of the bundles directory, before and after."""
    warnings: list[str] = []
    before: provenance.Written = {}
    """The files in it when the container got it."""
    given: Snapshot = {}
    """All that was in it when the container got it, links and directories too."""
    found: Snapshot = {}
    """The bundles directory as it was copied."""

    @property
    def is_current(self) -> bool:
        """Whether the bundles are still those that were copied: nobody else wrote to them."""
        return snapshot(self.directory) == self.found

    @property
    def is_untouched(self) -> bool:
        """Whether the container wrote nothing into the copy, and removed nothing from it."""
        return snapshot(self.path) == self.given

    def written(self) -> frozenset[str]:
        """The files that were written since the container got it."""
        with readable(self.path):
            now = provenance.state(self.path)
        return frozenset(path for path, seen in now.items() if self.before.get(path) != seen)

    def take(self, copied: Path) -> None:
        """Let each top-level entry of `copied` replace the entry of that name.

        Raises HostError when the disk is full or something can't be read.
        """
        with tell_full_disk(copied, self.path), readable(copied):
            for taken in copied.iterdir():
                old = self.path / taken.name
                if old.is_dir() and not old.is_symlink():
                    remove(old)
                else:
                    old.unlink(missing_ok=True)
            copy_tree(copied, self.path, self.warnings)

    def become(self, copied: Path) -> None:
        """Have in it what is in `copied`, and nothing else; files that are the same stay as they
        are. `copied` is changed.

        Raises HostError when the disk is full or something can't be read.
        """
        with tell_full_disk(copied, self.path), readable(copied), readable(self.path):
            wanted = {entry.path: entry.status for entry in walk(copied)}
            for entry in reversed(tuple(walk(self.path))):
                new, old = wanted.get(entry.path), self.path / entry.path
                if new is not None and is_same(old, entry.status, copied / entry.path, new):
                    if not stat.S_ISDIR(new.st_mode):
                        (copied / entry.path).unlink()
                elif new is None or stat.S_IFMT(new.st_mode) != stat.S_IFMT(entry.status.st_mode):
                    remove(old)
            with tempfile.TemporaryDirectory(dir=self.path.parent) as place:
                self.warnings += merge_tree(copied, self.path, Path(place))

    def merge(self, copied: Path, target: Path) -> None:
        """Put what is in `copied` into `target`, a directory in `path`; other files in it stay.

        Raises StepFailedError when a link on the way leads out of the bundles, HostError when the
        disk is full or something can't be read.
        """
        self.check_target(target)
        with tell_full_disk(copied, self.path), readable(copied):
            target.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.path.parent) as place:
                self.warnings += merge_tree(copied, target, Path(place))

    def check_target(self, target: Path) -> None:
        """Raise StepFailedError when a link leads a path in `path` out of it: an earlier output,
        or a container, may have left one.
        """
        root = real(self.path)
        if not inside(root, target):
            place = shown(self.directory / target.relative_to(self.path))
            raise StepFailedError(
                f"the output {place} could not be written: a link leads out of the bundles",
                hint="an earlier output or a container may have left it; remove it",
            )

    def add_checksums(self) -> None:
        """Write checksum files for the binaries that have none."""
        with tell_full_disk(self.path, self.path), readable(self.path):
            write_checksums(self.path)

    def publish(
        self, attestation: provenance.Attestation | None = None, asked: Collection[str] = ()
    ) -> Published:
        """Verify what is staged and put it in the place of the bundles directory, with provenance.

        A directory that holds nothing does not take the place of one that is not there. `asked` are
        the words that the build was asked with (`verification.hollow`). Raises BundlesError when
        files don't match their checksums or a bundle has nothing in it, HostError when something
        can't be read or moved; the bundles directory is then as it was.
        """
        published = self._check_and_attest(attestation, asked, self.found)
        with tell_publishing_errors(self.directory, "bundles-not-writable"):
            self._take_statements()
            if os.path.lexists(self.directory):
                swap(self.path, self.directory)
            elif not is_empty(self.path):
                self.path.rename(self.directory)
            # The old bundles are removed after this: the new ones have to be on the disk by then.
            fsync(self.directory.parent)
        return replace(published, total=total(self.directory))

    def publish_beside(
        self, attestation: provenance.Attestation | None = None, asked: Collection[str] = ()
    ) -> Published:
        """Verify what is staged, and put what the container wrote among the bundles, file by file.

        For bundles that somebody else works with meanwhile: a shell that has them mounted, or
        another run that wrote to them since they were copied. Each file is the old or the new one,
        what others wrote stays unless the container wrote a file of that name too, and what the
        container removed is removed where it is as it was. Raises as `publish`, and BundlesError
        where a name is a file of the container's and a directory of the others', or the reverse.
        """
        published = self._check_and_attest(attestation, asked, snapshot(self.directory))
        new = snapshot(self.path)
        written = [path for path, seen in new.items() if self.given.get(path) != seen]
        with tell_publishing_errors(self.directory, "bundles-not-writable"):
            now = snapshot(self.directory)
            gone = self.found.keys() - new.keys() - self._lasting_statements(new)
            self._check_beside(now, new, written, gone)
            self.directory.mkdir(parents=True, exist_ok=True)
            for root, found in ((self.path, new), (self.directory, now)):
                set_modes(root, {path: mode | 0o200 for path, mode in directories(found).items()})
            self._remove_beside(now, gone)
            for path in written:
                put_in_place(self.path, self.directory, path)
            made = {path: mode for path, mode in directories(new).items() if path in written}
            set_modes(self.directory, directories(now) | made)
            fsync(self.directory)
        own = frozenset(written)
        changed = tuple(each for each in published.changed if each.path in own)
        return replace(published, changed=changed, total=total(self.directory))

    def _take_statements(self) -> None:
        for path in self._lasting_statements(snapshot(self.path)):
            original, place = self.directory / path, self.path / path
            with writable(place.parent):
                remove(place)
                copy_file(self.directory, path, place)
            copy_attributes(original, place, original.lstat())

    def _lasting_statements(self, new: Snapshot) -> set[str]:
        """The statements, and signatures, of bundles that the container left as they were."""
        lasting = self._lasting_bundles(new)
        return {path for path in _statements(self.found) if parent_of(path) in lasting}

    def _lasting_bundles(self, new: Snapshot) -> set[str]:
        bundles = _attested(self.found)
        changed = (
            path
            for path in self.given.keys() | new.keys()
            if self.given.get(path) != new.get(path)
            and Path(path).name not in OWN_NAMES
            and any(_is_part(found.get(path)) for found in (self.given, new))
        )
        named = provenance.naming(self.path)
        touched = {provenance.owner(named, path, bundles) for path in changed}
        return {
            bundle
            for bundle in bundles - touched
            if not bundle or (bundle in new and stat.S_ISDIR(new[bundle][0]))
        }

    def _check_beside(
        self, now: Snapshot, new: Snapshot, written: Collection[str], gone: Collection[str]
    ) -> None:
        """Raise BundlesError where what the container wrote can't stand beside what others did."""
        files = {path for path in written if not stat.S_ISDIR(new[path][0])}
        kept = (path for path, seen in now.items() if path not in gone or seen != self.found[path])
        problems = {
            f"{shown(above)}: a file of this build, and {shown(path)} was made meanwhile"
            for path in kept
            for above in _above(path)
            if above in files
        }
        problems |= {
            f"{shown(path)}: {shown(place)} was made meanwhile, which is no directory"
            for path in written
            for place in (*_above(path), *(() if path in files else (path,)))
            if place in now
            and not stat.S_ISDIR(now[place][0])
            and now[place] != self.found.get(place)
        }
        if problems:
            raise BundlesError(
                f"somebody else has changed {shown(self.directory)} meanwhile, and the new bundles"
                " can't be put beside that; it stays as it was",
                problems=tuple(sorted(problems)),
                hint="build again, or remove what is in the way first",
            )

    def _remove_beside(self, now: Snapshot, gone: Collection[str]) -> None:
        """What the container removed goes, unless somebody else has made another of it since."""
        for path in sorted(gone, reverse=True):
            if now.get(path) == self.found[path]:
                parent, name = os.path.split(path)
                with opened_directory(self.directory, parent) as there:
                    if not stat.S_ISDIR(now[path][0]):
                        os.unlink(name, dir_fd=there)
                        continue
                    with contextlib.suppress(OSError):  # somebody else's file is in it
                        os.rmdir(name, dir_fd=there)

    def _check_and_attest(
        self,
        attestation: provenance.Attestation | None,
        asked: Collection[str],
        now: Snapshot,
    ) -> Published:
        """Check what is staged, attest it, bring it to the disk; `now` is what it is put beside."""
        with readable(self.path):
            # The container may have changed it, and a directory that its owner can't write to
            # can't be moved.
            self.path.chmod(self.mode)
            report = verify_checksums(self.path)
            changed = tuple(changed_files(self.path, self.directory))
            files = tuple(each.path for each in changed)
            problems = (*report.problems, *hollow(self.path, files, asked))
            if problems:
                count = len(problems)
                raise BundlesError(
                    f"the new bundles are damaged ({count} problem{'s' if count > 1 else ''});"
                    f" {shown(self.directory)} stays as it was",
                    problems=tuple(str(problem) for problem in problems),
                )
            with tell_publishing_errors(self.directory, "no-space"):
                attested = _attested(self.found)
                others = (path for path in now if now[path] != self.found.get(path))
                meanwhile = [path for path in others if Path(path).name not in OWN_NAMES]
                lost = self.found.keys() - now.keys()
                run = provenance.Run(
                    self.path, self.directory, self.given, attested, meanwhile, lost
                )
                told = provenance.attest(run, attestation)
                flush(self.path)
        warnings = (*self.warnings, *report.warnings, *told)
        return Published(changed, report.checked, warnings, total_before=total(self.directory))


@contextmanager
def stage(directory: Path) -> Iterator[Staging]:
    """A copy of the bundles in a private directory beside them, gone when the context ends.

    A missing `directory` starts empty; a link is resolved and its target staged. What a dead
    process left there is removed. Raises HostError (`bundles-not-writable`,
    `bundles-owned-by-root`, `bundles-not-readable`, `bundles-mount-point`, `no-space`) before
    anything is changed, UsageError when `directory` is no directory.
    """
    directory = real(directory)
    check(directory)
    ancestor = existing(directory.parent)
    warnings = remove_leftovers(directory)
    with tell_full_disk(directory, ancestor):
        directory.parent.mkdir(parents=True, exist_ok=True)
        private = Path(tempfile.mkdtemp(prefix=private_prefix(directory), dir=directory.parent))
    with hold(private):
        try:
            yield _fill(directory, private / _NEW, warnings)
        except BaseException as error:
            try:
                remove(private)
            except OSError as second:
                error.add_note(not_removed(private, second))
            raise
        try:
            remove(private)
        except OSError as error:
            raise HostError(
                not_removed(private, error),
                finding="staging-not-removed",
                hint=f"remove it with: sudo rm -rf {shell_quoted(private)}",
            ) from error


@contextmanager
def mount_point(directory: Path) -> Iterator[None]:
    """A directory is there, for something to be mounted over it; one that was not goes again."""
    missing = not os.path.lexists(directory)
    if missing:
        directory.mkdir(parents=True)
    try:
        yield
    finally:
        if missing:
            with contextlib.suppress(OSError):  # there are bundles in it now
                directory.rmdir()


def _fill(directory: Path, new: Path, warnings: list[str]) -> Staging:
    with tell_full_disk(directory, new.parent), readable(directory):
        found = snapshot(directory)
        new.mkdir()  # with the mode that the user's umask gives a new directory
        if directory.exists():
            copy_tree(directory, new, warnings, leave_out=_statements(found))
            copy_attributes(directory, new, directory.stat())
        before = provenance.state(new)
    mode = stat.S_IMODE(new.stat().st_mode)
    return Staging(new, directory, mode, warnings, before, snapshot(new), found)


def _is_part(seen: Seen | None) -> bool:
    """Whether an entry is what a statement names."""
    return seen is not None and (stat.S_ISREG(seen[0]) or stat.S_ISLNK(seen[0]))


def _above(path: str) -> Iterator[str]:
    """The directories in the tree that a path leads through, without the tree itself."""
    while "/" in path:
        path, _, _ = path.rpartition("/")
        yield path


def _statements(found: Snapshot) -> list[str]:
    names = (path for path, (mode, *_) in found.items() if stat.S_ISREG(mode))
    return [path for path in names if Path(path).name in OWN_NAMES]


def _attested(found: Snapshot) -> set[str]:
    """The directories that have statements."""
    return {parent_of(path) for path in _statements(found) if Path(path).name == NAME}

"""rbuild's own directories, when nothing is to stay: caches, records, files of failed runs."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from pathlib import Path

from msgspec import Struct

from rootless_build.files import tree
from rootless_build.host.lasting_directories import RECORDS, on_record
from rootless_build.model.errors import HostError, reason
from rootless_build.model.text import shown
from rootless_build.runner import journal

_OF_CHECKOUTS = ("projects", "failed", "history", "runs")
_NAMED = ("failed", "history")
"""In which directories have the checkout's name and key as theirs."""


class OwnDirectories(Struct, frozen=True):
    """`data`, `state` and `cache` hold nothing but rbuild's own files."""

    data: Path
    state: Path
    cache: Path

    def of_checkout(self, key: str) -> tuple[Path, ...]:
        """What is kept of a checkout besides records of runs that live: what is known of it, failed
        files, what runs said, and the worktrees of its matrix.
        """
        failed = self.state / "failed"
        # A dot before the name: killed as it moved files there.
        kept = (*failed.glob(f"*-{key}"), *failed.glob(f".*-{key}.*"))
        known = self.cache / "projects" / key
        said = (self.state / "history").glob(f"*-{key}")
        matrices = (self.state / "matrix").glob(f"*-{key}")
        return (*((known,) if known.exists() else ()), *kept, *said, *matrices)

    def checkouts(self) -> tuple[str, ...]:
        """The keys of all checkouts of which something is kept."""
        known = {path.name for path in (self.cache / "projects").glob("*")}
        named = (path for place in _NAMED for path in (self.state / place).glob("[!.]*-*"))
        kept = {path.name.rpartition("-")[2] for path in named}
        return tuple(sorted(known | kept | journal.keys(self.data)))


class Removed(Struct, frozen=True):
    """A directory, how much of it went (bytes), and what of it stays and why; empty for nothing."""

    directory: Path
    size: int
    stays: str = ""


def remove_all(
    own: OwnDirectories, forgotten: Collection[str], *, dry: bool
) -> tuple[Removed, ...]:
    """Remove all of them but for what is needed: checkouts in which a run lives, containers and
    volumes that are kept in them, and the record of images that are there. `forgotten` are the
    names of records that are not.
    """
    stays: dict[Path, list[str]] = {own.data: [], own.state: [], own.cache: []}
    sizes = dict.fromkeys(stays, 0)

    def go(root: Path, path: Path) -> None:
        sizes[root] += size(path)
        if not dry:
            try:
                tree.remove(path)
            except OSError as error:
                stays[root].append(f"{shown(path)} can't be removed: {reason(error)}")

    for key in own.checkouts():
        with journal.idle(own.data, key) as who:
            if who:
                for why in stays.values():
                    why.append(f"rbuild works in another checkout: {who}")
                continue
            for path in own.of_checkout(key):
                go(own.cache if path.is_relative_to(own.cache) else own.state, path)
            place = own.data / "runs" / key
            if place.exists():
                go(own.data, place)
    for root, why in stays.items():
        for path in _children(root):
            if path.name in _OF_CHECKOUTS:
                continue
            needed = _needed(path, root, own, forgotten)
            if needed:
                why.append(needed)
            else:
                go(root, path)
    return tuple(
        _end_root(root, sizes[root], stays[root], dry=dry) for root in stays if root.exists()
    )


def _needed(path: Path, root: Path, own: OwnDirectories, forgotten: Collection[str]) -> str:
    if root == own.data and path.name in {"containers", "volumes"} and any(_children(path)):
        return f"{path.name} of buildah are kept there"
    if root == own.data and path.name == RECORDS and any(on_record(own.data)):
        return "engines have directories elsewhere that are on record there"
    records = [each for each in _children(path) if each.suffix in {".json", ".journal"}]
    records = [each for each in records if each.stem not in forgotten]
    if root == own.state and path.name == "images" and records:
        return "images that rbuild made stay, and are on record there"
    return ""


def _end_root(root: Path, size: int, stays: list[str], *, dry: bool) -> Removed:
    if not dry:
        for path in (*(root / name for name in _OF_CHECKOUTS), root):
            with contextlib.suppress(OSError):  # something is in it
                path.rmdir()
    if not dry and root.exists() and not stays:
        stays.append("something was put there meanwhile")
    return Removed(root, size, "; ".join(dict.fromkeys(stays)))


def _children(directory: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from sorted(directory.iterdir())


def discard(path: Path) -> None:
    """Remove one of them. Raises HostError where it stays."""
    try:
        tree.remove(path)
    except OSError as error:
        message = f"{shown(path)} can't be removed: {reason(error)}"
        raise HostError(message, finding="os-error") from error


def size(path: Path) -> int:
    """Bytes on disk."""
    try:
        if path.is_dir() and not path.is_symlink():
            return sum(entry.status.st_blocks for entry in tree.walk(path)) * 512
        return path.lstat().st_blocks * 512
    except OSError:
        return 0

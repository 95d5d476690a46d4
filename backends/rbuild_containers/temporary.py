"""Where a build puts what it needs for a moment, named so that what a killed one left is found."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from rootless_build.backend import PASSING_CACHE, BuildImage, RbuildError, build_files, identities

_TEMPORARY: Final = "/var/tmp"  # noqa: S108 - the engines' own; directories of mkdtemp(3) in it
_BUNDLE: Final = "buildah[0-9]*"
_MADE_BY: Final = re.compile(r"rbuild-(\d+\.\d+)-")
_CACHE_MOUNT: Final = re.compile(r"\S*type=cache\S*")


@contextlib.contextmanager
def build_directory(step: BuildImage, remove: Callable[[Path], None]) -> Iterator[Path | None]:
    """TMPDIR for a build: a directory named after this process, gone with the context.

    `remove` is for what belongs to subordinate uids. None for a containerfile with cache mounts:
    those are kept in TMPDIR too (`buildah-cache`), for the next build. Those that nobody wants then
    go with the directory.
    """
    if _keeps_caches(step):
        yield None
        return
    directory = Path(tempfile.mkdtemp(prefix=identities.private_prefix(), dir=_place()))
    try:
        yield directory
    finally:
        # Deeper than Python goes, in the directories of a build: the other way has no end.
        with contextlib.suppress(RecursionError):
            shutil.rmtree(directory, ignore_errors=True)
        if directory.exists():
            # How the build itself ended is what counts.
            with contextlib.suppress(RbuildError):
                remove(directory)


def bundles_of_builds() -> list[Path]:
    """buildah's own directories in those that `build_directory` made, for whichever process."""
    found: list[Path] = []
    for directory in _place().glob("rbuild-*"):
        # Another run may be at removing its own.
        with contextlib.suppress(OSError):
            seen = directory.lstat()
            # Anybody may make one of that name.
            if stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.getuid():
                found += directory.glob(_BUNDLE)
    return found


def all_bundles() -> list[Path]:
    """The bundles of all builds, those in TMPDIR itself too: of builds with cache mounts, and of
    others' builds.
    """
    return [*_place().glob(_BUNDLE), *bundles_of_builds()]


def _place() -> Path:
    return Path(os.environ.get("TMPDIR") or _TEMPORARY)


def process_of(bundle: Path) -> str | None:
    """The process that made the directory in which a bundle is."""
    found = _MADE_BY.match(bundle.parent.name)
    return found[1] if found else None


def own_bundles() -> set[str]:
    """Names of those of this process."""
    own = identities.of_this()
    return {path.name for path in bundles_of_builds() if process_of(path) == own}


def _keeps_caches(step: BuildImage) -> bool:
    with contextlib.suppress(OSError):
        text = build_files.containerfile(step).read_text(errors="replace")
        return any(f"id={PASSING_CACHE}" not in mount for mount in _CACHE_MOUNT.findall(text))
    return False

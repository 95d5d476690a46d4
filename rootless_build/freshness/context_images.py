"""The images of what RUNs mount of a build context, kept from one build to the next.

    CACHE/contexts-KEY-NAME-IMAGE/
        files               the index of the image's files (`layers.file_index`)
        context             the index of the build context, as it was then

All of a directory is of the image in its name, so that it does not matter who replaces it when.
What is lost costs one image that is made as a whole.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.freshness.fingerprints import CONTEXT, Fingerprint, Unknown
from rootless_build.freshness.full_builds import changed_files
from rootless_build.freshness.index import Index
from rootless_build.images.containerfile.patterns import PatternError, Patterns
from rootless_build.images.layers.request import Directory
from rootless_build.images.rewrite.build_context import (
    BuildContext,
    Entry,
    digest_of,
    has_wildcards,
)
from rootless_build.images.segments.context_images import Earlier
from rootless_build.process import identities

_FILES: Final = "files"
_CONTEXT: Final = "context"
_MANY: Final = 1000
_MODE: Final = 8
"""Bytes of a state that are the mode."""
_KEPT: Final = 16
"""Images of a project, each with two indexes of its files; the oldest go."""


class KeptContextImages(Struct, frozen=True):
    """Those of one step of a project, in directories that begin with `place`. `take` looks at all
    that goes into the step. `reuse`: what was kept before may be taken. `bundles`: directories in
    the build context that nobody looked at may be among its files, where an ignore file has
    exceptions. `many` files of a part of the context are worth a look at all of it.
    """

    place: Path
    take: Callable[[], Fingerprint | Unknown]
    share: float
    reuse: bool = True
    bundles: bool = False
    many: int = _MANY

    def of(self, name: str, image: str) -> Path:
        """Where what is known of an image is kept."""
        return self.place.with_name(f"{self.place.name}-{name}-{image.removeprefix('sha256:')}")

    def found(self, name: str) -> list[Path]:
        """The directories of the images of a name."""
        pattern = f"{self.place.name}-{name}-*"
        return [path for path in self.place.parent.glob(pattern) if "." not in path.name]

    def clear(self) -> None:
        """Remove what killed runs left, and the oldest. Raises OSError."""
        found = list(self.place.parent.glob("contexts-*"))
        for left in found:
            owner = left.name.partition(".")[2]
            if owner and owner != identities.of_this() and not identities.lives(owner):
                shutil.rmtree(left, ignore_errors=True)
        whole = [path for path in found if "." not in path.name]
        for old in sorted(whole, key=_age)[: 1 - _KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    def look(self, source: Directory) -> SeenContext | None:
        """Look at the files of the build context now, of which a source is mounted; None where they
        can't be told, or few of them are mounted: all of them are looked at.
        """
        if not self._are_many(source):
            return None
        taken = self.take()
        if isinstance(taken, Unknown) or taken.context is None:
            return None
        return SeenContext(self, taken.context, dict(taken.parts).get(CONTEXT, ""))

    def _are_many(self, source: Directory) -> bool:
        found = 0
        with suppress(OSError):
            place = BuildContext(source.root).real(source.path)
            if not place:
                return place is not None
            for _, directories, files in os.walk(source.root / place):
                found += len(directories) + len(files)
                if found >= self.many:
                    return True
        return False


class SeenContext(Struct, frozen=True):
    """The files of a build context, as somebody saw them; `total` stands for all of them."""

    kept: KeptContextImages
    index: Index
    total: str

    def digest(self, source: Directory) -> str | None:
        """What stands for names, modes, links and bytes of what is there; None where that is not
        all known.
        """
        if has_wildcards(source.path):
            return None
        try:
            ignored = Patterns(source.ignored)
            place = BuildContext(source.root, ignored).real(source.path)
            if place is None or (self.kept.bundles and ignored.exceptions):
                return None
            return digest_of(os.fsencode(place), self._entries(os.fsencode(place), ignored))
        except (OSError, PatternError):
            return None

    def _entries(self, place: bytes, ignored: Patterns) -> Iterator[Entry]:
        for entry in self._files(place):
            if entry[0] == place or not (ignored and ignored.match(os.fsdecode(entry[0]))):
                yield entry

    def _files(self, place: bytes) -> Iterator[Entry]:
        """What is at a place, and below."""
        above, _, own = place.rpartition(b"/")
        start = place + b"/" if place else b""
        for directory in sorted(self.index.known):
            below = not place or directory == place or directory.startswith(start)
            known = self.index.get(directory) if below or directory == above else None
            if known is None:
                continue
            head = directory + b"/" if directory else b""
            for name, (state, content) in known.files().items():
                if name and (below or name == own):
                    yield head + name, int.from_bytes(state[:_MODE], sys.byteorder), content

    def earlier(self, name: str) -> Earlier | None:
        """The image of that name, if one is kept."""
        kept = self.kept
        if not kept.reuse or not kept.share:
            return None
        for place in kept.found(name):
            before = Index.load(place / _CONTEXT)
            if before.known and (place / _FILES).is_file():
                with suppress(OSError):
                    os.utime(place)
                image = place.name.rpartition("-")[2]
                files = changed_files(before, self.index)
                return Earlier(image, place / _FILES, files, kept.share)
        return None

    def keep(self, name: str, image: str, index: Path) -> None:
        """Keep an image that was just made of these files as a whole, if they are so still."""
        kept = self.kept
        place = kept.of(name, image)
        new = place.with_name(f"{place.name}.{identities.of_this()}")
        now = kept.take() if index.is_file() else None
        if not isinstance(now, Fingerprint) or now.context is None:
            return
        if not _are_same(now.context, self.index) or dict(now.parts)[CONTEXT] != self.total:
            return
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            kept.clear()
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(mode=0o700)
            try:
                shutil.copyfile(index, new / _FILES)
                (new / _CONTEXT).write_bytes(self.index.content)
                for old in kept.found(name):
                    shutil.rmtree(old, ignore_errors=True)
                new.rename(place)
            finally:
                shutil.rmtree(new, ignore_errors=True)


def _are_same(one: Index, other: Index) -> bool:
    """Whether both know the same of the same files, times too."""
    return one.known.keys() == other.known.keys() and all(
        one.get(path) == other.get(path) for path in one.known
    )


def _age(place: Path) -> float:
    """When it was taken last; one that goes meanwhile is old."""
    try:
        return place.stat().st_mtime
    except OSError:
        return 0.0

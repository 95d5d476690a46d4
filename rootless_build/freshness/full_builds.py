"""The last build of an image as a whole, and which files of its context changed since.

    CACHE/full-KEY/
        build.json, files   what the build put down (`images.segments.readings`)
        parts.json          its fingerprint
        context             the index of the build context, as it was then

A directory beside it is filled by the build that goes on, and takes its place when that has ended
well. What is lost costs one build.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.files import plain
from rootless_build.freshness.fingerprints import CONTEXT, Fingerprint
from rootless_build.freshness.index import Directory, Index
from rootless_build.images.incremental import Changes, NotIncrementalError
from rootless_build.images.segments import readings
from rootless_build.process import identities

_PARTS: Final = "parts.json"
_CONTEXT: Final = "context"
_KEPT: Final = 8
"""Builds of a project, each with an index of its files; the oldest go."""


class FullBuilds(Struct, frozen=True):
    """Those of one step of a project; `place` is the directory."""

    place: Path

    @property
    def _new(self) -> Path:
        return self.place.with_name(f"{self.place.name}.{identities.of_this()}")

    def begin(self) -> Path | None:
        """An empty directory for a build as a whole; None where there can be none."""
        try:
            self.place.parent.mkdir(parents=True, exist_ok=True)
            for left in self.place.parent.glob("full-*.*"):
                if left == self._new or not identities.lives(left.name.partition(".")[2]):
                    shutil.rmtree(left, ignore_errors=True)
            self._new.mkdir(mode=0o700)
        except OSError:
            return None
        return self._new

    def end(self, made_of: Fingerprint | None) -> None:
        """The build has ended; None: nobody knows what it is made of."""
        new = self._new
        with suppress(OSError):
            if made_of is not None and made_of.context is not None and readings.is_there(new):
                (new / _PARTS).write_text(json.dumps(dict(made_of.parts)))
                (new / _CONTEXT).write_bytes(made_of.context.content)
                shutil.rmtree(self.place, ignore_errors=True)
                new.rename(self.place)
                self._remove_oldest()
        shutil.rmtree(new, ignore_errors=True)

    def changes(self, now: Fingerprint, share: float) -> Changes:
        """What changed since. Raises NotIncrementalError."""
        full = readings.read(self.place)
        parts = self._parts()
        if full is None or parts is None:
            raise NotIncrementalError("no build as a whole is remembered")
        other = now.differs({**parts, CONTEXT: dict(now.parts).get(CONTEXT, "")})
        if other or now.context is None:
            raise NotIncrementalError(other or "nobody knows the files of the context")
        before = Index.load(self.place / _CONTEXT)
        if not before.known:
            raise NotIncrementalError("the files of the last build as a whole are forgotten")
        return Changes(full, self.place / readings.FILES, changed_files(before, now.context), share)

    def _parts(self) -> dict[str, str] | None:
        try:
            read = json.loads(plain.content(self.place / _PARTS))
        except (OSError, ValueError):
            return None
        return (
            {str(name): str(part) for name, part in read.items()}
            if isinstance(read, dict)
            else None
        )

    def _remove_oldest(self) -> None:
        found = [path for path in self.place.parent.glob("full-*") if "." not in path.name]
        for path in sorted(found, key=lambda path: path.stat().st_mtime)[:-_KEPT]:
            shutil.rmtree(path, ignore_errors=True)


def changed_files(before: Index, now: Index) -> tuple[str, ...]:
    """The paths of which kind, mode, attributes or bytes are others, or are new or gone, in the
    order of their directories. Times do not count.
    """
    found: dict[bytes, None] = {}
    for path in {**before.known, **now.known}:
        old, new = before.get(path), now.get(path)
        if old is not None and new is not None and (old.total, old.names) == (new.total, new.names):
            continue
        start = path + b"/" if path else b""
        found |= dict.fromkeys(start + name for name in _differing(old, new))
    return tuple(map(os.fsdecode, found))


def _differing(old: Directory | None, new: Directory | None) -> Iterator[bytes]:
    before = old.files() if old is not None else {}
    after = new.files() if new is not None else {}
    for name in {**before, **after}:
        was, is_now = before.get(name), after.get(name)
        same = was and is_now and (was[0][:8], was[1]) == (is_now[0][:8], is_now[1])
        if name and not same:
            yield name

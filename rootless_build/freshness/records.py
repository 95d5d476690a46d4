"""What earlier runs of a project made, and of what: one JSON file in the user's cache.

A record that is lost costs one more run, but for that of a `mixed` image: once its files are as
they were when its build began, its label does not tell that they were others in between. Where two
runs write at once the last one wins.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from rootless_build.files import plain
from rootless_build.freshness.index import write_atomically
from rootless_build.model.structs import Strict, from_data

_FILE: Final = "records.json"
_VERSION: Final = 2
_Record = TypeVar("_Record")
_KEPT: Final = 50
"""Records of each kind; the oldest go."""


class Built(Strict, frozen=True):
    """An image: its id and what went into it. `mixed`: files changed while it was built, so that
    nobody knows what it is made of; without an id its build has not ended. `seconds` is what the
    build took.
    """

    id: str
    parts: Mapping[str, str]
    seconds: float
    mixed: bool = False


class Made(Strict, frozen=True):
    """The containers of one plan: what went into each, the bundles after the last one, and the
    seconds all of them took.
    """

    parts: tuple[Mapping[str, str], ...]
    bundles: str
    seconds: float


class _Written(Strict, frozen=True):
    """What the file holds."""

    version: int
    images: dict[str, Built]
    runs: dict[str, Made]
    bases: dict[str, tuple[str, ...] | None]
    cold: dict[str, float]
    asked: tuple[str, ...]


class Records(Struct):
    """`bases` are the images that a containerfile needs from outside, None where nobody knows;
    `cold` the seconds of a plan's containers with empty caches; `asked` the images that were looked
    for, the newest last.
    """

    file: Path
    images: dict[str, Built] = {}
    runs: dict[str, Made] = {}
    bases: dict[str, tuple[str, ...] | None] = {}
    cold: dict[str, float] = {}
    asked: tuple[str, ...] = ()

    @classmethod
    def load(cls, cache: Path) -> Records:
        """The records of the project whose cache this is; none where they can't be read."""
        file = cache / _FILE
        try:
            data = from_data(json.loads(plain.content(file)), _Written)
        except (OSError, ValueError):
            return cls(file)
        if data.version != _VERSION:
            return cls(file)
        return cls(file, data.images, data.runs, data.bases, data.cold, data.asked)

    def ask(self, names: Sequence[str]) -> None:
        """Note that images of these names are looked for: the next run may do so early."""
        new = tuple(name for name in names if name not in self.asked)
        if new:
            self.asked += new
            self.save()

    def keep_image(self, key: str, built: Built) -> None:
        """Write the record of an image, as the newest."""
        self.images.pop(key, None)
        self.images[key] = built
        self.save()

    def keep_run(self, key: str, made: Made) -> None:
        """Write the record of a plan's containers, as the newest."""
        self.runs.pop(key, None)
        self.runs[key] = made
        self.save()

    def save(self) -> None:
        """Write all records."""
        data = _Written(
            _VERSION,
            _newest(self.images),
            _newest(self.runs),
            _newest(self.bases),
            _newest(self.cold),
            self.asked[-_KEPT:],
        )
        write_atomically(self.file, json.dumps(msgspec.to_builtins(data)).encode())


def cache_directory(project: Path, user_cache: Path) -> Path:
    """Where what is known about a project is kept."""
    key = hashlib.sha256(os.fsencode(project)).hexdigest()[:16]
    return user_cache / "rbuild" / "projects" / key


def _newest(records: Mapping[str, _Record]) -> dict[str, _Record]:
    return dict(list(records.items())[-_KEPT:])

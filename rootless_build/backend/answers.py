"""What a backend answered in an earlier run, for as long as its witness says that it would answer
so again: the engine's version, and which image a name means.

One JSON file in the cache of a project. One that is not there, or is lost, costs the engine's 0.1 s
of one run, and so does one of two runs that write at once.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

import rootless_build
from rootless_build.backend.api import (
    Image,
    ImageStore,
    Probe,
    Witness,
)
from rootless_build.files import plain
from rootless_build.files.replacing import replace_content
from rootless_build.model.structs import Strict, from_data

_VERSION: Final = 4


class _Found(Strict, frozen=True):
    """An image, and what shows that it is still there."""

    id: str
    parts: tuple[str, ...]


class _Stored(Strict, frozen=True):
    """What the file has. `place` is empty where nobody can tell what the engine knows of."""

    version: int
    rbuild: str
    setup: str
    probe: Probe
    place: str = ""
    records: str = ""
    images: Mapping[str, _Found | None] = {}


class Answers:
    """The answers of one backend to one project; `file` has them from run to run. Without a
    witness there are none.
    """

    def __init__(self, file: Path, seen: Witness | None) -> None:
        self._file = file
        self._witness = seen
        self._stored = self._read(seen)
        self._learned: _Stored | None = None

    def _read(self, seen: Witness | None) -> _Stored | None:
        if seen is None:
            return None
        try:
            stored = from_data(json.loads(plain.content(self._file)), _Stored)
        except (OSError, ValueError):
            return None
        about = (stored.version, stored.rbuild, stored.setup)
        if about != (_VERSION, rootless_build.__version__, seen.setup):
            return None
        if stored.place:
            seen.tell(stored.place)
        return stored

    @property
    def probe(self) -> Probe | None:
        """What the backend said of itself, if it would say so again."""
        return self._stored.probe if self._stored is not None and self._stored.place else None

    def images(self, names: Sequence[str]) -> Mapping[str, Image | None] | None:
        """The images of these names, as the engine would find them now; None where it has to be
        asked.
        """
        stored, seen = self._stored, self._witness
        if stored is None or seen is None or not stored.place:
            return None
        if not set(names) <= stored.images.keys() or stored.records != seen.records(stored.place):
            return None
        images: dict[str, Image | None] = {}
        for name in names:
            found = stored.images[name]
            images[name] = seen.image(found.id, found.parts) if found is not None else None
            if found is not None and images[name] is None:
                return None
        return images

    def learn(
        self,
        store: Callable[[], ImageStore | None],
        asked: int,
        images: Mapping[str, Image | None],
    ) -> None:
        """Take up what the engine answered; it was asked then, in nanoseconds since 1970. `store`
        gives its `image_store`, for which it may have to be asked too.
        """
        seen = self._witness
        if seen is None:
            return
        # Where it can't be told once it can't be told again.
        place = self._stored.place if self._stored is not None else seen.place(store())
        records = seen.records(place, asked) if place else None
        rbuild = rootless_build.__version__
        made = _Stored(_VERSION, rbuild, seen.setup, Probe(None), place or "")
        if records is not None:
            parts = {i.id: seen.parts(store(), i) for i in images.values() if i is not None}
            if all(parts.values()):
                found = {
                    name: _Found(image.id, parts[image.id]) if image is not None else None
                    for name, image in images.items()
                }
                made = msgspec.structs.replace(made, records=records, images=found)
        self._learned = made

    def keep(self, probe: Probe) -> None:
        """Write what was learned, for the next run; `probe` is what the backend says of itself."""
        if self._learned is None or not probe.usable:
            return
        made = msgspec.structs.replace(self._learned, probe=probe)
        if made == self._stored:
            return
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            replace_content(self._file, json.dumps(msgspec.to_builtins(made)).encode())


def now() -> int:
    """The time for `learn`, before the engine is asked."""
    return time.time_ns()

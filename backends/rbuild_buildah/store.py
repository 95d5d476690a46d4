"""What rbuild made in this backend, in the user's data directory, since buildah has no labels.

A container of buildah has only the labels of its image, and there are no volumes at all. So there
are records: `containers/KEY/` holds `container.json` (name, labels), `id` (written by buildah),
`tmp/` (its bundle directory) and `anonymous/N/` (anonymous volumes); `volumes/NAME/` holds
`volume.json` (labels) and `data/`. A record is written before the thing itself exists.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.backend import (
    LABEL_PREFIX,
    EngineSettings,
    Pairs,
    StepFailedError,
    identities,
    replacing,
)

_VOLUME_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
"""docker's rule for names; such a name is always one directory."""


class ContainerRecord(Struct, frozen=True):
    """A container of rbuild's. `directory` holds all of it that is not in buildah's storage."""

    directory: Path
    name: str
    labels: Pairs

    @property
    def id_file(self) -> Path:
        """Where buildah writes the container's id."""
        return self.directory / "id"

    @property
    def id(self) -> str:
        """The container's full id; the name that is rbuild's own when buildah gave no id.

        buildah may have been interrupted between the two. A name that the step gave may be that
        of another container, this one is not.
        """
        with contextlib.suppress(FileNotFoundError):
            return self.id_file.read_text().strip() or _own_name(self.directory.name)
        return _own_name(self.directory.name)

    @property
    def temporary(self) -> Path:
        """TMPDIR of `buildah run` for this container."""
        return self.directory / "tmp"

    @property
    def anonymous(self) -> Path:
        """The directory of a container's anonymous volumes."""
        return self.directory / "anonymous"

    @property
    def marker(self) -> str:
        """What the mount table of each of its processes holds."""
        return f"/{self.directory.name}/{self.temporary.name}/"


class VolumeRecord(Struct, frozen=True):
    """A named volume: `directory` holds its data and its labels."""

    directory: Path
    labels: Pairs

    @property
    def name(self) -> str:
        """The volume's name in a step."""
        return self.directory.name

    @property
    def data(self) -> Path:
        """What is mounted."""
        return self.directory / "data"

    @property
    def half_filled(self) -> bool:
        """Whether a run was killed while it copied the image's content into it."""
        try:
            return not identities.lives(filling(self.data).read_text())
        except FileNotFoundError:
            return False


def filling(data: Path) -> Path:
    """A file that is there while a volume is filled; it names the process that does it."""
    return data.with_name(f"{data.name}.filling")


class Store:
    """The records below a data directory."""

    def __init__(self, directory: Path) -> None:
        self._containers = directory / "containers"
        self._volumes = directory / "volumes"

    @classmethod
    def of(cls, settings: EngineSettings) -> Store:
        """The records of this user."""
        return cls(settings.data_directory)

    def new_container(self, name: str | None, labels: Pairs) -> ContainerRecord:
        """A record with a key of its own; `name` None gives `rbuild-KEY`."""
        key = secrets.token_hex(8)
        record = ContainerRecord(self._containers / key, name or _own_name(key), _ours(labels))
        self._containers.mkdir(mode=0o700, parents=True, exist_ok=True)
        record.directory.mkdir(mode=0o700)
        record.temporary.mkdir()
        _write(record.directory / "container.json", record.labels, name=record.name)
        return record

    def containers(self) -> Iterator[ContainerRecord]:
        """All records, those of containers that are gone included."""
        for directory, data in _records(self._containers, "container.json"):
            yield ContainerRecord(directory, str(data["name"]), _labels(data))

    def volume(self, name: str) -> VolumeRecord:
        """Where the volume of that name is, or would be.

        Raises StepFailedError, status 125, when it can't be the name of a volume.
        """
        if not _VOLUME_NAME.fullmatch(name):
            raise StepFailedError(
                f"{name!r} can't be the name of a volume",
                status=125,
                hint="letters, digits, `_`, `.` and `-`, the first one a letter or digit",
            )
        return VolumeRecord(self._volumes / name, ())

    def make_volume(self, name: str, labels: Pairs) -> VolumeRecord:
        """The volume of that name, made when there is none."""
        record = self.volume(name)
        if not (record.directory / "volume.json").exists():
            record.data.mkdir(parents=True, exist_ok=True)
            _write(record.directory / "volume.json", _ours(labels))
        return record

    def volumes(self) -> Iterator[VolumeRecord]:
        """All named volumes."""
        for directory, data in _records(self._volumes, "volume.json"):
            yield VolumeRecord(directory, _labels(data))


def _own_name(key: str) -> str:
    return f"rbuild-{key}"


def _ours(labels: Pairs) -> Pairs:
    return tuple((name, value) for name, value in labels if name.startswith(LABEL_PREFIX))


def _write(file: Path, labels: Pairs, **more: str) -> None:
    replacing.replace_content(file, json.dumps({**more, "labels": dict(labels)}).encode())


def _records(directory: Path, file: str) -> Iterator[tuple[Path, dict[str, object]]]:
    for place in sorted(directory.glob(f"*/{file}")):
        try:
            data = json.loads(place.read_text())
        except (FileNotFoundError, ValueError):
            data = None  # being removed by another run, or cut off by a full disk
        if isinstance(data, dict):
            yield place.parent, {"name": place.parent.name, **data}


def _labels(data: dict[str, object]) -> Pairs:
    labels = data.get("labels")
    return tuple((str(k), str(v)) for k, v in labels.items()) if isinstance(labels, dict) else ()

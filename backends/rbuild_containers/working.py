"""The working containers of image builds that were killed, which carry no labels.

podman and buildah keep what a build was given in `buildah.json` beside each of its containers, its
secrets by name included (podman 4.3.1, buildah 1.28.2). So each build of rbuild's gets a secret
that no RUN asks for, and whose name says whose it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from rbuild_containers.killing import kill_containing
from rbuild_containers.temporary import all_bundles
from rootless_build.backend import (
    LABEL_PREFIX,
    LABEL_PROCESS,
    LABEL_PROJECT,
    LABEL_SEGMENT,
    LABEL_UNFINISHED,
    ImageLabel,
    Leftover,
    LeftoverKind,
    Pairs,
    StepFailedError,
    identities,
    reason,
)

_MARK: Final = re.compile(r"id=io\.rbuild\.(\d+\.\d+)\.([0-9a-f]+)(?:,|$)")
_LISTS: Final = ("containers.json", "volatile-containers.json")
_WORKING: Final = "-working-container"


def marks(labels: Pairs) -> tuple[str, ...]:
    """The options that mark the containers of a build of that project; none without a project.

    It is that of the image's label, or LABEL_SEGMENT, which is for the containers alone.
    """
    label = ImageLabel.of(labels)
    project = label.project if label else dict(labels).get(LABEL_SEGMENT)
    if project is None:
        return ()
    name = f"{LABEL_PREFIX}{identities.of_this()}.{os.fsencode(project).hex()}"
    return ("--secret", f"id={name},src=/dev/null")


class Storage(Struct, frozen=True):
    """The storage of podman and buildah, as containers/storage lays it out on disk."""

    root: Path
    driver: str
    run_root: Path | None = None
    """Where it is noted what is mounted; None where the engine does not tell."""
    mount_program: str = ""
    """What takes the place of the kernel's overlay by the engine's settings; empty for none."""
    masked: bool = False
    """Whether files have other modes or owners there than in the image (`force_mask`,
    `ignore_chown_errors`)."""

    def containers(self) -> Iterator[tuple[str, str, str]]:
        """Id, name and layer of every container, whoever made it."""
        for row in self._rows():
            yield row["id"], _name(row), row["layer"]

    def _rows(self) -> Iterator[dict[str, Any]]:
        for name in _LISTS:
            try:
                rows = json.loads((self._containers / name).read_text())
            except (OSError, ValueError):
                continue
            yield from rows or ()

    @property
    def has_mount_program(self) -> bool:
        """Whether fuse-overlayfs, or the like of it, takes the place of the kernel's overlay:
        what containers/storage notes of its driver (drivers/overlay, `.has-mount-program`).
        """
        try:
            return (self.root / self.driver / ".has-mount-program").read_text() == "true"
        except OSError:
            return False

    def record(self, kind: str) -> Path:
        """The file that has what `rows` gives."""
        return self.root / f"{self.driver}-{kind}" / f"{kind}.json"

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """What is on record in storage of `images`, or of `layers`; none where none ever was.

        Raises StepFailedError where it can't be read.
        """
        place = self.record(kind)
        try:
            found = json.loads(place.read_text())
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise StepFailedError(f"{place} can't be read: {reason(error)}") from error
        return found if isinstance(found, list) else []

    def mounted_layers(self) -> frozenset[str]:
        """The layers that are mounted now. Raises StepFailedError where that can't be read."""
        if self.run_root is None:
            return frozenset()
        place = self.run_root / f"{self.driver}-layers" / "mountpoints.json"
        try:
            found = json.loads(place.read_bytes() or b"[]")
        except FileNotFoundError:
            return frozenset()
        except (OSError, ValueError) as error:
            raise StepFailedError(f"{place} can't be read: {reason(error)}") from error
        return frozenset(row["id"] for row in found or () if row.get("count"))

    def containers_of(self) -> Mapping[str, tuple[str, ...]]:
        """The names of all containers, whoever made them, by the id of their image."""
        found: dict[str, tuple[str, ...]] = {}
        for row in self._rows():
            image = row.get("image") or ""
            found[image] = (*found.get(image, ()), _name(row))
        return found

    def working_containers(self) -> Iterator[Leftover]:
        """The containers that builds of rbuild's made, with the labels their mark stands for."""
        for row, labels in self._of_builds():
            yield self._leftover(row, labels)

    def own_containers(self) -> Iterator[Leftover]:
        """Containers in which this process builds an image; nobody looks how large they are."""
        for row, labels in self._own():
            yield Leftover(LeftoverKind.CONTAINER, row["id"], _name(row), labels)

    def is_of_build(self, container: str) -> bool:
        """Whether a container is among `working_containers`."""
        return any(row["id"] == container for row, _ in self._of_builds())

    def _own(self) -> Iterator[tuple[dict[str, Any], Pairs]]:
        for row, labels in self._of_builds():
            if dict(labels).get(LABEL_PROCESS) == identities.of_this():
                yield row, labels

    def _of_builds(self) -> Iterator[tuple[dict[str, Any], Pairs]]:
        for row in self._rows():
            state = self._containers / row["id"] / "userdata" / "buildah.json"
            try:
                options = json.loads(state.read_text()).get("CommonBuildOpts") or {}
                labels = _labels(options.get("Secrets") or ())
            except (OSError, ValueError):
                labels = () if row.get("metadata") else _unfinished(row)
            if labels:
                yield row, labels

    def _leftover(self, row: dict[str, Any], labels: Pairs) -> Leftover:
        size = self._size(row["layer"])
        return Leftover(LeftoverKind.CONTAINER, row["id"], _name(row), labels, size)

    def unknown(self, names: re.Pattern[str], known: Collection[str]) -> Iterator[Leftover]:
        """Containers of such names that are not among the ids that podman knows, `known`.

        podman 4.3.1 makes a container in storage before its own row, and removes it after the row:
        killed between the two, or out of space, it leaves what only storage knows.
        """
        for row in self._rows():
            if row["id"] not in known and names.fullmatch(_name(row)):
                yield self._leftover(row, _begun(row))

    def broken_images(self) -> Iterator[Leftover]:
        """Images that were never finished: they have no manifest, and no name yet."""
        directory = self.root / f"{self.driver}-images"
        try:
            rows = json.loads((directory / "images.json").read_text())
        except (OSError, ValueError):
            return
        for row in rows or ():
            place = directory / row["id"]
            if not row.get("names") and not (place / "manifest").exists():
                # One that was only put on record has no files yet.
                at = place if place.exists() else directory / "images.json"
                with contextlib.suppress(FileNotFoundError):
                    labels = ((LABEL_UNFINISHED, str(at.stat().st_mtime)),)
                    yield Leftover(LeftoverKind.BROKEN_IMAGE, row["id"], row["id"][:12], labels)

    def own_layers(self) -> set[str]:
        """The layers of the containers in which this process builds an image."""
        return {row["layer"] for row, _ in self._own()}

    def size(self, container: str) -> int | None:
        """Bytes on disk that are the container's own; None when it is not known."""
        for known, _, layer in self.containers():
            if known == container:
                return self._size(layer)
        return None

    def _size(self, layer: str) -> int | None:
        if self.driver != "overlay":
            return None
        return size(self.root / self.driver / layer / "diff")

    def end_processes(self, container: str) -> None:
        """Kill what a RUN left going: its root is the container's own."""
        for known, _, layer in self.containers():
            if known == container:
                kill_containing(layer, mounted_at="/")

    @property
    def _containers(self) -> Path:
        return self.root / f"{self.driver}-containers"


def bundle_directories(container: str) -> Iterator[Path]:
    """Where a build that was killed put what its runtime needed for the container."""
    for directory in all_bundles():
        with contextlib.suppress(OSError):
            mine = directory.lstat().st_uid == os.getuid()
            if mine and f'id="{container}"' in (directory / "run/.containerenv").read_text():
                yield directory


def size(directory: Path) -> int:
    """Bytes on disk below a directory; what can't be read is not counted."""
    found = 0
    for parent, _, files in os.walk(directory):
        for name in files:
            with contextlib.suppress(OSError):
                found += os.lstat(f"{parent}/{name}").st_blocks * 512
    return found


def _name(row: dict[str, Any]) -> str:
    names = row.get("names") or [row["id"]]
    return str(names[0])


def _unfinished(row: dict[str, Any]) -> Pairs:
    """A container of a build that was killed before it had noted what it is for."""
    return _begun(row) if _WORKING in _name(row) else ()


def _begun(row: dict[str, Any]) -> Pairs:
    """In place of labels, the time by which its run is found."""
    try:
        made = datetime.fromisoformat(row["created"])
    except (KeyError, TypeError, ValueError):
        return ()
    return ((LABEL_UNFINISHED, str(made.timestamp())),)


def _labels(secrets: Iterable[str]) -> Pairs:
    for secret in secrets:
        if found := _MARK.match(secret):
            project = os.fsdecode(bytes.fromhex(found[2]))
            return ((LABEL_PROJECT, project), (LABEL_PROCESS, found[1]))
    return ()

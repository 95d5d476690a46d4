"""Images read where podman and buildah keep them, and handed to these (`backend.ImageStore`).

With the driver `overlay` the files of a layer are in `overlay/LAYER/diff`, with their owners as the
user namespace has them; with `vfs` those of all layers up to it are in `vfs/dir/LAYER`. layers.json
has what each is upon, and its digest. What a layer takes away fuse-overlayfs marks in its own way,
so it has to lay the layers over each other itself; composefs has other directories. (Seen with
podman 4.3.1 and buildah 1.28.2.)
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rbuild_containers.image_config import image_from_blob
from rbuild_containers.working import Storage
from rootless_build.backend import (
    Image,
    ImageBuildError,
    ImageContent,
    StepFailedError,
    programs,
    reason,
)

_POLICY: Final = '{"default": [{"type": "insecureAcceptAnything"}]}'
"""Of signatures. The host's is for what comes from elsewhere."""

_VFS: Final = "vfs"
_FUSE_OVERLAYFS: Final = "fuse-overlayfs"

_Rows = Mapping[str, Mapping[str, Any]]
_State = tuple[int, int, int] | None

Command = Callable[..., programs.Completed]
"""Runs the engine's program: the words of its command, and what is laid over its environment."""


class ContainersStore:
    """See `rootless_build.backend.api.ImageStore`."""

    archives = False
    layout_transport = "dir:"

    def __init__(self, storage: Storage, command: Command) -> None:
        self.storage = storage
        self._command = command
        self._read: dict[str, tuple[_State, _Rows]] = {}

    @property
    def mount_program(self) -> str:
        """See `rootless_build.backend.api.ImageStore.mount_program`."""
        return self.storage.mount_program

    def content(self, image: Image) -> ImageContent | None:
        """What an image is made of; None where a layer of it is not all in this storage."""
        row = self._rows("images").get(image.id)
        blob = self._configuration(image.id) if row is not None else None
        if row is None or blob is None:
            return None
        digests = _digests(blob)
        layers = tuple(self._chain(row.get("layer") or ""))
        known = [row.get("diff-digest") for row in reversed(layers)]
        if digests is None or known != digests or not all(map(self._is_whole, layers)):
            return None
        places = tuple(map(self._place, layers))
        # Of vfs the top one has all files.
        return ImageContent(blob, places[:1] if self.storage.driver == _VFS else places)

    def find(self, identity: str) -> Image | None:
        """The image of that id, found without the engine; None as with `content`."""
        content = self.content(Image(identity))
        if content is None:
            return None
        return image_from_blob(identity, content.configuration)

    def has_layers(self, digests: Sequence[str]) -> bool:
        """Whether layers of these digests are in storage upon each other."""
        rows = self._rows("layers").values()
        tops = {""}
        for digest in digests:
            tops = {
                str(row["id"])
                for row in rows
                if row.get("diff-digest") == f"sha256:{digest}"
                and (row.get("parent") or "") in tops
            }
        return bool(tops)

    def add(self, layout: Path) -> Image:
        """Take an image; one that is there already is found without the engine."""
        try:
            identity = _identity(layout)
            there = self.find(identity)
            return there if there is not None else self._pull(layout, identity)
        except OSError as error:
            message = f"an image in {layout} can't be handed over: {reason(error)}"
            raise ImageBuildError(message) from error

    def save(self, image: Image, place: Path) -> Path:
        """See `rootless_build.backend.api.ImageSaver`."""
        # The engine takes no directory that has anything in it.
        layout, policy = place / "image", place / "policy.json"
        policy.write_text(_POLICY)
        done = self._command(
            *("push", "--quiet", "--signature-policy", str(policy), image.id, f"dir:{layout}"),
            environment={"TMPDIR": str(place)},
        )
        if done.status != 0:
            message = f"the engine could not write the image {image.id[:12]} to files"
            raise StepFailedError(message, engine_words=done.words)
        return layout

    def _pull(self, layout: Path, identity: str) -> Image:
        done = pull_layout(layout, self._command)
        # That it ended well does not say that it is done: podman 4.3.1 does so after SIGTERM.
        taken = self.find(identity) if done.status == 0 else None
        if taken is None:
            killed = f": it was ended by signal {-done.status}" if done.status < 0 else ""
            message = f"the engine did not take an image that rbuild made{killed}"
            raise ImageBuildError(message, engine_words=done.words)
        return taken

    def configuration_file(self, image: str) -> Path:
        """Where the configuration of the image of that id is, if it is there."""
        name = base64.b64encode(f"sha256:{image}".encode()).decode()
        return self.storage.root / f"{self.storage.driver}-images" / image / f"={name}"

    def _configuration(self, image: str) -> bytes | None:
        place = self.configuration_file(image)
        try:
            # The manifest is what an engine writes last.
            return place.read_bytes() if place.with_name("manifest").exists() else None
        except OSError:
            return None

    def _chain(self, layer: str) -> Iterator[Mapping[str, Any]]:
        """The rows of a layer and of all below it."""
        rows = self._rows("layers")
        seen: set[str] = set()
        while layer in rows and layer not in seen:
            yield rows[layer]
            seen.add(layer)
            layer = rows[layer].get("parent") or ""

    def _rows(self, kind: str) -> _Rows:
        """What is on record, by id. With 600 images reading it costs as much as handing one over
        that is there, so it is read when its file is another.
        """
        state = _state(self.storage.record(kind))
        if kind not in self._read or self._read[kind][0] != state:
            self._read[kind] = state, {row["id"]: row for row in self.storage.rows(kind)}
        return self._read[kind][1]

    def _place(self, row: Mapping[str, Any]) -> Path:
        """The directory of a layer's files."""
        root, name = self.storage.root / self.storage.driver, str(row["id"])
        return root / "dir" / name if self.storage.driver == _VFS else root / name / "diff"

    def _is_whole(self, row: Mapping[str, Any]) -> bool:
        place = self._place(row)
        unfinished = (row.get("flags") or {}).get("incomplete")
        # With maps of its own its files have other owners.
        mapped = row.get("uidmap") or row.get("gidmap")
        plain = place.is_dir() and not (place.parent / "composefs-data").exists()
        return plain and not unfinished and not mapped


def containers_store(storage: Storage, command: Command) -> ContainersStore | None:
    """None where it is not known how the storage lays out the files of an image."""
    if storage.driver not in {"overlay", _VFS} or storage.masked:
        return None
    if storage.mount_program:
        known = Path(storage.mount_program).name.startswith(_FUSE_OVERLAYFS)
    else:
        known = not storage.has_mount_program
    return ContainersStore(storage, command) if known else None


def pull_layout(layout: Path, command: Command) -> programs.Completed:
    """Have the engine take the image in a directory."""
    layout = layout.absolute()
    policy = layout / "policy.json"
    policy.write_text(_POLICY)
    # The engine copies each blob before it unpacks it.
    return command(
        *("pull", "--quiet", "--signature-policy", str(policy), f"dir:{layout}"),
        environment={"TMPDIR": str(layout)},
    )


def _state(file: Path) -> _State:
    """Engines write a file of records anew and rename it."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _identity(layout: Path) -> str:
    """The id of the image in a directory: the digest of its configuration."""
    manifest = json.loads((layout / "manifest.json").read_bytes())
    return str(manifest["config"]["digest"]).removeprefix("sha256:")


def _digests(configuration: bytes) -> list[str] | None:
    """The digests of an image's layers, the lowest first."""
    try:
        root = json.loads(configuration).get("rootfs") or {}
        found = root.get("diff_ids") or []
    except (AttributeError, RecursionError, ValueError):
        return None
    return [str(digest) for digest in found] if isinstance(found, list) else None

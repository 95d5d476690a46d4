"""What podman's and buildah's answers depend on, read in their own files (`backend.Witness`).

containers/storage keeps its images, and the layers that these are of, in one file each. Every
change of one is a new file with the name of the old, and what is removed is taken off the record
before it goes (podman 4.3.1 to 6.1.1, buildah 1.28.2 to 1.45.0). So as long as the file of images
is the same one, a name means the image that it meant, if the same program with the same settings
looks into the same storage; and the image is whole if its layers are on record as they were. Where
one of these can't be told from outside there is no witness, and the engine is asked: it is no
program but a script, a service answers, storage has images in a second place.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rbuild_containers import told_place
from rbuild_containers.image_config import image_from_blob
from rbuild_containers.image_store import ContainersStore, containers_store
from rbuild_containers.working import Storage
from rootless_build.backend import (
    EngineSettings,
    Image,
    ImageStore,
    RbuildError,
    programs,
    user_directories,
)

_HELPERS: Final = ("conmon", "crun", "runc", "fuse-overlayfs", "newuidmap", "newgidmap")
"""What podman looks for before it answers anything."""
_NAMES: Final = ("HOME", "PATH", "TMPDIR", "USER", "LOGNAME")
_PREFIXES: Final = (
    *("CONTAINER", "_CONTAINERS", "STORAGE_", "XDG_", "REGISTRIES"),
    *("PODMAN", "BUILDAH", "LIBPOD"),
)
"""Variables that these engines read."""
_SYSTEM: Final = (
    "/etc/containers/storage.conf",
    "/etc/containers/storage.conf.d",
    "/usr/share/containers/storage.conf",
    "/usr/share/containers/storage.conf.d",
    "/etc/containers/registries.conf",
    "/etc/containers/registries.conf.d",
    "/usr/share/containers/registries.conf",
    "/usr/share/containers/registries.conf.d",
    "/etc/subuid",
    "/etc/subgid",
)
_USERS: Final = ("storage.conf", "storage.conf.d", "registries.conf", "registries.conf.d")
_ALIASES: Final = "containers/short-name-aliases.conf"
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_ELSEWHERE: Final = (
    *("additionalimagestores", "additionallayerstores", "imagestore", "transient_store"),
)
"""Keys of storage.conf with which images are in a second place."""
_PROGRAM: Final = b"\x7fELF"
_LOCAL: Final = frozenset(
    {"ext2/ext3", "xfs", "btrfs", "tmpfs", "f2fs", "zfs", "bcachefs", "overlayfs"}
)
"""File systems, as stat(1) has them."""
_SETTLED: Final = 2_000_000_000
"""Nanoseconds that a file has to be older than a question for its time to tell that nothing was
changed meanwhile: the clock of a file system is coarse."""


class StorageWitness:
    """See `rootless_build.backend.api.Witness`. `program` is the engine's."""

    def __init__(self, program: str, settings: EngineSettings) -> None:
        self._environment = {**os.environ, **dict(settings.environment)}
        self._name = program
        self._settings = settings
        self._private = str(settings.runtime_directory)
        self._program = programs.which(program)
        self._config = user_directories.config(self._environment) / "containers"
        about = json.dumps([settings.isolation, settings.rootless, *self._setup()])
        # A variable may have a secret in it.
        self.setup = hashlib.sha256(about.encode(errors="surrogateescape")).hexdigest()

    def _setup(self) -> Iterator[object]:
        yield os.getuid()
        yield _BOOT.read_text()
        for program in (self._program, *map(programs.which, _HELPERS)):
            yield None if program is None else (str(program), _state(program))
        for name in sorted(self._environment):
            if name in _NAMES or name.startswith(_PREFIXES):
                yield (name, self._value(self._environment[name]))
        for place in (*map(Path, _SYSTEM), *(self._config / name for name in _USERS)):
            yield list(_states(place))
        yield _state(user_directories.cache(self._environment) / _ALIASES)

    def _value(self, value: str) -> object:
        """What a variable says: with what is in the file that it names."""
        if not value.startswith("/"):
            return value
        if value.startswith(f"{self._private}/"):
            # Written anew in each run.
            return hashlib.sha256(Path(value).read_bytes()).hexdigest()
        return value, _state(Path(value)) if Path(value).is_file() else None

    def place(self, store: ImageStore | None) -> str | None:
        """See `rootless_build.backend.api.Witness.place`."""
        conf = self._environment.get("CONTAINERS_STORAGE_CONF")
        places = [Path(conf)] if conf else []
        places += [self._config / name for name in _USERS]
        said = "".join(map(_text, (*places, *map(Path, _SYSTEM))))
        said += self._environment.get("STORAGE_OPTS", "")
        if any(key in said for key in _ELSEWHERE) or not _is_program(self._program):
            return None
        if not isinstance(store, ContainersStore) or not _is_local(store.storage.root):
            return None
        return told_place.as_text(store.storage)

    def tell(self, place: str) -> None:
        """See `rootless_build.backend.api.Witness.tell`."""
        told_place.tell(self._settings, self._name, place)

    def records(self, place: str, before: int | None = None) -> str | None:
        """See `rootless_build.backend.api.Witness.records`."""
        storage = told_place.from_text(place)
        images = _state(storage.record("images"))
        if images is None or (before is not None and images[-1] > before - _SETTLED):
            return None
        # podman's own record names the storage: it is written to in place, at every call.
        others = [_state(storage.root / name) for name in ("", "libpod/bolt_state.db", "db.sql")]
        return json.dumps([images, [state and state[:2] for state in others]])

    def parts(self, store: ImageStore | None, image: Image) -> tuple[str, ...]:
        """See `rootless_build.backend.api.Witness.parts`: where it is, its configuration, the
        state of the record of layers, and its own layers.
        """
        if not isinstance(store, ContainersStore):
            return ()
        layers = _layers(store.storage)
        content = store.content(image)
        if content is None:
            return ()
        configuration = str(store.configuration_file(image.id))
        place = told_place.as_text(store.storage)
        return (place, configuration, layers, *map(str, content.layers))

    def image(self, identity: str, parts: tuple[str, ...]) -> Image | None:
        """See `rootless_build.backend.api.Witness.image`.

        The record of layers changes with each container too: then it is read.
        """
        place, configuration, recorded, *layers = parts
        storage = told_place.from_text(place)
        try:
            blob = Path(configuration).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(blob).hexdigest() != identity or not all(map(os.path.isdir, layers)):
            return None
        if recorded != _layers(storage) and not _has(storage, identity, layers):
            return None
        return image_from_blob(identity, blob)


def _layers(storage: Storage) -> str:
    """The state of the record of layers."""
    file = storage.record("layers")
    return json.dumps([_state(file), _state(file.with_name("volatile-layers.json"))])


def _has(storage: Storage, identity: str, layers: list[str]) -> bool:
    """Whether all these layers of an image are on record upon each other."""
    store = containers_store(storage, _hand_nothing_over)
    try:
        content = store.content(Image(identity)) if store is not None else None
    except RbuildError:
        return False
    return content is not None and list(map(str, content.layers)) == layers


def _hand_nothing_over(*_: str, **__: object) -> programs.Completed:
    return programs.Completed(1, b"", b"")


def witness(program: str, settings: EngineSettings) -> StorageWitness | None:
    """None where something is not there that says what the answers depend on."""
    try:
        return StorageWitness(program, settings)
    except OSError:
        return None


def _state(file: Path) -> tuple[int, ...] | None:
    """Device, inode, size and times; the change time is the last."""
    try:
        seen = file.stat()
    except OSError:
        return None
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)


def _states(place: Path) -> Iterator[object]:
    """Of a file, or of a directory and all that is in it."""
    yield str(place), _state(place)
    if place.suffix == ".d" and place.is_dir():
        for file in sorted(place.iterdir()):
            yield str(file), _state(file)


def _text(file: Path) -> str:
    if file.is_dir():
        return "".join(map(_text, file.iterdir()))
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""


def _is_local(directory: Path) -> bool:
    """Whether it is on a file system of this host's, which shows each change at once."""
    kind = programs.capture(["stat", "--file-system", "--format=%T", str(directory)])
    return kind.text.strip() in _LOCAL


def _is_program(file: Path | None) -> bool:
    """Whether it is no script, which could answer anything."""
    if file is None:
        return False
    with file.open("rb") as opened:
        return opened.read(len(_PROGRAM)) == _PROGRAM

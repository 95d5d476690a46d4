"""What tells an engine from others, and from itself as it was: nothing is started to find out."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rootless_build.backend.api import EngineSettings
from rootless_build.backend.named_engines import named
from rootless_build.process import programs, user_directories

_HELPERS: Final = ("crun", "runc", "conmon", "netavark", "slirp4netns", "pasta", "fuse-overlayfs")
"""What podman and buildah have a part of a RUN done by."""
_STORAGE: Final = ("/etc/containers/storage.conf", "/usr/share/containers/storage.conf")


def identify(backend: str, builder: str, settings: EngineSettings) -> str:
    """The engine of a backend, as text. `builder` is what builds, with its version.

    An engine that the environment names, on this host or another, is known by its address and its
    version alone: its programs are not here.
    """
    about: dict[str, object] = {"backend": backend, "builder": builder}
    address = next((engine.address for engine in named() if engine.backend == backend), None)
    if address is not None:
        about["address"] = address
    else:
        about["programs"] = [_look_at(name) for name in (backend, *_HELPERS)]
        about["storage"] = list(_storage(settings))
        about["kernel"] = os.uname().release
    about["settings"] = settings.identity
    about["isolation"] = settings.isolation or os.environ.get("BUILDAH_ISOLATION")
    about["rootless"] = settings.rootless
    return json.dumps(about, sort_keys=True)


def _look_at(name: str) -> tuple[str, str, int, int] | None:
    """Where a program is, its size and its time."""
    path = programs.which(name)
    try:
        seen = path.stat() if path is not None else None
    except OSError:
        seen = None
    if seen is None:
        return None
    return (name, str(path), seen.st_size, seen.st_mtime_ns)


def _storage(settings: EngineSettings) -> Iterator[str]:
    """The storage driver, by what says it."""
    environment = {**os.environ, **dict(settings.environment)}
    yield environment.get("STORAGE_DRIVER", "")
    given = environment.get("CONTAINERS_STORAGE_CONF")
    own = user_directories.config() / "containers" / "storage.conf"
    for path in (given,) if given else (str(own), *_STORAGE):
        try:
            yield hashlib.sha256(Path(path).read_bytes()).hexdigest()
        except OSError:
            yield ""

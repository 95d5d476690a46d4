"""Volumes that a compiler's cache survives in, from one make container to the next.

Go's build cache, always, and its module cache, unless the image's environment says that there are
no modules (GO111MODULE=off) or that they are vendored (GOFLAGS=-mod=vendor). An image has Go when
its environment names it: GOLANG_VERSION, GOROOT or GOPATH is set, or PATH has a `…/go/bin`. Further
directories are the user's choice. Both of Go's caches are made for several builds at once
(`go help cache`), and neither changes what a build comes to.

A directory in which, or above which, the recipe mounts something itself gets no volume.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from rootless_build.backend.api import Image
from rootless_build.model import platforms
from rootless_build.model.plan import RunContainer, VolumeMount

PREFIX: Final = "rbuild-cache-"
"""What the names of all of these volumes begin with."""
_HOMES: Final = {"": "/root", "0": "/root", "root": "/root"}
_GO: Final = ("GOLANG_VERSION", "GOROOT", "GOPATH")
_ODD: Final = re.compile(r"[^a-zA-Z0-9_.-]+")


def volumes(step: RunContainer, image: Image, project: Path) -> tuple[VolumeMount, ...]:
    """The cache volumes that a container of `image` gets beside its own mounts."""
    environment = {**dict(image.environment), **dict(step.environment)}
    wanted = [*_go(step, image, environment), *(_absolute(d, step, image) for d in step.caches)]
    taken = [PurePosixPath(mount.target) for mount in step.mounts]
    found: dict[str, VolumeMount] = {}
    for given in wanted:
        directory = PurePosixPath(posixpath.normpath("/" + str(given).lstrip("/")))
        if not any(directory.is_relative_to(t) or t.is_relative_to(directory) for t in taken):
            name = _name(directory, step, image, project)
            found.setdefault(name, VolumeMount(str(directory), name, cache=True))
    return tuple(found.values())


def _go(
    step: RunContainer, image: Image, environment: Mapping[str, str]
) -> Iterator[PurePosixPath]:
    path = environment.get("PATH", "").split(":")
    if not any(environment.get(name) for name in _GO) and not any(
        entry.rstrip("/").endswith("/go/bin") for entry in path
    ):
        return
    home = environment.get("HOME") or _HOMES.get((step.user or image.user).partition(":")[0])
    # Where a user's home is stands in the image's /etc/passwd, which is not looked into.
    below = environment.get("XDG_CACHE_HOME") or (home and f"{home}/.cache")
    builds = environment.get("GOCACHE") or (below and f"{below}/go-build")
    if builds and builds != "off" and PurePosixPath(builds).is_absolute():
        yield PurePosixPath(builds)
    if environment.get("GO111MODULE") == "off" or "-mod=vendor" in environment.get("GOFLAGS", ""):
        return
    workspace = environment.get("GOPATH", "").split(":")[0] or (home and f"{home}/go")
    modules = environment.get("GOMODCACHE") or (workspace and f"{workspace}/pkg/mod")
    if modules and PurePosixPath(modules).is_absolute():
        yield PurePosixPath(modules)


def _absolute(directory: str, step: RunContainer, image: Image) -> PurePosixPath:
    return PurePosixPath("/", step.working_directory or image.working_directory, directory)


def _name(directory: PurePosixPath, step: RunContainer, image: Image, project: Path) -> str:
    """The project's name for people, its path's digest for machines, the image's platform.

    Users who are not root have their own: they could not write to root's, and a container that
    runs as the caller (`RunContainer.caller_ids`) sees other owners than the rest.
    """
    machine = step.platform or image.platform or platforms.host()
    key = hashlib.sha256(os.fsencode(project)).hexdigest()[:8]
    user = step.user or image.user
    ids = step.caller_ids
    whose = f"caller-{ids.uid}-{ids.gid}" if ids else "" if user in _HOMES else user
    words = (project.name, key, machine, whose, str(directory).strip("/"))
    return PREFIX + "-".join(_ODD.sub("-", word).strip("-.") for word in words if word)

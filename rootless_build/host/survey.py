"""Reads the facts that only the doctor needs: programs are asked, directories measured.

A part that can't be looked at keeps its default and is named in `Facts.unread`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct

from rootless_build.host import configuration
from rootless_build.host.facts import (
    EngineAnswer,
    Facts,
    Leftover,
    Place,
    Program,
    Role,
    Surroundings,
)
from rootless_build.host.gathering import Mounts, filesystem, mounts
from rootless_build.model.errors import RbuildError
from rootless_build.model.structs import replace
from rootless_build.process import proc
from rootless_build.process.programs import capture, which
from rootless_build.process.sandbox.running import Sandbox

_Part = TypeVar("_Part")
_HELPERS: Final = ("crun", "runc", "slirp4netns", "pasta", "fuse-overlayfs")
_RUNTIMES: Final = frozenset({"crun", "runc"})
_RUNTIME_PLACES: Final = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin")
_PATIENCE: Final = 15.0
"""Seconds a helper has to say its version."""
_VERSION: Final = re.compile(r"\d+(?:\.\d+)+")
_MAKEFILES: Final = ("GNUmakefile", "makefile", "Makefile")
_LISTED: Final = 1000
"""Entries looked at in a directory of bundles."""


def survey(
    facts: Facts,
    environment: Mapping[str, str],
    project: Path,
    bundles: Path,
    engines: Callable[[], tuple[EngineAnswer, ...] | None],
) -> Facts:
    """Add to `facts` all that only the doctor wants to know. `engines` asks the backends, None
    where they can't be asked.
    """
    reading = _Reading()
    read = reading.read
    files = read(
        "configuration", lambda: configuration.read(facts, environment), facts.configuration
    )
    return replace(
        facts,
        namespaces=replace(
            facts.namespaces,
            refusal=read("user namespaces", lambda: _refusal(facts), facts.namespaces.refusal),
            sandbox=read("the sandbox", lambda: Sandbox(project, environment).why_not(), ""),
        ),
        surroundings=read("surroundings", lambda: _surroundings(environment), facts.surroundings),
        engines=read("engines", engines, None),
        helpers=read("helpers", lambda: _helpers(facts), ()),
        places=read("directories", lambda: _places(facts, project, bundles), ()),
        configuration=files,
        delegated=read("control groups", lambda: _delegated_controllers(facts.uid), None),
        lingers=read("lingering", lambda: _lingers(facts.account.name), None),
        apparmor=proc.first_line(Path("/sys/module/apparmor/parameters/enabled")) == "Y",
        makefile=any((project / name).is_file() for name in _MAKEFILES),
        now=int(time.time()),
        encoding=sys.getfilesystemencoding(),
        leftovers=read("processes", lambda: _leftovers(facts.uid), ()),
        unread=tuple(reading.failures),
    )


class _Reading(Struct):
    failures: list[tuple[str, str]] = []

    def read(self, what: str, part: Callable[[], _Part], default: _Part) -> _Part:
        try:
            return part()
        except (OSError, ValueError, RbuildError, subprocess.SubprocessError) as error:
            self.failures.append((what, f"{type(error).__name__}: {error}"))
            return default


def _refusal(facts: Facts) -> str:
    """Try for real: sysctls don't tell of seccomp filters, of chroots or of other security
    modules.
    """
    if not facts.rootless or which("unshare") is None:
        return ""
    done = capture(["unshare", "--user", "--map-root-user", "true"], timeout=_PATIENCE)
    return "" if done.status == 0 else done.words or f"unshare: status {done.status}"


def _surroundings(environment: Mapping[str, str]) -> Surroundings:
    release = proc.setting("kernel/osrelease").lower()
    if "microsoft" in release:
        return Surroundings.WSL2 if "wsl2" in release else Surroundings.WSL1
    if "KUBERNETES_SERVICE_HOST" in environment:
        return Surroundings.KUBERNETES
    marks = (Path("/run/.containerenv"), Path("/run/systemd/container"))
    if any(mark.exists() for mark in marks) or "container" in environment:
        return Surroundings.CONTAINER
    # The mark stays in a virtual machine whose disk was made of an image.
    if Path("/.dockerenv").exists() and filesystem(Path("/"), mounts())[0] == "overlay":
        return Surroundings.CONTAINER
    if Path("/etc/containers/podman-machine").exists():
        return Surroundings.PODMAN_MACHINE
    return Surroundings.HOST


def _helpers(facts: Facts) -> tuple[Program, ...]:
    found = []
    for name in _HELPERS:
        path = _where(name) if name in facts.programs else None
        if path is not None:
            done = capture([str(path), "--version"], timeout=_PATIENCE)
            version = _VERSION.search(done.text)
            found.append(Program(name, path, version[0] if version else ""))
    return tuple(found)


def _where(name: str) -> Path | None:
    """podman takes OCI runtimes from fixed places and only then from PATH (containers.conf(5)):
    a newer crun in /usr/local/bin does not help it.
    """
    fixed = (Path(place, name) for place in _RUNTIME_PLACES if name in _RUNTIMES)
    return next((path for path in fixed if os.access(path, os.X_OK)), which(name))


def _places(facts: Facts, project: Path, bundles: Path) -> tuple[Place, ...]:
    mounted = mounts()
    return (
        _place(Role.STORAGE, facts.storage, facts.uid, mounted),
        _place(Role.TEMPORARY, Path(tempfile.gettempdir()), facts.uid, mounted),
        _place(Role.PROJECT, project, facts.uid, mounted),
        _place(Role.BUNDLES, bundles, facts.uid, mounted),
    )


def _place(role: Role, path: Path, uid: int, mounted: Mounts) -> Place:
    there = next(p for p in (path, *path.parents) if p.exists())
    space = os.statvfs(there)
    kind, options = filesystem(there.resolve(), mounted)
    return Place(
        role=role,
        path=there,
        free=space.f_bavail * space.f_frsize,
        inodes=space.f_favail if space.f_files else None,
        filesystem=kind,
        writable=os.access(there, os.W_OK | os.X_OK),
        noexec="noexec" in options,
        foreign=_foreign(path, uid) if role in {Role.STORAGE, Role.BUNDLES} else None,
    )


def _foreign(directory: Path, uid: int) -> Path | None:
    """The directory, or something directly in it, that belongs to another user."""
    try:
        if directory.lstat().st_uid != uid:
            return directory
        with os.scandir(directory) as entries:
            for _, entry in zip(range(_LISTED), entries, strict=False):
                if entry.stat(follow_symlinks=False).st_uid != uid:
                    return Path(entry.path)
    except FileNotFoundError:
        return None
    except PermissionError:
        return directory
    return None


def _delegated_controllers(uid: int) -> tuple[str, ...] | None:
    slices = Path("/sys/fs/cgroup/user.slice", f"user-{uid}.slice")
    controllers = slices / f"user@{uid}.service" / "cgroup.controllers"
    return tuple(proc.first_line(controllers).split()) if controllers.exists() else None


def _lingers(name: str) -> bool | None:
    if not Path("/run/systemd/system").is_dir() or not name:
        return None
    return Path("/var/lib/systemd/linger", name).exists()


def _leftovers(uid: int) -> tuple[Leftover, ...]:
    """Engine services that rbuild started and that now belong to nobody."""
    found = []
    for process in proc.processes():
        try:
            if proc.owner(process) != uid or proc.stat(process).parent != 1:
                continue
            words = [word.decode(errors="replace") for word in proc.command_line(process)]
        except OSError:
            continue
        if "service" in words and any("/rbuild-" in word for word in words):
            found.append(Leftover(process, " ".join(words).strip()))
    return tuple(found)

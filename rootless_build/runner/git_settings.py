"""What git starts because a checkout's `.git` says so, and whether a container changed that.

rbuild's own git starts none of it (`rootless_build.files.repository`). The user's does, at the next
`git status`: so a change is told, when it is made.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rootless_build.backend.ownership import named
from rootless_build.model.events import Level, StepReporter
from rootless_build.model.plan import BindMount, RunContainer

_PATTERNS: Final = (
    *("config", "config.worktree", "info/attributes", "hooks/*", "worktrees/*/config.worktree"),
    *("modules/*/config", "modules/*/info/attributes", "modules/*/hooks/*"),
)
_LARGEST: Final = 1 << 20
"""Bytes of a file that are compared; of a larger one its size and time are."""


@contextmanager
def tell_changes(step: RunContainer, project: Path, reporter: StepReporter) -> Iterator[None]:
    """Tell which of them the container changed, where it can write them; also when it failed."""
    places = _writable(step, project)
    before = {place: _state(place) for place in places}
    try:
        yield
    finally:
        changed = sorted(
            _shown(place / name, project)
            for place, state in before.items()
            for name in _different(state, _state(place))
        )
        if changed:
            what = f"the container changed {named(changed)}"
            why = "which can name programs that git starts: look at it before you use git here"
            reporter.notice("git-settings", f"{what}, {why}", Level.WARNING)


def _writable(step: RunContainer, project: Path) -> list[Path]:
    """The git directories that the container can write: the project's checkout's, and those that
    are mounted by themselves.
    """
    sources = [
        Path(os.path.realpath(mount.source))
        for mount in step.mounts
        if isinstance(mount, BindMount) and not mount.read_only
    ]
    nearest = next((p / ".git" for p in (project, *project.parents) if (p / ".git").exists()), None)
    found = {source for source in sources if source.name == ".git" or source.parent.name == ".git"}
    if nearest is not None:
        own = Path(os.path.realpath(nearest))
        if any(own.is_relative_to(source) or source.is_relative_to(own) for source in sources):
            found.add(own)
    return sorted(found)


def _state(place: Path) -> dict[str, object]:
    """What is known of each file below a git directory, or of the file in the place of one."""
    if not place.is_dir():
        return {"": _of(place)}
    return {
        str(path.relative_to(place)): _of(path)
        for pattern in _PATTERNS
        for path in place.glob(pattern)
        if path.suffix != ".sample"
    }


def _of(path: Path) -> object:
    try:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            return path.readlink()
        if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
            return found.st_mode, found.st_size, found.st_mtime_ns
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(_LARGEST)
        return stat.S_IMODE(found.st_mode), hashlib.sha256(content).digest()
    except OSError as error:
        return error.errno


def _different(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def _shown(path: Path, project: Path) -> str:
    inside = path.is_relative_to(project)
    return str(path.relative_to(project)) if inside else str(path)

"""Locked caches: engines give back the last lock of a RUN alone, the others with their process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rootless_build.images.containerfile import mounts
from rootless_build.images.containerfile.mounts import Mount
from rootless_build.images.containerfile.syntax import Instruction


def between_locks(runs: Sequence[Instruction]) -> Iterator[Sequence[Instruction]]:
    """The RUNs, in groups that an engine does with a process each: with it go the locks that it has
    not given back.
    """
    begin, kept = 0, False
    for number, run in enumerate(runs):
        if kept and locks(run):
            yield runs[begin:number]
            begin, kept = number, False
        kept = kept or _keeps_locks(run)
    yield runs[begin:]


def _keeps_locks(instruction: Instruction) -> bool:
    """Whether an engine that gives back the last one alone keeps a lock of the RUN."""
    caches = [mount for mount in _mounts(instruction) if mount.type == "cache"]
    locked = [mount for mount in caches if _is_locked(mount)]
    return bool(locked) and len(caches) > 1 and not (len(locked) == 1 and _is_locked(caches[-1]))


def locks(instruction: Instruction) -> bool:
    """Whether a RUN mounts a cache that nobody else may have meanwhile."""
    return any(map(_is_locked, _mounts(instruction)))


def _mounts(instruction: Instruction) -> list[Mount]:
    return [mounts.parse(f.value or "") for f in instruction.flags if f.name == "mount"]


def _is_locked(mount: Mount) -> bool:
    return mount.type == "cache" and (mount.sharing or "").lower() in {"locked", "private"}

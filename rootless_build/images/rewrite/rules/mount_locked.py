"""Locked caches, of engines that give back the last lock of a step alone."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from rootless_build.images.containerfile import mounts
from rootless_build.images.containerfile.edit import with_flags
from rootless_build.images.containerfile.mounts import Mount
from rootless_build.images.containerfile.syntax import Flag, Instruction
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.state import Site
from rootless_build.model.structs import replace


def mount_locked(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """Lock one of them, and mount it as the last cache: the next step would wait for ever.

    Two builds at once still wait for each other, if they lock the same caches together.
    """
    if not _keeps_locks(instruction) or not any(map(locks, _later_runs(at))):
        return None
    locked = [mount for mount in _mounts(instruction) if _is_locked(mount)]
    ids = frozenset(map(_id, locked))
    kept = max(locked, key=_id)
    alike = all(ids == other or not ids & other for other in _all_locked(at))
    if not alike or any(
        _order_matters(kept, other) for other in _mounts(instruction) if other != kept
    ):
        differs = f"builds at once may use the caches {', '.join(sorted(ids))} together"
        at.inexact("mount-locked", Feature.MOUNT_LOCKS, differs)
    else:
        at.note("mount-locked", f"{_id(kept)}: {at.work.builder.why(Feature.MOUNT_LOCKS)}")
    flags: list[Flag] = []
    last: Flag | None = None
    for flag in instruction.flags:
        mount = mounts.parse(flag.value or "") if flag.name == "mount" else None
        if mount is not None and mount == kept and alike:
            last = flag
        elif mount is not None and _is_locked(mount):
            flags.append(Flag("mount", str(replace(mount, sharing=None))))
        else:
            flags.append(flag)
    return (with_flags(instruction, (*flags, *([last] if last else []))),)


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


def _later_runs(at: Site) -> list[Instruction]:
    line = at.origin.line
    return [i for i in at.work.file.instructions if i.keyword == "RUN" and i.line > line]


def _mounts(instruction: Instruction) -> list[Mount]:
    return [mounts.parse(f.value or "") for f in instruction.flags if f.name == "mount"]


def _is_locked(mount: Mount) -> bool:
    return mount.type == "cache" and (mount.sharing or "").lower() in {"locked", "private"}


def _id(mount: Mount) -> str:
    return mount.id or posixpath.normpath(mount.target or ".")


def _all_locked(at: Site) -> list[frozenset[str]]:
    """What each step of the file locks."""
    runs = (each for each in at.work.file.instructions if each.keyword == "RUN")
    return [frozenset(_id(m) for m in _mounts(each) if _is_locked(m)) for each in runs]


def _order_matters(one: Mount, other: Mount) -> bool:
    """Whether the order of two mounts matters."""
    first, second = (posixpath.normpath(mount.target or "/") + "/" for mount in (one, other))
    return first.startswith(second) or second.startswith(first)

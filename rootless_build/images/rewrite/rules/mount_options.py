"""Options of mounts that an engine has under another name, or not at all."""

from __future__ import annotations

import posixpath
import re
from typing import Final

from rootless_build.images.containerfile.mounts import Mount
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.rules.mount_flags import change_mounts
from rootless_build.images.rewrite.state import Site
from rootless_build.model.structs import replace

_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?", re.IGNORECASE)
_FROM: Final = Feature.MOUNT_CACHE_FROM
_UNITS: Final = "kmgtp"
_FLAG_VALUE: Final = re.compile(r"(?:^|,)(?:ro|readonly|rw|readwrite)=", re.IGNORECASE)


def mount_options(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """Write the options of `--mount` as the engine knows them."""

    def change(mount: Mount) -> Mount:
        return _cache_from(_locked(_owned(_size(mount, at), at), at), at)

    return change_mounts(instruction, change, lambda text: _has_flag_values(text, at))


def _size(mount: Mount, at: Site) -> Mount:
    if mount.size is None or "$" in mount.size:
        return mount
    match = _SIZE.fullmatch(mount.size)
    if match is None:
        raise at.error(f"{mount.size} is no size", "a size is written 64m or 1g")
    number = int(float(match[1]) * 1024 ** (_UNITS.find(match[2].lower()) + 1 if match[2] else 0))
    at.note("mount-options", f"tmpfs-size={number}: engines call it so")
    if not at.has(Feature.MOUNT_TMPFS_SIZE):
        differs = "the mount may take all of the memory"
        at.inexact("mount-options", Feature.MOUNT_TMPFS_SIZE, differs)
    return replace(mount, size=None, others=(*mount.others, f"tmpfs-size={number}"))


def _owned(mount: Mount, at: Site) -> Mount:
    """As it is: nothing else can give a mount another owner."""
    feature = Feature.MOUNT_AGENT_OWNER if mount.type == "ssh" else Feature.MOUNT_OWNER
    if mount.is_owned and not at.has(feature):
        differs = f"the {mount.type} mount may have another owner and mode"
        at.inexact("mount-options", feature, differs)
    return mount


def _locked(mount: Mount, at: Site) -> Mount:
    """Have a private cache locked: nobody else writes to that either, but two builds wait."""
    sharing = (mount.sharing or "").lower()
    if mount.type != "cache" or sharing not in {"private", "locked"}:
        return mount
    if at.work.locks:
        at.note("mount-options", "rbuild locks it: engines put a file into the cache for that")
        at.work.locked.append(mount.id or posixpath.normpath(mount.target or "."))
        return replace(mount, sharing=None)
    if sharing == "private":
        at.note("mount-options", f"locked: {at.work.builder.why(Feature.MOUNT_CACHE_PRIVATE)}")
    return replace(mount, sharing="locked")


def _cache_from(mount: Mount, at: Site) -> Mount:
    if mount.type == "cache" and mount.origin is not None:
        if at.work.explains:
            at.note("mount-options", f"filled before: {at.work.builder.why(_FROM)}")
            return replace(mount, origin=None, source=None)
        # Segments have names of their own for images.
        origin = "its image" if mount.origin.startswith("rbuild-") else mount.origin
        differs = f"the cache is empty at first, without the files of {origin}"
        at.inexact("mount-options", _FROM, differs)
        return replace(mount, origin=None, source=None)
    return mount


def _has_flag_values(text: str, at: Site) -> bool:
    """`ro=false` would be taken for `ro`."""
    if not _FLAG_VALUE.search(text):
        return False
    at.note("mount-options", f"ro or rw: {at.work.builder.why(Feature.MOUNT_FLAG_VALUES)}")
    return True

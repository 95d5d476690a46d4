"""Where a mount is put: BuildKit's default is the working directory, and targets are below it."""

from __future__ import annotations

import posixpath
from typing import Final

from rootless_build.images.containerfile.mounts import Mount
from rootless_build.images.containerfile.stages import join
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.containerfile.words import WordError, expand
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.rules.mount_flags import change_mounts
from rootless_build.images.rewrite.state import Site
from rootless_build.model.structs import replace

_WITH_TARGET: Final = ("bind", "cache", "tmpfs")


def mount_target(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """Make every target absolute."""
    if instruction.flag("mount") is not None and not at.has(Feature.MOUNT):
        at.refuse("mounts", Feature.MOUNT, "RUN --mount can't be done")
        return None
    return change_mounts(instruction, lambda mount: _absolute(mount, at))


def _absolute(mount: Mount, at: Site) -> Mount:
    if mount.type not in _WITH_TARGET:
        return mount
    try:
        target = expand(mount.target or "", at.scope.variables).text
    except WordError as wrong:
        raise at.error(str(wrong)) from wrong
    if target.startswith("/"):
        if posixpath.normpath(target) == "/":
            raise at.error("a mount can't have / as its target")
        return mount
    if not at.scope.directory_known:
        reason = "where a mount goes depends on the WORKDIR of the base image, which is not known"
        at.refuse("mount-target", Feature.MOUNT_TARGET, reason, "pull or make the base image first")
    path = join(at.scope.working_directory, target)
    if path == "/":
        raise at.error("a mount can't have / as its target, and that is the working directory")
    at.note("mount-target", f"target={path}: {at.work.builder.why(Feature.MOUNT_TARGET)}")
    others = mount.others
    if mount.type == "cache" and mount.id is None:
        # BuildKit names a cache after the target as it is written.
        others = (*others, f"id={posixpath.normpath(target or '.')}")
    return replace(mount, target=path, others=others)

"""The order of mounts: those without a written type first."""

from __future__ import annotations

from rootless_build.images.containerfile import mounts
from rootless_build.images.containerfile.edit import with_flags
from rootless_build.images.containerfile.syntax import Flag, Instruction
from rootless_build.images.rewrite.state import Site

_WHY = "bind mounts first: engines give a mount without a type that of the one before it"


def mount_order(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """Put bind mounts, which are written without their type, before all others.

    What is mounted below what goes by the targets, whatever the order (podman 4.3.1, buildah
    1.28.2, which take a bind mount after a cache for a cache).
    """
    flags = tuple(sorted(instruction.flags, key=_comes_later))
    if [flag.value for flag in flags] == [flag.value for flag in instruction.flags]:
        return None
    at.note("mount-content", _WHY)
    return (with_flags(instruction, flags),)


def _comes_later(flag: Flag) -> bool:
    return flag.name == "mount" and mounts.parse(flag.value or "").type != "bind"

"""Where a RUN has something mounted: by its flags, and by the engine itself."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Final

from rootless_build.images.containerfile import mounts
from rootless_build.images.containerfile.mounts import Mount
from rootless_build.images.containerfile.stages import Scope, join
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.containerfile.words import expand

OF_ENGINES: Final = (
    "/etc/hostname",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/run/.containerenv",
)
"""What podman and buildah mount in every RUN. /proc, /sys and /dev stay with BuildKit too."""
_SECRETS: Final = "/run/secrets"
_AGENTS: Final = "/run/buildkit"


def mount_points(run: Instruction, scope: Scope) -> tuple[str, ...]:
    """Absolute paths, of what a RUN has mounted by its flags. Raises WordError."""
    flags = (flag for flag in run.flags if flag.name == "mount")
    targets = (_target(mounts.parse(flag.value or ""), scope) for flag in flags)
    return tuple(dict.fromkeys(target for each in targets for target in each))


def _target(mount: Mount, scope: Scope) -> Iterator[str]:
    target = expand(mount.target or "", scope.variables).text
    if target or mount.type not in {"secret", "ssh"}:
        yield join(scope.working_directory, target)
    elif mount.type == "secret":
        name = expand(mount.id or mount.source or "", scope.variables).text
        yield f"{_SECRETS}/{posixpath.basename(name)}"
    else:
        yield f"{_AGENTS}/ssh_agent.0"

"""One secret that a RUN mounts at several places, for other users there: a secret for each.

Engines keep a secret in one file for all of its mounts, whose mode and owner are those of the last
(podman 4.3.1, buildah 1.28.2).
"""

from __future__ import annotations

import posixpath
from typing import Final

from rootless_build.images.containerfile.mounts import Mount
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.rewrite.rules.mount_flags import change_mounts
from rootless_build.images.rewrite.state import Site
from rootless_build.model.structs import replace

_OWNED: Final = ("mode", "uid", "gid")
_PLACE: Final = "/run/secrets"
_WHY: Final = "named anew: engines keep one file of a secret, with one mode and owner"


def secret_owners(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """Name the secret anew for each mode and owner but the first."""
    known: dict[str, list[frozenset[str]]] = {}

    def change(mount: Mount) -> Mount:
        if mount.type != "secret" or mount.id is None:
            return mount
        owned = frozenset(each for each in mount.others if each.partition("=")[0] in _OWNED)
        found = known.setdefault(mount.id, [])
        if owned not in found:
            found.append(owned)
        number = found.index(owned)
        return _named(mount, mount.id, number, at) if number else mount

    return change_mounts(instruction, change)


def _named(mount: Mount, name: str, number: int, at: Site) -> Mount:
    at.note("secret-owners", _WHY)
    alias = f"{name}-rbuild-{number}"
    at.work.secrets[alias] = name
    others = tuple(f"id={alias}" if each.startswith("id=") else each for each in mount.others)
    target = mount.target or f"{_PLACE}/{posixpath.basename(name)}"
    return replace(mount, target=target, others=others)

"""A host with nothing wrong, to spoil with `dataclasses.replace`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rootless_build.host.facts import Cgroups, EngineAnswer, Facts, Place, Role

GIB: Final = 1 << 30
HOME: Final = Path("/home/user")
ORDINARY: Final = Facts(
    uid=1000,
    home=HOME,
    kernel=(6, 8),
    machine="x86_64",
    cgroups=Cgroups.V2,
    programs=(
        *("crun", "pasta", "newuidmap", "newgidmap", "podman", "buildah"),
        *("make", "git", "mmdebstrap"),
    ),
    hard_files=1048576,
    hard_processes=None,
    tun=True,
    fuse=True,
    session_bus=True,
    selinux=False,
    runtime_directory=Path("/run/user/1000"),
    config_directory=HOME / ".config",
    data_directory=HOME / ".local/share",
    storage_filesystem="ext4",
    engines=(EngineAnswer("podman", "5.4.2"), EngineAnswer("buildah", "1.39.3")),
    places=(
        Place(Role.STORAGE, HOME, 80 * GIB),
        Place(Role.TEMPORARY, Path("/tmp"), 8 * GIB),
        Place(Role.PROJECT, HOME / "project", 80 * GIB),
        Place(Role.BUNDLES, HOME / "project/bundles", 80 * GIB),
    ),
    makefile=True,
    now=1_800_000_000,
)

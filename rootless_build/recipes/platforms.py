"""Platforms as docker writes them, and as directories (github.com/containerd/platforms)."""

from __future__ import annotations

import platform
from typing import Final

_ARCHITECTURES: Final = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "i386": "386",
    "armhf": "arm",
    "armel": "arm/v6",
}
_MACHINES: Final = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm/v7",
    "armv6l": "arm/v6",
    "i686": "386",
}
_VARIANTS: Final = {"arm": "v7"}
_IMPLIED: Final = frozenset({("arm64", "v8"), ("amd64", "v1")})
_SYSTEMS: Final = frozenset({"linux", "windows", "darwin", "freebsd", "wasip1", "js"})


def local_platform() -> str:
    """This host's platform."""
    machine = platform.machine()
    return f"linux/{_MACHINES.get(machine, machine)}"


def normal(name: str) -> str:
    """`linux/arm/v7` for `linux/arm`, `linux/arm64` for `arm64/v8`; `local` is this host's."""
    if name == "local":
        return local_platform()
    parts = [part for part in name.lower().split("/") if part]
    system = "linux"
    if parts and parts[0] in _SYSTEMS:
        system = parts.pop(0)
    if not parts:
        return f"{system}/{local_platform().partition('/')[2]}"
    architecture, _, implied = _ARCHITECTURES.get(parts[0], parts[0]).partition("/")
    variant = parts[1] if len(parts) > 1 else implied or _VARIANTS.get(architecture, "")
    if (architecture, variant) in _IMPLIED or not variant:
        return f"{system}/{architecture}"
    return f"{system}/{architecture}/{variant}"


def directory(name: str) -> str:
    """The directory that the local exporter makes for one of several platforms."""
    return normal(name).replace("/", "_")

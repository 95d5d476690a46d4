"""Platforms such as `linux/arm64`, and the arguments that every build has of them.

Facts: platforms.Parse of containerd; docs.docker.com, "Automatic platform ARGs".
"""

from __future__ import annotations

import platform
from typing import Final

_MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
_ALIASES: Final = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "i386": ("386", ""),
}
_SYSTEMS: Final = ("linux", "windows", "darwin", "freebsd")
_ARCHITECTURES: Final = (
    *("386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle"),
    *("ppc64", "ppc64le", "riscv64", "s390x", "wasm"),
)
_VARIANTS: Final = {("arm64", "v8"): "", ("arm64", "8"): "", ("amd64", "v1"): ""}
ARGUMENTS: Final = tuple(
    f"{prefix}{part}"
    for prefix in ("TARGET", "BUILD")
    for part in ("PLATFORM", "OS", "ARCH", "VARIANT")
)
"""The names that are set without being given."""


def host() -> str:
    """The platform of this machine."""
    machine = platform.machine()
    return f"linux/{_MACHINES.get(machine, machine)}"


def full(text: str) -> str:
    """`amd64` as `linux/amd64`, `linux` with this machine's architecture, aliases by their name.

    Raises ValueError for what is no platform.
    """
    parts = text.lower().split("/")
    if not text or len(parts) > 3 or not all(parts):
        raise ValueError(f"{text or 'nothing'} is no platform")
    if len(parts) == 1:
        if parts[0] in _SYSTEMS:
            return f"{parts[0]}/{host().partition('/')[2]}"
        architecture, variant = _ALIASES.get(parts[0], (parts[0], ""))
        if architecture not in _ARCHITECTURES:
            raise ValueError(f"{text} is neither a system nor an architecture")
        return "/".join(filter(None, ("linux", architecture, variant)))
    system = "darwin" if parts[0] == "macos" else parts[0]
    architecture, variant = _ALIASES.get(parts[1], (parts[1], ""))
    if len(parts) == 3:
        variant = parts[2] if parts[2].startswith("v") else f"v{parts[2]}"
    variant = _VARIANTS.get((architecture, variant), variant)
    return "/".join(filter(None, (system, architecture, variant)))


def arguments(target: str | None) -> dict[str, str]:
    """TARGETPLATFORM and its like, for a build for `target` (None: for this machine)."""
    build = host()
    found: dict[str, str] = {}
    for prefix, name in (("BUILD", build), ("TARGET", target or build)):
        system, architecture, variant = [*name.split("/"), "", ""][:3]
        found |= {
            f"{prefix}PLATFORM": name,
            f"{prefix}OS": system,
            f"{prefix}ARCH": architecture,
            f"{prefix}VARIANT": variant,
        }
    return found

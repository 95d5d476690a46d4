"""Platforms such as `linux/arm64`: one grammar, whoever names one.

A platform is `SYSTEM`, `ARCHITECTURE` or `SYSTEM/ARCHITECTURE[/VARIANT]`; a system may have a
version and features in parentheses, as in `windows(10.0.17763+win32k)/amd64`. Names have many
spellings and one normal form. Facts: github.com/containerd/platforms 1.0, by which BuildKit and
buildx go; docs.docker.com, "Automatic platform ARGs".
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from rootless_build.model.nearest import nearest

SYSTEMS: Final = (
    *("aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js"),
    *("linux", "nacl", "netbsd", "openbsd", "plan9", "solaris", "windows", "zos"),
)
"""Operating systems that a platform can name alone."""
ARCHITECTURES: Final = (
    *("386", "amd64", "amd64p32", "arm", "arm64", "arm64be", "armbe", "loong64", "mips"),
    *("mips64", "mips64le", "mips64p32", "mips64p32le", "mipsle", "ppc", "ppc64", "ppc64le"),
    *("riscv", "riscv64", "s390", "s390x", "sparc", "sparc64", "wasm"),
)
"""Architectures that a platform can name alone, under their own names."""
ARGUMENTS: Final = tuple(
    f"{prefix}{part}"
    for prefix in ("TARGET", "BUILD")
    for part in ("PLATFORM", "OS", "ARCH", "VARIANT")
)
"""The arguments that every build has without being given them."""

_LOCAL: Final = "local"
# Compiled where a platform is read: most runs read none.
_SYSTEM: Final = r"([a-z0-9_-]+)(?:\(([a-z0-9_.%-]*)((?:\+[a-z0-9_.%-]+)*)\))?"
_PART: Final = r"[a-z0-9_.-]+"
_OTHER_SYSTEMS: Final = {"macos": "darwin"}
_ALIASES: Final = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "i386": "386",
    "armhf": "arm",
    "armel": "arm",
}
_OWN_VARIANT: Final = {"i386": "", "armhf": "v7", "armel": "v6"}
"""Aliases that say which variant they are, whatever follows them."""
_VARIANTS: Final = {
    ("amd64", "v1"): "",
    **{("arm64", eight): "" for eight in ("8", "v8", "v8.0")},
    **{("arm64", nine): "v9" for nine in ("9", "9.0", "v9.0")},
    ("arm", ""): "v7",
    **{("arm", number): f"v{number}" for number in "5678"},
}
_KERNELS: Final = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    **dict.fromkeys(("i386", "i486", "i586", "i686"), "386"),
    "loongarch64": "loong64",
    **dict.fromkeys(("armv5l", "armv5tel", "armv5tejl"), "arm/v5"),
    "armv6l": "arm/v6",
    "armv7l": "arm/v7",
    "armv8l": "arm/v8",
}
"""What the kernel calls machines (`uname -m`), where that is not what platforms call them."""
_MEANT: Final = {
    **_KERNELS,
    "x64": "amd64",
    "x86": "386",
    "mipsel": "mipsle",
    "mips64el": "mips64le",
    "ppc64el": "ppc64le",
}
"""Words that people take for architectures, and that containerd does not know."""


class BadPlatformError(ValueError):
    """A word is no platform. `hint` is what was most likely meant, or how one is written."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint or "a platform is written linux/arm64"


class Platform(Struct, frozen=True):
    """A platform in its normal form; `variant`, `version` and `features` are empty for most."""

    system: str
    architecture: str
    variant: str = ""
    version: str = ""
    features: tuple[str, ...] = ()

    def __str__(self) -> str:
        """`linux/arm/v7`, as engines and directories have it."""
        options = "+".join((self.version, *sorted(self.features)))
        system = f"{self.system}({options})" if options else self.system
        return "/".join(filter(None, (system, self.architecture, self.variant)))


def parse(text: str) -> Platform:
    """The platform that a word names; what it leaves out is this machine's.

    Raises BadPlatformError, also for what containerd takes and can only be a slip: systems and
    architectures that are nearly known ones.
    """
    if "*" in text:
        raise BadPlatformError(f"{text} has a wildcard, and platforms have none")
    parts = text.lower().split("/")
    if len(parts) > 3:
        raise BadPlatformError(f"{text} has {len(parts)} parts, and a platform has at most three")
    first = re.fullmatch(_SYSTEM, parts[0])
    if first is None or not all(re.fullmatch(_PART, part) for part in parts[1:]):
        raise BadPlatformError(f"{text or 'an empty word'} is no platform")
    system = _OTHER_SYSTEMS.get(first[1], first[1])
    features = tuple(filter(None, (first[3] or "").split("+")))
    if len(parts) == 1:
        if system in SYSTEMS:
            own = parse(host())
            return Platform(system, own.architecture, own.variant, first[2] or "", features)
        if _ALIASES.get(parts[0], parts[0]) not in ARCHITECTURES:
            raise _unknown(text, parts[0])
        return Platform("linux", *_architecture(parts[0], ""))
    _check_words(text, system, parts)
    made = _architecture(parts[1], parts[2] if len(parts) == 3 else "")
    return Platform(system, *made, first[2] or "", features)


def normal(text: str) -> str:
    """`linux/arm/v7` for `linux/arm` or `armhf`, `linux/arm64` for `linux/arm64/v8`.

    Raises BadPlatformError.
    """
    return str(parse(text))


def several(words: Iterable[str]) -> tuple[str, ...]:
    """The platforms of docker's `--platform`: each word may name several, between commas, and
    `local` is this machine's; each once, in normal form. Raises BadPlatformError.
    """
    each = (name for word in words for name in word.split(","))
    own = (host() if name.lower() == _LOCAL else normal(name) for name in each)
    return tuple(dict.fromkeys(own))


def host() -> str:
    """The platform of this machine."""
    return of_machine(platform.machine())


def of_machine(machine: str) -> str:
    """The platform of a machine that runs Linux, by what its kernel calls it (`uname -m`)."""
    return f"linux/{_KERNELS.get(machine, machine)}"


def directory(name: str) -> str:
    """The directory that the local exporter makes for one of several platforms."""
    return normal(name).replace("/", "_")


def arguments(target: str | None) -> dict[str, str]:
    """TARGETPLATFORM and its like, for a build for `target` (None: for this machine)."""
    build = host()
    found: dict[str, str] = {}
    for prefix, name in (("BUILD", build), ("TARGET", target or build)):
        each = parse(name)
        found |= {
            f"{prefix}PLATFORM": str(each),
            f"{prefix}OS": each.system,
            f"{prefix}ARCH": each.architecture,
            f"{prefix}VARIANT": each.variant,
        }
    return found


def _architecture(name: str, variant: str) -> tuple[str, str]:
    architecture = _ALIASES.get(name, name)
    variant = _OWN_VARIANT.get(name, variant)
    return architecture, _VARIANTS.get((architecture, variant), variant)


def _check_words(text: str, system: str, parts: list[str]) -> None:
    """What stands in the place of a system is none that is known as something else."""
    architecture = parts[1]
    if system not in SYSTEMS:
        if _ALIASES.get(system, system) in ARCHITECTURES:
            # containerd takes this for a system of the name arm64.
            words = (architecture, system) if architecture in SYSTEMS else ("linux", *parts[:2])
            meant = _if_any("/".join(words))
            raise BadPlatformError(f"{text}: {system} is an architecture, not a system", meant)
        near = nearest(system, (*SYSTEMS, *_OTHER_SYSTEMS))
        if near:
            raise BadPlatformError(
                f"{text}: there is no system {system}",
                _if_any("/".join((near, *parts[1:]))),
            )
    known = (*ARCHITECTURES, *_ALIASES)
    if architecture not in known and (_MEANT.get(architecture) or nearest(architecture, known)):
        raise _unknown(text, architecture, system)


def _unknown(text: str, word: str, system: str = "") -> BadPlatformError:
    """`system`: the one that stands before the word."""
    before = f"{system}/" if system else ""
    if word in _MEANT:
        near = f"{before or 'linux/'}{_MEANT[word]}"
    else:
        others = () if system else (*SYSTEMS, *_OTHER_SYSTEMS)
        found = nearest(word, (*ARCHITECTURES, *_ALIASES, *others))
        near = f"{before}{found}" if found else ""
    what = "architecture" if system else "system or architecture"
    return BadPlatformError(
        f"{text}: there is no {what} {word}" if system else f"{text} is no {what} that is known",
        f"did you mean {near}?" if near else "",
    )


def _if_any(text: str) -> str:
    """`did you mean …?`, where that would be a platform."""
    try:
        return f"did you mean {normal(text)}?"
    except BadPlatformError:
        return ""

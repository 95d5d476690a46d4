"""Names and ids as docker shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rootless_build.model.references import OWN

_LOCAL: Final = "localhost/"
_HUB: Final = ("docker.io/library/", "docker.io/")
_BUILT: Final = (f"{OWN}built/", f"{_LOCAL}{OWN.removeprefix(_LOCAL)}built/")


def familiar(name: str) -> str:
    """The short name that docker shows for a whole one."""
    for before in (*_HUB, _LOCAL):
        if name.startswith(before):
            return name.removeprefix(before)
    return name


def familiar_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names of an image, without those that rbuild gave it because its build gave none."""
    return tuple(familiar(name) for name in names if not name.startswith(_BUILT))


def digest(identity: str) -> str:
    """An id with `sha256:`."""
    return identity if not identity or ":" in identity else f"sha256:{identity}"


def in_full(name: str) -> str:
    """A name with its tag, as docker's messages have it: `:latest` where it has none."""
    last = name.rpartition("/")[2]
    return name if ":" in last or "@" in name else f"{name}:latest"

"""The ignore file of a build: which one counts, and what it says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from rootless_build.backend.build_files import own_ignore_file
from rootless_build.files import below

_GENERAL: Final = ".dockerignore"
_OF_CONTAINERS: Final = ".containerignore"
"""podman's and buildah's; docker does not know it."""
_LARGEST: Final = 4 * 1024 * 1024


def read(context: Path, containerfile: Path) -> str:
    """What the ignore file says that podman and buildah take: docker's where they have none.

    As with BuildKit no link leads out of the directory it is in. Raises OSError.
    """
    for directory, name in _places(context, containerfile):
        text = text_of(directory, name)
        if text is not None:
            return text
    return ""


def read_of_docker(context: Path, containerfile: Path) -> str:
    """What the ignore file says that docker takes. Raises OSError."""
    own = own_ignore_file(containerfile)
    text = text_of(own.parent, own.name)
    return (text_of(context, _GENERAL) or "") if text is None else text


def read_common(context: Path, containerfile: Path) -> str:
    """What the ignore file says that all engines take; nothing where they differ.

    Raises OSError.
    """
    named = own_ignore_file(containerfile)
    if os.path.lexists(named):
        return _common(named.parent, named.name)
    others = (
        containerfile.with_name(containerfile.name + _OF_CONTAINERS),
        context / _OF_CONTAINERS,
    )
    return "" if any(map(os.path.lexists, others)) else _common(context, _GENERAL)


def leads_out(context: Path, containerfile: Path) -> bool:
    """Whether an engine that follows links would read something else than BuildKit does."""
    places = _places(context, containerfile)
    return any((d / name).is_symlink() and not _is_inside(d, name) for d, name in places)


def _places(context: Path, containerfile: Path) -> tuple[tuple[Path, str], ...]:
    own = own_ignore_file(containerfile)
    return ((own.parent, own.name), (context, _OF_CONTAINERS), (context, _GENERAL))


def text_of(directory: Path, name: str) -> str | None:
    """To the letter, whatever bytes it holds; None where there is none. Raises OSError."""
    read = below.content(directory, name, _LARGEST)
    return None if read is None else read.decode("utf-8", errors="surrogateescape")


def _common(directory: Path, name: str) -> str:
    text = text_of(directory, name)
    return text if text is not None and _is_inside(directory, name) else ""


def _is_inside(directory: Path, name: str) -> bool:
    """Whether podman and buildah come to the same, who follow a link wherever it leads."""
    real = Path(os.path.realpath(directory))
    try:
        inside = real / below.resolved(real, name)
    except OSError:
        return False
    return os.path.realpath(directory / name) == str(inside)

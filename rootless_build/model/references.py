"""Image references: `debian:bookworm` is `docker.io/library/debian:bookworm` written short.

Source: distribution/reference, the grammar docker, podman and buildah share.
"""

from __future__ import annotations

import re
from typing import Final

from rootless_build.model.errors import RecipeError

HUB: Final = "docker.io"
"""The registry of a reference that names none."""
LOCAL: Final = "localhost"
"""The registry name of images that only exist in an engine's own storage."""
OWN: Final = f"{LOCAL}/rbuild-"
"""Begins the names that rbuild gives to images for which nobody else has one."""


_COMPONENT: Final = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_DOMAIN: Final = r"(?:[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*|\[[0-9a-fA-F:]+\])(?::\d+)?"
_REFERENCE: Final = re.compile(
    rf"(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*(?::\w[\w.-]{{0,127}})?"
    r"(?:@[A-Za-z][A-Za-z0-9+._-]*:[0-9a-fA-F]{32,})?"
)
_ID: Final = re.compile(r"(?:sha256:)?[0-9a-f]{64}")


def is_id(reference: str) -> bool:
    """Whether a reference is the id of an image, and no name."""
    return _ID.fullmatch(reference) is not None


def check(reference: str) -> None:
    """Raises RecipeError, which says why, for what can be no image's name."""
    if is_id(reference) or _REFERENCE.fullmatch(reference):
        return
    if reference and _REFERENCE.fullmatch(reference.lower()):
        message = f"{reference!r} is no image's name: it has to be in lower case"
        raise RecipeError(message, hint=f"did you mean {reference.lower()}?")
    raise RecipeError(
        f"{reference!r} is no image's name",
        hint="names are like debian:bookworm or registry.example/team/name:tag",
    )


def canonical(reference: str) -> str:
    """The reference in full: registry, repository, and `:latest` where it has no tag or digest."""
    name, tag = _split(reference)
    first, slash, rest = name.partition("/")
    if not slash or not (first == LOCAL or "." in first or ":" in first):
        first, rest = HUB, name
    if first == HUB and "/" not in rest:
        rest = f"library/{rest}"
    return f"{first}/{rest}{tag or ':latest'}"


def repository(reference: str) -> str:
    """The reference as it is written, without tag and digest."""
    return _split(reference)[0]


def local(reference: str) -> str:
    """Where rbuild keeps its own stand-in for a base image: `localhost/debian:bookworm`."""
    registry, _, rest = canonical(reference).partition("/")
    if registry == LOCAL:
        return f"{registry}/{rest}"
    if registry == HUB:
        return f"{LOCAL}/{rest.removeprefix('library/')}"
    return f"{LOCAL}/{registry.replace(':', '-')}/{rest}"


def _split(reference: str) -> tuple[str, str]:
    name, at, digest = reference.partition("@")
    if at:
        return name, f"@{digest}"
    head, colon, tag = name.rpartition(":")
    if colon and "/" not in tag:
        return head, f":{tag}"
    return name, ""

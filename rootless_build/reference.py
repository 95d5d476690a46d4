"""Image references: `debian:bookworm` is `docker.io/library/debian:bookworm` written short.

Source: distribution/reference, the grammar docker, podman and buildah share.
"""

from __future__ import annotations

from typing import Final

HUB: Final = "docker.io"
"""The registry of a reference that names none."""
LOCAL: Final = "localhost"
"""The registry name of images that only exist in an engine's own storage."""


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

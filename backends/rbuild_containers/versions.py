"""Versions as podman and buildah say them."""

from __future__ import annotations

import re


def version_in(words: str) -> tuple[int, ...]:
    """The first number with a point in it: `buildah version 1.43.2 (image-spec …)`, `5.9.0-dev`.
    None at all is below every version.
    """
    found = re.search(r"\d+(?:\.\d+)+", words)
    return tuple(map(int, found[0].split("."))) if found else ()

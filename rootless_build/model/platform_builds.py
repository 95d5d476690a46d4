"""A build for several platforms, as the builds for each: no engine but docker does more at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final, TypeVar

from rootless_build.model import platforms, references
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace

_NAMED: Final = f"{references.OWN}platform/"
"""Begins the names of the images that one of several platforms is made of."""

Each = TypeVar("Each")


def builds_of(step: BuildImage) -> tuple[BuildImage, ...]:
    """The builds for each platform, whose images have names of their own: by these they are found
    again. A build for one platform, or for this host's, is its own.
    """
    if len(step.platforms) < 2:
        return (step,)
    about: list[object] = [
        str(step.context),
        str(step.containerfile),
        step.target,
        [references.canonical(tag) for tag in step.tags],
    ]
    if not step.tags:
        about.append([dict(output.attributes) for output in step.outputs])
    more = dict(step.platform_contexts)
    place = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:12]
    return tuple(
        replace(
            step,
            platforms=(platform,),
            build_contexts=(*step.build_contexts, *more.get(platform, ())),
            platform_contexts=(),
            tags=(f"{_NAMED}{place}:{platforms.directory(platform)}",),
            outputs=(),
            image_id_file=None,
        )
        for platform in step.platforms
    )


def usual(by_platform: Mapping[str, Each]) -> Each:
    """What stands for all: this host's platform, where it is among them, else the first."""
    here = platforms.host()
    return by_platform[here] if here in by_platform else next(iter(by_platform.values()))

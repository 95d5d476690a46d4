"""What a build in segments does not do yet, so that the engine does all of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rootless_build.images.containerfile.stages import Stage
from rootless_build.model.plan import BuildImage

IMAGES = ("container-image://", "docker-image://")
"""How a build context is written that is an image."""


def why_not(
    step: BuildImage, stages: Iterable[Stage], stage_platforms: Iterable[str | None]
) -> str | None:
    """Why the step can't be built in segments; None: it can.

    `stages` are those it needs, `stage_platforms` the platform of each, None for one that can't be
    read.
    """
    if step.squash:
        return "--squash"
    if len(step.platforms) > 1:
        return "several platforms"
    if any(_is_other_context(value) for _, value in step.build_contexts):
        return "a build context that is no directory and no image"
    if any(stage.base is None for stage in stages):
        return "a FROM without a name"
    if None in tuple(stage_platforms):
        return "a platform that can't be read"
    return None


def _is_other_context(value: str) -> bool:
    return not value.startswith(IMAGES) and ("://" in value or not Path(value).is_dir())

"""What a build in segments does not do yet, so that the engine does all of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rootless_build.images.containerfile.stages import Stage
from rootless_build.images.containerfile.words import WordError, expand
from rootless_build.model import platforms
from rootless_build.model.plan import BuildImage

IMAGES = ("container-image://", "docker-image://")
"""How a build context is written that is an image."""


def why_not(
    step: BuildImage, stages: Iterable[Stage], platform_arguments: dict[str, str]
) -> str | None:
    """Why the step can't be built in segments; None: it can. `stages` are those it needs."""
    if step.squash:
        return "--squash"
    if any(platforms.normal(each) != platforms.host() for each in step.platforms):
        return "another platform"
    if any(_is_other_context(value) for _, value in step.build_contexts):
        return "a build context that is no directory and no image"
    for stage in stages:
        if reason := _why_not_stage(stage, platform_arguments):
            return reason
    return None


def _is_other_context(value: str) -> bool:
    return not value.startswith(IMAGES) and ("://" in value or not Path(value).is_dir())


def _why_not_stage(stage: Stage, platform_arguments: dict[str, str]) -> str | None:
    if stage.base is None:
        return "a FROM without a name"
    written = stage.begin.value("platform")
    if written is None:
        return None
    try:
        wanted = expand(written, platform_arguments).text
        same = platforms.normal(wanted) == platforms.host()
    except (WordError, platforms.BadPlatformError):
        return "a platform that can't be read"
    return None if same else "a stage of another platform"

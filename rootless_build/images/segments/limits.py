"""What no build in segments can do, refused before it begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rootless_build.images.containerfile import grammar
from rootless_build.images.containerfile.stages import Stage
from rootless_build.images.containerfile.syntax import Containerfile
from rootless_build.images.segments.remote import is_remote
from rootless_build.model.errors import RecipeError, UnsupportedError
from rootless_build.model.plan import BuildImage

IMAGES = ("container-image://", "docker-image://")
"""How a build context is written that is an image."""


def check(
    step: BuildImage,
    file: Containerfile,
    stages: Sequence[Stage],
    stage_platforms: Iterable[str | None],
    *,
    classic: bool,
) -> None:
    """Raise an error that says why the step can't be built in segments.

    `stages` are those it needs, `stage_platforms` the platform of each, None for one that can't be
    read. `classic`: docker's classic builder does the RUNs.
    """
    if len(step.platforms) > 1:
        message = "this engine makes an image of one platform at a time"
        raise UnsupportedError(message, hint="use --backend podman or --backend buildah")
    for name, value in step.build_contexts:
        _check_context(name, value)
    for stage, platform in zip(stages, stage_platforms, strict=True):
        if platform is None:
            message = f"--platform={stage.begin.value('platform')} is no platform"
            hint = "a platform is written linux/arm64"
            raise grammar.error(file, stage.begin, message, 0, hint)
        if classic:
            _check_mounts(file, stage)


def _check_context(name: str, value: str) -> None:
    if value.startswith(IMAGES) or is_remote(value):
        return
    if "://" in value:
        message = f"the build context {name} can't be {value}"
        hint = "it can be a directory, a git repository, or docker-image:// and an image"
        raise RecipeError(message, hint=hint)
    if not Path(value).is_dir():
        message = f"the build context {name}: {value} is no directory"
        raise RecipeError(message)


def _check_mounts(file: Containerfile, stage: Stage) -> None:
    for each in stage.instructions:
        if each.keyword == "RUN" and each.flag("mount"):
            message = "RUN --mount can't be done: not in docker's classic builder"
            hint = "use docker with BuildKit (docker-buildx), podman or buildah"
            raise grammar.error(file, each, message, 0, hint)

"""What of a build is for another platform than this host's: which stages run programs of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from rootless_build.backend.api import Engine, Image
from rootless_build.images.containerfile.file import text_of
from rootless_build.images.containerfile.parser import parse
from rootless_build.images.containerfile.stage_platforms import platforms_of
from rootless_build.images.containerfile.stages import (
    Given,
    earlier,
    heading_variables,
    needed_stages,
    split,
)
from rootless_build.model import platforms, references
from rootless_build.model.errors import ContainerfileError, ImageNotFoundError
from rootless_build.model.plan import BuildImage


class StageOfPlatform(Struct, frozen=True):
    """A stage that a build needs: its platform (None: it can't be read), what it starts from, and
    the line of its first RUN (None: it has none).
    """

    platform: str | None
    base: str | None
    first_run: int | None


def needed(step: BuildImage) -> tuple[StageOfPlatform, ...]:
    """The stages that the build needs, in their order; none where the file can't be read: whoever
    builds it says why.
    """
    try:
        file = parse(text_of(step))
    except (OSError, ContainerfileError):
        return ()
    target = step.platforms[0] if step.platforms else None
    given = Given.of(file, step, target)
    heading, stages = split(file, given)
    found = platforms_of(stages, heading_variables(heading, given, file.escape), target)
    if step.target is not None and earlier(step.target, stages, len(stages)) is None:
        return ()
    contexts = {references.canonical(name) for name, _ in step.build_contexts}
    names = (stage.name.lower() for stage in stages if stage.name)
    replaced = frozenset(name for name in names if references.canonical(name) in contexts)
    return tuple(
        StageOfPlatform(
            found[number],
            stages[number].base,
            next((i.line for i in stages[number].instructions if i.keyword == "RUN"), None),
        )
        for number in sorted(needed_stages(stages, step.target, replaced))
    )


def first_that_can_not_run(
    step: BuildImage, can_run: Callable[[str], bool]
) -> tuple[int, str] | None:
    """The line of a RUN whose platform's programs can't be run, and that platform."""
    for stage in needed(step):
        if stage.first_run is not None and stage.platform and not can_run(stage.platform):
            return stage.first_run, stage.platform
    return None


def check_stand_ins(step: BuildImage, stages: Sequence[StageOfPlatform], engine: Engine) -> None:
    """Raise ImageNotFoundError for a stand-in of another platform than its stage's: engines take it
    for one of that (podman 4.3.1).
    """
    others = {references.canonical(name): local for name, local in step.substitutes}
    for stage in stages:
        base = stage.base or ""
        local = others.get(references.canonical(base))
        image = engine.find_image(local) if local else None
        if image is not None and stage.platform and not is_of(image, stage.platform):
            raise ImageNotFoundError(
                f"the image {base} is not in storage for {stage.platform}: its stand-in is"
                f" for {image.platform}",
                reference=base,
            )


def is_of(image: Image, platform: str) -> bool:
    """Whether an image is of a platform; one that does not say which may be."""
    if not image.platform:
        return True
    own, wanted = platforms.parse(image.platform), platforms.parse(platform)
    return (own.system, own.architecture) == (wanted.system, wanted.architecture)


def is_foreign(step: BuildImage) -> bool:
    """Whether the step names another platform than this host's."""
    return any(platforms.normal(each) != platforms.host() for each in step.platforms)

"""The container that `rbuild run` and `rbuild shell` start, whatever the recipe.

A recipe that runs a container has one of its own. Of a recipe that only builds images, such as a
bake file, it is a container of the image that a target builds, as `docker run` makes one: nothing
of the project is mounted in it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from rootless_build.model import outputs, overrides
from rootless_build.model.errors import RecipeError, UnknownTargetError, UsageError
from rootless_build.model.plan import BuildImage, Origin, Plan, RunContainer, Step, Unexpanded
from rootless_build.model.references import OWN
from rootless_build.model.structs import replace
from rootless_build.recipes.bake.names import LINKED

SHELL: Final = "shell"
"""The target that Docker's own recipe has for it."""
_COMMAND: Final = ("sh", "-c", 'exec "$(command -v bash || echo sh)"')
"""bash where the image has it, as everybody would type it."""
_NAMES: Final = f"{OWN}run"
_ODD: Final = re.compile(r"[^a-z0-9]+")

Read = Callable[[tuple[str, ...]], Plan]
"""Reads the recipe's plan for targets; raises RecipeError."""


class Recipe(Struct, frozen=True):
    """The recipe of a project, as `read` gives its plans. `images` names the targets that keep an
    image, as far as that can be told.
    """

    read: Read
    images: Callable[[], tuple[str, ...]]


def running(recipe: Recipe, target: str | None, command: tuple[str, ...]) -> Plan:
    """The plan that runs a command, in the container of a target or of its image.

    Without a target it is that of `shell`, which has a container in every era of Docker, else the
    default one's. Raises RecipeError, or UsageError where there is no container to be had.
    """
    plan = _of(recipe, target)
    if _runs_container(plan):
        return overrides.make_container(plan, command)
    build = _chosen(recipe, plan, target)
    container = _container(build, plan, command)
    return _with_container(plan, build, container)


def shell(recipe: Recipe, target: str | None) -> Plan:
    """The plan of a shell, for a recipe that has no target of that name. Raises as `running`."""
    plan = _of(recipe, target)
    if _runs_container(plan):
        made = overrides.make_container(plan, _COMMAND)
        *before, last = made.steps
        if isinstance(last, Unexpanded):
            by_hand = replace(last, by_hand=True)
            return replace(made, steps=(*before, by_hand))
        assert isinstance(last, RunContainer)  # make_container() puts it there
        return replace(made, steps=(*before, _for_a_person(last, made)))
    build = _chosen(recipe, plan, target)
    container = replace(_container(build, plan, _COMMAND), entrypoint=())
    return _with_container(plan, build, _for_a_person(container, plan))


def expand(step: Unexpanded, made: Sequence[Step], plan: Plan) -> tuple[Step, ...]:
    """What the step has come to, with what its container is to run instead."""
    steps: list[Step] = []
    for one in made:
        if isinstance(one, RunContainer) and step.instead is not None:
            own = replace(one, command=step.instead, always=True)
            steps.append(_for_a_person(own, plan) if step.by_hand else own)
        else:
            steps.append(one)
    return tuple(steps)


def _of(recipe: Recipe, target: str | None) -> Plan:
    if target is None:
        try:
            plan = recipe.read((SHELL,))
        except RecipeError:
            plan = None
        return plan if plan and (_runs_container(plan) or _images(plan)) else _default(recipe)
    try:
        return recipe.read((target,))
    except UnknownTargetError as error:
        # It may be an image's name.
        try:
            plan = recipe.read(())
        except RecipeError:
            raise error from None
        if not any(target in _names(step) for step in _images(plan)):
            raise
        return plan


def _default(recipe: Recipe) -> Plan:
    try:
        return recipe.read(())
    except UnknownTargetError as error:
        error.hint = _which(recipe.images()) or error.hint
        raise


def _runs_container(plan: Plan) -> bool:
    return any(
        isinstance(step, RunContainer) or (isinstance(step, Unexpanded) and step.does == "run")
        for step in plan.steps
    )


def _builds(plan: Plan) -> list[BuildImage]:
    """The image builds that are asked for, without those that others are built from."""
    builds = [step for step in plan.steps if isinstance(step, BuildImage)]
    return [step for step in builds if not any(tag.startswith(LINKED) for tag in step.tags)]


def _images(plan: Plan) -> list[BuildImage]:
    return [step for step in _builds(plan) if outputs.keeps_image(step)]


def _chosen(recipe: Recipe, plan: Plan, target: str | None) -> BuildImage:
    """The build of the one image that a container can be made of. Raises UsageError."""
    images = _images(plan)
    if target is not None:
        # Of several images one may have the name.
        images = [step for step in images if target in overrides.image_names(step)] or images
    if not images:
        raise _no_image(recipe, plan)
    if len(images) > 1:
        names = _telling_names(images)
        raise UsageError(
            f"{', '.join(names[:-1])} and {names[-1]} are images of this recipe, and a container "
            "is made of one",
            hint=_which(names),
        )
    return images[0]


def _no_image(recipe: Recipe, plan: Plan) -> UsageError:
    builds = _builds(plan)
    if not builds:
        what = "the recipe runs no container and builds no image, so there is nothing to run in"
        return UsageError(what, hint=_which(recipe.images()))
    places = [str(outputs.destination(output)) for output in outputs.files(builds[-1])]
    left = f"writes files to {', '.join(places)}" if places else "leaves nothing but a cache"
    return UsageError(
        f"{_telling_names(builds)[-1]} {left}, and keeps no image that a container could be made "
        "of",
        hint=_which(recipe.images())
        or "give the recipe a target that keeps one: it has no output, or type=docker",
    )


def _which(names: tuple[str, ...]) -> str:
    """What to type, for these targets or images."""
    if not names:
        return ""
    first = f"rbuild run --target {names[0]} -- COMMAND, or rbuild shell {names[0]}"
    others = f" (others: {', '.join(names[1:])})" if len(names) > 1 else ""
    return f"name one that keeps an image: {first}{others}"


def _names(step: BuildImage) -> Iterator[str]:
    if step.origin is not None:
        yield step.origin.target
    yield from overrides.image_names(step)


def _telling_names(builds: list[BuildImage]) -> tuple[str, ...]:
    """The targets' names, where each is another one; else the images'."""
    targets = [step.origin.target if step.origin else "" for step in builds]
    if all(targets) and len(set(targets)) == len(builds):
        return tuple(targets)
    return tuple(next(overrides.image_names(step), step.context.name) for step in builds)


def _container(build: BuildImage, plan: Plan, command: tuple[str, ...]) -> RunContainer:
    """A container of what the build makes, as `docker run -it IMAGE COMMAND` has it."""
    return RunContainer(
        image=_tag(build, plan),
        command=command,
        interactive=True,
        tty=True,
        platform=build.platforms[0] if build.platforms else None,
        always=True,
        origin=build.origin,
    )


def _tag(build: BuildImage, plan: Plan) -> str:
    if build.tags:
        return build.tags[0]
    # Another checkout's target of that name is another one.
    place = hashlib.sha256(os.fsencode(plan.project)).hexdigest()[:12]
    name = _ODD.sub("-", _telling_names([build])[0].lower()).strip("-")
    return f"{_NAMES}/{name or 'image'}:{place}"


def _with_container(plan: Plan, build: BuildImage, container: RunContainer) -> Plan:
    """The plan up to the build, whose image alone is wanted, and the container."""
    before = plan.steps[: plan.steps.index(build)]
    made = replace(build, tags=build.tags or (container.image,), outputs=())
    kept = [step for step in before if not isinstance(step, BuildImage) or step.tags]
    return replace(plan, steps=(*kept, made, container))


def _for_a_person(container: RunContainer, plan: Plan) -> RunContainer:
    """What somebody does in it is there at once (`Origin.target`)."""
    origin = container.origin or Origin(plan.recipe)
    return replace(
        container,
        interactive=True,
        tty=True,
        always=True,
        origin=replace(origin, target=SHELL),
    )

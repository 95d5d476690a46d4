"""The images that a build needs from outside: what its FROM, COPY --from and mount from= name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from rootless_build.images.containerfile.file import text_of
from rootless_build.images.containerfile.parser import parse
from rootless_build.images.containerfile.stages import (
    Given,
    Stage,
    earlier,
    sources,
    split,
    target_of,
)
from rootless_build.model.errors import ContainerfileError
from rootless_build.model.plan import BuildImage
from rootless_build.model.references import canonical

_SCRATCH: Final = "scratch"


class ExternalImages(Struct, frozen=True):
    """`names` are references as written; `complete` is false when there are more of them, which
    only an engine can tell.
    """

    names: tuple[str, ...]
    complete: bool = True


def external_bases(step: BuildImage) -> tuple[str, ...]:
    """The names of `external_images`."""
    return external_images(step).names


def external_images(step: BuildImage) -> ExternalImages:
    """The references, as written, that no stage of the containerfile provides.

    Only the stages that `step.target` (default: the last) needs count. A variable is replaced as
    BuildKit replaces it: build argument, else the default of its ARG before the first FROM. What
    can't be resolved, or is provided by a build context or substitute of the step, is left out;
    so is everything when there is no readable containerfile: the engine says it better.
    """
    try:
        text = text_of(step)
    except OSError:
        return ExternalImages((), complete=False)
    platform = step.platforms[0] if len(step.platforms) == 1 else None
    try:
        file = parse(text)
        _, stages = split(file, Given.of(file, step, platform))
    except ContainerfileError:
        return ExternalImages((), complete=False)
    provided = {canonical(name) for name, _ in (*step.build_contexts, *step.substitutes)}
    wanted = _outside(stages, step.target, provided)
    return ExternalImages(tuple(name for name in wanted.names if name != _SCRATCH), wanted.complete)


def _outside(stages: tuple[Stage, ...], target: str | None, provided: set[str]) -> ExternalImages:
    if not stages:
        return ExternalImages((), complete=False)
    first = len(stages) - 1 if target is None else target_of(target, stages)
    # An unknown target: the engine refuses it, and names it.
    pending = [first] if first is not None else []
    needed: set[int] = set()
    found: dict[str, None] = {}
    complete = True
    while pending:
        number = pending.pop()
        if number in needed:
            continue
        needed.add(number)
        stage = stages[number]
        # FROM takes no number, and a stage only sees those before it.
        others = (*_of_triggers(stage, stages[:number]), *stage.others)
        names = [(stage.base, False), *((name, True) for name in others)]
        for name, numbers in names:
            # Variables of COPY --from and mounts are those of the stage, which only engines know.
            if not name or "$" in name:
                complete = False
                continue
            if canonical(name) in provided:
                continue
            before = earlier(name, stages, number, numbers=numbers)
            if before is not None:
                pending.append(before)
            else:
                found[name] = None
    return ExternalImages(tuple(found), complete)


def _of_triggers(stage: Stage, before: tuple[Stage, ...]) -> Iterator[str]:
    """What ONBUILD of the stage that this one starts from takes files from, in this one."""
    place = earlier(stage.base, before, len(before), numbers=False) if stage.base else None
    if place is not None:
        for each in before[place].instructions:
            if each.inner is not None:
                yield from sources(each.inner)

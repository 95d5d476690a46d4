"""What is wrong in a containerfile once its arguments are known: the names that they stand for."""

from __future__ import annotations

from collections.abc import Callable

from rootless_build.images.containerfile.grammar import error
from rootless_build.images.containerfile.stages import (
    SCRATCH,
    Given,
    Stage,
    declared_arguments,
    earlier,
    heading_variables,
    sources,
    split,
    target_of,
)
from rootless_build.images.containerfile.syntax import Containerfile, Instruction
from rootless_build.images.containerfile.words import WordError, expand
from rootless_build.model import references
from rootless_build.model.errors import ContainerfileError, RecipeError
from rootless_build.model.nearest import nearest

_Places = Callable[[str], bool]


def check_names(
    file: Containerfile, given: Given, target: str | None, is_context: Callable[[str], bool]
) -> None:
    """Raise ContainerfileError for what docker refuses of the ARGs before the first FROM, of any
    FROM, needed or not, and of `--target`.

    `is_context` says of a name whether it is a build context's.
    """
    heading, stages = split(file, given)
    for number, argument in enumerate(heading):
        _check_argument(file, argument, heading_variables(heading[:number], given, file.escape))
    variables = heading_variables(heading, given, file.escape)
    for number, stage in enumerate(stages):
        _check_platform(file, stage, variables)
        known = earlier(stage.base or "", stages, number, numbers=False) is not None
        if not known and stage.base != SCRATCH and not is_context(stage.base or ""):
            _check_base(file, stage)
        for run in stage.instructions:
            if run.keyword == "RUN":
                _check_mounts(file, run, (stages, number), is_context)
    if target is not None and target_of(target, stages) is None:
        _refuse_target(file, target, stages)


def _check_argument(file: Containerfile, argument: Instruction, variables: dict[str, str]) -> None:
    for _, default in declared_arguments(argument, file.escape):
        try:
            expand(default or "", variables, file.escape)
        except WordError as wrong:
            raise error(file, argument, str(wrong), argument.body_offset) from wrong


def _check_platform(file: Containerfile, stage: Stage, variables: dict[str, str]) -> None:
    written = stage.begin.value("platform")
    if written is None:
        return
    try:
        if expand(written, variables, file.escape).text:
            return
        message = f"--platform={written} is empty"
    except WordError as wrong:
        message = str(wrong)
    raise error(file, stage.begin, message)


def _check_base(file: Containerfile, stage: Stage) -> None:
    begin = stage.begin
    if stage.base is None:
        message = f"FROM {begin.body} names no image: there is nothing in its variables"
        raise error(file, begin, message, begin.body_offset)
    try:
        references.check(stage.base)
    except RecipeError as wrong:
        raise error(file, begin, wrong.message, begin.body_offset, wrong.hint) from wrong


def _check_mounts(
    file: Containerfile,
    run: Instruction,
    at: tuple[tuple[Stage, ...], int],
    is_context: Callable[[str], bool],
) -> None:
    """What a mount is of is a stage before this one, by its name; `at` are all stages, and which of
    them has the RUN.
    """
    stages, number = at
    for origin in sources(run):
        if earlier(origin.lower(), stages, number, numbers=False) is not None or is_context(origin):
            continue
        if earlier(origin.lower(), stages, len(stages), numbers=False) is not None:
            message = f"from={origin} of a mount: the stage {origin} is not before this one"
            raise error(file, run, message)
        if origin.isdecimal():
            message = f"from={origin} of a mount: there is no stage {origin} before this one"
            raise error(file, run, message, 0, "a mount takes the name of a stage, and no number")


def _refuse_target(file: Containerfile, target: str, stages: tuple[Stage, ...]) -> None:
    names = [stage.name for stage in stages if stage.name]
    near = nearest(target, names)
    hint = f"did you mean {near}?" if near else f"there are {', '.join(names)}" if names else ""
    message = f"there is no stage {target}, which --target names"
    line = stages[-1].begin.line if stages else 1
    raise ContainerfileError(message, file.name, line, hint=hint)

"""The checks of one build, as `docker build --check` makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from rootless_build.backend.api import Image
from rootless_build.backend.build_files import existing_containerfile
from rootless_build.files import plain
from rootless_build.images import own_context_files
from rootless_build.images.checks.base_checks import check_bases
from rootless_build.images.checks.file_checks import check_file, warn
from rootless_build.images.checks.instruction_checks import InstructionChecks
from rootless_build.images.checks.warning import CheckWarning, Wishes
from rootless_build.images.configuration import scratch
from rootless_build.images.containerfile import file as containerfile
from rootless_build.images.containerfile import grammar
from rootless_build.images.containerfile.names import check_names
from rootless_build.images.containerfile.parser import parse
from rootless_build.images.containerfile.patterns import Patterns
from rootless_build.images.containerfile.stage_platforms import platforms_of
from rootless_build.images.containerfile.stages import (
    SCRATCH,
    Given,
    Scope,
    Scopes,
    Stage,
    earlier,
    heading_variables,
    needed_stages,
    split,
)
from rootless_build.images.containerfile.stages import Image as Base
from rootless_build.images.containerfile.syntax import Containerfile
from rootless_build.images.containerfile.words import WordError
from rootless_build.images.own_files import OwnFiles
from rootless_build.images.segments.scopes import inherit
from rootless_build.images.segments.settings import SettingError, apply
from rootless_build.model import platforms, references
from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import BuildImage

_OF_LAYERS: Final = ("ADD", "COPY", "RUN")
"""Instructions that set nothing."""
_NOTHING: Final = scratch(platforms.parse(platforms.host()))
Find = Callable[[str, str], Image]
"""Gives the image of a name, for a platform. Raises ImageNotFoundError, RecipeError."""


def check_build(step: BuildImage, find: Find) -> tuple[CheckWarning, ...]:
    """What the checks that the containerfile wants have found, by line.

    Raises ContainerfileError for what docker would refuse, and what `find` raises.
    """
    path = existing_containerfile(step)
    if path is None:
        return ()
    text = plain.content(path).decode(errors="surrogateescape")
    file = parse(text, containerfile.display(path, step.context))
    wishes = Wishes.of(file, dict(step.build_args))
    found = [each for each in _Checks(step, file, find).all(text) if wishes.want(each.rule)]
    return tuple(sorted(found, key=lambda each: each.line))


def refuse_violations(step: BuildImage, find: Find) -> None:
    """Raise RecipeError where the containerfile makes errors of warnings, and there are some."""
    path = existing_containerfile(step)
    if path is None:
        return
    file = parse(plain.content(path).decode(errors="surrogateescape"))
    if not Wishes.of(file, dict(step.build_args)).is_error:
        return
    if found := check_build(step, find):
        raise violated(containerfile.display(path, step.context), found)


def violated(shown: str, found: tuple[CheckWarning, ...]) -> RecipeError:
    """The error of a containerfile in which checks found something."""
    rules = ", ".join(dict.fromkeys(each.rule for each in found))
    lines = "\n".join(f"{shown}:{each.line}: {each.rule}: {each.detail}" for each in found)
    return RecipeError(f"lint violation found for rules: {rules}", engine_words=lines)


class _Checks:
    def __init__(self, step: BuildImage, file: Containerfile, find: Find) -> None:
        target = step.platforms[0] if len(step.platforms) == 1 else None
        self._step = step
        self._file = file
        self._find = find
        self._given = Given.of(file, step, target)
        self._contexts = {references.canonical(name) for name, _ in step.build_contexts}
        grammar.check(file)
        check_names(file, self._given, step.target, self._is_context)
        self._heading, self._stages = split(file, self._given)
        self._variables = heading_variables(self._heading, self._given, file.escape)
        self._platforms = platforms_of(self._stages, self._variables, target)
        self._ends: dict[int, tuple[Scope, InstructionChecks]] = {}

    def all(self, text: str) -> Iterator[CheckWarning]:
        """All that there are, as docker comes to them."""
        yield from check_file(self._file, self._stages, text)
        yield from check_bases(self._heading, self._stages, self._given, self._file.escape)
        numbers = frozenset(range(len(self._stages)))
        if self._step.target is not None:
            numbers = needed_stages(self._stages, self._step.target)
        for number in sorted(numbers):
            yield from self._check_stage(number, self._stages[number])

    def _check_stage(self, number: int, stage: Stage) -> Iterator[CheckWarning]:
        escape = self._file.escape
        base = earlier(stage.base or "", self._stages, number, numbers=False)
        parent = self._ends.get(base) if base is not None else None
        image = self._image(number, stage) if parent is None else None
        yield from self._check_base(number, stage, image)
        scopes = Scopes(self._variables, self._given, lambda _: _base(image), escape)
        scope = inherit(parent[0]) if parent else scopes.begin(stage.base, None)
        for name, value in _NOTHING.environment:
            scope.variables.setdefault(name, value)
        checks = parent[1].upon() if parent else InstructionChecks(self._ignored(), escape)
        for instruction in stage.instructions:
            try:
                yield from checks.check(instruction, scope)
                scopes.after(instruction, scope)
                if instruction.keyword not in _OF_LAYERS and escape == "\\":
                    apply(instruction, scope, _NOTHING)
            except (SettingError, WordError) as wrong:
                raise grammar.error(self._file, instruction, str(wrong)) from wrong
        self._ends[number] = scope, checks

    def _image(self, number: int, stage: Stage) -> Image | None:
        name = stage.base or ""
        if name == SCRATCH or self._is_context(name):
            return None
        return self._find(name, self._platforms[number] or platforms.host())

    def _check_base(self, number: int, stage: Stage, image: Image | None) -> Iterator[CheckWarning]:
        wanted = self._platforms[number] or platforms.host()
        if image is not None and image.platform and image.platform != wanted:
            detail = (
                f'Base image {stage.base} was pulled with platform "{image.platform}",'
                f' expected "{wanted}" for current build'
            )
            yield warn("InvalidBaseImagePlatform", detail, stage.begin)

    def _ignored(self) -> Patterns:
        path = existing_containerfile(self._step)
        if path is None:
            return Patterns(())
        return own_context_files.ignore_patterns(self._step, path, OwnFiles())

    def _is_context(self, name: str) -> bool:
        return references.canonical(name) in self._contexts


def _base(image: Image | None) -> Base | None:
    if image is None:
        return None
    return Base(image.environment, image.working_directory, id=image.id)

"""The checks of one build, as `docker build --check` makes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rootless_build.backend.api import Image
from rootless_build.backend.build_files import existing_containerfile
from rootless_build.files import plain
from rootless_build.images import own_context_files
from rootless_build.images.checks.base_checks import check_bases
from rootless_build.images.checks.file_checks import check_file, warn
from rootless_build.images.checks.instruction_checks import InstructionChecks
from rootless_build.images.checks.reading import NOTHING, Find, Reading
from rootless_build.images.checks.warning import CheckWarning, Wishes
from rootless_build.images.containerfile import file as containerfile
from rootless_build.images.containerfile import grammar
from rootless_build.images.containerfile.parser import parse
from rootless_build.images.containerfile.patterns import Patterns
from rootless_build.images.containerfile.stages import Scope
from rootless_build.images.containerfile.words import WordError
from rootless_build.images.own_files import OwnFiles
from rootless_build.images.segments.settings import SettingError, apply
from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import BuildImage

_OF_LAYERS: Final = ("ADD", "COPY", "RUN")
"""Instructions that set nothing."""


def check_build(step: BuildImage, find: Find, *, in_order: bool = True) -> tuple[CheckWarning, ...]:
    """What the checks that the containerfile wants have found, by line, else as docker comes to it.

    Raises ContainerfileError for what docker would refuse, and what `find` raises.
    """
    path = existing_containerfile(step)
    if path is None:
        return ()
    reading = Reading(step, path, find)
    wishes = Wishes.of(reading.file, dict(step.build_args))
    found = [each for each in _Checks(reading).all() if wishes.want(each.rule)]
    return tuple(sorted(found, key=lambda each: each.line) if in_order else found)


def refuse_violations(step: BuildImage, find: Find) -> None:
    """Raise RecipeError where the containerfile makes errors of warnings, and there are some."""
    path = existing_containerfile(step)
    if path is None:
        return
    file = parse(plain.content(path).decode(errors="surrogateescape"))
    if not Wishes.of(file, dict(step.build_args)).is_error:
        return
    if found := check_build(step, find):
        raise violated(containerfile.display(step, path), found)


def violated(shown: str, found: tuple[CheckWarning, ...]) -> RecipeError:
    """The error of a containerfile in which checks found something."""
    rules = ", ".join(dict.fromkeys(each.rule for each in found))
    lines = "\n".join(f"{shown}:{each.line}: {each.rule}: {each.detail}" for each in found)
    return RecipeError(f"lint violation found for rules: {rules}", engine_words=lines)


class _Checks:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._ends: dict[int, tuple[Scope, InstructionChecks]] = {}

    def all(self) -> Iterator[CheckWarning]:
        """All that there are, as docker comes to them."""
        reading = self._reading
        yield from check_file(reading.file, reading.stages, reading.text)
        yield from check_bases(reading.heading, reading.stages, reading.given, reading.file.escape)
        for number in reading.needed():
            yield from self._check_stage(number)

    def _check_stage(self, number: int) -> Iterator[CheckWarning]:
        reading, escape = self._reading, self._reading.file.escape
        stage, base = reading.stages[number], reading.parent(number)
        parent = self._ends.get(base) if base is not None else None
        image = reading.image(number)
        yield from self._check_base(number, image)
        scopes, scope = reading.begin(stage, parent[0] if parent else None, image)
        checks = parent[1].upon() if parent else InstructionChecks(self._ignored(), escape)
        for instruction in stage.instructions:
            try:
                yield from checks.check(instruction, scope)
                scopes.after(instruction, scope)
                if instruction.keyword not in _OF_LAYERS and escape == "\\":
                    apply(instruction, scope, NOTHING)
            except (SettingError, WordError) as wrong:
                raise grammar.error(reading.file, instruction, str(wrong)) from wrong
        self._ends[number] = scope, checks

    def _check_base(self, number: int, image: Image | None) -> Iterator[CheckWarning]:
        stage, wanted = self._reading.stages[number], self._reading.platform(number)
        if image is not None and image.platform and image.platform != wanted:
            detail = (
                f'Base image {stage.base} was pulled with platform "{image.platform}",'
                f' expected "{wanted}" for current build'
            )
            yield warn("InvalidBaseImagePlatform", detail, stage.begin)

    def _ignored(self) -> Patterns:
        path = existing_containerfile(self._reading.step)
        if path is None:
            return Patterns(())
        return own_context_files.ignore_patterns(self._reading.step, path, OwnFiles())

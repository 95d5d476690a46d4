"""A containerfile as docker reads it before it checks one or tells of it: stages, values, bases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from rootless_build.backend.api import Image
from rootless_build.files import plain
from rootless_build.images.configuration import scratch
from rootless_build.images.containerfile import file as containerfile
from rootless_build.images.containerfile import grammar
from rootless_build.images.containerfile.names import check_names
from rootless_build.images.containerfile.parser import parse
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
from rootless_build.images.segments.scopes import inherit
from rootless_build.model import platforms, references
from rootless_build.model.plan import BuildImage

NOTHING: Final = scratch(platforms.parse(platforms.host()))
Find = Callable[[str, str], Image]
"""Gives the image of a name, for a platform. Raises ImageNotFoundError, RecipeError."""


class Reading:
    """The containerfile at a path, for a step. Raises ContainerfileError for what docker would
    refuse.
    """

    def __init__(self, step: BuildImage, path: Path, find: Find) -> None:
        target = step.platforms[0] if len(step.platforms) == 1 else None
        self.step = step
        self.content = plain.content(path)
        self.text = self.content.decode(errors="surrogateescape")
        self.file = parse(self.text, containerfile.display(step, path))
        self.given = Given.of(self.file, step, target)
        self._find = find
        self._contexts = {references.canonical(name) for name, _ in step.build_contexts}
        grammar.check(self.file)
        check_names(self.file, self.given, step.target, self._is_context)
        self.heading, self.stages = split(self.file, self.given)
        self.variables = heading_variables(self.heading, self.given, self.file.escape)
        self.platforms = platforms_of(self.stages, self.variables, target)

    def needed(self) -> tuple[int, ...]:
        """The numbers of the stages that the wanted one has to do with; all, without a word."""
        if self.step.target is None:
            return tuple(range(len(self.stages)))
        return tuple(sorted(needed_stages(self.stages, self.step.target)))

    def parent(self, number: int) -> int | None:
        """The stage that a stage starts from."""
        return earlier(self.stages[number].base or "", self.stages, number, numbers=False)

    def platform(self, number: int) -> str:
        """The platform of a stage."""
        return self.platforms[number] or platforms.host()

    def image(self, number: int) -> Image | None:
        """The image from outside that a stage starts from. Raises what `Find` raises."""
        name = self.stages[number].base or ""
        if self.parent(number) is not None or name == SCRATCH or self._is_context(name):
            return None
        return self._find(name, self.platform(number))

    def begin(
        self, stage: Stage, parent: Scope | None, image: Image | None
    ) -> tuple[Scopes, Scope]:
        """What holds where a stage begins, and what follows it; `parent` is the end of the stage
        that it starts from.
        """
        escape = self.file.escape
        scopes = Scopes(self.variables, self.given, lambda _: _base(image), escape)
        scope = inherit(parent) if parent else scopes.begin(stage.base, None)
        for name, value in NOTHING.environment:
            scope.variables.setdefault(name, value)
        return scopes, scope

    def _is_context(self, name: str) -> bool:
        return references.canonical(name) in self._contexts


def _base(image: Image | None) -> Base | None:
    if image is None:
        return None
    return Base(image.environment, image.working_directory, id=image.id)

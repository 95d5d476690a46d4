"""Bake files in a directory of a test's own, and what they come to."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from rootless_build.model.plan import BuildImage, CheckContainerfile
from rootless_build.recipes.bake import files, overrides
from rootless_build.recipes.bake.definition import chosen
from rootless_build.recipes.bake.recipe import Bake, steps
from rootless_build.recipes.bake.target import Target


@dataclasses.dataclass(frozen=True)
class Baker:
    """`docker buildx bake` in a directory."""

    directory: Path

    def write(self, **named: str) -> None:
        """Files by name; the first `_` of a name stands for a dot, `bake_hcl` for docker-bake."""
        for name, text in named.items():
            stem, _, ending = name.rpartition("_")
            (self.directory / f"{stem.replace('_', '-')}.{ending}").write_text(text)

    def targets(
        self,
        *names: str,
        sets: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        named: tuple[str, ...] = (),
    ) -> Mapping[str, Target]:
        """The targets that are built for these names."""
        given = environment or {}
        place = files.Place(self.directory, given, variables or {})
        definition, _ = files.read(named, place)
        changes = overrides.parse(sets, definition.targets, given.get)
        return chosen(definition, names, changes).targets

    def steps(self, *names: str, sets: tuple[str, ...] = ()) -> tuple[BuildImage, ...]:
        """The steps for these names."""
        made = steps(Bake(self.directory, {}, names, overrides=sets)).steps
        return tuple(step for step in made if isinstance(step, BuildImage))

    def checks(self, *names: str, sets: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The targets that are checked for these names."""
        made = steps(Bake(self.directory, {}, names, overrides=sets)).steps
        found = (step.build.origin for step in made if isinstance(step, CheckContainerfile))
        return tuple(origin.target for origin in found if origin is not None)

    def notes(self, *names: str) -> tuple[str, ...]:
        """What is said about attributes without effect."""
        return steps(Bake(self.directory, {}, names)).notes

    def value(self, expression: str, before: str = "") -> str | None:
        """An expression's value, as an argument of a target."""
        text = f'{before}\ntarget "t" {{\n  args = {{ value = {expression} }}\n}}\n'
        self.write(docker_bake_hcl=text)
        return (self.targets("t")["t"].args or {}).get("value")

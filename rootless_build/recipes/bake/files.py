"""Finds bake and compose files, and puts what they define together.

Source: ParseFiles of bake/bake.go, and commands/bake.go, of buildx.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from rootless_build.files import plain
from rootless_build.model import platforms
from rootless_build.model.errors import RecipeError, reason
from rootless_build.model.go import parse_bool
from rootless_build.recipes.bake import json_file
from rootless_build.recipes.bake import names as default_names
from rootless_build.recipes.bake.compose import dotenv, services
from rootless_build.recipes.bake.definition import Definition, united
from rootless_build.recipes.bake.document import Document
from rootless_build.recipes.bake.hcl import reader
from rootless_build.recipes.bake.hcl.syntax import Body
from rootless_build.recipes.bake.source import LARGEST, BakeError, Source


class Place(Struct, frozen=True):
    """Where bake is run: its directory, its environment, and `--var` on its command line."""

    directory: Path
    environment: Mapping[str, str]
    variables: Mapping[str, str]


def names(given: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """The files that are named: by `-f`, else by BUILDX_BAKE_FILE; none: look for them."""
    if given:
        return tuple(given)
    listed = environment.get("BUILDX_BAKE_FILE", "")
    separator = environment.get("BUILDX_BAKE_PATH_SEPARATOR") or os.pathsep
    return tuple(filter(None, listed.split(separator)))


def read(given: Sequence[str], at: Place) -> tuple[Definition, tuple[str, ...]]:
    """What the files define, and their names. Raises RecipeError, or BakeError with a place."""
    sources = _sources(names(given, at.environment), at.directory)
    lookup = _lookup(at)
    composed, bodies = _split(sources)
    groups = {}
    targets = []
    notes: tuple[str, ...] = ()
    if composed:
        variables = _with_dotenv(lookup, at.directory)
        found = services.read(composed, variables, at.directory)
        groups = {group.name: group for group in found.groups}
        targets = list(found.targets)
        notes = found.notes
    read_from = tuple(source.name for source in sources)
    if not bodies:
        return united(groups.values(), targets, notes), read_from
    built_in = {"BAKE_CMD_CONTEXT": "cwd://", "BAKE_LOCAL_PLATFORM": platforms.host()}
    try:
        defined = Document(bodies, built_in, lookup).definitions()
    except RecursionError as error:
        raise RecipeError("the bake file's values need one another too deeply") from error
    groups |= {group.name: group for group in defined.groups}
    targets += defined.targets
    renamed = {group.name: group for group in defined.renamed}
    notes = (*notes, *defined.notes)
    return united({**renamed, **groups}.values(), targets, notes, defined.empty), read_from


def _sources(given: Sequence[str], directory: Path) -> list[Source]:
    if given:
        return [_source(name, directory) for name in given]
    found = [_source(name, directory) for name in default_names.found(directory)]
    if not found:
        usual = ", ".join((*default_names.BAKE[:2], default_names.COMPOSE[0]))
        raise RecipeError(
            f"{directory} has no bake file", hint=f"its names are {usual}; -f gives another"
        )
    return found


def _source(name: str, directory: Path) -> Source:
    if name == "-" or "://" in name:
        where = "standard input" if name == "-" else "another host"
        raise RecipeError(
            f"the bake file {name} can't be read from {where}",
            hint="write it to a file and name that with -f",
        )
    try:
        # A heredoc's lines end as the file's do.
        text = plain.content(directory / name.removeprefix("cwd://"), LARGEST).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"the bake file {name} can't be read: {reason(error)}") from error
    return Source(name, text)


def _split(sources: Sequence[Source]) -> tuple[list[Source], list[Body]]:
    composed: list[Source] = []
    bodies: list[Body] = []
    for source in sources:
        name = source.name.lower()
        if name.endswith((".yml", ".yaml")):
            composed.append(source)
        elif name.endswith(".json"):
            bodies.append(json_file.parse_file(source))
        elif name.endswith(".hcl"):
            bodies.append(reader.parse_file(source))
        elif services.is_compose(source):
            composed.append(source)
        else:
            bodies.append(_either(source))
    return composed, bodies


def _either(source: Source) -> Body:
    try:
        return reader.parse_file(source)
    except BakeError as error:
        if not source.text.lstrip().startswith("{"):
            raise
        try:
            return json_file.parse_file(source)
        except BakeError:
            raise error from None


def _lookup(at: Place) -> Callable[[str], str | None]:
    disabled = at.environment.get("BUILDX_BAKE_DISABLE_VARS_ENV_LOOKUP", "")
    environment = {} if parse_bool(disabled) else at.environment
    return lambda name: at.variables.get(name, environment.get(name))


def _with_dotenv(
    lookup: Callable[[str], str | None], directory: Path
) -> Callable[[str], str | None]:
    file = directory / ".env"
    if not file.is_file():
        return lookup
    given = dotenv.variables(_source(".env", directory), lookup)

    def both(name: str) -> str | None:
        found = lookup(name)
        return found if found is not None else given.get(name)

    return both

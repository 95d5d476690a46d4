"""Secrets of an image build, in the words of docker's `--secret`: what each is taken from.

A secret is resolved once, where the words are read, to a file or a variable. The engines get that
(`id=ID,src=FILE`, `id=ID,env=NAME`: words that all of them read alike), and so does who hides it.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

LARGEST: Final = 500 * 1024
"""Bytes; BuildKit takes no larger secret (session/secrets/secretsprovider)."""
_KEYS: Final = frozenset({"id", "src", "source", "env", "type"})
_QUOTING: Final = ',"\n\r'


class BadSecretError(ValueError):
    """The words are no secret, or none that every engine takes; says why."""


class BuildSecret(Struct, frozen=True):
    """`file` is absolute; one of `file` and `variable` is there."""

    id: str
    file: Path | None = None
    variable: str | None = None

    def __str__(self) -> str:
        """The words that every engine reads alike."""
        return f"id={self.id}," + (f"env={self.variable}" if self.variable else f"src={self.file}")


def parse(words: str, directory: Path, environment: Mapping[str, str]) -> BuildSecret:
    """Words such as `id=ID,src=FILE`, quoted as in CSV; a relative path is one in `directory`.

    As BuildKit's client has it (buildx 0.30): without a file and a variable it is the variable of
    the id's name where `environment` has that, else the file of that name; a variable comes before
    a file; `type=env` makes `src` a variable. Raises BadSecretError.
    """
    try:
        parts = next(csv.reader([words], strict=True), [])
    except csv.Error as error:
        raise BadSecretError(str(error)) from error
    given: dict[str, str] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        key = name.strip().lower()
        if not equals or key not in _KEYS:
            raise BadSecretError(f"{part} is not understood")
        given["src" if key == "source" else key] = value
    return of_fields(given, directory, environment)


def of_fields(
    given: Mapping[str, str], directory: Path, environment: Mapping[str, str]
) -> BuildSecret:
    """The secret of these fields: `id`, `src`, `env`, `type`; as `parse` has it."""
    kind, name = given.get("type", ""), given.get("id", "")
    file, variable = given.get("src", ""), given.get("env", "")
    if kind not in {"", "file", "env"}:
        raise BadSecretError(f"a secret is of the type file or env, not {kind!r}")
    if not name:
        raise BadSecretError("it has no id")
    if kind == "env" and not variable:
        file, variable = "", file
    if not file and not variable:
        file, variable = ("", name) if name in environment else (name, "")
    path = None if variable else Path(os.path.normpath(directory / file))
    for word in (name, variable, str(path or "")):
        if any(character in word for character in _QUOTING):
            raise BadSecretError(f"{word!r}: the engines allow no comma and no quote there")
    return BuildSecret(name, path, variable or None)

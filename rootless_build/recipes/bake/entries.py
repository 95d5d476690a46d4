"""Values of several fields: an output, a cache, a secret, an SSH key, an attestation.

Each stands as text, comma-separated as in CSV, or as an object with the same fields (docs of
buildx: bake-reference, util/buildflags).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from typing import Final

from rootless_build.recipes.bake.hcl.values import Value, ValueTypeError, to_map, to_text

Entry = Mapping[str, str]
"""The fields of one; an output's and a cache's always have a `type`."""

_SECRET_FIELDS: Final = ("id", "src", "env")


class BadEntryError(ValueError):
    """The text is no such value; says why."""


def fields(text: str) -> list[str]:
    """Comma-separated words, quoted as in RFC 4180. Raises BadEntryError."""
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        raise BadEntryError(f"{text!r}: {error}") from error


def _pairs(text: str, words: list[str]) -> dict[str, str]:
    made = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise BadEntryError(f"{text!r}: {word!r} is not NAME=VALUE")
        made[name.strip().lower()] = value
    return made


def outputs(text: str) -> list[Entry]:
    """`DIRECTORY`, or `type=…,dest=…`."""
    words = fields(text)
    if len(words) == 1 and words[0] == text and not text.startswith("type="):
        return [{"type": "tar" if text == "-" else "local", "dest": text}]
    return [typed(text, _pairs(text, words))]


def caches(text: str) -> list[Entry]:
    """`REFERENCE[,REFERENCE…]`, or `type=…,…`."""
    words = fields(text)
    if "=" not in text:
        return [{"type": "registry", "ref": word} for word in words]
    return [typed(text, _pairs(text, words))]


def typed(text: str, entry: Entry) -> Entry:
    """The entry, which `text` stands for. Raises BadEntryError for one without a type."""
    if not entry.get("type"):
        raise BadEntryError(f"{text!r} has no type")
    return entry


def secrets(text: str) -> list[Entry]:
    """`id=…,src=…` or `id=…,env=…`."""
    given = _pairs(text, fields(text))
    kind = given.pop("type", "")
    if kind not in {"", "file", "env"}:
        raise BadEntryError(f"{text!r}: a secret is of the type file or env")
    if "source" in given:
        given["src"] = given.pop("source")
    if kind == "env" and not given.get("env"):
        given["env"] = given.pop("src", "")
    odd = next((name for name in given if name not in _SECRET_FIELDS), None)
    if odd is not None:
        raise BadEntryError(f"{text!r}: a secret has no field {odd!r}")
    return [{name: given[name] for name in _SECRET_FIELDS if given.get(name)}]


def keys(text: str) -> list[Entry]:
    """`ID`, or `ID=PATH[,PATH…]`."""
    name, equals, paths = text.partition("=")
    return [{"id": name, "paths": paths} if equals else {"id": name}]


def attestations(text: str) -> list[Entry]:
    """`type=sbom|provenance,…`."""
    made = {}
    for word in fields(text):
        name, equals, value = word.partition("=")
        if not equals:
            raise BadEntryError(f"{text!r}: {word!r} is not NAME=VALUE")
        # Other fields go to a program as they are.
        made[name.lower() if name.lower() in {"type", "disabled"} else name] = value
    return [typed(text, made)]


def from_object(value: Value) -> Entry:
    """The fields of an object; a list of paths is joined. Raises BadEntryError."""
    made = {}
    try:
        for name, item in to_map(value).items():
            if item is None:
                continue
            made[name] = ",".join(map(to_text, item)) if isinstance(item, tuple) else to_text(item)
    except ValueTypeError as error:
        raise BadEntryError(str(error)) from error
    return made


def written(entry: Entry) -> str:
    """The entry as text."""
    return ",".join(f"{name}={value}" for name, value in entry.items())

"""JSON Schema of rbuild.toml and of the user's config.toml, for editors: of the classes that they
are read as, and of what these say of their keys.
"""

from __future__ import annotations

import ast
import inspect
import re
import typing
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, get_args, get_origin

from msgspec import Struct

from rootless_build.model.plan import Pairs
from rootless_build.recipes import config
from rootless_build.recipes.config import WORDS, Config, UserConfig, ValueLists
from rootless_build.recipes.config_file import keys_of, section_by_name, without_none

Schema = dict[str, object]

FILES: Final[Mapping[str, type[Struct]]] = MappingProxyType(
    {"rbuild.toml": Config, "config.toml": UserConfig}
)
"""The files that have one, and what they are read as."""
_SIMPLE: Final[Mapping[object, str]] = MappingProxyType(
    {str: "string", Path: "string", bool: "boolean", int: "integer", float: "number"}
)

_TABLES: Final[Mapping[object, object]] = MappingProxyType(
    {Pairs: str, ValueLists: tuple[str, ...]}
)
"""What stands below each name of a table."""


def schema(file: str) -> Schema:
    """The schema of a file, by its name."""
    kind = FILES[file]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"rbuild: {file}"}
    return {**head, **_section(kind, _said(inspect.getsource(config)))}


def _section(kind: type[Struct], said: Mapping[str, str]) -> Schema:
    hints = typing.get_type_hints(kind, include_extras=True)
    keys = keys_of(kind)
    required = len(kind.__struct_fields__) - len(kind.__struct_defaults__)
    needed = [key for key, name in keys.items() if name in kind.__struct_fields__[:required]]
    properties = {
        key: _described(_value(hints[name], said), said.get(f"{kind.__name__}.{name}", ""))
        for key, name in keys.items()
    }
    made: Schema = {"type": "object", "additionalProperties": False, "properties": properties}
    if needed:
        made["required"] = needed
    return _described(made, inspect.getdoc(kind) or "")


def _value(hint: object, said: Mapping[str, str]) -> Schema:
    hint = without_none(hint)
    if (of := section_by_name(hint)) is not None:
        return {"type": "object", "additionalProperties": _section(of, said)}
    if WORDS in getattr(hint, "__metadata__", ()):
        return {"anyOf": [_plain(tuple[str, ...]), _plain(str)]}
    if isinstance(hint, type) and issubclass(hint, Struct):
        return _section(hint, said)
    return _plain(hint)


def _plain(hint: object) -> Schema:
    if hint in _TABLES:
        return {"type": "object", "additionalProperties": _plain(_TABLES[hint])}
    if get_origin(hint) is Literal:
        return {"enum": list(get_args(hint))}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _plain(get_args(hint)[0])}
    return {"type": _SIMPLE[hint]}


def _described(made: Schema, text: str) -> Schema:
    plain = re.sub(r"\s+", " ", text).strip()
    return {"description": plain, **made} if plain else made


def _said(source: str) -> Mapping[str, str]:
    """What stands below each field, by the class's name and its own."""
    found: dict[str, str] = {}
    for made in ast.parse(source).body:
        if isinstance(made, ast.ClassDef):
            for field, below in zip(made.body, made.body[1:], strict=False):
                if (
                    isinstance(field, ast.AnnAssign)
                    and isinstance(field.target, ast.Name)
                    and isinstance(below, ast.Expr)
                    and isinstance(below.value, ast.Constant)
                ):
                    found[f"{made.name}.{field.target.id}"] = inspect.cleandoc(
                        str(below.value.value)
                    )
    return MappingProxyType(found)

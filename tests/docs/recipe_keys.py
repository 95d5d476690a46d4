"""The keys of rbuild.toml, from the classes that it is read as (`rootless_build.recipes`)."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Final, Literal, get_args, get_origin

from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from rootless_build.model.plan import Pairs
from rootless_build.recipes import config
from rootless_build.recipes.config import WORDS, ValueLists
from rootless_build.recipes.config_file import keys_of
from tests.docs.attributes import meanings
from tests.docs.tables import table

SECTIONS: Final[Mapping[str, type[Struct]]] = MappingProxyType(
    {
        "top": config.Config,
        "defaults": config.Defaults,
        "image": config.Image,
        "container": config.Container,
        "bundles": config.BundlesSection,
        "targets": config.Target,
        "matrix": config.Matrix,
    }
)
HEADS: Final = {"top": "Top level", "targets": "[targets.NAME]"}
_SIMPLE: Final = {
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a number",
    Path: "a path",
}

_TABLES: Final[Mapping[object, str]] = MappingProxyType(
    {
        Pairs: "a table of strings",
        tuple[Pairs, ...]: "a list of tables of strings",
        ValueLists: "a table of lists of strings",
    }
)


class Key(Struct, frozen=True):
    """A key as it is written, what it takes, what it means."""

    name: str
    takes: str
    meaning: str


def keys(kind: type[Struct]) -> Iterator[Key]:
    """The keys of a section that are no sections. Raises KeyError for one without a meaning."""
    hints = typing.get_type_hints(kind, include_extras=True)
    said = meanings(kind)
    needed = {f.name for f in fields(kind) if f.default is f.default_factory is NODEFAULT}
    for key, name in keys_of(kind).items():
        if _is_section(hints[name]):
            continue
        must = "; needed" if name in needed else ""
        yield Key(key, takes(hints[name]) + must, said[name])


def _is_section(hint: object) -> bool:
    inner = _without_none(hint)
    return get_origin(inner) is Mapping or (isinstance(inner, type) and issubclass(inner, Struct))


def _without_none(hint: object) -> object:
    if isinstance(hint, UnionType) or get_origin(hint) is typing.Union:
        (hint,) = (each for each in get_args(hint) if each is not NoneType)
    return hint


def takes(hint: object) -> str:
    """The kind of value, in a person's words. Raises KeyError for a kind that nobody named."""
    hint = _without_none(hint)
    if WORDS in getattr(hint, "__metadata__", ()):
        return "a list of strings, or a string that is split as a shell does"
    if hint in _TABLES:
        return _TABLES[hint]
    if get_origin(hint) is Literal:
        *others, last = (f"`{each}`" for each in get_args(hint))
        return f"{', '.join(others)} or {last}"
    if get_origin(hint) is tuple:
        return "a list of strings"
    assert isinstance(hint, type)
    return _SIMPLE[hint]


def section_table(name: str) -> str:
    """The section's head, what it is for, its keys as a table."""
    head = HEADS.get(name, f"[{name}]")
    rows = [(f"`{key.name}`", key.takes, key.meaning) for key in keys(SECTIONS[name])]
    return "\n\n".join([f"### {head}", *purpose(name), table(["key", "takes", "meaning"], rows)])


def purpose(name: str) -> list[str]:
    """What a section is for: the first paragraph of its class, which begins with its name."""
    first = (inspect.getdoc(SECTIONS[name]) or "").partition("\n\n")[0]
    said = re.fullmatch(r"`\[.*\]`: (.*)", first, re.DOTALL)
    return [said[1][:1].upper() + " ".join(said[1].split())[1:]] if said else []


def _of(name: str) -> Callable[[], str]:
    return lambda: section_table(name)


TABLES: Final[Mapping[str, Callable[[], str]]] = MappingProxyType(
    {name: _of(name) for name in SECTIONS}
)

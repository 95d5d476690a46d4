"""rbuild.toml and the user's file, read as the classes of `config`: each error names the line."""

from __future__ import annotations

import json
import os
import re
import shlex
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Final, Literal, TypeVar, cast, get_args, get_origin

import msgspec
from msgspec import Struct

from rootless_build.files import owner_rights, plain
from rootless_build.model.errors import ConfigError, reason
from rootless_build.model.nearest import USUAL, nearest
from rootless_build.model.plan import Pairs
from rootless_build.model.structs import replace
from rootless_build.recipes.config import (
    FILE_NAME,
    NO_KEY,
    WORDS,
    Config,
    Container,
    Defaults,
    Image,
    Node,
    Target,
    UserConfig,
    ValueLists,
)

Section = TypeVar("Section", bound=Struct)
Value = TypeVar("Value")

_PERSONS_WORDS: Final = {
    "array": "a list",
    "object": "a table",
    "dict": "a table",
    "str": "a string",
    "bool": "true or false",
    "int": "a number",
    "float": "a number",
    "datetime": "a date",
    "date": "a date",
    "time": "a time",
}


def load(project: Path, user_file: Path) -> Config:
    """The project's rbuild.toml and the user's file; neither needs to be there.

    Root reads the project's with the rights of the project's owner. Raises ConfigError with file,
    line, key and what was expected.
    """
    project_file = project / FILE_NAME
    if not project_file.is_file() and not user_file.is_file():
        return Config()
    config, users = Config(), UserConfig()
    with owner_rights.rights_of(owner_rights.owner(project), needed=False):
        if project_file.is_file():
            config = replace(read(project_file, Config), file=project_file)
    if user_file.is_file():
        users = read(user_file, UserConfig)
    return replace(config, defaults=_merged(config.defaults, users.defaults), nodes=users.nodes)


def with_makefile(config: Config, makefile: Path | None) -> Config:
    """The configuration with another makefile, where one is named."""
    if makefile is None:
        return config
    defaults = replace(config.defaults, makefile=makefile)
    return replace(config, defaults=defaults)


def _merged(first: Defaults, second: Defaults) -> Defaults:
    """Values of the first, else of the second; pairs of both, the first's last, for they win."""
    own = msgspec.structs.asdict(first)
    given = {name: value for name, value in own.items() if value not in {None, ()}}
    return replace(
        second,
        **given
        | {
            "build_args": second.build_args + first.build_args,
            "environment": second.environment + first.environment,
        },
    )


def read(file: Path, kind: type[Section]) -> Section:
    """The file as `kind`. Raises ConfigError with file, line, key and what was expected."""
    try:
        text = plain.text(file)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} can't be read: it is not text in UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{file} can't be read: {reason(error)}") from error
    try:
        table = _table(text)
    except ValueError as error:
        said = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", str(error))
        where = f"{file}:{said[2]}:{said[3]}" if said else str(file)
        raise ConfigError(
            f"{where}: not valid TOML: {said[1] if said else error}", hint="see https://toml.io"
        ) from error
    except RecursionError as error:
        raise ConfigError(f"{file}: it has too many things in one another") from error
    return _Reader(file, text).section(kind, table, ())


def _table(text: str) -> dict[str, object]:
    # As in load().
    import tomllib  # noqa: PLC0415

    return tomllib.loads(text)


def error_at(file: Path, keys: Sequence[str], message: str, hint: str = "") -> ConfigError:
    """An error about the key that `keys` leads to."""
    return _Reader(file, plain.text(file)).error(keys, message, hint)


def error_in(
    files: Sequence[Path], keys: Sequence[str], message: str, hint: str = ""
) -> ConfigError:
    """An error about the key that `keys` leads to, in the first of the files that has it."""
    for file in files:
        try:
            found: object = _table(plain.text(file))
        except (OSError, ValueError):
            continue
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        if found is not None:
            return error_at(file, keys, message, hint)
    return ConfigError(f"{'.'.join(keys)}: {message}", hint=hint)


class _Reader(Struct, frozen=True):
    file: Path
    text: str

    def error(self, keys: Sequence[str], message: str, hint: str = "") -> ConfigError:
        # Only a mistake needs it.
        from rootless_build.recipes.toml_places import line_of  # noqa: PLC0415

        where = f"{self.file}:{line_of(self.text, keys)}"
        return ConfigError(f"{where}: {'.'.join(keys)}: {message}", hint=hint)

    def section(
        self, kind: type[Section], table: Mapping[str, object], keys: tuple[str, ...]
    ) -> Section:
        hints = typing.get_type_hints(kind, include_extras=True)
        known = keys_of(kind)
        values: dict[str, object] = {}
        for key, value in table.items():
            if key not in known:
                near = nearest(key, known, USUAL)
                hint = f"did you mean {near}?" if near else self._where_it_belongs(kind, key)
                message = f"no such key; known here: {', '.join(known)}"
                raise self.error((*keys, key), message, hint)
            values[known[key]] = self._value(hints[known[key]], value, (*keys, key))
        required = len(kind.__struct_fields__) - len(kind.__struct_defaults__)
        needed = [
            name.replace("_", "-")
            for name in kind.__struct_fields__[:required]
            if name not in values
        ]
        if needed:
            raise self.error(keys, f"needs the key {', '.join(needed)}")
        return kind(**values)

    def _where_it_belongs(self, kind: type[Struct], key: str) -> str:
        if kind is UserConfig and key in keys_of(Config):
            return f"{key} belongs in a project's own {FILE_NAME}"
        sections: dict[str, type[Struct]] = {
            "defaults": Defaults,
            "image": Image,
            "container": Container,
        }
        for name, section in ({} if kind is UserConfig else sections).items():
            if section is not kind and key in keys_of(section):
                return f"it is a key of [{name}]"
        return ""

    def _value(self, hint: object, value: object, keys: tuple[str, ...]) -> object:
        hint = without_none(hint)
        if isinstance(hint, type) and issubclass(hint, Struct):
            return self.section(hint, self._converted(value, dict[str, object], keys), keys)
        if (of := section_by_name(hint)) is not None:
            tables = self._converted(value, dict[str, object], keys)
            return MappingProxyType(
                {name: self._value(of, table, (*keys, name)) for name, table in tables.items()}
            )
        if hint in {Pairs, ValueLists}:
            return self._pairs(hint, value, keys)
        if hint is Path:
            text = self._converted(value, str, keys)
            return Path(os.path.normpath(self.file.absolute().parent / text))
        return self._simple(hint, value, keys)

    def _pairs(
        self, hint: object, value: object, keys: tuple[str, ...]
    ) -> tuple[tuple[str, object], ...]:
        table = self._converted(value, dict[str, object], keys)
        kind = str if hint == Pairs else tuple[str, ...]
        return tuple(
            (name, self._simple(kind, each, (*keys, name))) for name, each in table.items()
        )

    def _simple(self, hint: object, value: object, keys: tuple[str, ...]) -> object:
        if WORDS in getattr(hint, "__metadata__", ()):
            return self._words(value, keys)
        if hint == tuple[Pairs, ...] and isinstance(value, list):
            return tuple(self._pairs(Pairs, each, (*keys, str(n))) for n, each in enumerate(value))
        if get_origin(hint) is Literal and isinstance(value, str):
            return self._one_of(get_args(hint), value, keys)
        if isinstance(value, str) and get_origin(hint) is tuple:
            raise self.error(keys, "expected a list, got a string", f"write [{json.dumps(value)}]")
        return self._converted(value, cast("type[object]", hint), keys)

    def _words(self, value: object, keys: tuple[str, ...]) -> tuple[str, ...]:
        if isinstance(value, list):
            return self._converted(value, tuple[str, ...], keys)
        if not isinstance(value, str):
            kind = _PERSONS_WORDS.get(type(value).__name__, "another kind of value")
            raise self.error(keys, f"expected a list of strings or a string, got {kind}")
        try:
            return tuple(shlex.split(value))
        except ValueError as error:
            raise self.error(keys, f"{error}: {value}") from error

    def _one_of(self, known: Sequence[str], value: str, keys: tuple[str, ...]) -> str:
        if value in known:
            return value
        *others, last = known
        near = nearest(value, known, USUAL)
        message = f"it is {', '.join(others)} or {last}, not {value!r}"
        raise self.error(keys, message, f"did you mean {near}?" if near else "")

    def _converted(self, value: object, kind: type[Value], keys: tuple[str, ...]) -> Value:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            said, _, _ = str(error).partition(" - at ")
            raise self.error(keys, _for_people(said)) from error


def keys_of(kind: type[Struct]) -> dict[str, str]:
    """The keys that a section may have, and the fields that they set."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {
        name.replace("_", "-"): name
        for name in kind.__struct_fields__
        if NO_KEY not in getattr(hints[name], "__metadata__", ())
    }


def section_by_name(hint: object) -> type[Struct] | None:
    """What each table of a table of tables is read as: `[targets.NAME]`; None for another hint."""
    if hint == Mapping[str, Target]:
        return Target
    return Node if hint == Mapping[str, Node] else None


def without_none(hint: object) -> object:
    """What is left of `X | None`: TOML has no null."""
    parts = [part for part in get_args(hint) if part is not NoneType]
    return parts[0] if NoneType in get_args(hint) and len(parts) == 1 else hint


def _for_people(said: str) -> str:
    """msgspec's "Expected `array`, got `str`", in the words of TOML."""
    text = re.sub(r"`(\w+)`", lambda word: _PERSONS_WORDS.get(word[1], word[1]), said)
    return text[:1].lower() + text[1:]

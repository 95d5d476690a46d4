"""The JSON schemas: what they take and refuse is what rbuild takes and refuses; but for a command
that no shell could split, and what only the step it becomes of can tell.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import tomli_w
from msgspec import Struct

from rootless_build.model.errors import ConfigError
from rootless_build.recipes import config_file
from rootless_build.recipes.config import Config, Target, UserConfig
from rootless_build.recipes.config_schema import FILES, schema

ROOT = Path(__file__).parents[3]
VALUES: tuple[object, ...] = (
    *("text", "always", True, 3, 2.5, ["a"], [1]),
    *({}, {"A": "b"}, {"A": 1}, {"A": {"command": "x"}}),
)
"""Of each kind of TOML that a key may have."""


def validator(file: str) -> jsonschema.Draft202012Validator:
    made = schema(file)
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


def taken(table: dict[str, object], kind: type[Struct], place: Path) -> bool:
    file = place / "rbuild.toml"
    file.write_bytes(tomli_w.dumps(table).encode())
    try:
        config_file.read(file, kind)
    except ConfigError:
        return False
    return True


def sections(kind: type[Struct]) -> Iterator[tuple[tuple[str, ...], type[Struct]]]:
    """Every table of a file, by the keys that lead to it."""
    yield (), kind
    hints = typing.get_type_hints(kind, include_extras=True)
    for key, name in config_file.keys_of(kind).items():
        hint = config_file.without_none(hints[name])
        if isinstance(hint, type) and issubclass(hint, Struct):
            yield (key,), hint
    if kind is Config:
        yield ("targets", "x"), Target


def within(keys: tuple[str, ...], table: dict[str, object]) -> dict[str, object]:
    if keys == ("bundles",):
        table = {"container-path": "/out", **table}
    for key in reversed(keys):
        table = {key: table}
    return table


@pytest.mark.parametrize("file", FILES)
def test_each_value_of_each_key_is_taken_by_both_or_by_none(file: str, tmp_path: Path) -> None:
    checks, kind = validator(file), FILES[file]
    differ = []
    counted = {True: 0, False: 0}
    for keys, section in sections(kind):
        for key in (*config_file.keys_of(section), "nonsense", "file-of-nothing"):
            for value in VALUES:
                table = within(keys, {key: value})
                ours = taken(table, kind, tmp_path)
                counted[ours] += 1
                if checks.is_valid(table) != ours:
                    differ.append((table, ours))
    assert differ == []
    assert min(counted.values()) > 20


def test_a_key_that_has_to_be_there(tmp_path: Path) -> None:
    table: dict[str, object] = {"bundles": {"mount": True}}
    assert not validator("rbuild.toml").is_valid(table)
    assert not taken(table, Config, tmp_path)


def test_the_users_file_has_defaults_alone(tmp_path: Path) -> None:
    tables: list[dict[str, object]] = [{"image": {}}, {"targets": {}}, {"default-target": "x"}]
    for table in tables:
        assert not validator("config.toml").is_valid(table)
        assert not taken(table, UserConfig, tmp_path)


@pytest.mark.parametrize(
    "file", [path for path in ROOT.rglob("rbuild.toml") if ".venv" not in path.parts]
)
def test_every_file_here_is_valid(file: Path) -> None:
    assert list(validator("rbuild.toml").iter_errors(tomllib.loads(file.read_text()))) == []


@pytest.mark.parametrize("file", FILES)
def test_rbuild_prints_it(file: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rootless_build", "init", "--schema", file],
        capture_output=True,
        text=True,
        check=True,
    )
    printed = json.loads(done.stdout)
    assert printed == schema(file)
    assert printed["properties"]["defaults"]["description"]

"""README names every key of rbuild.toml, no other, and its example is a recipe."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
from msgspec import Struct

from rootless_build.recipes import config_file, rbuild_toml
from rootless_build.recipes.config import (
    BundlesSection,
    Config,
    Container,
    Defaults,
    Image,
    Target,
)
from rootless_build.recipes.config_file import keys_of
from rootless_build.recipes.request import Request

README = Path(__file__).parents[3].joinpath("README.md").read_text(encoding="utf-8")
SECTION = README.partition("### rbuild.toml and")[2].partition("\n### ")[0]
SUBSECTIONS = {"image", "container", "bundles", "targets", "defaults"}


def keys(kind: type[Struct]) -> set[str]:
    return set(keys_of(kind))


def documented(head: str) -> set[str]:
    """The names in the first column of the table that begins so."""
    table = SECTION.partition(f"\n| {head} |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines()[1:] if row.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ("`[defaults]`", Defaults),
        ("`[image]`", Image),
        ("`[container]`", Container),
        ("`[bundles]`", BundlesSection),
        ("`[targets.NAME]`", Target),
    ],
)
def test_every_key_is_in_its_table_and_no_other(head: str, kind: type[Struct]) -> None:
    assert documented(head) == keys(kind)


def test_every_key_of_the_top_level(tmp_path: Path) -> None:
    assert documented("top level") | SUBSECTIONS == keys(Config)


def test_the_example_is_a_recipe_for_each_of_its_targets(tmp_path: Path) -> None:
    example = SECTION.partition("A whole recipe:\n\n")[2].partition("\n\n|")[0]
    (tmp_path / "rbuild.toml").write_text(textwrap.dedent(example))
    read = config_file.load(tmp_path, tmp_path / "none.toml")
    for name in read.targets:
        plan = rbuild_toml.read(
            Request(
                project=tmp_path, targets=(name,), variables=(), environment={}, terminal=False
            ),
            read,
        )
        assert [step.kind for step in plan.steps] == ["build-image", "run-container"]

"""The recipe that the reference shows is one. Its tables are made of the code (`tests.docs`)."""

from __future__ import annotations

import textwrap
from pathlib import Path

from rootless_build.recipes import config_file, rbuild_toml
from rootless_build.recipes.request import Request

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "rbuild-toml.md"


def test_the_example_is_a_recipe_for_each_of_its_targets(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    example = text.partition("\n## A whole recipe\n\n")[2].partition("\n## ")[0]
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

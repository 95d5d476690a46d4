"""Whoever only looks sees the plan that a build has: the sandbox changes nothing in an answer."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

import pytest

from rootless_build.process.sandbox.running import Sandbox
from rootless_build.recipes.make import makefile, recipe
from rootless_build.recipes.request import Request

DATA: Final = Path(__file__).parents[1] / "data"
PROJECTS: Final = sorted(path.parent.name for path in DATA.glob("*/Makefile"))


@pytest.mark.parametrize("name", PROJECTS)
def test_plans_inside_and_outside_are_the_same(tmp_path: Path, name: str) -> None:
    project = tmp_path / name
    shutil.copytree(DATA / name, project)
    file = project / "Makefile"
    environment = {**os.environ, "PWD": str(project)}
    targets = makefile.target_names(file)
    assert targets
    for target in targets:
        outside = Request(project, (target,), (), environment, terminal=False)
        sandbox = Sandbox(project, environment)
        inside = Request(project, (target,), (), environment, terminal=False, looking=sandbox)
        assert recipe.read(inside, file) == recipe.read(outside, file)
        assert (sandbox.problem, sandbox.denials) == ("", ())

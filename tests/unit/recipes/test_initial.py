"""`rbuild init`: a first rbuild.toml changes no plan and overwrites nothing."""

from __future__ import annotations

import os
import re
import resource
import shutil
import tomllib
from pathlib import Path

import pytest

from rootless_build.cli import app
from rootless_build.model.errors import HostError, RecipeError
from rootless_build.model.plan import Plan
from rootless_build.recipes import config_file, front_ends, initial, project_targets
from rootless_build.recipes.config import Config
from rootless_build.recipes.request import Request

DATA = Path(__file__).parents[2] / "data"
PROJECTS = ("project", "bake-project", "output-project", "moby29-project")


def init(*words: str) -> int:
    return app.run(["rbuild", "init", *words])


def plan_of(project: Path, *targets: str) -> Plan | str:
    """The plan, or why there is none."""
    config = config_file.load(project, project / "no-such-file")
    environment = {"PATH": os.environ["PATH"]}
    try:
        return front_ends.read(Request(project, targets, (), environment, terminal=False), config)
    except RecipeError as error:
        return error.message


@pytest.fixture(autouse=True)
def _no_file_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.mark.parametrize("name", PROJECTS)
def test_the_plans_are_those_without_it(name: str, tmp_path: Path) -> None:
    project = tmp_path / name
    shutil.copytree(DATA / name, project)
    (project / "rbuild.toml").unlink(missing_ok=True)
    listing = project_targets.listed(project, Config(), {})
    asked = [(), *((target.name,) for target in listing.targets)]
    before = [plan_of(project, *targets) for targets in asked]
    assert init("-C", str(project)) == 0
    assert [plan_of(project, *targets) for targets in asked] == before
    described = {target.name: target.description for target in listing.targets}
    read = config_file.load(project, project / "no-such-file")
    assert {name: target.description for name, target in read.targets.items()} == {
        name: said for name, said in described.items() if said
    }


@pytest.mark.parametrize("name", PROJECTS)
def test_all_that_is_in_comments_is_what_rbuild_reads(name: str, tmp_path: Path) -> None:
    project = tmp_path / name
    shutil.copytree(DATA / name, project)
    (project / "rbuild.toml").unlink(missing_ok=True)
    assert init("-C", str(project)) == 0
    file = project / "rbuild.toml"
    commented = [
        line.removeprefix("# ")
        for line in file.read_text().splitlines()
        if re.match(r"# (\[|[\w-]+ = |    |\])", line)
    ]
    assert commented
    file.write_text("[defaults]\n" + "\n".join(commented))
    config_file.read(file, Config)


def test_a_bake_file_stays_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "docker-bake.hcl").write_text(
        'target "default" {\n  output = ["bin"]\n}\ntarget "other" {\n  description = "said"\n}\n'
    )
    before = plan_of(tmp_path), plan_of(tmp_path, "other")
    assert init("-C", str(tmp_path)) == 0
    assert isinstance(before[0], Plan)
    assert (plan_of(tmp_path), plan_of(tmp_path, "other")) == before


def test_a_containerfile_alone_is_built(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert init("-C", str(tmp_path)) == 2
    assert "neither a Makefile" in capfd.readouterr().err
    (tmp_path / "Containerfile").write_text("FROM scratch\n")
    assert init("-C", str(tmp_path)) == 0
    plan = plan_of(tmp_path)
    assert isinstance(plan, Plan)
    (step,) = plan.steps
    assert step.kind == "build-image"


def test_a_makefile_of_another_name(tmp_path: Path) -> None:
    (tmp_path / "docker.mk").write_text("all: ## everything\n\tdocker build -t all .\n")
    assert init("-C", str(tmp_path), "--makefile", "docker.mk") == 0
    read = config_file.load(tmp_path, tmp_path / "no-such-file")
    assert read.defaults.makefile == tmp_path / "docker.mk"
    assert read.targets["all"].description == "everything"


def test_nothing_is_overwritten(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Makefile").write_text('all: ## "all" \\\\ of it\n\tdocker build -t all .\n')
    (tmp_path / "rbuild.toml").write_text("# mine\n")
    assert init("-C", str(tmp_path)) == 2
    assert "is there already" in capfd.readouterr().err
    assert (tmp_path / "rbuild.toml").read_text() == "# mine\n"
    assert init("-C", str(tmp_path), "--dry-run") == 0
    text = capfd.readouterr().out
    assert tomllib.loads(text)["targets"]["all"]["description"].startswith('"all"')
    (tmp_path / "rbuild.toml").unlink()
    (tmp_path / "rbuild.toml").symlink_to("elsewhere")
    assert init("-C", str(tmp_path)) == 2
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_that_can_not_be_written_whole_is_not_left(
    tmp_path: Path,
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(HostError, match="File too large"):
            initial.write(tmp_path, "x" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (tmp_path / "rbuild.toml").exists()
    initial.write(tmp_path, "x" * 100)
    assert (tmp_path / "rbuild.toml").read_text() == "x" * 100


def test_a_recipe_that_has_no_plan_has_targets(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Makefile").write_text("all: ## everything\n\tdocker ps | grep x\n")
    assert init("-C", str(tmp_path)) == 0
    assert "everything" in (tmp_path / "rbuild.toml").read_text()

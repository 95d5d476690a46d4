"""-f and --build-context on the command line: which image they are for, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rootless_build.cli import app
from tests.unit.recipes.make.make_project import MakeProject

MAKEFILE = """
binary:
\tdocker build -t docs -f Dockerfile.docs .
\tdocker build -t dev:main .
\tdocker run dev:main make
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a Makefile of two images."""
    MakeProject(tmp_path).write(MAKEFILE)
    for name in ("Dockerfile", "Dockerfile.docs", "mine", "a=b"):
        (tmp_path / name).write_text("FROM scratch\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def containerfiles(capfd: pytest.CaptureFixture[str], *words: str) -> dict[str, str]:
    """The name of the file that each image is built from."""
    status = app.run(["rbuild", "plan", "--format=json", *words])
    out, err = capfd.readouterr()
    assert status == 0, err
    steps = [step for step in json.loads(out)["steps"] if step["kind"] == "build-image"]
    return {step["tags"][0]: Path(step["containerfile"] or "Dockerfile").name for step in steps}


@pytest.mark.parametrize(
    ("words", "docs", "dev"),
    [
        (("-f", "mine"), "Dockerfile.docs", "mine"),
        (("-f", "docs=mine"), "mine", "Dockerfile"),
        (("-f", "dev=mine", "--file=docs=a=b"), "a=b", "mine"),
        (("-f", "mine", "-f", "docs=mine"), "mine", "mine"),
        (("-f", "a=b"), "Dockerfile.docs", "a=b"),
    ],
)
def test_a_file_is_for_one_image(
    project: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], docs: str, dev: str
) -> None:
    assert containerfiles(capfd, *words) == {"docs": docs, "dev:main": dev}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-f", "mine", "-f", "a=b"), "-f IMAGE=FILE"),
        (("-f", "none=mine"), "no image none is built; there is docs, dev:main"),
        (("--build-context", "x"), "it is NAME=DIR"),
        (("--build-context", "x=gone"), "there is no directory gone"),
    ],
)
def test_what_makes_no_sense_is_refused(
    project: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert app.run(["rbuild", "plan", *words]) == 2
    assert said in capfd.readouterr().err


def test_who_means_a_makefile_is_told_so_before_its_targets_are_missed(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "docker.Makefile").write_text("cli:\n\tdocker build .\n")
    assert app.run(["rbuild", "plan", "-f", "docker.Makefile", "cli"]) == 2
    assert "--makefile docker.Makefile" in capfd.readouterr().err


def test_a_build_context_is_one_of_every_build(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ("--build-context=a=.", "--build-context", "b=docker-image://debian")
    assert app.run(["rbuild", "plan", "--format=json", *words]) == 0
    steps = json.loads(capfd.readouterr().out)["steps"]
    given = [["a", str(project)], ["b", "docker-image://debian"]]
    assert [s["build_contexts"] for s in steps if s["kind"] == "build-image"] == [given] * 2

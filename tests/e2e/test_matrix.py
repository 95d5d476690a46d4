"""`rbuild matrix` with real engines: cells of commits, here and by an executor of others."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.driver import Rbuild

pytestmark = pytest.mark.in_ci("podman")

_MAKEFILE = """\
a b:
\tdocker build -t cell .
\tdocker run --rm -v $(CURDIR)/bundles:/out cell \\
\t\tsh -c 'cat /said > /out/$@; echo $(WORD) >> /out/$@'
bad:
\tdocker build -t cell .
\tdocker run --rm -v $(CURDIR)/bundles:/out cell sh -c 'exit 7'
"""
_TOY = """\
import os
from concurrent.futures import ProcessPoolExecutor

def _start():
    os.environ["XDG_STATE_HOME"] = os.environ["TOY_STATE"]

class Toy:
    shares_files = False
    def __init__(self, options):
        self._pool = ProcessPoolExecutor(int(options["workers"]), initializer=_start)
    def where(self, needs):
        return "toy"
    def __call__(self, needs):
        return self._pool
    def close(self):
        self._pool.shutdown(cancel_futures=True)
"""


def _git(project: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(("git", *who, *words), cwd=project, check=True, capture_output=True)


@pytest.fixture
def commits(rbuild: Rbuild) -> Rbuild:
    """`rbuild` in a repository of two tags, of which the image has a file; its hook would tell."""
    project = rbuild.project
    (project / "Makefile").write_text(_MAKEFILE)
    (project / "Dockerfile").write_text("FROM debian:bookworm\nCOPY said /\n")
    (project / ".dockerignore").write_text("*\n!said\n")
    (project / ".gitignore").write_text("bundles\n")
    _git(project, "init", "-q")
    for tag in ("v1", "v2"):
        (project / "said").write_text(f"{tag}\n")
        _git(project, "add", "-A")
        _git(project, "commit", "-qm", tag)
        _git(project, "tag", tag)
    hook = project / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {project.parent}/hooked\n")
    hook.chmod(0o755)
    return dataclasses.replace(rbuild, terminal=False)


def _made(rbuild: Rbuild, cell: str, target: str) -> str:
    return (rbuild.bundles / cell / target).read_text()


def _states(output: str) -> dict[str, str]:
    return {row["cell"]: row["state"] for row in json.loads(output)}


def test_cells_are_of_commits_and_not_done_again(commits: Rbuild) -> None:
    (commits.project / "said").write_text("uncommitted\n")
    words = ("matrix", "--format", "json", "--refs", "v1,v2,.", "--variable", "WORD=x", "a")
    listed = commits(*words, "--dry-run")
    assert [row["cell"] for row in json.loads(listed.stdout)] == [
        *("v1-a-WORD=x", "v2-a-WORD=x", "tree-a-WORD=x")
    ]
    assert not commits.bundles.exists()
    done = commits(*words, "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 file that differs" in done.stderr
    assert _made(commits, "v1-a-WORD=x", "a") == "v1\nx\n"
    assert _made(commits, "v2-a-WORD=x", "a") == "v2\nx\n"
    assert _made(commits, "tree-a-WORD=x", "a") == "uncommitted\nx\n"
    assert commits("bundles", "verify").returncode == 0
    again = commits(*words)
    assert set(_states(again.stdout).values()) == {"unchanged"}, again.stdout
    assert not (commits.project.parent / "hooked").exists(), "a hook of the checkout was run"
    assert commits("clean", "--images", "--volumes").returncode == 0


def test_one_that_fails_is_told_and_the_others_are_done(commits: Rbuild) -> None:
    done = commits("matrix", "--refs", "v2", "bad", "b")
    assert done.returncode == 1
    assert "v2-bad  failed (1)" in done.stdout
    assert "1 of 2 cells done" in done.stdout
    assert _made(commits, "v2-b", "b").startswith("v2")
    assert not (commits.bundles / "v2-bad").exists()
    resumed = commits("matrix", "--resume", "--format", "json")
    assert _states(resumed.stdout) == {"v2-bad": "failed", "v2-b": "done"}
    assert "[1/" in resumed.stderr
    assert "v2-b:" not in resumed.stderr, "what is done is not done again"


def test_an_executor_of_another_distribution(commits: Rbuild, tmp_path: Path) -> None:
    place = tmp_path / "toy"
    (place / "toy-1.dist-info").mkdir(parents=True)
    (place / "toy_executor.py").write_text(_TOY)
    (place / "toy-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\n")
    points = "[rootless_build.executors]\ntoy = toy_executor:Toy\n"
    (place / "toy-1.dist-info" / "entry_points.txt").write_text(points)
    more = {"PYTHONPATH": str(place), "TOY_STATE": str(tmp_path / "there")}
    there = dataclasses.replace(commits, environment={**commits.environment, **more})
    words = ("matrix", "--executor", "toy", "--executor-option", "workers=1", "--refs", "v1,v2")
    done = there(*words, "--format", "json", "b")
    assert done.returncode == 0, done.stdout + done.stderr
    assert _states(done.stdout) == {"v1-b": "done", "v2-b": "done"}
    assert _made(there, "v1-b", "b").startswith("v1")
    assert there("bundles", "verify").returncode == 0
    assert (tmp_path / "there" / "rbuild" / "matrix").is_dir(), "the workers had another state"


_BAD = {
    "--refs v3": "there is no commit v3",
    "--executor lokal": "did you mean local?",
    "--backends podmn": "did you mean podman?",
    "--options --metadata-file=x": "--metadata-file=x is the matrix's",
    "--options --nosuch": "--nosuch is no option of a build",
    "--executor-option cores=2": "has no option cores",
    "--memory much": "it is a size",
    "--resume": "without a",
}


def test_bad_input_is_one_error_before_anything_starts(commits: Rbuild) -> None:
    for words, said in _BAD.items():
        done = commits("matrix", *words.split(), "a")
        assert done.returncode == 2, (words, done.stderr)
        assert said in done.stderr
        assert not commits.bundles.exists()

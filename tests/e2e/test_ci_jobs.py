"""The scripts of contrib/ci, run as a runner of GitHub's and of GitLab's would, without a dockerd.

CI_JOBS_INSTALL=yes has them install rbuild of this checkout with pip too: by hand, in a release of
contrib/engine-matrix, which has the packages.
"""

from __future__ import annotations

import getpass
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final, cast

import pytest

from rootless_build.testing.base_root import write_base_root
from rootless_build.testing.engines import end_pause_process, remove_storage
from tests import ci_jobs
from tests.e2e.driver import DEADLINE, Rbuild

pytestmark = pytest.mark.in_ci("podman")

_CHECKOUT: Final = Path(__file__).parents[2]
_INSTALLS: Final = "CI_JOBS_INSTALL" in os.environ


class _Runner:
    """A runner's account: a home, storage and a project of its own."""

    def __init__(self, project: Path, home: Path, stack: ExitStack) -> None:
        self.project = project
        self._home = home
        self._stack = stack
        self._storage = Path(tempfile.mkdtemp(prefix="rbuild-ci-", dir="/var/tmp"))
        stack.callback(remove_storage, self._storage)
        self._bin = home / "bin"
        self._bin.mkdir()
        if not _INSTALLS:
            (self._bin / "rbuild").symlink_to(shutil.which("rbuild") or "rbuild")
        # An ordinary account: what needs root is there, or the job fails.
        sudo = self._bin / "sudo"
        sudo.write_text("#!/bin/sh\necho sudo is not for this job >&2\nexit 1\n")
        sudo.chmod(0o755)
        self.begin()

    @property
    def rbuild(self) -> Rbuild:
        """rbuild as the account has it, without the job."""
        return Rbuild(self.project, "podman", self.environment)

    def begin(self) -> None:
        """Be as after the account has logged in."""
        runtime = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="rbuild-run-")))
        self._stack.callback(end_pause_process, runtime)
        homes = {f"XDG_{name}_HOME": self._storage / name for name in ("DATA", "CACHE", "STATE")}
        for home in homes.values():
            home.mkdir(exist_ok=True)
        # Nothing of this environment's own, but where pip has packages from.
        kept = (each for each in os.environ["PATH"].split(":") if "venv" not in each)
        self.environment: Mapping[str, str] = {
            **{name: each for name, each in os.environ.items() if name.startswith("PIP_")},
            **{name: str(home) for name, home in homes.items()},
            "XDG_RUNTIME_DIR": str(runtime),
            "PATH": ":".join((str(self._bin), *kept)),
            "HOME": str(self._home),
            "USER": getpass.getuser(),
            "RBUILD": str(_CHECKOUT),
        }

    def is_another(self) -> None:
        """Be a runner that has only what the job's cache is of."""
        shutil.rmtree(self.project / "bundles")
        remove_storage(self._storage)
        self._storage.mkdir()
        self.begin()


@pytest.fixture
def runner(rbuild: Rbuild, tmp_path: Path, backend_name: str) -> Iterator[_Runner]:
    """With a base image, as a registry would have it."""
    if backend_name != "podman":
        pytest.skip("the jobs install podman")
    with ExitStack() as stack:
        made = _Runner(rbuild.project, tmp_path, stack)
        archive = tmp_path / "bookworm.tar"
        write_base_root(archive)
        done = made.rbuild("base", "--from", str(archive), "debian:bookworm")
        assert done.returncode == 0, done.stderr
        yield made


def _run(runner: _Runner, script: str, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        ("bash", "-e", "-c", script),
        cwd=runner.project,
        env={**runner.environment, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=5 * DEADLINE,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def _variables(given: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in given.items() if name != "RBUILD"}


def _steps(file: Path) -> list[dict[str, object]]:
    told = json.loads(file.read_text())
    assert told["status"] == 0
    return cast("list[dict[str, object]]", told["steps"])


def _has_bundles(runner: _Runner) -> bool:
    return any(path.is_file() for path in (runner.project / "bundles").rglob("*"))


def _github(runner: _Runner, place: Path) -> str:
    """Run the job's scripts, each in a shell of its own."""
    variables, parts = ci_jobs.github()
    path = place / "path"
    path.write_text("")
    said = ""
    for part in parts:
        added = ":".join((*path.read_text().split(), runner.environment["PATH"]))
        environment = {
            **_variables(variables),
            "PATH": added,
            "GITHUB_ACTIONS": "true",
            "GITHUB_PATH": str(path),
            "GITHUB_STEP_SUMMARY": str(place / "summary.md"),
            "GITHUB_WORKSPACE": str(runner.project),
            "RUNNER_TEMP": str(place),
        }
        said += _run(runner, part.script, environment)
    return said


def test_github_s_job_builds_and_the_next_one_takes_what_it_kept(
    runner: _Runner, tmp_path: Path
) -> None:
    assert "::group::[1/" in _github(runner, tmp_path)
    first = _steps(tmp_path / "rbuild.json")
    assert [step["cached"] for step in first] == [False] * len(first)
    assert "sha256" in (tmp_path / "summary.md").read_text()
    assert _has_bundles(runner)

    runner.is_another()
    _github(runner, tmp_path)
    second = _steps(tmp_path / "rbuild.json")
    assert [step["cached"] for step in second if step["kind"] == "build-image"] == [True]
    assert _has_bundles(runner)


def test_gitlab_s_job_builds_and_the_next_one_has_nothing_to_do(runner: _Runner) -> None:
    variables, (part,) = ci_jobs.gitlab()
    environment = {**_variables(variables), "GITLAB_CI": "true"}
    assert "\x1b[0Ksection_start:" in _run(runner, part.script, environment)
    assert _has_bundles(runner)
    _run(runner, part.script, environment)
    second = _steps(runner.project / "rbuild.json")
    assert [step["cached"] for step in second] == [True] * len(second)

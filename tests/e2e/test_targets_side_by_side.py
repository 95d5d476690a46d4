"""Targets of one bake that do not need each other are built side by side."""

from __future__ import annotations

import json
import secrets
import shutil
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.driver import DEADLINE, Rbuild
from tests.e2e.remains import remains_after_cleaning

pytestmark = pytest.mark.in_ci("podman", "buildah")

BAKE = """\
group "default" {{ targets = ["first", "second", "third"] }}
target "first" {{
  target = "first"
  output = ["{bundles}/first"]
}}
target "second" {{
  target = "second"
  output = ["{bundles}/second"]
}}
target "third" {{
  contexts = {{ taken = "target:first" }}
  dockerfile-inline = "FROM scratch\\nCOPY --from=taken /made /of-first\\n"
  output = ["{bundles}/third"]
}}
"""
CONTAINERFILE = """\
FROM scratch AS common
COPY busybox /bin/sh
COPY busybox /bin/busybox
FROM common AS first
RUN --mount=type=cache,id={place},target=/c {meet}; {first}
FROM common AS second
RUN --mount=type=cache,id={place},target=/c {met}; {second}
"""
MEET = "echo met >/c/first; /bin/busybox mkfifo /c/way; read word </c/way"
MET = "until [ -p /c/way ]; do /bin/busybox sleep 0.1; done; echo word >/c/way"
"""The one can't end before the other one has begun."""


class Project:
    """A bake of three targets, of which two meet and one is built from another."""

    def __init__(self, rbuild: Rbuild) -> None:
        self.rbuild = rbuild
        self.bundles = rbuild.project / "bundles"
        (rbuild.project / "docker-bake.hcl").write_text(BAKE.format(bundles="bundles"))
        (rbuild.project / ".dockerignore").write_text("bundles\n")
        shutil.copy("/bin/busybox", rbuild.project / "busybox")

    def write(self, first: str, second: str, meet: str = MEET, met: str = MET) -> None:
        place = secrets.token_hex(8)
        text = CONTAINERFILE.format(place=place, meet=meet, met=met, first=first, second=second)
        (self.rbuild.project / "Dockerfile").write_text(text)


@pytest.fixture
def project(
    tmp_path: Path, backend_name: str, rbuild_environment: Mapping[str, str]
) -> Iterator[Project]:
    place = tmp_path / "project"
    place.mkdir()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**rbuild_environment, "TMPDIR": str(temporary)}
    made = Project(Rbuild(place, backend_name, environment))
    yield made
    made.rbuild("clean", "--images")


def test_targets_meet_and_each_says_what_it_says_in_one_piece(project: Project) -> None:
    saying = "for i in 1 2 3; do echo {0} $i; /bin/busybox sleep 0.1; done; echo {0} >/made"
    project.write(saying.format("one"), saying.format("two"))
    assert "beside" in project.rbuild("plan").stdout
    done = project.rbuild("make")
    assert done.returncode == 0, done.stderr
    assert (project.bundles / "first" / "made").read_text() == "one\n"
    assert (project.bundles / "second" / "made").read_text() == "two\n"
    assert (project.bundles / "third" / "of-first").read_text() == "one\n"
    lines = done.stderr.splitlines()
    for name, word in (("first", "one"), ("second", "two")):
        begin = next(n for n, line in enumerate(lines) if f"[{name} {name} 2/2] RUN" in line)
        assert lines[begin + 1 : begin + 4] == [f"{word} {i}" for i in (1, 2, 3)]
    # What is built of another target comes after it.
    third = next(n for n, line in enumerate(lines) if "build third" in line)
    assert third > lines.index("one 3")
    again = project.rbuild("make")
    assert again.returncode == 0, again.stderr
    assert again.stderr.splitlines().count("    unchanged") == 3


def test_the_log_tells_of_each_step_which_one_it_is(project: Project) -> None:
    project.write("echo one; echo one >/made", "echo two; echo two >/made")
    done = project.rbuild("--log-format", "json", "make")
    assert done.returncode == 0, done.stdout
    events = [json.loads(line) for line in done.stdout.splitlines()]
    said: dict[str, list[int]] = {}
    going: dict[int, str] = {}
    for event in events:
        match event["event"]:
            case "step-started":
                going[event["step"]] = event["name"]
            case "output" | "build-progress":
                assert event["step"] in going
                said.setdefault(event.get("line", ""), []).append(event["step"])
            case "step-finished":
                assert event["status"] == 0
                del going[event["step"]]
            case _:
                pass
    assert not going
    first, second = said["one"], said["two"]
    assert len(first) == len(second) == 1
    assert first != second


def test_one_that_fails_ends_the_others(project: Project) -> None:
    project.write("echo gone wrong; exit 7", "while :; do /bin/busybox sleep 1; done")
    done = project.rbuild("make")
    assert done.returncode == 1, done.stderr
    lines = done.stderr.splitlines()
    assert "gone wrong" in done.stderr
    assert any(line.startswith("rbuild: ") and "status 7" in line for line in lines)
    assert not project.bundles.exists()
    assert remains_after_cleaning(project.rbuild) == []


def test_ctrl_c_ends_all_of_them(project: Project) -> None:
    waits = "echo waiting; while :; do /bin/busybox sleep 1; done"
    project.write(waits, waits)
    with project.rbuild.started("make") as running:
        assert running.stderr is not None
        assert b"waiting\n" in running.stderr
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=DEADLINE)
    assert running.returncode == 130, errors
    assert b"Traceback" not in errors
    assert not project.bundles.exists()
    assert remains_after_cleaning(project.rbuild) == []


def test_with_one_job_they_follow_each_other(project: Project) -> None:
    project.write("echo one >/made", "echo two >/made", meet="true", met="true")
    (project.rbuild.project / "rbuild.toml").write_text("[defaults]\njobs = 1\n")
    done = project.rbuild("make")
    assert done.returncode == 0, done.stderr
    assert "[first 2/2] RUN" in done.stderr
    assert "[first first 2/2] RUN" not in done.stderr

"""`docker run -u $(id -u):$(id -g)` and its like, as projects have them, built by `rbuild`.

What each container shows was taken from docker 29.1.3, rootful, with the same Makefiles.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from rootless_build.backend.api import EngineSettings
from tests.e2e.driver import Rbuild
from tests.e2e.waiting import at_work

pytestmark = pytest.mark.in_ci("podman", "buildah")

U, G = os.getuid(), os.getgid()
MAKEFILE = """\
IMAGE := debian:bookworm
OUT := /tmp
DOCKER_RUN = docker run --rm --network host -v $(CURDIR):/w -w /w
ME := $(shell id -u):$(shell id -g)

binary:
	$(DOCKER_RUN) -u $(ME) $(IMAGE) sh -c 'umask 027; mkdir -p bundles && \\
		date > bundles/built && chmod 700 bundles/built && id && echo $$HOME'
asked-by-the-shell:
	$(DOCKER_RUN) -u $$(id -u):$$(id -g) $(IMAGE) id
	$(DOCKER_RUN) --user="`id -u`:`id -g`" $(IMAGE) id
privileged:
	$(DOCKER_RUN) --privileged -u $(ME) $(IMAGE) sh -c 'id > out && ls -ln out'
	cat out && rm out
image-user:
	docker build --network host --build-arg ME=$(ME) -t user-image .
	$(DOCKER_RUN) user-image sh -c 'id && touch of-me && stat -c %U of-me'
chown:
	$(DOCKER_RUN) $(IMAGE) sh -c 'mkdir -p made && touch made/x && chown -R $(ME) /w'
	rm -r made && touch Makefile
other:
	mkdir -p out && chmod 777 out
	$(DOCKER_RUN) -v $(OUT):/out -u 4321:4321 $(IMAGE) sh -c \\
		'umask 077 && mkdir out/private && touch out/private/x /out/elsewhere'
	rm -r out
fails:
	mkdir -p out && chmod 777 out
	$(DOCKER_RUN) -u 4321:4321 $(IMAGE) sh -c 'mkdir -m 700 out/private && exit 5'
limits:
	$(DOCKER_RUN) --ulimit nofile=-1 --ulimit core=-1:-1 --ulimit memlock=-1 $(IMAGE) sh -c \\
		'echo limits $$(ulimit -Hn) $$(ulimit -Hc)'
bad-limit:
	$(DOCKER_RUN) --ulimit nofile=unlimited $(IMAGE) true
"""
CONTAINERFILE = """\
FROM debian:bookworm
ARG ME
RUN echo "me:x:$ME::/home/me:/bin/sh" >> /etc/passwd
USER me
"""


@pytest.fixture
def project(
    tmp_path: Path,
    base: None,
    backend_name: str,
    rbuild_environment: Mapping[str, str],
    on_terminal: bool,
) -> Rbuild:
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "Makefile").write_text(MAKEFILE)
    (directory / "Dockerfile").write_text(CONTAINERFILE)
    return Rbuild(directory, backend_name, rbuild_environment, on_terminal)


def refused(rbuild: Rbuild, done: subprocess.CompletedProcess[str]) -> bool:
    """A rootless docker can't do it, and says what can."""
    if rbuild.backend != "docker":
        return False
    assert done.returncode == 3
    assert f"rootless docker can't do --user {U}:{G}" in done.stderr
    assert "--backend podman" in done.stderr
    return True


def owners(directory: Path) -> set[tuple[int, int]]:
    seen = [path.lstat() for path in (directory, *directory.rglob("*"))]
    return {(status.st_uid, status.st_gid) for status in seen}


def test_the_caller_gets_files_of_ones_own(project: Rbuild) -> None:
    done = project()
    if refused(project, done):
        return
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"uid={U} gid={G} groups={G}\n/\n"
    assert owners(project.project) == {(U, G)}
    assert (project.bundles / "built").stat().st_mode & 0o777 == 0o700
    # The copy is said once for an image, and the map is part of what a run gets.
    if not project.terminal:
        assert "its image is copied for that, once" in done.stderr
    assert "nothing changed" in project().stderr
    again = project("--force")
    assert again.returncode == 0
    assert "copied" not in again.stderr
    shown = project("plan").stdout
    assert re.search(rf"--(?:uidmap=|userns-uid-map ){U}:0:1", shown)
    assert re.search(rf"--(?:gidmap=|userns-gid-map ){G}:0:1", shown)


def test_the_ids_may_be_the_shells_answers(project: Rbuild) -> None:
    done = project("asked-by-the-shell")
    if not refused(project, done):
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"uid={U} gid={G} groups={G}\n" * 2


def test_privileged_too(project: Rbuild) -> None:
    done = project("privileged")
    if not refused(project, done):
        assert done.returncode == 0, done.stderr
        assert f"uid={U} gid={G} groups={G}" in done.stdout


def test_an_image_whose_user_is_the_caller(project: Rbuild) -> None:
    done = project("image-user")
    if project.backend == "docker":
        assert done.returncode == 3
        return
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == [f"uid={U}(me) gid={G} groups={G}", "me"]
    assert (project.project / "of-me").stat().st_uid == U


def test_a_container_that_gives_the_checkout_to_the_caller(project: Rbuild) -> None:
    done = project("chown")
    assert done.returncode == 0, done.stderr
    assert {uid for uid, _ in owners(project.project)} == {U}


def test_what_other_users_leave_can_be_removed(project: Rbuild, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o777)
    done = project(f"OUT={elsewhere}", "other")
    assert done.returncode == 0, done.stderr
    assert not (project.project / "out").exists()
    assert str(elsewhere / "elsewhere") in done.stderr
    assert "to make them yours: " in done.stderr


def test_what_a_failed_container_left_can_be_removed(project: Rbuild) -> None:
    assert project("fails").returncode == 1
    assert owners(project.project / "out") == {(U, G)}


def test_of_two_runs_the_last_gives_back_what_the_first_left(project: Rbuild) -> None:
    until = "echo waiting; until [ -e {} ]; do sleep 0.1; done"
    own = ("run", "--target", "chown", "--", "sh", "-c")
    file = project.project / "file"
    with (
        at_work(project, *own, f"touch file; chown 5:5 file; {until.format('one')}") as first,
        at_work(project, *own, until.format("two")) as second,
    ):
        (project.project / "one").touch()
        assert b"become yours when no other run works here: file" in first.communicate()[1]
        assert file.stat().st_uid != U
        (project.project / "two").touch()
        second.communicate()
    assert file.stat().st_uid == U


def test_limits_that_nobody_may_raise_are_lowered(project: Rbuild) -> None:
    done = project("limits")
    assert done.returncode == 0, done.stderr
    most = subprocess.run(["sh", "-c", "ulimit -Hn; ulimit -Hc"], capture_output=True, check=True)
    assert done.stdout == f"limits {' '.join(most.stdout.decode().split())}\n"
    assert "--ulimit nofile=-1 is" in done.stderr
    assert "nofile=-1" not in project("plan", "limits").stdout
    assert "--ulimit core" not in done.stderr.replace("--ulimit core=-1:-1 -", "")


def test_a_limit_that_docker_does_not_take(project: Rbuild) -> None:
    done = project("bad-limit")
    assert done.returncode == 2
    assert "'nofile=unlimited' is not NAME=SOFT[:HARD]" in done.stderr


def test_an_engine_that_does_not_answer(project: Rbuild) -> None:
    variable = "DOCKER_HOST" if project.backend == "docker" else "CONTAINER_HOST"
    dead = {**project.environment, variable: "unix:///nowhere"}
    dead.pop("RBUILD_BACKEND")
    done = replace(project, environment=dead)("chown")
    assert done.returncode == 3
    assert f"{variable} names an engine, and nobody answers at unix:///nowhere" in done.stderr
    assert done.stdout == ""
    if project.backend == "podman":
        empty = {**dead, variable: "", "DOCKER_HOST": ""}
        assert replace(project, environment=empty)("chown").returncode == 0


def test_a_podman_that_a_connection_names(
    project: Rbuild, tmp_path: Path, settings: EngineSettings
) -> None:
    """podman 4.3.1 is a client of that service wherever CONTAINER_CONNECTION is set."""
    own = {**project.environment, "XDG_CONFIG_HOME": str(tmp_path / "config")}
    named = replace(project, environment={**own, "CONTAINER_CONNECTION": "elsewhere"})
    if project.backend != "podman":
        assert named("chown").returncode == 0
        return
    missing = named("chown")
    assert missing.returncode == 3
    assert "there is no connection 'elsewhere': podman has none" in missing.stderr
    assert missing.stdout == ""
    with tempfile.TemporaryDirectory(prefix="rbuild-run-") as place:
        address = f"unix://{place}/s"
        add = ["podman", "system", "connection", "add", "elsewhere", address]
        subprocess.run(add, check=True, env=own)
        silent = named("chown")
        assert silent.returncode == 3
        assert f"{place}/s" in silent.stderr
        assert "unset CONTAINER_CONNECTION" in silent.stderr
        with subprocess.Popen(
            ["podman", "system", "service", "--time", "0", address],
            env={**own, **dict(settings.environment)},
        ) as service:
            try:
                while not Path(place, "s").exists():
                    assert service.poll() is None
                there = named("chown")
                assert there.returncode == 0, there.stderr
                assert named("chown", "-v").returncode == 0
            finally:
                service.terminate()

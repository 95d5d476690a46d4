"""rbuild is killed, and the next run finds everything in order."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rootless_build.host.engine_settings import engine_settings
from rootless_build.host.gathering import gather
from rootless_build.runner import journal
from tests.e2e.driver import Rbuild
from tests.e2e.made_bundles import BUILT, digests, listing
from tests.e2e.remains import remains, remains_now
from tests.e2e.unverified import with_unverified_target
from tests.e2e.waiting import WAIT, at_work

pytestmark = pytest.mark.in_ci("podman", "buildah")


def killed(rbuild: Rbuild, *words: str) -> None:
    """Start rbuild and kill it once what it runs says that it waits."""
    with at_work(rbuild, *words) as running:
        running.kill()
        running.wait(60)


@pytest.mark.parametrize("where", ["container", "image build"])
def test_the_run_after_one_that_was_killed_clears_what_it_left(waiting: Rbuild, where: str) -> None:
    assert waiting("binary").returncode == 0
    before = digests(waiting.bundles)
    killed(waiting, *(["wait"] if where == "container" else ["-f", "Waits", "build"]))
    assert digests(waiting.bundles) == before
    assert remains_now(waiting) != []
    done = waiting("binary")
    assert done.returncode == 0, done.stderr
    assert "cleared what an earlier run (rbuild" in done.stderr
    # What it had staged in the build context is gone before that is looked at.
    assert "the next run builds it again" not in done.stderr
    assert remains(waiting) == []
    assert listing(waiting.bundles) == BUILT


@pytest.mark.parametrize("where", ["container", "image build"])
def test_clean_says_what_comes_back_and_clears_it(waiting: Rbuild, where: str) -> None:
    assert waiting("binary").returncode == 0
    killed(waiting, *(["wait"] if where == "container" else ["-f", "Waits", "build"]))
    shown = waiting("clean", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "would remove private directory" in shown.stdout
    # buildah gets the time to clear an image build away itself.
    assert "would remove container" in shown.stdout or where == "image build"
    assert ("would remove staging directory" in shown.stdout) == (where == "container")
    assert "would come back" in shown.stdout
    done = waiting("clean")
    assert done.returncode == 0, done.stderr
    removed = [line.partition(" (")[0] for line in done.stdout.splitlines()[:-1]]
    announced = {line.partition(" (")[0] for line in shown.stdout.splitlines()[:-1]}
    # Some of it goes with the container that it belongs to.
    assert {line.replace("removed", "would remove") for line in removed} <= announced
    assert remains(waiting) == []
    assert waiting("clean").stdout == "nothing to remove\n"


@pytest.mark.xdist_group("podman")
@pytest.mark.parametrize("backend_name", ["podman"], indirect=True)
def test_a_container_that_podman_has_forgotten_is_cleared(waiting: Rbuild) -> None:
    """As on a full disk: it is in storage, and podman has no row of it."""
    assert waiting("binary").returncode == 0
    killed(waiting, "wait")
    in_storage_alone(waiting, "rbuild-0123456789abcdef")
    somebody_elses = in_storage_alone(waiting, "rbuild-of-mine")
    try:
        done = waiting("binary")
        assert done.returncode == 0, done.stderr
        assert "container rbuild-0123456789abcdef" in done.stderr
        stays = f"container {somebody_elses}"
        assert remains(waiting, expected=(stays,)) == [stays]
    finally:
        said(waiting, "podman", "rm", "--force", somebody_elses)


@pytest.mark.parametrize("backend_name", ["podman", "buildah"], indirect=True)
def test_an_image_that_was_never_finished_is_cleared(waiting: Rbuild, tmp_path: Path) -> None:
    """As on a full disk; no engine lists any images while it is there."""
    assert waiting("binary").returncode == 0
    killed(waiting, "wait")
    broken = unfinished_image(waiting, tmp_path)
    shown = waiting("clean", "--images", "--dry-run")
    assert "would remove broken image" in shown.stdout, shown.stderr
    done = waiting("binary")
    assert done.returncode == 0, done.stderr
    assert f"broken image {broken[:12]}" in done.stderr
    # Of one that no record tells of nobody knows whether somebody is at making it.
    nobodys = unfinished_image(waiting, tmp_path)
    assert nobodys[:12] not in waiting("clean").stdout
    (place,) = Path(waiting.environment["XDG_DATA_HOME"]).glob(
        f"containers/storage/*-images/{nobodys}"
    )
    os.utime(place, (1, 1))
    named = waiting("clean")
    assert f"{waiting.backend} rmi --force {nobodys}" in named.stdout, named.stderr
    with as_rbuild_starts_engines(waiting) as users:
        said(users, waiting.backend, "rmi", "--force", nobodys)
    listed = waiting("clean", "--images", "--dry-run")
    assert listed.returncode == 0, listed.stderr
    assert "project-dev" in listed.stdout
    assert nobodys[:12] not in listed.stdout


@contextlib.contextmanager
def as_rbuild_starts_engines(rbuild: Rbuild) -> Iterator[Rbuild]:
    """With what an engine needs to find what rbuild's found: buildah keeps no storage driver in
    mind.
    """
    with engine_settings(gather(rbuild.environment)) as settings:
        environment = {**rbuild.environment, **dict(settings.environment)}
        yield replace(rbuild, environment=environment)


def unfinished_image(rbuild: Rbuild, context: Path) -> str:
    """Make an image without a name, and take its manifest away; returns its id."""
    (context / "Dockerfile").write_text("FROM localhost/project-dev\nLABEL a=b\n")
    with as_rbuild_starts_engines(rbuild) as users:
        identity = said(users, rbuild.backend, "build", "--quiet", str(context))
    data = Path(rbuild.environment["XDG_DATA_HOME"])
    (manifest,) = data.glob(f"containers/storage/*-images/{identity}/manifest")
    manifest.unlink()
    return identity


@pytest.mark.parametrize("backend_name", ["buildah"], indirect=True)
@pytest.mark.parametrize("target", ["binary", "unverified"])
def test_a_container_that_can_not_be_removed_is_removed_by_the_next_run(
    waiting: Rbuild, tmp_path: Path, target: str
) -> None:
    """The engine is real, but for the first `rm`."""
    engine = tmp_path / waiting.backend
    engine.write_text(
        f"""#!/bin/sh
        if [ "$1" = rm ] && mkdir {tmp_path}/failed 2>/dev/null; then
            echo "Error: device or resource busy" >&2
            exit 125
        fi
        exec {shutil.which(waiting.backend)} "$@"
        """
    )
    engine.chmod(0o755)
    path = f"{tmp_path}:{waiting.environment['PATH']}"
    spoiled = replace(waiting, environment={**waiting.environment, "PATH": path})
    with_unverified_target(waiting)
    done = spoiled(target)
    if target == "binary":
        assert done.returncode == 0, done.stderr
        assert listing(waiting.bundles) == BUILT
        assert "and it stays for now: device or resource busy" in done.stderr
    else:
        assert done.returncode == 4, done.stderr
        assert "the new bundles are damaged" in done.stderr
    assert remains_now(waiting) != []
    again = waiting("binary")
    assert again.returncode == 0, again.stderr
    assert f"cleared what an earlier run (rbuild {target}) left: container" in again.stderr
    assert remains(waiting) == []


def test_a_container_that_the_user_made_of_the_image_stays(waiting: Rbuild) -> None:
    """It has the labels of the image, and is no more rbuild's than the user's shell is."""
    assert waiting("binary").returncode == 0
    image = "localhost/project-dev"
    making = {
        "podman": ("podman", "create", "--name=of-the-user", image, "true"),
        "docker": ("docker", "create", "--name=of-the-user", "project-dev", "true"),
        "buildah": ("buildah", "from", "--pull=never", "--name=of-the-user", image),
    }
    with as_rbuild_starts_engines(waiting) as users:
        said(users, *making[waiting.backend])
        try:
            assert waiting("clean", "--everywhere").stdout == "nothing to remove\n"
        finally:
            # Fails where it is gone.
            said(users, waiting.backend, "rm", "of-the-user")


def in_storage_alone(rbuild: Rbuild, name: str) -> str:
    """Make a container that no engine knows the purpose of; returns its id."""
    image = said(rbuild, "podman", "images", "--quiet").split()[0]
    fields = "{{.Store.GraphRoot}}\n{{.Store.RunRoot}}\n{{.Store.GraphDriverName}}"
    root, run_root, driver = said(rbuild, "podman", "info", "--format", fields).split("\n")
    buildah = ("buildah", "--root", root, "--runroot", run_root, "--storage-driver", driver)
    said(rbuild, *buildah, "from", "--pull=never", "--name", name, image)
    identity = said(rbuild, *buildah, "inspect", "--format", "{{.ContainerID}}", name)
    (state,) = Path(root).glob(f"*-containers/{identity}/userdata/buildah.json")
    state.unlink()
    return identity


def said(rbuild: Rbuild, *words: str) -> str:
    """What a command said on standard output; it has to succeed."""
    done = subprocess.run(
        words, env=rbuild.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_run_that_lives_is_not_cleared_away(waiting: Rbuild) -> None:
    with at_work(waiting, "wait") as running:
        other = waiting("--no-wait", "binary")
        assert other.returncode == 3
        assert f"pid {running.pid} (rbuild wait)" in other.stderr
        assert waiting("clean", "--dry-run").stdout == "nothing to remove\n"
        assert waiting("clean", "--no-wait").returncode == 3
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate()
    assert running.returncode == 130, errors
    assert remains(waiting, interrupted=True) == []


def test_records_and_sockets_are_the_users_alone(waiting: Rbuild) -> None:
    with at_work(waiting, "wait") as running:
        data = Path(waiting.environment["XDG_DATA_HOME"]) / "rbuild"
        (record,) = journal.directory(data, waiting.project).glob("*.*/record.json")
        private = Path(json.loads(record.read_text())["runtime_directory"])
        for directory in (data / "runs", record.parent, private):
            assert stat.S_IMODE(directory.stat().st_mode) & 0o077 == 0, directory
        assert stat.S_IMODE(record.stat().st_mode) == 0o600
        running.send_signal(signal.SIGTERM)
        running.communicate()


def test_files_of_another_user_in_a_dead_runs_staging_are_cleared(waiting: Rbuild) -> None:
    script = waiting.project / "hack/make/wait"
    script.write_text(f"mkdir $DEST/d; echo x > $DEST/d/f; chown -R 7:7 $DEST/d; {WAIT}\n")
    killed(waiting, "wait")
    done = waiting("binary")
    assert done.returncode == 0, done.stderr
    assert remains(waiting) == []
    assert {path.lstat().st_uid for path in waiting.project.rglob("*")} == {os.getuid()}


def test_a_run_that_was_killed_with_everything_it_had_started(waiting: Rbuild) -> None:
    """As by a machine that loses its power: nothing had a chance to clean up."""
    assert waiting("binary").returncode == 0
    with at_work(waiting, "wait") as running:
        descendants = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(running.pid)],
            capture_output=True,
            text=True,
            check=True,
        )
        for pid in (running.pid, *map(int, descendants.stdout.split())):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        running.wait(60)
    done = waiting("binary")
    assert done.returncode == 0, done.stderr
    assert remains(waiting) == []

"""What a container leaves in the user's directories, and how it becomes the user's."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest

from rootless_build.backend.api import Engine, Image, Stdio
from rootless_build.model.plan import BindMount, RunContainer
from rootless_build.runner import left_files
from rootless_build.runner.left_files import Place, give_back_files, settle
from rootless_build.testing.base_root import BASE
from rootless_build.testing.cases import sh
from rootless_build.testing.recorder import Recorder

Leave = Callable[..., Recorder]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    (project / "out").mkdir(parents=True)
    (project / "out").chmod(0o777)
    (project / "source").write_text("x")
    return project


@pytest.fixture
def leave(engine: Engine, base_image: Image, project: Path) -> Leave:
    """Runs a container as the runner does; `user` and mounts (the project at /w) as given."""

    def run(
        script: str,
        *mounts: BindMount,
        user: str | None = None,
        seen_to: bool = True,
    ) -> Recorder:
        recorder = Recorder()
        mounts = mounts or (BindMount(project, "/w"),)
        step = RunContainer(BASE, sh(script), user=user, mounts=mounts)
        with engine.container(step, base_image) as container:
            if not seen_to:
                ended = container.run(recorder.reporter, Stdio.CLOSED)
            else:
                place = Place(project, lambda: nullcontext(True), None)
                with give_back_files(step, place, None, engine, recorder.reporter.notice):
                    ended = container.run(recorder.reporter, Stdio.CLOSED)
        recorder.reporter.flush()
        assert ended.status == 0, recorder.stderr
        return recorder

    return run


def foreign(*directories: Path) -> set[str]:
    """What is not the caller's, by name."""
    found = set()
    for directory in directories:
        for path in (directory, *directory.rglob("*")):
            if path.lstat().st_uid != os.getuid():
                found.add(path.name)
    return found


def said(recorder: Recorder, code: str) -> str:
    (notice,) = [notice.text for notice in recorder.notices if notice.code == code]
    return notice


def test_what_another_user_of_the_container_made_is_the_callers(
    leave: Leave, project: Path
) -> None:
    made = "umask 077; mkdir -p /w/out/a/b && touch /w/out/a/b/c /w/out/d && ln -s / /w/out/e"
    recorder = leave(made, user="4321")
    assert foreign(project) == set()
    assert (project / "out/a").stat().st_mode & 0o777 == 0o700
    assert "out/a" in said(recorder, "given-back")


def test_what_a_container_gave_away_is_the_callers_again(leave: Leave, project: Path) -> None:
    leave("mkdir /w/new && touch /w/new/x && chown -R 4321:4321 /w && chmod 0700 /w")
    assert foreign(project) == set()
    assert project.stat().st_mode & 0o777 == 0o700


def test_the_mounted_directory_or_file_itself(leave: Leave, project: Path) -> None:
    mounts = (BindMount(project / "out", "/out"), BindMount(project / "source", "/source"))
    leave("chown 4321:4321 /out /source", *mounts)
    assert foreign(project) == set()


def test_what_was_there_before_stays_as_it_was(leave: Leave, project: Path) -> None:
    script = "mkdir /w/db && touch /w/db/old /w/out/old && chown -R 4321:4321 /w/db /w/out/old"
    leave(script, seen_to=False)
    recorder = leave(
        "touch /w/db/new /w/out/new && echo x >> /w/out/old"
        " && chown 4321:4321 /w/db/new /w/out/new && mv /w/out/old /w/out/renamed"
    )
    assert foreign(project) == {"db", "old", "new", "renamed"}
    assert foreign(project / "out") == {"renamed"}
    # What is new in a directory that is not the caller's is named, with what can be done.
    text = said(recorder, "foreign-files")
    assert "db/new" in text
    assert "out" not in text.partition(";")[0].replace("container", "")
    command = shlex.split(text.partition("to make them yours: ")[2])
    subprocess.run(command, check=True)
    assert foreign(project / "db") == {"db", "old"}


def test_elsewhere_it_is_named_and_stays(leave: Leave, project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o777)
    mounts = (BindMount(project, "/w"), BindMount(elsewhere, "/e"))
    recorder = leave("touch /e/file /w/out/file", *mounts, user="4321")
    assert foreign(project) == set()
    assert foreign(elsewhere) == {"file"}
    text = said(recorder, "foreign-files")
    assert str(elsewhere / "file") in text
    subprocess.run(shlex.split(text.partition("to make them yours: ")[2]), check=True)
    assert foreign(elsewhere) == set()


def named(recorder: Recorder) -> list[str]:
    """What is said to be another's, each by its last name."""
    text = said(recorder, "foreign-files").partition(";")[0].rpartition(": ")[2]
    return [Path(path).name for path in text.split(", ")]


def do_what_is_said(recorder: Recorder) -> None:
    text = said(recorder, "foreign-files").partition("to make them yours: ")[2]
    subprocess.run(["sh", "-c", text], check=True)


def test_what_is_moved_into_the_project_is_not_new(
    leave: Leave, project: Path, tmp_path: Path
) -> None:
    (tmp_path / "beside").mkdir()
    leave("touch /b/x && chown 4321 /b/x", BindMount(tmp_path / "beside", "/b"), seen_to=False)
    script = "mv /t/beside/x /t/project/x && touch /t/project/y && chown 4321 /t/project/y"
    recorder = leave(script, BindMount(tmp_path, "/t"))
    assert foreign(project) == {"x", "y"}
    assert named(recorder) == ["y"]


def test_a_directory_that_was_anothers_before_is_no_new_one(
    leave: Leave, project: Path, tmp_path: Path
) -> None:
    """A file made in it changes the directory's time, too."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    mounts = (BindMount(project, "/w"), BindMount(elsewhere, "/e"))
    leave("mkdir /e/sub && touch /e/sub/old && chown -R 4321:4321 /e", *mounts, seen_to=False)
    recorder = leave("echo x >>/e/sub/old; touch /e/sub/new", *mounts, user="4321:4321")
    assert named(recorder) == ["new"]
    do_what_is_said(recorder)
    assert foreign(elsewhere) == {"elsewhere", "sub", "old"}


def test_what_was_anothers_stays_so_in_directories_that_are_named(
    leave: Leave, project: Path, tmp_path: Path
) -> None:
    """In one of the user's that was given away, and in a new one that it was moved to."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "mine").mkdir(parents=True)
    mounts = (BindMount(project, "/w"), BindMount(elsewhere, "/e"))
    old = "touch /e/mine/old /e/other && chown 4321:4321 /e/mine/old /e/other"
    leave(old, *mounts, seen_to=False)
    leaves = (
        "mkdir -p /e/moved /e/whole/below && mv /e/other /e/moved/ && touch /e/whole/below/x"
        " && chown 4321:4321 /e/mine /e/moved && chown -R 4321:4321 /e/whole"
    )
    recorder = leave(leaves, *mounts)
    assert sorted(named(recorder)) == ["mine", "moved", "whole"]
    do_what_is_said(recorder)
    assert foreign(elsewhere) == {"old", "other"}


def test_what_could_not_be_looked_into_before_is_not_new(
    leave: Leave, project: Path, tmp_path: Path
) -> None:
    """Whether the container opens the directory to everybody, or makes it the caller's."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    mounts = (BindMount(project, "/w"), BindMount(elsewhere, "/e"))
    private = "umask 077; mkdir {0}/p; touch {0}/p/old; chown -R 4321:4321 {0}/p; "
    leave(private.format("/e") + private.format("/w"), *mounts, seen_to=False)
    recorder = leave("chmod 755 /e/p; touch /e/x; chown 4321 /e/x; chown 0:0 /w/p", *mounts)
    assert named(recorder) == ["x"]
    assert foreign(elsewhere) == {"p", "old", "x"}
    assert foreign(project) == {"old"}


def test_nothing_is_said_of_what_is_too_large_to_be_looked_at_before(
    leave: Leave, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(left_files, "_MOST", 3)
    elsewhere = tmp_path / "elsewhere"
    for name in "abcd":
        (elsewhere / name).mkdir(parents=True)
    mounts = (BindMount(project, "/w"), BindMount(elsewhere, "/e"))
    recorder = leave("touch /e/a/x && chown 4321 /e/a/x", *mounts)
    assert foreign(elsewhere) == {"x"}
    assert "foreign-files" not in [notice.code for notice in recorder.notices]


@pytest.mark.parametrize("marker", ["storage.lock", "engine-id"])
def test_an_engines_storage_is_left_alone(leave: Leave, project: Path, marker: str) -> None:
    storage = project / "storage"
    storage.mkdir()
    (storage / marker).touch()
    leave("mkdir -p /w/storage/overlay/x && chown 4321:4321 /w/storage/overlay/x")
    assert foreign(project) == {"x"}
    leave("chown 4321:4321 /v", BindMount(storage / "overlay", "/v"))
    assert foreign(project) == {"x", "overlay"}


@pytest.mark.parametrize("together", [False, True], ids=["the last ends", "both end together"])
def test_what_is_left_beside_another_run_waits_for_the_last(
    engine: Engine, base_image: Image, project: Path, tmp_path: Path, *, together: bool
) -> None:
    record = tmp_path / "left"
    recorder, others = Recorder(), Recorder()
    step = RunContainer(
        BASE, sh("touch /w/out/file"), user="4321", mounts=(BindMount(project, "/w"),)
    )
    beside = Place(project, lambda: nullcontext(False), record)
    last = Place(project, lambda: nullcontext(not together), record)
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(give_back_files(step, beside, None, engine, recorder.reporter.notice))
        container = first.enter_context(engine.container(step, base_image))
        assert container.run(recorder.reporter, Stdio.CLOSED).status == 0
        # For the second it is one that was there before.
        second.enter_context(give_back_files(step, last, None, engine, others.reporter.notice))
        first.close()
        assert foreign(project) == {"file"}
        assert "out/file" in said(recorder, "given-back-later")
        second.close()
    if together:
        assert foreign(project) == {"file"}
        settle(Place(project, lambda: nullcontext(True), record), engine, others.reporter.notice)
    assert foreign(project) == set()
    assert "out/file" in said(others, "given-back")
    assert not record.exists()


def test_where_nothing_can_be_put_on_record_it_is_named(
    engine: Engine, base_image: Image, project: Path, tmp_path: Path
) -> None:
    recorder = Recorder()
    step = RunContainer(
        BASE, sh("touch /w/out/file"), user="4321", mounts=(BindMount(project, "/w"),)
    )
    place = Place(project, lambda: nullcontext(False), tmp_path / "no/directory")
    with (
        give_back_files(step, place, None, engine, recorder.reporter.notice),
        engine.container(step, base_image) as container,
    ):
        assert container.run(recorder.reporter, Stdio.CLOSED).status == 0
    assert named(recorder) == ["file"]
    do_what_is_said(recorder)
    assert foreign(project) == set()


def test_a_link_leads_nowhere(leave: Leave, project: Path, tmp_path: Path) -> None:
    """A directory of the project that is mounted by a link is where that leads."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (project / "link").symlink_to(elsewhere)
    leave("touch /l/file && chown 4321:4321 /l/file", BindMount(project / "link", "/l"))
    assert foreign(elsewhere) == {"file"}

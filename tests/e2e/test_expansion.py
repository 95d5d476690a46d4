"""Lines of a recipe whose words are expanded when their turn comes, with real engines."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.driver import Rbuild, events

pytestmark = pytest.mark.in_ci("podman")

MAKEFILE = """\
all:
	echo 1.2.3 > ver
	docker build --network host -t expanded:$$(cat ver) --build-arg V="$$(cat ver)" .
	docker run --rm --network host -v $(CURDIR)/bundles:/b expanded:$$(cat ver) cp /v /b/v
binary:
	docker build --network host -t expanded --build-arg V="$$(cat fixed)" .
	docker run --rm --network host -v $(CURDIR)/bundles:/b $$(cat image) cp /v /b/v
two:
	docker build --network host -t expanded .
	docker run --rm --network host -v $(CURDIR)/bundles:/b expanded cp /v /b/v
	docker run --network host -v $(CURDIR)/bundles:/b `cat image` sh -c "echo $$(cat fixed)>/b/w"
named:
	docker build --network host -t named --iidfile .iid .
	docker run --rm --network host -v $(CURDIR)/bundles:/b $$(cat .iid) cp /v /b/v
unnamed:
	docker build --network host --iidfile=out/iid .
	docker run --rm --network host -v $(CURDIR)/bundles:/b `cat out/iid` cp /v /b/v
given:
	docker run --rm --network host -v $(CURDIR)/bundles:/b $(ID) cp /v /b/v
"""


@pytest.fixture
def project(
    tmp_path: Path, base: None, backend_name: str, rbuild_environment: Mapping[str, str]
) -> Rbuild:
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "Makefile").write_text(MAKEFILE)
    (directory / "Dockerfile").write_text("FROM debian:bookworm\nARG V\nRUN echo [$V] > /v\n")
    (directory / ".dockerignore").write_text("bundles\nimage\nfixed\nver\n")
    (directory / "fixed").write_text("one\n")
    (directory / "image").write_text("expanded\n")
    return Rbuild(directory, backend_name, rbuild_environment)


def test_words_are_of_what_the_lines_before_have_made(project: Rbuild) -> None:
    shown = project("plan")
    assert shown.returncode == 0, shown.stderr
    assert "$(cat ver)" in shown.stdout
    assert not (project.project / "ver").exists()
    done = project("all")
    assert (done.returncode, (project.bundles / "v").read_text()) == (0, "[1.2.3]\n"), done.stderr
    assert "build image expanded:1.2.3" in done.stderr


def test_what_is_expanded_is_done_again_only_where_something_changed(project: Rbuild) -> None:
    assert project("binary").returncode == 0
    assert project("binary").stderr.count("nothing changed") == 1
    assert (project.bundles / "v").read_text() == "[one]\n"

    (project.project / "fixed").write_text("two\n")
    done = project("--explain", "binary")
    assert (done.returncode, (project.bundles / "v").read_text()) == (0, "[two]\n"), done.stderr
    assert "build argument V changed" in done.stderr
    assert project("binary").stderr.count("nothing changed") == 1


def test_all_containers_are_run_or_none(project: Rbuild) -> None:
    def said() -> str:
        done = project("--explain", "two")
        assert done.returncode == 0, done.stderr
        return done.stderr

    assert "nothing changed" not in said()
    assert said().count("nothing changed") == 1
    (project.project / "fixed").write_text("two\n")
    (project.bundles / "v").touch()
    assert "changed" in said()
    assert (project.bundles / "w").read_text() == "two\n"
    assert said().count("nothing changed") == 1
    (project.bundles / "v").write_text("other")
    assert "the bundles are not as that run left them" in said()
    assert (project.bundles / "v").read_text() == "[]\n"


def test_a_shell_that_does_not_come_to_docker(project: Rbuild) -> None:
    with (project.project / "Makefile").open("a") as makefile:
        makefile.write("fails:\n\tdocker run expanded $${NOT_SET?has no value} $$(cat fixed)\n")
    done = project("--log-format", "json", "fails")
    assert done.returncode == 1
    told = events(done.stdout)[-1]
    assert (told["event"], told["status"], told["step"]) == ("error", 2, 1)
    assert "has no value" in done.stdout


@pytest.mark.parametrize(
    ("target", "place"),
    [("unnamed", "out/iid"), pytest.param("named", ".iid", marks=pytest.mark.exhaustive)],
)
def test_an_image_by_the_id_that_its_build_wrote(project: Rbuild, target: str, place: str) -> None:
    """docker 20.10.24 writes `sha256:` and 64 digits, and no newline."""
    file = project.project / place
    file.parent.mkdir(exist_ok=True)
    file.write_text("stale\n")
    done = project(target)
    assert (done.returncode, (project.bundles / "v").read_text()) == (0, "[]\n"), done.stderr
    written = file.read_text()
    assert re.fullmatch("sha256:[0-9a-f]{64}", written)

    file.unlink()
    assert project(target).stderr.count("nothing changed") == 1
    assert file.read_text() == written
    file.write_text("stale\n")
    assert "would be done" not in project("plan", target).stdout
    assert project(target).stderr.count("nothing changed") == 1
    assert file.read_text() == written


@pytest.mark.exhaustive
def test_ids_are_names_of_images(project: Rbuild) -> None:
    assert project("named").returncode == 0
    written = (project.project / ".iid").read_text()
    identity = written.removeprefix("sha256:")
    for word in (written, identity, identity[:12], f"sha256:{identity[:12]}"):
        (project.bundles / "v").unlink()
        done = project("given", f"ID={word}")
        assert (done.returncode, (project.bundles / "v").read_text()) == (0, "[]\n"), done.stderr


@pytest.mark.exhaustive
def test_other_commands_expand_too(project: Rbuild) -> None:
    assert project("binary").returncode == 0
    done = project("-q", "run", "--target", "binary", "--", "cat", "/v")
    assert (done.returncode, done.stdout) == (0, "[one]\n"), done.stderr
    done = project("reproduce", "binary")
    assert (done.returncode, "reproducible" in done.stdout) == (0, True), done.stderr
    again = Path(project.project / "again.sh")
    shown = project("plan", "binary")
    again.write_text(shown.stdout)
    assert again.read_text().count("docker build") == 1


def test_a_build_that_fails_leaves_no_id(project: Rbuild) -> None:
    (project.project / "Dockerfile").write_text("FROM debian:bookworm\nRUN exit 3\n")
    (project.project / ".iid").write_text("stale")
    assert project("named").returncode == 1
    assert not (project.project / ".iid").exists()


def test_no_id_is_written_out_of_the_project(project: Rbuild, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private/iid").write_text("mine")
    (project.project / "out").symlink_to(tmp_path / "private")
    done = project("unnamed")
    assert done.returncode == 1
    assert "leads out of the project" in done.stderr
    assert (tmp_path / "private/iid").read_text() == "mine"


@pytest.mark.exhaustive
def test_what_docker_itself_writes(project: Rbuild) -> None:
    """The authority for the tests above; 20.10.24."""
    if project.backend != "docker":
        return
    (project.project / "Dockerfile").write_text("FROM scratch\nCOPY Makefile /\n")
    file = project.project / ".iid"

    def build() -> int:
        words = ["docker", "build", "--iidfile", str(file), "."]
        where, given = project.project, {**project.environment, "DOCKER_BUILDKIT": "0"}
        return subprocess.run(words, cwd=where, env=given, check=False).returncode

    file.write_text("stale")
    assert build() == 0
    assert re.fullmatch("sha256:[0-9a-f]{64}", file.read_text())
    (project.project / "Dockerfile").write_text("FROM scratch\nCOPY nothing /\n")
    assert build() != 0
    assert not file.exists()

"""What is not done again, with real engines: against builds from scratch by the engine itself.

The project's container lists all that it was given, so that its one bundle tells a stale image or
a container that should have run. RBUILD_EDITS sets how many random edits are made.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rootless_build.freshness.records import cache_directory
from tests.e2e.driver import Rbuild, events
from tests.e2e.engine_images import ids

pytestmark = pytest.mark.in_ci("podman")

EDITS = int(os.environ.get("RBUILD_EDITS", "3"))
MAKEFILE = """\
binary: build
	docker run --rm -e NOTE $(if $(DOCKER_HOST),,-v $(CURDIR)/notes:/notes) \\
		-v $(CURDIR)/bundles:/bundles listing sh /list
build:
	docker build $(if $(ARGUMENT),--build-arg ARGUMENT=$(ARGUMENT)) -t listing .
test: build
	docker run --rm -v $(CURDIR)/bundles:/bundles listing true
"""
DOCKERFILE = """\
FROM debian:bookworm
ARG ARGUMENT=none
RUN echo $ARGUMENT > /argument
COPY list /list
COPY . /context
"""
LIST = """\
cd /
for path in $(find argument context notes | sort); do
    echo "$path $(stat -c '%f' $path) $(readlink $path || true)"
    [ -f $path ] && [ ! -L $path ] && cat $path
done > /bundles/listing
echo "NOTE=$NOTE" >> /bundles/listing
true
"""


@pytest.fixture
def project(rbuild: Rbuild) -> Rbuild:
    """A project whose bundle is a list of all that went into it."""
    shutil.rmtree(rbuild.project)
    for name, text in {
        "Makefile": MAKEFILE,
        "Dockerfile": DOCKERFILE,
        ".dockerignore": "bundles\nnotes\nMakefile\n",
        "rbuild.toml": "[defaults]\nincremental-share = 1.0\n",
        "list": LIST,
        "src/a": "a",
        "src/b": "b",
        "docs/c": "c",
        "notes/n": "n",
    }.items():
        path = rbuild.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (rbuild.project / "link").symlink_to("src/a")
    (rbuild.project / "bundles").mkdir()
    return rbuild


def done(rbuild: Rbuild, *words: str) -> tuple[bool, bool]:
    """Whether an image was built, and a container run."""
    run = rbuild("--log-format", "json", *words)
    assert run.returncode == 0, run.stdout
    finished = [event for event in events(run.stdout) if event["event"] == "step-finished"]
    cached = {str(event["kind"]): bool(event["cached"]) for event in finished}
    return not cached["build-image"], not cached["run-container"]


def test_a_second_run_does_nothing_and_says_so(project: Rbuild) -> None:
    assert done(project, "binary")[1]
    assert done(project, "binary") == (False, False)
    assert done(project) == (False, False)
    assert "nothing changed" in project("binary").stderr
    assert done(project, "--force", "binary") == (True, True)
    assert done(project, "test") == (False, True)
    assert done(project, "test") == (False, True)
    (project.project / "rbuild.toml").write_text("[targets.binary]\nalways = true\n")
    assert done(project, "binary") == (True, True)  # rbuild.toml is in the context
    assert done(project, "binary") == (False, True)


def test_it_converges_where_no_ignore_file_names_the_bundles(project: Rbuild) -> None:
    """Only what the container itself makes is in the next context, as with docker."""
    (project.project / ".dockerignore").unlink()
    (project.project / "rbuild.toml").unlink()
    (project.project / "list").write_text("mkdir /bundles/kind; echo made > /bundles/kind/made\n")
    assert project("binary").returncode == 0
    # The bundle is new in the context; in the next it is the same.
    assert done(project, "binary")[0]
    assert done(project, "binary") == (False, False)
    assert list(project.bundles.rglob("provenance*"))
    assert project("bundles", "verify").returncode == 0
    seen = project("run", "--", "find", "/context").stdout.splitlines()
    assert "/context/bundles/kind/made" in seen
    assert not [path for path in seen if "rbuild" in path or "provenance" in path]


def test_the_storage_is_looked_at_not_remembered(project: Rbuild) -> None:
    assert project("binary").returncode == 0
    assert project("clean", "--images").returncode == 0
    assert done(project, "binary")[0]
    assert done(project, "binary") == (False, False)


def test_a_run_that_does_nothing_starts_no_service(project: Rbuild, tmp_path: Path) -> None:
    """The engine is replaced by one that notes down its arguments."""
    assert project("binary").returncode == 0
    real, log = shutil.which(project.backend), tmp_path / "log"
    assert real is not None
    wrapper = tmp_path / "bin" / project.backend
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {real} "$@"\n')
    wrapper.chmod(0o755)
    path = f"{wrapper.parent}:{project.environment['PATH']}"
    watched = replace(project, environment={**project.environment, "PATH": path})
    assert done(watched, "binary") == (False, False)
    commands = log.read_text().splitlines()
    assert commands
    allowed = {"version", "--version", "inspect", "image", "info", "buildx version"}
    # podman says where its storage is in the log of such a command.
    asked = {line.removeprefix("--log-level=debug ") for line in commands}
    assert {line for line in asked if line.split()[0] not in allowed} <= allowed


def test_an_engine_is_not_even_started_while_its_images_are_those_it_told(
    project: Rbuild, tmp_path: Path
) -> None:
    """Nobody can start a program that somebody has open for writing."""
    if project.backend == "docker":
        pytest.skip("what docker's daemon has nobody else can read")
    real = shutil.which(project.backend)
    assert real is not None
    program = tmp_path / "bin" / project.backend
    program.parent.mkdir()
    shutil.copy(real, program)
    path = f"{program.parent}:{project.environment['PATH']}"
    watched = replace(project, environment={**project.environment, "PATH": path})
    assert watched("binary").returncode == 0
    cache = cache_directory(project.project, Path(project.environment["XDG_CACHE_HOME"]))
    for _ in range(100):
        # What was changed just now is asked for once more.
        assert done(watched, "binary") == (False, False)
        if '"parts"' in (cache / f"answers-{project.backend}.json").read_text():
            break
    with program.open("r+b"):
        assert done(watched, "binary") == (False, False)
        assert watched("--force", "binary").returncode != 0
    assert project("clean", "--images").returncode == 0
    with program.open("r+b"):
        assert watched("binary").returncode != 0
    assert done(watched, "binary")[0]


@pytest.mark.in_ci("podman")
def test_what_triggers_of_a_base_take_from_another_image(rbuild: Rbuild) -> None:
    """No file of the project names that one."""
    if rbuild.backend == "docker":
        pytest.skip("what its images have nobody reads where it lies")
    for name, text in {
        "tools": "FROM debian:bookworm\nCOPY said /said\n",
        "base": "FROM debian:bookworm\nONBUILD COPY --from=tools:1 /said /said\n",
        "main": "FROM base:1\nENV A=1\n",
    }.items():
        (rbuild.project / name).mkdir()
        (rbuild.project / name / "Dockerfile").write_text(text)
    builds = "".join(f"\tdocker build -t {name}:1 {name}\n" for name in ("tools", "base", "main"))
    makefile = f"say:\n{builds}\tdocker run --rm main:1 cat /said\n"
    (rbuild.project / "Makefile").write_text(makefile)
    for said in ("one\n", "two\n"):
        (rbuild.project / "tools/said").write_text(said)
        assert rbuild("say").stdout == said


def test_explain(project: Rbuild) -> None:
    assert project("--force", "binary").returncode == 0
    (project.project / "src/a").write_text("new")
    run = project("--explain", "binary")
    assert "because: the context changed (src/a)" in run.stderr
    assert "because: the image changed" in run.stderr


def images(project: Rbuild) -> int:
    """How many there are."""
    return len(ids(project))


@pytest.mark.in_ci("podman", "buildah")
def test_an_image_of_the_last_one_and_what_changed(project: Rbuild) -> None:
    """The next change starts from the same image again, which goes when all is built."""
    if project.backend == "docker":
        pytest.skip("nobody hands layers to docker's own builder")
    before = images(project)
    assert project("binary").returncode == 0
    whole, said = images(project), "one layer on the image of "
    for number in range(3):
        (project.project / "src/a").write_text(f"new {number}")
        (project.project / "docs/c").unlink(missing_ok=True)
        run = project("--explain", "binary")
        assert said in run.stderr
        listing = (project.bundles / "listing").read_text()
        assert f"new {number}" in listing
        assert "docs/c" not in listing
        assert images(project) == whole + 1
    (project.project / "list").write_text(LIST + "\n")  # another COPY takes it too
    assert said not in project("--explain", "binary").stderr
    assert images(project) == whole
    (project.project / "src/a").write_text("once more")
    assert said not in project("--explain", "--no-incremental", "binary").stderr
    (project.project / "src/a").write_text("and again")
    assert said not in project("--explain", "--checksums", "binary").stderr
    assert project("clean", "--images").returncode == 0
    assert images(project) == before


@pytest.mark.in_ci("podman")
def test_an_image_of_another_context(rbuild: Rbuild) -> None:
    """The context of before is that of a name now: its files are no part of what changed."""
    if rbuild.backend == "docker":
        pytest.skip("nobody hands layers to docker's own builder")
    for name in ("one", "two"):
        (rbuild.project / name).mkdir()
        for number in range(20):
            (rbuild.project / name / f"{number}").write_text("same")
        (rbuild.project / name / "said").write_text(f"{name}\n")
    text = "FROM debian:bookworm\nCOPY --from=lib said /lib\nCOPY . /context/\n"
    (rbuild.project / "Dockerfile").write_text(text)
    command = "docker build -t listing --build-context lib=one -f Dockerfile $(CONTEXT)"
    makefile = f"say:\n\t{command}\n\tdocker run --rm listing cat /lib /context/said\n"
    (rbuild.project / "Makefile").write_text(makefile)
    assert rbuild("say", "CONTEXT=one").stdout == "one\none\n"
    assert rbuild("say", "CONTEXT=two").stdout == "one\ntwo\n"


# --- random edits -------------------------------------------------------------------------------


class Edits:
    """Changes of a project, and of the words of the command line."""

    def __init__(self, project: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.project = project
        self.variables = {"NOTE": "0"}

    def same_size_and_time(self) -> None:
        path = self.project / "src/a"
        status = path.stat()
        path.write_bytes(bytes((byte + 1) % 26 + 97 for byte in path.read_bytes()))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def mode(self) -> None:
        path = self.project / "src/b"
        path.chmod(stat.S_IMODE(path.stat().st_mode) ^ 0o111)

    def retarget(self) -> None:
        link = self.project / "link"
        target = "src/b" if str(link.readlink()) == "src/a" else "src/a"
        link.unlink()
        link.symlink_to(target)

    def ignore(self) -> None:
        file = self.project / ".dockerignore"
        more = self.random.choice(["", "docs\n", "**/b\n", "src\n!src/a\n", "*\n!list\n!src\n"])
        file.write_text(f"bundles\nnotes\nMakefile\n{more}")

    def ignored(self) -> None:
        (self.project / "Makefile").write_text(MAKEFILE + f"# {self.random.random()}\n")

    def touch(self) -> None:
        os.utime(self.project / "src/a", (1, self.random.randrange(10**9)))

    def add(self) -> None:
        (self.project / f"docs/new{self.random.randrange(3)}").write_text("new")

    def directory(self) -> None:
        (self.project / f"dir{self.random.randrange(3)}").mkdir(exist_ok=True)

    def delete(self) -> None:
        (self.project / "docs/new0").unlink(missing_ok=True)

    def note(self) -> None:
        self.variables["NOTE"] = str(self.random.randrange(3))

    def argument(self) -> None:
        self.variables["ARGUMENT"] = str(self.random.randrange(3))

    def mounted(self) -> None:
        (self.project / "notes/n").write_text(str(self.random.randrange(3)))

    def bundle(self) -> None:
        (self.project / "bundles/listing").unlink(missing_ok=True)

    def altered(self) -> None:
        (self.project / "bundles/listing").write_text("altered")

    def nothing(self) -> None:
        """The most frequent one."""

    @property
    def words(self) -> list[str]:
        return [f"{name}={value}" for name, value in self.variables.items()]

    @property
    def every(self) -> list[Callable[[], None]]:
        names = [name for name, value in vars(Edits).items() if callable(value) and name[0] != "_"]
        return [getattr(self, name) for name in names]


def test_random_edits_against_builds_from_scratch(project: Rbuild) -> None:
    edits = Edits(project.project, seed=sum(map(ord, project.backend)))
    bundle = project.bundles / "listing"
    environment = {**project.environment, "NOTE": "0"}
    project = replace(project, environment=environment)
    done(project, "binary", *edits.words)
    history: list[str] = []
    for _ in range(EDITS):
        edit = edits.random.choice(edits.every)
        history.append(edit.__name__)
        edit()
        before = bundle.read_bytes() if bundle.exists() else b""
        built, ran = done(project, "binary", *edits.words)
        after = bundle.read_bytes()
        # From scratch: no layer of the image from the engine's cache, and the container run.
        assert done(project, "--no-cache", "--fresh", "binary", *edits.words) == (True, True)
        scratch = bundle.read_bytes()
        said = json.dumps({"edits": history, "built": built, "ran": ran})
        assert after == scratch, f"stale: {said}"
        assert ran == (before != scratch), f"run for nothing: {said}"
        # What --no-cache made is new to the containers; the next edit starts from a usual build.
        done(project, "--force", "binary", *edits.words)
        assert done(project, "binary", *edits.words) == (False, False), said


@pytest.mark.in_ci("podman")
def test_what_a_run_mounts_is_made_of_the_last_one_and_what_changed(project: Rbuild) -> None:
    """What is ignored is not mounted; nor is anything that is gone."""
    if project.backend == "docker":
        pytest.skip("nobody hands layers to docker's own builder")
    before = images(project)
    mounts = (
        "COPY list /list\nRUN --mount=type=bind,target=/m cp -a /m /context && echo > /argument\n"
    )
    (project.project / "Dockerfile").write_text(f"FROM debian:bookworm\n{mounts}")
    assert project("binary").returncode == 0
    whole, said = images(project), "one layer of what changed"
    for number in range(2):
        (project.project / "src/a").write_text(f"new {number}")
        (project.project / "docs/c").unlink(missing_ok=True)
        assert said in project("--explain", "binary").stderr
        listing = (project.bundles / "listing").read_text()
        assert f"new {number}" in listing
        assert "docs/c" not in listing
        assert "context/notes" not in listing
        assert images(project) == whole + 1
    (project.project / "src/a").write_text("once more")
    assert said not in project("--explain", "--no-incremental", "binary").stderr
    assert images(project) == whole
    assert "once more" in (project.bundles / "listing").read_text()
    assert project("clean", "--images").returncode == 0
    assert images(project) == before

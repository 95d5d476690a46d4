"""What the builds of containerfiles share."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rootless_build.backend.api import Backend, Engine, EngineSettings, Image
from rootless_build.images.asking.memory import Memory
from rootless_build.images.building import build_image
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.testing.recorder import Recorder
from tests.containerfiles.held_against_docker import Made, Read, held_against_docker
from tests.git_served import git, served
from tests.reference import images
from tests.reference.case import Case

Build = Callable[..., Recorder]
LIKE = BuildImage(Path("/"), network="host")
"""What a build is like that says nothing else."""
ENGINES = pytest.mark.parametrize(
    "backend_name",
    [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ("podman", "buildah")],
    indirect=True,
    scope="session",
)


@pytest.fixture
def place(storage: Path) -> Iterator[Path]:
    """A directory that files of subordinate uids may stay in; `context` is in it."""
    directory = Path(tempfile.mkdtemp(dir=storage))
    (directory / "context").mkdir()
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def building(
    backend: Backend, backend_name: str, settings: EngineSettings, storage: Path
) -> RewriteOptions:
    """What rbuild itself would find."""
    probe = backend.probe(settings)
    builder = probe.builder or f"{backend_name} {probe.version}"
    memory = Memory(storage / "engines", builder)
    return RewriteOptions(builder, storage / "fetched", memory=lambda: memory)


@pytest.fixture
def build(engine: Engine, base_image: Image, building: RewriteOptions, place: Path) -> Build:
    """Builds the target `out` of `place/context` into `place/out`."""

    def build_out(
        text: str | None = None,
        *,
        recorder: Recorder | None = None,
        building: RewriteOptions = building,
        args: tuple[tuple[str, str], ...] = (),
        containerfile: Path | None = None,
        build_contexts: tuple[tuple[str, str], ...] = (),
        like: BuildImage = LIKE,
    ) -> Recorder:
        recorder = recorder or Recorder()
        shutil.rmtree(place / "out", ignore_errors=True)
        if text is not None:
            (place / "context" / "Dockerfile").write_text(text)
        step = replace(
            like,
            context=place / "context",
            containerfile=containerfile,
            target="out",
            build_args=args,
            build_contexts=build_contexts,
        )
        image = build_image(step, engine, recorder.reporter, building)
        recorder.reporter.flush()
        (place / "out").mkdir()
        engine.copy_image(image, (), place / "out")
        return recorder

    return build_out


@pytest.fixture(scope="session")
def read(backend_name: str, settings: EngineSettings, storage: Path) -> Read:
    """Reads an image out of the engine's storage."""
    file = storage / "image.tar"
    save = {
        "podman": ("podman", "save", "--quiet", "--format=docker-archive", f"--output={file}"),
        "buildah": ("buildah", "push", "--quiet"),
        "docker": ("docker", "save", f"--output={file}"),
    }[backend_name]
    place = (f"docker-archive:{file}",) if backend_name == "buildah" else ()

    def read_out(image: Image) -> images.Image:
        file.unlink(missing_ok=True)
        environment = {**os.environ, **dict(settings.environment)}
        subprocess.run(
            [*save, image.id, *place], env=environment, check=True, stdout=subprocess.DEVNULL
        )
        return images.read_image(file)

    return read_out


@pytest.fixture(scope="session")
def base(read: Read, base_image: Image) -> images.Image:
    """The base image as this engine keeps it."""
    return read(base_image)


@pytest.fixture
def made(
    backend: Backend,
    settings: EngineSettings,
    base: images.Image,
    read: Read,
    building: RewriteOptions,
    place: Path,
) -> Made:
    """Builds cases and holds them against docker's. Each begins without caches: those of mounts are
    in TMPDIR.
    """
    (place / "tmp").mkdir()
    own = replace(settings, environment=(*settings.environment, ("TMPDIR", str(place / "tmp"))))

    def held(case: Case) -> tuple[str, str]:
        with backend.open(own) as engine:
            return held_against_docker(case, engine, building, place / "case", read, base)

    return held


@pytest.fixture
def git_repository(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A repository with two commits, a tag and a branch: its URL on a loopback daemon, its path."""
    work = tmp_path / "served" / "project.git"
    work.mkdir(parents=True)

    git(work, "init", "--initial-branch=main")
    (work / "sub").mkdir()
    (work / "sub" / "g").write_text("g\n")
    (work / "f").write_text("one\n")
    (work / ".dockerignore").write_text("f\n")
    (work / "run.sh").write_text("#!/bin/sh\n")
    (work / "run.sh").chmod(0o775)
    git(work, "add", ".")
    git(work, "commit", "-m", "one")
    git(work, "tag", "-a", "v1", "-m", "v1")
    git(work, "branch", "old")
    (work / "f").write_text("two\n")
    git(work, "commit", "-am", "two")
    with served(work.parent) as url:
        yield f"{url}/project.git", work


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """A web server: its URL, the directory it serves, and the paths that were asked for."""
    directory = tmp_path / "web"
    directory.mkdir()
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(directory))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", directory, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

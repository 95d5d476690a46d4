"""Steps done with the engine under test, in this process or in one of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from rootless_build.backend.api import Engine, Exit, Image, Stdio
from rootless_build.model.errors import ImageBuildError
from rootless_build.model.plan import BuildImage, RunContainer
from rootless_build.testing.base_root import BASE
from rootless_build.testing.cases import Build, Driver, Ran, Run, Screen
from rootless_build.testing.recorder import Recorder

PROJECT: Final = f"""\
FROM {BASE}
ENV GREETING="hello from the image" PATH=/opt/tool/bin:/bin
COPY entry /project/hack/entry
COPY --chown=1000:1000 seed /data/seed
RUN chmod 0755 /project/hack/entry && mkdir -p /opt/tool/bin && chown 1000:1000 /data \\
 && chmod 0750 /data && ln -s /project/hack/entry /opt/tool/bin/tool
WORKDIR /project
ENTRYPOINT ["hack/entry"]
CMD ["echo", "the image's own command"]
"""
"""An image in the shape of Docker's dev image: ENTRYPOINT relative to WORKDIR, PATH of its own."""


@pytest.fixture
def run(engine: Engine, base_image: Image) -> Run:
    """Runs a step to its end, in a container of BASE or of the image given."""

    def run_step(
        step: RunContainer,
        image: Image | None = None,
        *,
        recorder: Recorder | None = None,
        check: bool = True,
    ) -> Ran:
        recorder = recorder or Recorder()
        with engine.container(step, image or base_image) as container:
            ended = container.run(recorder.reporter, Stdio.CLOSED)
        recorder.reporter.flush()
        if check:
            assert ended == Exit(0), (ended, recorder.stdout, recorder.stderr)
        return Ran(ended, recorder)

    return run_step


@pytest.fixture(scope="session")
def build(engine: Engine, base_image: Image) -> Build:
    """Builds an image; what the engine said is in the recorder."""

    def build_step(step: BuildImage, recorder: Recorder | None = None) -> Image:
        recorder = recorder or Recorder()
        try:
            return engine.build_image(step, recorder.reporter)
        finally:
            recorder.reporter.flush()

    return build_step


@pytest.fixture(scope="session")
def project_image(build: Build, storage: Path) -> Image:
    """The image that PROJECT describes, built by the engine under test."""
    context = storage / "project"
    context.mkdir()
    (context / "Dockerfile").write_text(PROJECT)
    (context / "entry").write_text('#!/bin/sh\necho "entry:"\nexec "$@"\n')
    (context / "seed").write_text("from the image\n")
    try:
        return build(BuildImage(context, tags=("localhost/rbuild-test-project",)))
    except ImageBuildError as error:
        pytest.fail(f"{error}\n{error.engine_words}")


@pytest.fixture
def driver(
    backend_name: str, user_environment: Mapping[str, str], base_image: Image, tmp_path: Path
) -> Iterator[Driver]:
    """Starts steps in a process of their own, as `rbuild` is one; ends those that are left."""
    made = Driver(backend_name, user_environment, tmp_path)
    yield made
    made.close()


@pytest.fixture
def seen_on_disk(storage: Path) -> Callable[[str], bool]:
    """Whether a file of that name is anywhere in what the engine under test keeps."""

    def search(name: str) -> bool:
        found = subprocess.run(
            ["find", storage, "-name", name], capture_output=True, text=True, check=False
        )
        return bool(found.stdout)

    return search


@pytest.fixture
def screen() -> Iterator[Screen]:
    made = Screen()
    made.resize(37, 91)
    yield made
    made.close()

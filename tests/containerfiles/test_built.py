"""Every construct that is rewritten, built for real: the tree that comes out is the expected one.

With podman and buildah each; docker's classic builder can only do what needs neither mounts nor
other contexts.
"""

from __future__ import annotations

import dataclasses
import platform
import shutil
import stat
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from rootless_build.backend import Backend, Engine, EngineSettings, Image
from rootless_build.errors import ContainerfileError, ImageBuildError
from rootless_build.normalising import Building, normalised
from rootless_build.plan import BuildImage, BuildOutput
from tests.containerfiles.cases import CASES, Case
from tests.recorder import Recorder

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "")


@pytest.fixture
def place(storage: Path) -> Iterator[Path]:
    """A directory that files of subordinate uids may stay in."""
    directory = Path(tempfile.mkdtemp(dir=storage))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def building(
    backend: Backend, backend_name: str, settings: EngineSettings, storage: Path
) -> Building:
    """What rbuild itself would find."""
    probe = backend.probe(settings)
    return Building(probe.builder or f"{backend_name} {probe.version}", storage / "fetched")


def write(directory: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content.startswith("->"):
            path.symlink_to(content[2:])
        else:
            path.write_text(content)


def tree(directory: Path) -> dict[str, str]:
    """What is in a directory, in the form of a case's `files`."""
    found = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if path.is_symlink():
            found[name] = f"->{path.readlink()}"
        elif path.is_file():
            found[name] = path.read_text()
        elif not any(path.iterdir()):
            found[f"{name}/"] = ""
    return found


def build(
    engine: Engine, step: BuildImage, building: Building, recorder: Recorder | None = None
) -> Recorder:
    recorder = recorder or Recorder()
    with normalised(step, engine, recorder.reporter, building) as (known, reporter):
        engine.build_image(known, reporter)
    recorder.reporter.flush()
    return recorder


def prepared(case: Case, place: Path) -> BuildImage:
    """The case's context, and the step that builds it into `place/out`."""
    context = place / "context"
    context.mkdir()
    write(context, case.context)
    text = case.text.lstrip("\n").replace("@ID@", uuid.uuid4().hex).replace("@ARCH@", ARCHITECTURE)
    (context / "Dockerfile").write_text(text)
    if case.ignore:
        (context / ".dockerignore").write_text(case.ignore)
    output = BuildOutput("local", (("dest", str(place / "out")),))
    return BuildImage(
        context, target="out", build_args=case.args, network="host", outputs=(output,)
    )


@pytest.mark.parametrize(
    "backend_name",
    [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in ("podman", "buildah")],
    indirect=True,
    scope="session",
)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_comes_out(
    case: Case, engine: Engine, base_image: Image, building: Building, place: Path
) -> None:
    step = prepared(case, place)
    before = tree(step.context)
    if not case.exact:
        with pytest.raises(ContainerfileError, match="can't do this") as refused:
            build(engine, step, building)
        assert "--allow-inexact" in refused.value.hint
    allowed = dataclasses.replace(building, allow_inexact=not case.exact)
    recorder = Recorder()
    try:
        build(engine, step, allowed, recorder)
    except ImageBuildError as error:
        pytest.fail(f"{error}\n{error.engine_words}\n{recorder.stdout.decode()}")
    assert tree(place / "out") == dict(case.files)
    for name, mode in case.modes.items():
        assert stat.S_IMODE((place / "out" / name).lstat().st_mode) == mode, name
    assert tree(step.context) == before
    if case.output:
        assert recorder.stdout.decode().splitlines(keepends=True) == list(case.output)

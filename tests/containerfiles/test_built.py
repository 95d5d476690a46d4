"""Every construct that is rewritten, built for real: what comes out is what is expected."""

from __future__ import annotations

import platform
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.model.errors import ContainerfileError, ImageBuildError
from rootless_build.model.structs import replace
from rootless_build.testing.recorder import Recorder
from tests.containerfiles.cases import CASES, Case
from tests.containerfiles.conftest import Build
from tests.containerfiles.trees import tree, write

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "")


def _pairs() -> Iterator[ParameterSet]:
    """Each case with both engines. In podman is a buildah: in CI each builds every other case."""
    for engine, name in enumerate(("podman", "buildah")):
        for number, case in enumerate(CASES):
            marks = [pytest.mark.xdist_group(name)]
            if number % 2 != engine:
                marks.append(pytest.mark.exhaustive)
            yield pytest.param(name, case, marks=marks, id=f"{name}-{case.name}")


@pytest.mark.parametrize(
    ("backend_name", "case"), list(_pairs()), indirect=["backend_name"], scope="session"
)
def test_what_comes_out(case: Case, build: Build, building: RewriteOptions, place: Path) -> None:
    context = place / "context"
    write(context, case.context)
    text = case.text.lstrip("\n").replace("@ID@", uuid.uuid4().hex).replace("@ARCH@", ARCHITECTURE)
    (context / "Dockerfile").write_text(text)
    if case.ignore:
        (context / ".dockerignore").write_text(case.ignore)
    before = tree(context)
    if not case.exact:
        with pytest.raises(ContainerfileError, match="can't do this") as refused:
            build(args=case.args)
        assert "--allow-inexact" in refused.value.hint
    allowed = replace(building, allow_inexact=not case.exact)
    recorder = Recorder()
    try:
        build(recorder=recorder, building=allowed, args=case.args)
    except ImageBuildError as error:
        pytest.fail(f"{error}\n{error.engine_words}\n{recorder.stdout.decode()}")
    assert tree(place / "out") == dict(case.files)
    for name, mode in case.modes.items():
        assert stat.S_IMODE((place / "out" / name).lstat().st_mode) == mode, name
    assert tree(context) == before
    if case.output:
        assert recorder.stdout.decode().splitlines(keepends=True) == list(case.output)

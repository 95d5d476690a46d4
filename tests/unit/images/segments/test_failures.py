"""What the host would not do is said of the instruction that needs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rootless_build.images.configuration import Configuration
from rootless_build.images.layers.client import (
    LayerFailedError,
    LayerMaker,
    SourceChangedError,
)
from rootless_build.images.layers.request import LayersRequest, Made
from rootless_build.model.errors import ContainerfileError, ImageBuildError, RbuildError
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.testing.recorder import Recorder
from tests.unit.images.segments.storage import EMPTY, OPTIONS, OWN_SHELL, Storage, build

TEXT = "FROM scratch\nCOPY f /\nCOPY \\\n f /g\n"


def failure(error: RbuildError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ImageBuildError:
    """How a build ends whose layers can't be made."""

    def fail(_: LayerMaker, _request: LayersRequest) -> Made:
        raise error

    monkeypatch.setattr(LayerMaker, "answer", fail)
    (tmp_path / "f").touch()
    with pytest.raises(ImageBuildError) as failed:
        build(Storage(), BuildImage(tmp_path), TEXT)
    return failed.value


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "small").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "small"))
    error = failure(LayerFailedError(1, "No space left on device"), tmp_path, monkeypatch)
    assert error.message == (
        "Dockerfile:3: COPY f /g failed: the layer could not be made: No space left on device"
    )
    assert f"no room in {tmp_path / 'small'}" in error.hint
    assert "TMPDIR" in error.hint


def test_a_file_that_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = failure(SourceChangedError(0, "/c/f"), tmp_path, monkeypatch)
    assert error.message == "Dockerfile:2: COPY f / failed: /c/f changed while it was copied"
    assert error.hint == "build again"


def test_an_image_that_the_engine_does_not_take(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    storage = Storage(broken=ImageBuildError("podman pull ended with 125", engine_words="why"))
    with pytest.raises(ImageBuildError) as failed:
        build(storage, BuildImage(tmp_path), TEXT)
    assert failed.value.message == "Dockerfile:3: COPY f /g failed: podman pull ended with 125"
    assert failed.value.engine_words == "why"


@pytest.mark.parametrize(
    ("base", "fails", "place"),
    [
        (OWN_SHELL, "two", "Dockerfile:2: RUN two"),
        (OWN_SHELL, "three", "Dockerfile:3: RUN three a"),
        (replace(EMPTY, triggers=("RUN a", "RUN b", "RUN c")), "two", "Dockerfile:2: RUN two"),
        (replace(EMPTY, triggers=("RUN a", "RUN b", "RUN c")), "RUN b", "Dockerfile:1: RUN b"),
    ],
)
def test_a_run_that_fails_has_its_own_line(
    tmp_path: Path, base: Configuration, fails: str, place: str
) -> None:
    storage = Storage(fails=fails)
    storage.has("base", base)
    with pytest.raises(ImageBuildError) as failed:
        build(storage, BuildImage(tmp_path), "FROM base\nRUN two\nRUN three \\\n a\n")
    assert failed.value.message == f"{place} failed with status 1"


def test_a_run_that_is_wrong_has_its_own_line(tmp_path: Path) -> None:
    storage = Storage()
    storage.has("base", OWN_SHELL)
    text = "FROM base\nRUN two\nRUN --mount=source=nothing,target=/x three\n"
    with pytest.raises(ContainerfileError, match=r"^Dockerfile:3:1: .*: nothing is not there"):
        build(storage, BuildImage(tmp_path), text)


def test_what_is_not_exact_is_said_of_the_users_own_file(tmp_path: Path) -> None:
    storage = Storage()
    storage.has("base", OWN_SHELL)
    file = tmp_path / "sub" / "Other"
    file.parent.mkdir()
    recorder = Recorder()
    build(
        storage,
        BuildImage(tmp_path, file),
        "FROM base\nRUN --security=insecure a\n",
        recorder=recorder,
        options=replace(OPTIONS, allow_inexact=True),
    )
    (notice,) = recorder.notices
    assert notice.text.startswith("sub/Other:2: RUN --security=insecure a: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "f").touch(mode=0)
    with pytest.raises(ImageBuildError, match=r"Dockerfile:3: COPY f / failed: .*f: Permission"):
        build(Storage(), BuildImage(tmp_path), "FROM scratch\nCOPY Dockerfile /\nCOPY f /\n")

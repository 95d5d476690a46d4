"""What is built in segments, of which stages and images, and what is left to the engine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from rootless_build.images import configuration as configurations
from rootless_build.images.configuration import Configuration
from rootless_build.images.layers.client import LayerMaker, LayersUnreadableError
from rootless_build.images.layers.request import LayersRequest, Made
from rootless_build.model import platforms
from rootless_build.model.errors import (
    ContainerfileError,
    ImageBuildError,
    ImageNotFoundError,
    UnsupportedError,
)
from rootless_build.model.events import BuildState
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.testing.recorder import Recorder
from tests.unit.images.segments.storage import EMPTY, Storage, build

OTHER = "s390x" if EMPTY.architecture != "s390x" else "amd64"


@pytest.fixture
def storage() -> Storage:
    made = Storage()
    made.has("base")
    return made


def in_segments(storage: Storage) -> bool:
    """Whether all builds that the engine did were of segments."""
    return all("AS rbuild-segment" in text for text in storage.runs)


def test_a_build_in_segments_is_told_from_another(storage: Storage, tmp_path: Path) -> None:
    build(storage, BuildImage(tmp_path), "FROM base\nRUN a\n")
    assert len(storage.runs) == 1
    assert in_segments(storage)


def test_a_run_is_done_on_an_image_that_its_build_takes(storage: Storage, tmp_path: Path) -> None:
    """Only the last image is handed over; one that is there already is named by its id."""
    storage.layout_transport = "dir:"
    text = "FROM base\nENV A=1\nRUN a\nENV A=2\nRUN b\n"
    build(storage, BuildImage(tmp_path), text)
    assert [run.startswith("FROM dir:/") for run in storage.runs] == [True, True]
    assert storage.added == 1
    build(storage, BuildImage(tmp_path), text)
    assert not storage.runs[2].startswith("FROM dir:/")


@pytest.mark.parametrize("of_no_image", [False, True])
def test_images_that_no_build_takes_are_handed_over(
    storage: Storage, tmp_path: Path, of_no_image: bool
) -> None:
    storage.layout_transport, storage.takes_layouts = "dir:", False
    storage.tells_of_no_image = of_no_image
    build(storage, BuildImage(tmp_path), "FROM base\nENV A=1\nRUN a\nENV A=2\nRUN b\n")
    failed, *done = storage.runs
    assert failed.startswith("FROM dir:/")
    assert [run.startswith("FROM dir:/") for run in done] == [False, False]
    assert storage.added == 3


def test_a_run_that_fails_is_not_done_again(storage: Storage, tmp_path: Path) -> None:
    storage.layout_transport, storage.fails = "dir:", "RUN a"
    with pytest.raises(ImageBuildError, match="RUN a"):
        build(storage, BuildImage(tmp_path), "FROM base\nENV A=1\nRUN a\n")
    assert len(storage.runs) == 1


@pytest.mark.parametrize(("target", "hint"), [("bild", "build"), ("0", "build"), ("7", "build")])
def test_a_target_that_is_not_there(
    storage: Storage, tmp_path: Path, target: str, hint: str
) -> None:
    with pytest.raises(ContainerfileError, match=f"there is no stage {target}") as refused:
        build(storage, BuildImage(tmp_path, target=target), "FROM base AS build\nRUN a\n")
    assert hint in refused.value.hint
    assert not storage.builds


STRANGE = pytest.mark.parametrize(
    "text", ["FROM strange\nRUN a\n", "FROM base\nRUN --mount=from=strange,target=/x a\n"]
)


@STRANGE
def test_an_image_that_can_t_be_read_is_read_from_what_the_engine_saves(
    storage: Storage, tmp_path: Path, text: str
) -> None:
    storage.has("strange", None)
    with pytest.raises(UnsupportedError, match="strange is not all in a storage") as refused:
        build(storage, BuildImage(tmp_path), text)
    assert "BuildKit" in refused.value.hint
    assert not storage.runs
    storage.saves = True
    build(storage, BuildImage(tmp_path), text)
    assert len(storage.runs) == 1
    assert in_segments(storage)


@STRANGE
@pytest.mark.parametrize(
    "content", [replace(EMPTY, architecture=OTHER), replace(EMPTY, os="plan9")]
)
def test_an_image_is_of_another_platform_unless_one_is_asked_for(
    storage: Storage, tmp_path: Path, content: Configuration, text: str
) -> None:
    platform = f"{content.os}/{content.architecture}"
    image = storage.has("strange", content)
    storage.images["docker.io/library/strange:latest"] = replace(image, platform=platform)
    build(storage, BuildImage(tmp_path), text)
    assert in_segments(storage)
    step = BuildImage(tmp_path, platforms=(platforms.host(),))
    with pytest.raises(ImageNotFoundError, match=f"the one there is for {platform}"):
        build(storage, step, text)
    assert len(storage.runs) == 1


def test_an_image_of_many_layers_is_read_from_what_the_engine_saves(
    storage: Storage, tmp_path: Path
) -> None:
    image = storage.has("base")
    content = storage.contents[image.id]
    storage.contents[image.id] = replace(content, layers=(tmp_path,) * 101)
    with pytest.raises(UnsupportedError, match="base has 101 layers"):
        build(storage, BuildImage(tmp_path), "FROM base\nRUN a\n")
    storage.saves = True
    recorder = Recorder()
    build(storage, BuildImage(tmp_path), "FROM base\nENV a=b\n", recorder=recorder)
    (notice,) = recorder.notices
    assert notice.text == "layers can't be read where they lie: base has 101 layers"


def test_a_host_that_lets_nobody_mount_layers_has_the_engine_save_them(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: LayerMaker, _request: LayersRequest) -> Made:
        raise LayersUnreadableError("fsopen is not permitted")

    monkeypatch.setattr(LayerMaker, "answer", refuse)
    with pytest.raises(UnsupportedError, match="fsopen is not permitted"):
        build(storage, BuildImage(tmp_path), "FROM base\nCOPY . /x\nRUN a\n")
    assert not storage.runs


def test_arguments_of_two_stages_upon_one_image_do_not_meet(
    storage: Storage, tmp_path: Path
) -> None:
    text = (
        "FROM base AS a\nARG ONE=1\nRUN a\n"
        "FROM base\nARG TWO=2\nRUN b $ONE$TWO\nRUN --mount=from=a,target=/x c\n"
    )
    made = storage.configuration(build(storage, BuildImage(tmp_path), text))
    runs = [each.created_by for each in made.history if each.created_by.startswith("RUN")]
    assert runs[0] == "RUN |1 TWO=2 /bin/sh -c b $ONE$TWO # buildkit"
    (_, upon) = (configured(storage, text) for text in storage.runs)
    assert ("TWO", "2") in upon.environment
    assert "ONE" not in dict(upon.environment)


def test_arguments_of_a_stage_upon_a_stage_do(storage: Storage, tmp_path: Path) -> None:
    text = "FROM base AS a\nARG ONE=1\nFROM a\nARG TWO=2\nRUN b\n"
    made = storage.configuration(build(storage, BuildImage(tmp_path), text))
    assert made.history[-1].created_by == "RUN |2 ONE=1 TWO=2 /bin/sh -c b # buildkit"


def configured(storage: Storage, segment: str) -> Configuration:
    """The configuration of the image that a segment was built upon."""
    content = storage.contents[segment.partition(" AS rbuild-segment")[0].split()[-1]]
    return configurations.read(content.configuration)


def test_nothing_comes_from_scratch(storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(ContainerfileError, match=r"Dockerfile:2:1: .* f is not there"):
        build(storage, BuildImage(tmp_path), "FROM base\nCOPY --from=scratch f /\n")


@pytest.mark.parametrize("name", ["alpine", "alpine:latest", "docker.io/library/alpine"])
@pytest.mark.parametrize("written", ["alpine", "alpine:latest", "docker.io/library/alpine:latest"])
def test_a_named_context_has_its_full_name(
    storage: Storage, tmp_path: Path, name: str, written: str
) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "f").touch()
    step = BuildImage(tmp_path, build_contexts=((name, str(tmp_path / "c")),))
    made = build(storage, step, f"FROM scratch\nCOPY --from={written} f /\n")
    assert len(storage.configuration(made).layers) == 1


@pytest.mark.parametrize("stage", ["tool", "Tool"])
@pytest.mark.parametrize("origin", ["tool", "TOOL", "0"])
def test_a_named_context_takes_the_place_of_a_stage(
    storage: Storage, tmp_path: Path, stage: str, origin: str
) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "f").touch()
    step = BuildImage(tmp_path, build_contexts=(("tool", str(tmp_path / "c")),))
    text = f"FROM base AS {stage}\nRUN fails\nFROM scratch\nCOPY --from={origin} f /\n"
    made = build(storage, step, text)
    assert len(storage.configuration(made).layers) == 1
    assert not storage.runs


def test_what_has_no_effect_is_said(tmp_path: Path) -> None:
    recorder = Recorder()
    step = BuildImage(tmp_path, cache_from=("registry.example/cache", "type=local,src=c"))
    storage = Storage()
    storage.has("base")
    build(storage, step, "FROM base\nRUN a\n", recorder=recorder)
    (notice,) = recorder.notices
    assert notice.code == "cache-from"
    assert notice.text.startswith("--cache-from registry.example/cache, type=local,src=c has no ")
    assert [each.cache_from for each in storage.builds] == [()]


class Knowing(Storage):
    """Has every layer already."""

    def has_layers(self, digests: Sequence[str]) -> bool:
        return True


def test_what_makes_no_layer_is_never_told_as_cached(tmp_path: Path) -> None:
    recorder = Recorder()
    (tmp_path / "f").touch()
    storage = Knowing()
    storage.has("base")
    build(
        storage,
        BuildImage(tmp_path),
        "FROM base\nENV A=1\nCOPY f /\nENV B=2\nCOPY f /g\nLABEL x=y\n",
        recorder=recorder,
    )
    assert recorder.instructions(BuildState.CACHED) == ["COPY f /", "COPY f /g"]


def test_what_runs_mount_of_a_context_is_looked_at_once(storage: Storage, tmp_path: Path) -> None:
    """As BuildKit has it: the second RUN sees what the first one saw, and it costs nothing more."""
    (tmp_path / ".dockerignore").write_text("left-out\n")
    for name in ("left-out", "taken"):
        (tmp_path / name).touch()
    build(storage, BuildImage(tmp_path), "FROM base\nRUN --mount=target=/x a\n")
    once = storage.added
    mounted = re.findall(r"from=([\w-]+)", storage.runs[-1])
    text = "FROM base\nRUN --mount=target=/x a\nRUN --mount=target=/y,readonly b\n"
    build(storage, BuildImage(tmp_path), text)
    assert mounted, storage.runs
    assert [re.findall(r"from=([\w-]+)", run) for run in storage.runs[1:]] == [mounted, mounted]
    assert storage.added - once == once + 1

"""COPY and ADD are rbuild's own whatever is in their way: images that can't be read where they lie,
bases of another platform, build contexts that are elsewhere.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from rootless_build.backend.api import Engine, Image
from rootless_build.images.building import build_image
from rootless_build.images.layers.client import LayerMaker, LayersUnreadableError
from rootless_build.images.layers.request import LayersRequest, Made
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.model import platforms
from rootless_build.model.errors import ContainerfileError, ImageNotFoundError
from rootless_build.model.plan import PullPolicy
from rootless_build.model.structs import replace
from rootless_build.testing.base_root import BASE
from rootless_build.testing.recorder import Recorder
from tests.containerfiles.conftest import ENGINES, LIKE, Build
from tests.containerfiles.registry import registry
from tests.containerfiles.trees import tree

pytestmark = ENGINES
OUT = "FROM scratch AS out\nCOPY --from=made /o/ /\n"
OWN = platforms.parse(platforms.host()).architecture
OTHER = "s390x" if OWN != "s390x" else "amd64"
HOST = (
    f"FROM {BASE} AS a\nRUN mkdir -p /s/d && echo 1 > /s/d/f && chmod 4755 /s/d/f && ln -s d /s/l\n"
    f"FROM {BASE} AS made\nCOPY --from=a /s/ /o/\nCOPY --chmod=640 <<E /o/l/heredoc\nh\nE\n"
    "RUN --mount=target=/c cp /c/f /o/bound && stat -c %a /o/d/f /o/d/heredoc > /o/modes\n"
)
EXPECTED = {"d/f": "1\n", "d/heredoc": "h\n", "l": "->d", "bound": "f", "modes": "4755\n640\n"}


# --- images that can't be read where they lie ---------------------------------------------------


def notices(recorder: Recorder) -> list[str]:
    return [each.text for each in recorder.notices if each.code == "layers-unreadable"]


def test_a_kernel_that_lets_nobody_mount_an_overlay(
    build: Build, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = LayerMaker.answer

    @functools.wraps(answer)
    def refuse(self: LayerMaker, request: LayersRequest) -> Made:
        if any(each.is_dir() for each in request.base):
            raise LayersUnreadableError("fsopen overlay: Operation not permitted")
        return answer(self, request)

    monkeypatch.setattr(LayerMaker, "answer", refuse)
    (place / "context" / "f").write_text("f")
    recorder = build(HOST + OUT)
    assert tree(place / "out") == EXPECTED
    (told,) = notices(recorder)
    assert "fsopen overlay: Operation not permitted" in told


def test_an_image_of_many_layers(
    engine: Engine, build: Build, building: RewriteOptions, place: Path
) -> None:
    lines = "".join(f"COPY <<E /many/{number}\n{number}\nE\n" for number in range(101))
    context = place / "context"
    (context / "Dockerfile").write_text(f"FROM {BASE}\n{lines}")
    step = replace(LIKE, context=context, tags=("localhost/rbuild-many",))
    image = build_image(step, engine, Recorder().reporter, building)
    assert len(image.layers) > 100
    try:
        recorder = build(
            "FROM localhost/rbuild-many AS made\nCOPY --link Dockerfile /o/x\n"
            f"RUN ls /many | wc -l > /o/number\nRUN rm /o/x\n{OUT}"
        )
    finally:
        stored = [each for each in engine.stored_images().images if each.id == image.id]
        engine.remove_images(stored)
    assert tree(place / "out") == {"number": "101\n"}
    (told,) = notices(recorder)
    assert "layers" in told


# --- bases of another platform ------------------------------------------------------------------


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of an image in a registry, for this host's architecture and for another one."""
    settings = tmp_path / "registries.conf"
    with registry((OWN, OTHER)) as name:
        place = name.partition("/")[0]
        settings.write_text(f'[[registry]]\nlocation = "{place}"\ninsecure = true\n')
        monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(settings))
        yield name


def architecture_of(image: Image) -> str:
    return platforms.parse(image.platform).architecture


def test_a_base_of_another_platform_is_pulled(
    engine: Engine, building: RewriteOptions, place: Path, several: str
) -> None:
    context = place / "context"
    (context / "Dockerfile").write_text(f"FROM {several}\nCOPY Dockerfile /f\n")
    for turn, wanted in enumerate((None, OTHER, OWN)):
        asked = (f"linux/{wanted}",) if wanted else ()
        step = replace(LIKE, context=context, platforms=asked)
        image = build_image(step, engine, Recorder().reporter, building)
        assert architecture_of(image) == (wanted or OWN)
        out = place / f"out-{turn}"
        out.mkdir()
        engine.copy_image(image, (), out)
        assert (out / "platform").read_text() == (wanted or OWN)
        assert (out / "f").is_file()


def test_a_stage_of_another_platform_beside_one_of_this_host_s(
    engine: Engine, building: RewriteOptions, place: Path, several: str
) -> None:
    context = place / "context"
    (context / "Dockerfile").write_text(
        f"FROM --platform=linux/{OTHER} {several} AS other\nFROM {several}\n"
        "COPY --from=other /platform /other\n"
    )
    step = replace(LIKE, context=context, platforms=(platforms.host(),))
    image = build_image(step, engine, Recorder().reporter, building)
    out = place / "out"
    out.mkdir()
    engine.copy_image(image, (), out)
    assert tree(out) == {"platform": OWN, "other": OTHER}


def test_a_base_of_another_platform_is_not_pulled_where_none_is_to_be(
    engine: Engine, building: RewriteOptions, place: Path, several: str
) -> None:
    engine.pull_image(f"{several}:latest", Recorder().reporter)
    context = place / "context"
    (context / "Dockerfile").write_text(f"FROM {several}\nCOPY Dockerfile /f\n")
    step = replace(LIKE, context=context, platforms=(f"linux/{OTHER}",), pull=PullPolicy.NEVER)
    with pytest.raises(ImageNotFoundError, match=f"is not in storage for linux/{OTHER}"):
        build_image(step, engine, Recorder().reporter, building)


# --- build contexts that are elsewhere ----------------------------------------------------------

TAKES = (
    f"FROM {BASE} AS made\nRUN mkdir /o\nCOPY --from=far f /o/copied\n"
    "RUN --mount=from=far,target=/m cp /m/f /o/bound && stat -c %a /m/f > /o/mode\n"
)


def test_a_build_context_that_is_a_file_elsewhere_is_refused(build: Build) -> None:
    url = "http://127.0.0.1:9/f"
    words = "Dockerfile:3:1: .*the URL of a file, which docker refuses"
    with pytest.raises(ContainerfileError, match=words) as refused:
        build(TAKES + OUT, build_contexts=(("far", url),))
    assert f"ADD {url} /" in refused.value.hint


def test_a_build_context_that_is_a_repository(
    build: Build, place: Path, git_repository: tuple[str, Path]
) -> None:
    url, _ = git_repository
    # What its ignore file names is there: the file is of another build.
    build(TAKES + OUT, build_contexts=(("far", f"{url}#old"),))
    assert tree(place / "out") == {"copied": "one\n", "bound": "one\n", "mode": "644\n"}
    build(f"FROM far AS made\n{OUT.replace('/o/', '/')}", build_contexts=(("far", f"{url}#:sub"),))
    assert tree(place / "out") == {"g": "g\n"}


def test_a_build_context_that_can_t_be_fetched(
    build: Build, git_repository: tuple[str, Path]
) -> None:
    url, _ = git_repository
    words = "Dockerfile:3:1: .*build context far: there is no branch or tag no"
    with pytest.raises(ContainerfileError, match=words):
        build(TAKES + OUT, build_contexts=(("far", f"{url}#no"),))
    unused = (("far", url), ("unused", f"{url}#no"), ("file", "http://127.0.0.1:9/f"))
    build(TAKES + OUT, build_contexts=unused)

"""Which commands of the engine's a build in segments starts: each is 0.05 s or more."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rootless_build.backend.api import Backend, Engine, EngineSettings, Image, image_store
from rootless_build.backend.cached import RememberingEngine
from rootless_build.images.building import build_image
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.testing.base_root import BASE
from rootless_build.testing.recorder import Recorder
from tests.containerfiles.conftest import ENGINES

COPIES = f"FROM {BASE}\n" + "".join(f"COPY f{number} /f{number}\n" for number in range(20))
PAIRS = f"""FROM {BASE}
ENV ID=@ID@
RUN echo a > /a
COPY f0 /
RUN echo b > /b
COPY f1 /
"""


@contextmanager
def commands(engine: str) -> Iterator[list[str]]:
    """The first words of the engine's commands that are started meanwhile."""
    found: list[str] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, argv: Sequence[str], *args: Any, **more: Any) -> None:
            words = [Path(argv[0]).name, *argv[1:]]
            for place, word in enumerate(words[:-1]):
                if Path(word).name == engine:
                    found.append(words[place + 1])
                    break
            super().__init__(argv, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", Noted)
        yield found


@pytest.fixture
def context(place: Path) -> Path:
    """A build context with files that no build had before."""
    for number in range(20):
        (place / "context" / f"f{number}").write_text(uuid.uuid4().hex)
    return place / "context"


@pytest.fixture
def remembering(engine: Engine, base_image: Image) -> RememberingEngine:
    """The engine as a run has it, which has been asked where its storage is."""
    engine.image_ids()
    assert image_store(engine) is not None
    return RememberingEngine(engine, dict)


def build(text: str, context: Path, engine: Engine, building: RewriteOptions) -> None:
    (context / "Dockerfile").write_text(text.replace("@ID@", uuid.uuid4().hex))
    step = BuildImage(context, tags=("rbuild-commands",), network="host")
    build_image(step, engine, Recorder().reporter, building)


@ENGINES
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (COPIES, ["pull", "tag"]),
        (PAIRS, ["build", "build", "pull", "tag"]),
    ],
    ids=["copies", "pairs"],
)
def test_a_build_starts_no_more_than_it_needs(
    text: str,
    wanted: list[str],
    backend_name: str,
    remembering: RememberingEngine,
    building: RewriteOptions,
    context: Path,
) -> None:
    """Layers that follow each other are handed over together, and a RUN is one command: the build
    of its segment, which takes an image that has its environment and the layers before."""
    with commands(backend_name) as found:
        build(text, context, remembering, building)
    # What makes layers begins once, beside the rest; podman's namespaces it enters by itself where
    # a process holds them open.
    if backend_name == "buildah" or "unshare" in found:
        found.remove("unshare")
    # The base is looked for: with a command, unless podman's service is at work already.
    if found[0] in {"image", "inspect"}:
        del found[0]
    assert found == wanted


@ENGINES
def test_what_a_build_left_goes_with_one_command(
    backend_name: str, remembering: RememberingEngine, building: RewriteOptions, context: Path
) -> None:
    before = remembering.image_ids()
    build(PAIRS, context, remembering, building)
    new = [each for each in remembering.stored_images().images if each.id not in before]
    new.sort(key=lambda image: -len(image.ancestors))
    assert len(new) > 3
    with commands(backend_name) as found:
        assert remembering.remove_images(new) == {}
    assert len(found) == 1
    assert remembering.image_ids() == before


@pytest.mark.parametrize(
    "backend_name",
    [pytest.param("podman", marks=pytest.mark.xdist_group("podman"))],
    indirect=True,
    scope="session",
)
def test_podman_tells_where_its_storage_is_with_an_image(
    backend: Backend, settings: EngineSettings, engine: Engine, base_image: Image, tmp_path: Path
) -> None:
    """Also to another engine of the run, and nothing else is asked for it."""
    own = replace(settings, runtime_directory=tmp_path)
    with commands("podman") as found:
        with backend.open(own) as first:
            assert first.find_image(BASE) == base_image
        with backend.open(own) as second:
            assert second.find_image("localhost/none") is None
            assert second.storage == engine.storage
    assert found == ["--log-level=debug", "image"]

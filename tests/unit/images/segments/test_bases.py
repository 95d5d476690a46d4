"""The images that a build in segments takes from outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.backend.api import LABEL_BASE, Image
from rootless_build.model.errors import ImageNotFoundError
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage, PullPolicy
from rootless_build.model.structs import replace
from tests.unit.images.segments.storage import EMPTY, Storage, build

TEXT = "FROM asks\nRUN a\n"


class Registry(Storage):
    """One that pulls, and says what."""

    def pull_image(
        self, reference: str, reporter: StepReporter, platform: str | None = None
    ) -> Image:
        self.pulled.append(reference)
        return self.has(reference)


@pytest.fixture
def storage() -> Registry:
    """Has an image whose trigger takes files of another, which is not there."""
    made = Registry()
    made.has("asks", replace(EMPTY, triggers=("COPY --from=tool / /t/",)))
    return made


def test_the_image_of_a_trigger_is_not_pulled_where_none_is_to_be(
    storage: Registry, tmp_path: Path
) -> None:
    with pytest.raises(ImageNotFoundError, match="tool is not in storage"):
        build(storage, BuildImage(tmp_path, pull=PullPolicy.NEVER), TEXT)
    assert not storage.pulled
    assert not storage.runs


def test_it_is_pulled_where_it_is_missing(storage: Registry, tmp_path: Path) -> None:
    storage.has("asks", replace(EMPTY, triggers=("RUN --mount=from=tool,target=/t t",)))
    build(storage, BuildImage(tmp_path), TEXT)
    assert storage.pulled == ["docker.io/library/tool:latest"]


def test_its_stand_in_is_taken(storage: Registry, tmp_path: Path) -> None:
    storage.has("asks", replace(EMPTY, triggers=("RUN --mount=from=tool,target=/t t",)))
    made = storage.has("localhost/tool", replace(EMPTY, labels=((LABEL_BASE, "tool"),)))
    storage.images["localhost/tool:latest"] = replace(made, labels=((LABEL_BASE, "tool"),))
    build(storage, BuildImage(tmp_path), TEXT)
    assert not storage.pulled
    assert storage.runs

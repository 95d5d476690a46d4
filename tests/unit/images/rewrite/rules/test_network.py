"""RUN --network."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.images.rewrite.features import Answer, Feature
from rootless_build.model.errors import ContainerfileError
from tests.unit.images.rewrite.rewriting import last, same


@pytest.mark.parametrize(("wanted", "has"), [("default", None), ("host", "host"), ("none", "none")])
def test_the_network_of_the_whole_build(tmp_path: Path, wanted: str, has: str | None) -> None:
    assert last(tmp_path, f"RUN --network={wanted} a", network=has) == ["RUN a"]


@pytest.mark.parametrize(("wanted", "has"), [("host", None), ("none", "host"), ("host", "none")])
def test_another_one_needs_leave(tmp_path: Path, wanted: str, has: str | None) -> None:
    with pytest.raises(ContainerfileError, match=f"not --network={wanted}"):
        last(tmp_path, f"RUN --network={wanted} a", network=has)
    assert last(tmp_path, f"RUN --network={wanted} a", network=has, allow=True) == ["RUN a"]


def test_an_engine_that_has_shown_it_takes_it(tmp_path: Path) -> None:
    answers = {Feature.NETWORK_NONE: Answer(exact=True, day="2026-11-30")}
    assert same(tmp_path, "RUN --network=none a", answers=answers)
    with pytest.raises(ContainerfileError, match="not --network=host"):
        last(tmp_path, "RUN --network=host a", answers=answers)

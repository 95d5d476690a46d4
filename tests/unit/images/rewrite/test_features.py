"""Which builder an engine has, and what it knows."""

from __future__ import annotations

import pytest

from rootless_build.images.rewrite.features import BUILDAH, CLASSIC, Feature, builder


@pytest.mark.parametrize(
    ("engine", "version", "own"),
    [
        ("podman", "3.4.4", (1, 23)),
        ("podman", "4.3.1+ds1", (1, 28)),
        ("podman", "4.9.3", (1, 33)),
        ("podman", "5.4.2", (1, 39)),
        ("podman", "9.0", (1, 43)),
        ("podman", "2.0", (0,)),
        ("buildah", "1.28.2", (1, 28, 2)),
    ],
)
def test_the_buildah_of_an_engine(engine: str, version: str, own: tuple[int, ...]) -> None:
    found = builder(engine, version)
    assert found is not None
    assert (found.kind, found.version) == ("buildah", own)


@pytest.mark.parametrize(
    ("engine", "version"),
    [("buildkit", ""), ("docker", "28.0"), ("nerdctl", "2.0"), ("podman", "")],
)
def test_engines_for_which_nothing_is_rewritten(engine: str, version: str) -> None:
    assert builder(engine, version) is None


@pytest.mark.parametrize(
    ("engine", "feature", "words"),
    [
        ("podman 4.3.1", Feature.RUN_HEREDOC, "a heredoc in RUN: in buildah since 1.36"),
        ("podman 4.3.1", Feature.MOUNT_NO_TARGET, "a mount without a target: not in buildah"),
        ("docker-classic 20.10.24", Feature.LINK, "COPY --link: not in docker's classic builder"),
    ],
)
def test_what_it_lacks_in_words(engine: str, feature: Feature, words: str) -> None:
    found = builder(*engine.split())
    assert found is not None
    assert not found.has(feature)
    assert found.since(feature) == words


def test_every_feature_has_a_source() -> None:
    for table in (BUILDAH, CLASSIC):
        assert set(table) == set(Feature)
        assert all(since.source for since in table.values())

"""Which builder an engine has, and what it is left to do."""

from __future__ import annotations

import pytest

from rootless_build.images.rewrite.features import ASKED, Answer, Feature, builder, of


@pytest.mark.parametrize(
    ("name", "kind", "shown"),
    [
        ("podman 4.3.1+ds1", "buildah", "podman 4.3.1"),
        ("podman 5.8.6", "buildah", "podman 5.8.6"),
        ("buildah 1.28.2", "buildah", "buildah 1.28.2"),
        ("docker-classic 20.10.24", "docker-classic", "docker's classic builder 20.10.24"),
    ],
)
def test_the_builder_of_an_engine(name: str, kind: str, shown: str) -> None:
    found = of(name)
    assert found is not None
    assert (found.kind, found.shown) == (kind, shown)


@pytest.mark.parametrize(
    ("engine", "version"),
    [("buildkit", ""), ("docker", "28.0"), ("nerdctl", "2.0"), ("podman", "")],
)
def test_engines_for_which_nothing_is_rewritten(engine: str, version: str) -> None:
    assert builder(engine, version) is None


def test_no_version_is_trusted() -> None:
    for version in ("1.28.2", "99.0"):
        found = of(f"buildah {version}")
        assert found is not None
        assert not any(map(found.has, ASKED))


def test_what_an_engine_has_shown_it_is_left_to_do() -> None:
    answers = {Feature.MOUNT_TMPFS_SIZE: Answer(exact=True, day="2026-11-30")}
    found = of("podman 4.9.3", answers)
    assert found is not None
    assert found.has(Feature.MOUNT_TMPFS_SIZE)
    assert not found.has(Feature.MOUNT_OWNER)


@pytest.mark.parametrize(
    ("engine", "feature", "answers", "words"),
    [
        (
            "podman 5.4.2",
            Feature.RUN_HEREDOC,
            {},
            "a heredoc in RUN: engines do it otherwise or not at all",
        ),
        (
            "podman 5.4.2",
            Feature.MOUNT_TMPFS_SIZE,
            {},
            "the size of a tmpfs mount: podman 5.4.2 has not shown that yet; a build asks it",
        ),
        (
            "podman 5.4.2",
            Feature.MOUNT_TMPFS_SIZE,
            {Feature.MOUNT_TMPFS_SIZE: Answer(exact=False, day="2026-11-30")},
            (
                "the size of a tmpfs mount: podman 5.4.2 did it otherwise when it was asked on"
                " 2026-11-30"
            ),
        ),
        (
            "docker-classic 20.10.24",
            Feature.MOUNT,
            {},
            "RUN --mount: not in docker's classic builder",
        ),
    ],
)
def test_why_it_is_not_in_words(
    engine: str, feature: Feature, answers: dict[Feature, Answer], words: str
) -> None:
    found = of(engine, answers)
    assert found is not None
    assert not found.has(feature)
    assert found.why(feature) == words

"""The version in what an engine says of itself."""

from __future__ import annotations

import pytest

import rbuild_buildah.backend
import rbuild_podman.backend
from rbuild_containers.versions import version_in


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("buildah version 1.28.2 (image-spec 1.1.0-rc2, runtime-spec 1.0.2-dev)", (1, 28, 2)),
        ("buildah version 1.23.1 (image-spec 1.0.1, runtime-spec 1.0.2-dev)", (1, 23, 1)),
        ("4.3.1", (4, 3, 1)),
        ("5.9.0-dev", (5, 9, 0)),
        ("", ()),
    ],
)
def test_the_version_is_found(said: str, version: tuple[int, ...]) -> None:
    assert version_in(said) == version


def test_an_engine_that_says_none_is_the_oldest() -> None:
    assert version_in("podman") < (3, 4)


@pytest.mark.parametrize(
    ("version", "usable"),
    [("3.4.4", False), ("4.2.1", False), ("4.3.0", True), ("6.1.1", True), ("a podman", True)],
)
def test_a_podman_that_takes_no_layers_is_refused(version: str, *, usable: bool) -> None:
    probe = rbuild_podman.backend.answered(version)
    assert probe.version == version
    assert probe.usable == usable
    assert (f"podman {version} is too old" in probe.problem) != usable


@pytest.mark.parametrize(
    ("version", "usable"), [("1.23.1", False), ("1.28.2", True), ("1.45.0", True), ("dev", True)]
)
def test_a_buildah_that_takes_no_layers_is_refused(version: str, *, usable: bool) -> None:
    probe = rbuild_buildah.backend.answered(version)
    assert probe.version == version
    assert probe.usable == usable
    assert (f"buildah {version} is too old" in probe.problem) != usable

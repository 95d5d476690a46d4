"""Backends are found by name, rbuild's own without a search."""

from __future__ import annotations

from importlib.metadata import distribution

import pytest

from rootless_build.backend import discovery
from rootless_build.model.errors import UsageError


def test_backends_of_our_own_are_those_of_the_entry_points() -> None:
    points = distribution("rootless-build").entry_points
    installed = {point.name: point for point in points if point.group == discovery.GROUP}
    assert discovery.names()[: len(installed)] == discovery.PREFERENCE
    for name, point in installed.items():
        assert type(discovery.load(name)) is point.load()


def test_an_unknown_backend_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UsageError) as caught:
        discovery.load("nerdctl")
    assert "auto, podman, buildah, docker" in caught.value.hint

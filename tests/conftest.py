"""Which tests CI makes, and in which order. The engines are those of `rootless_build.testing`."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rootless_build.testing import contract


class Contract(pytest.Directory):
    """The contract suite as it is shipped, and the tests of tests/contract beside it."""

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        yield pytest.Dir.from_parent(self, path=Path(contract.__file__).parent)
        for file in sorted(self.path.glob("test_*.py")):
            yield pytest.Module.from_parent(self, path=file)


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    own = Path(__file__).with_name("contract")
    return Contract.from_parent(parent, path=path) if path == own else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: a group is the work of one process, and what is in none fills the rest.

    Tests for which `in_ci` names engines are made with these by turns, and are `exhaustive` with
    the others.
    """
    items.sort(key=_place)
    for item in items:
        wanted = item.get_closest_marker("in_ci")
        group = item.get_closest_marker("xdist_group")
        if wanted and group and not _is_turn_of(group.args[0], item, wanted.args):
            item.add_marker(pytest.mark.exhaustive)


def _is_turn_of(group: str, item: pytest.Item, engines: Sequence[str]) -> bool:
    """Whether an engine's group makes a test in CI; those of one function are all made with one."""
    engine, _, variant = group.partition(":")
    if variant not in {"", "e2e"} or engine not in engines:
        return engine in engines
    place = f"{item.path.name}::{getattr(item, 'originalname', item.name)}"
    return engines[zlib.crc32(place.encode()) % len(engines)] == engine


def _place(item: pytest.Item) -> int:
    group = item.get_closest_marker("xdist_group")
    if group is None:
        return 2
    return 0 if group.args[0] == "docker.io" else 1

"""The contract suite as it is shipped, made here for our own backends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rootless_build.testing import contract


class Shipped(pytest.Directory):
    """The tests of this directory, and those of the suite."""

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        for file in sorted(self.path.glob("test_*.py")):
            yield pytest.Module.from_parent(self, path=file)
        yield pytest.Dir.from_parent(self, path=Path(contract.__file__).parent)


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    return Shipped.from_parent(parent, path=path) if path == Path(__file__).parent else None

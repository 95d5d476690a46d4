"""A pytest plug-in that lists the tests that failed, so that they can be made again:
`--failures FILE`. Each name has a NUL after it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from _pytest.reports import TestReport


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--failures", type=Path, required=True, help="the file that is written")


def pytest_configure(config: pytest.Config) -> None:
    # With xdist the reports of all processes come to the first one.
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Failures(config.getoption("--failures")), "failures")


class _Failures:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._names: dict[str, None] = {}

    def pytest_runtest_logreport(self, report: TestReport) -> None:
        if report.failed:
            self._names[without_group(report.nodeid)] = None
            # At once: whoever waits can read it meanwhile.
            self._write()

    def pytest_sessionfinish(self) -> None:
        self._write()

    def _write(self) -> None:
        self._file.write_text("".join(f"{name}\0" for name in self._names), encoding="utf-8")


def without_group(name: str) -> str:
    """xdist appends the group by which it hands out tests (`--dist loadgroup`, xdist 3.8)."""
    at = name.rfind("@")
    return name[:at] if at > name.rfind("]") else name

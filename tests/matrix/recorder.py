"""A pytest plug-in that records what tests came to, by engine: `--record FILE --suite NAME`.

Tests of an engine that `--backend` does not name are left out, those too that name it themselves.
`--every N` makes each Nth of the cases that are held against docker's images, by far the most.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Final

import pytest
from _pytest.reports import CollectReport, TestReport

from tests.matrix.cells import Cell, Record

_ENGINE: Final = "engine"
_CASES: Final = Path("containerfiles", "test_reference.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", type=Path, required=True, help="the file that is written")
    parser.addoption("--suite", required=True, help="the name of what is run, for the record")
    parser.addoption("--every", type=int, default=1, help="of docker's cases, each so many")


def pytest_configure(config: pytest.Config) -> None:
    # With xdist the reports of all processes come to the first one.
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Recorder(config), "matrix-recorder")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = {"", *(config.getoption("--backend") or ())}
    named = [item for item in items if _engine(item) in wanted]
    cases = [item for item in named if _engine(item) and item.path.match(str(_CASES))]
    more = set(cases) - set(cases[:: config.getoption("--every")])
    made = [item for item in named if item not in more]
    left_out = set(items) - set(made)
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = made
    for item in items:
        item.user_properties.append((_ENGINE, _engine(item)))


def _engine(item: pytest.Item) -> str:
    """The engine of a test, empty for one that has none."""
    if not isinstance(item, pytest.Function) or not hasattr(item, "callspec"):
        return ""
    return str(item.callspec.params.get("backend_name", ""))


class _Recorder:
    """Takes down what is reported, and writes it at the end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._cells: dict[str, Cell] = {}

    def pytest_runtest_logreport(self, report: TestReport) -> None:
        engine = str(dict(report.user_properties).get(_ENGINE, ""))
        cell = self._cells.setdefault(engine, _empty(engine))
        if report.failed:
            where = "" if report.when == "call" else f"{report.when}: "
            cell["failed"].setdefault(report.nodeid, f"{where}{_last_words(report)}")
        elif report.skipped and hasattr(report, "wasxfail"):
            cell["known"] += 1
        elif report.skipped:
            cell["skipped"][report.nodeid] = _reason(report)
        elif report.when == "call":
            cell["passed"] += 1

    def pytest_collectreport(self, report: CollectReport) -> None:
        if report.failed:
            cell = self._cells.setdefault("", _empty(""))
            cell["failed"][report.nodeid] = f"collection: {_last_words(report)}"

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        record = Record(
            suite=self._config.getoption("--suite"),
            date=time.strftime("%Y-%m-%d", time.gmtime()),
            commit=os.environ.get("RBUILD_MATRIX_COMMIT", ""),
            python=platform.python_version(),
            status=int(exitstatus),
            cells=[self._cells[engine] for engine in sorted(self._cells)],
        )
        file: Path = self._config.getoption("--record")
        file.write_text(json.dumps(record, indent=1) + "\n")


def _empty(engine: str) -> Cell:
    version = _version(engine) if engine else ""
    return Cell(
        engine=engine, version=version, passed=0, failed={}, unsteady={}, known=0, skipped={}
    )


def _version(engine: str) -> str:
    """As the program says it: "podman version 5.4.2", "buildah version 1.39.3 (image-spec …)",
    "Docker version 26.1.5, build …".
    """
    said = subprocess.run([engine, "--version"], capture_output=True, text=True, check=True)
    return said.stdout.split()[2].rstrip(",")


def _last_words(report: TestReport | CollectReport) -> str:
    lines = [line for line in report.longreprtext.splitlines() if line.startswith("E ")]
    return (lines or report.longreprtext.splitlines() or ["nothing"])[0].removeprefix("E").strip()


def _reason(report: TestReport) -> str:
    words = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    return words.removeprefix("Skipped: ")

"""The record and the table of tests with the engines of other releases."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.matrix import again, table

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest

ENGINES = pytest.mark.parametrize("backend_name", ["podman", "docker"])

@ENGINES
def test_passes(backend_name): pass

@ENGINES
def test_fails(backend_name): assert backend_name == "other", "the words of it"

@ENGINES
def test_is_skipped(backend_name): pytest.skip("no such thing")

@ENGINES
@pytest.mark.xfail(strict=True)
def test_is_known(backend_name): assert not backend_name

def test_of_no_engine(): pass

@pytest.fixture
def broken(): raise OSError("no room")

def test_breaks(broken): pass
"""


def recorded(directory: Path, text: str, *words: str, module: Path | None = None) -> table.Records:
    """What is on record when pytest has made the tests of a module."""
    place = directory / "results" / "debian-13"
    place.mkdir(parents=True, exist_ok=True)
    # The version is that of the program.
    program = directory / "podman"
    program.write_text("#!/bin/sh\necho podman version 5.4.2\n")
    program.chmod(0o755)
    module = module or directory / "test_module.py"
    module.write_text(text)
    record = place / "contract.json"
    here = ("-c", str(ROOT / "pyproject.toml"), f"--rootdir={ROOT}")
    plugin = ("-p", "tests.matrix.recorder", "--suite=contract", f"--record={record}")
    subprocess.run(
        [sys.executable, "-m", "pytest", *here, *plugin, "--backend=podman", *words, str(module)],
        cwd=ROOT,
        env={"PATH": f"{directory}:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    return table.read(directory / "results")


def test_each_engine_has_its_counts_and_what_failed_its_words(tmp_path: Path) -> None:
    records = recorded(tmp_path, TESTS, "--numprocesses=1")
    lines = list(table.table(records))
    assert lines[:4] == [
        "| release | engine | contract |",
        "|---|---|---|",
        f"| debian-13 | Python {sys.version.split()[0]} | 1 / 1 / 0 / 0 |",
        "| debian-13 | podman 5.4.2 | 1 / 1 / 1 / 1 |",
    ]
    text = "\n".join(lines)
    assert "test_fails[podman]`: AssertionError: the words of it" in text
    assert "test_breaks`: setup: OSError: no room" in text
    assert "- 1: no such thing" in text
    assert "docker" not in text
    assert table.failed(records, [])
    assert table.failed(records, ["debian-13"])
    assert table.failed(records, ["debian-12"]), "nothing is on record of it"


def test_tests_that_were_not_made_are_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded(tmp_path, "")
    assert table.main(tmp_path / "results", ["debian-13"]) == 1
    assert "pytest ended with status 5" in capsys.readouterr().out
    assert (tmp_path / "results" / "matrix.md").exists()
    written = json.loads((tmp_path / "results" / "matrix.json").read_text())
    assert written["debian-13"]["contract"]["cells"] == []


CASES = """
import pytest

@pytest.mark.parametrize("backend_name", ["podman"])
@pytest.mark.parametrize("number", range(10))
def test_case(backend_name, number): pass
"""


def test_of_docker_s_cases_some_are_made(tmp_path: Path) -> None:
    (tmp_path / "containerfiles").mkdir()
    module = tmp_path / "containerfiles" / "test_reference.py"
    (made,) = recorded(tmp_path, CASES, "--every=4", module=module)["debian-13"]["contract"][
        "cells"
    ]
    assert made["passed"] == 3
    (whole,) = recorded(tmp_path, CASES, module=module)["debian-13"]["contract"]["cells"]
    assert whole["passed"] == 10


def test_what_passed_alone_is_no_failure_but_is_named(tmp_path: Path) -> None:
    first = recorded(tmp_path, TESTS)["debian-13"]["contract"]
    second = recorded(tmp_path, TESTS.replace('== "other"', '!= "other"'))["debian-13"]["contract"]
    both = again.settle(first, second)
    (of_podman,) = (cell for cell in both["cells"] if cell["engine"] == "podman")
    assert of_podman["failed"] == {}
    assert of_podman["passed"] == 2
    (name,) = of_podman["unsteady"]
    assert "test_fails[podman]" in name
    (other,) = (cell for cell in both["cells"] if not cell["engine"])
    # What broke both times stays.
    assert any("test_breaks" in name for name in other["failed"])
    said = "\n".join(table.table({"debian-13": {"contract": both}}))
    assert f"- `{name}` failed beside others and passed alone: " in said


def test_a_second_run_that_came_to_nothing_tells_nothing(tmp_path: Path) -> None:
    first = recorded(tmp_path, TESTS)["debian-13"]["contract"]
    failed = [dict(cell["failed"]) for cell in first["cells"]]
    second = recorded(tmp_path, "import nothing_such")["debian-13"]["contract"]
    assert [cell["failed"] for cell in again.settle(first, second)["cells"]] == failed

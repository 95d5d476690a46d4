"""The contract suite as a backend in a distribution of its own runs it: from rbuild's wheel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOY = ROOT / "tests" / "data" / "toy-backend"
SUITE = "rootless_build.testing.contract"
WITHOUT = {"test_build", "test_environment", "test_image_store", "test_removal"}
"""Modules in which a test can't be skipped for what the toy can't do: in a process of its own it
builds an image, or is interrupted.
"""
TYPED = """
import importlib.metadata
files = importlib.metadata.files("rootless-build")
print(*sorted(file.parts[0] for file in files if file.name == "py.typed"))
"""
RESULT = re.compile(r"(\d+) passed, (\d+) skipped")


def said(*argv: str | Path, directory: Path) -> str:
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        argv, cwd=directory, env=own, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_backend_of_another_distribution_is_held_against_the_suite(tmp_path: Path) -> None:
    """A toy over unshare(1). What it can't do it says, and these tests are skipped.

    All of the suite is collected there: none of its modules needs the repository.
    """
    # Two wheels and the installation take more than half of the time. A pip of its own would add a
    # fifth; Python files that nothing imports are not compiled.
    said(sys.executable, "-m", "venv", "--without-pip", "venv", directory=tmp_path)
    python = tmp_path / "venv/bin/python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    said(*pip, "wheel", "--no-deps", "--wheel-dir", "wheels", ROOT, TOY, directory=tmp_path)
    install = ("install", "--no-compile", "--find-links", "wheels", "rbuild-toy")
    said(*pip, "--python", python, *install, directory=tmp_path)
    quiet = (python, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    suite = (*quiet, "-p", "rootless_build.testing", "--backend", "toy", "--partial")
    collected = said(*suite, "--collect-only", "--pyargs", SUITE, directory=tmp_path)
    modules = re.findall(r"^venv/.*/contract/(\w+)\.py::", collected, re.MULTILINE)
    own = ROOT / "rootless_build/testing/contract"
    assert set(modules) == {module.stem for module in own.glob("test_*.py")}, collected
    parts = [f"{SUITE}.{module}" for module in sorted({*modules} - WITHOUT)]
    shown = said(*suite, "-k", "not from_outside", "--pyargs", *parts, directory=tmp_path)
    found = RESULT.search(shown)
    assert found, shown
    assert int(found[1]) > 100, shown
    packages = said(python, "-c", TYPED, directory=tmp_path).split()
    plug_ins = [package.name for package in (ROOT / "backends").iterdir()]
    assert packages == sorted(["rootless_build", *plug_ins])

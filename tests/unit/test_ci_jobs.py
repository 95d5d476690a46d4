"""The jobs of contrib/ci are what GitHub and GitLab take, and their scripts what shellcheck does.

The schemas are those that come with check-jsonschema. tests/e2e/test_ci_jobs.py runs the scripts.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests import ci_jobs

_GITHUB: Final = ("--builtin-schema", "vendor.github-workflows")
_GITLAB: Final = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")


def _check(file: Path, schema: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    words = (sys.executable, "-m", "check_jsonschema", "--no-cache", *schema, str(file))
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("file", "schema"), [(ci_jobs.GITHUB, _GITHUB), (ci_jobs.GITLAB, _GITLAB)])
def test_a_job_is_what_its_service_takes(
    file: Path, schema: tuple[str, ...], tmp_path: Path
) -> None:
    done = _check(file, schema)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / file.name
    wrong.write_text(file.read_text().replace("timeout", "timeuot"))
    assert _check(wrong, schema).returncode == 1


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("part", [*ci_jobs.github()[1], *ci_jobs.gitlab()[1]], ids=lambda p: p.name)
def test_a_script_of_a_job_is_in_order(part: ci_jobs.Part) -> None:
    words = ("shellcheck", "--shell=bash", "-")
    done = subprocess.run(words, input=part.script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_what_others_may_write_is_no_part_of_a_script() -> None:
    """An expression is put there as text: whoever names a branch would be the author."""
    for part in ci_jobs.github()[1]:
        assert "${{" not in part.script

"""What checks find, held against what docker's found (`docker build --check`, 29.1.3)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, TypedDict

import pytest

from rootless_build.backend.api import Image
from rootless_build.images.checks.checking import check_build, refuse_violations
from rootless_build.images.checks.telling import told
from rootless_build.images.checks.warning import CheckWarning
from rootless_build.model import platforms
from rootless_build.model.errors import ContainerfileError, RecipeError
from rootless_build.model.plan import BuildImage
from tests.reference import recordings

_PATH: Final = (("PATH", "/bin"),)


class Checked(TypedDict, total=False):
    """A containerfile, and what docker said of it: warnings, or that it is none."""

    text: str
    target: str
    argument: str
    refused: bool
    warnings: list[tuple[str, str, int]]
    printed: str


CASES: Final[dict[str, Checked]] = json.loads((recordings.DIRECTORY / "checks.json").read_text())[
    "cases"
]


def find(_: str, __: str) -> Image:
    """The image that the recordings were made with, which was for one platform."""
    return Image("0" * 64, environment=_PATH, platform=platforms.host())


def checked(place: Path, case: Checked) -> tuple[CheckWarning, ...]:
    (place / "ign").mkdir()
    for name in ("ignored.txt", "ign/x", "ok"):
        (place / name).write_text("x")
    (place / ".dockerignore").write_text("ignored.txt\nign\n")
    (place / "Dockerfile").write_text(case["text"])
    name, _, value = case.get("argument", "").partition("=")
    arguments = ((name, value),) if name else ()
    return check_build(BuildImage(place, target=case.get("target"), build_args=arguments), find)


@pytest.mark.parametrize("name", CASES)
def test_what_docker_finds(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    if case.get("refused"):
        with pytest.raises(ContainerfileError):
            checked(tmp_path, case)
        return
    found = [(each.rule, each.detail, each.line) for each in checked(tmp_path, case)]
    assert found == list(map(tuple, case["warnings"]))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "printed" in case])
def test_it_is_told_as_docker_tells_it(tmp_path: Path, name: str) -> None:
    found = checked(tmp_path, CASES[name])
    assert told(BuildImage(tmp_path), found) == CASES[name]["printed"]


@pytest.mark.parametrize(
    ("rule", "page"),
    [
        ("JSONArgsRecommended", "json-args-recommended/"),
        ("SecretsUsedInArgOrEnv", "secrets-used-in-arg-or-env/"),
        ("FromPlatformFlagConstDisallowed", "from-platform-flag-const-disallowed/"),
        ("InvalidBaseImagePlatform", ""),
    ],
)
def test_docker_explains_it_there(rule: str, page: str) -> None:
    assert CheckWarning(rule, "", 1, 1).page.endswith(page)
    assert bool(CheckWarning(rule, "", 1, 1).page) == bool(page)


def test_a_build_ends_with_what_is_to_be_an_error(tmp_path: Path) -> None:
    file, step = tmp_path / "Dockerfile", BuildImage(tmp_path)
    file.write_text("# check=error=true\nFROM scratch as x\nCMD a\n")
    rules = "FromAsCasing, JSONArgsRecommended"
    with pytest.raises(RecipeError, match=f"lint violation found for rules: {rules}"):
        refuse_violations(step, find)
    file.write_text("FROM scratch as x\nCMD a\n")
    refuse_violations(step, find)

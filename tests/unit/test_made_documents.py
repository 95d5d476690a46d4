"""What of the documents is made from the code is what the code says now; the site is whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rootless_build.cli.commands import COMMANDS
from rootless_build.model import errors
from rootless_build.model.errors import RbuildError
from tests.docs import exit_codes, made, site

ROOT = Path(__file__).parents[2]
README_MAY_HAVE = 150
"""Lines."""


def test_what_is_made_is_what_the_code_says() -> None:
    differing = [str(file.relative_to(ROOT)) for file, _ in made.changed()]
    assert differing == [], "python -m tests.docs writes them"


def test_everything_that_can_be_made_has_its_page() -> None:
    found = [name for page in made.pages() for name in made.names(page.read_text(encoding="utf-8"))]
    assert sorted(found) == sorted(made.BLOCKS)


def test_a_page_that_says_otherwise_is_made_anew() -> None:
    head, end = "<!-- made by python -m tests.docs: exit-status -->\n", "<!-- end -->\n"
    text = made.renewed(f"before\n{head}| 5 | no status |\n{end}after\n")
    assert text.startswith(f"before\n{head}")
    assert text.endswith(f"{end}after\n")
    assert "| 130 | interrupted |" in text
    assert "no status" not in text


def test_every_exit_status_of_an_error_has_a_meaning() -> None:
    statuses = {kind.exit_code for kind in exit_codes.kinds()}
    assert statuses | {0} == set(exit_codes.STATUSES)
    kinds = [getattr(errors, name) for name in errors.__all__]
    codes = {k.code for k in kinds if isinstance(k, type) and issubclass(k, RbuildError)}
    assert {kind.code for kind in exit_codes.kinds()} == codes


def test_the_manual_page_has_every_command() -> None:
    page = (ROOT / "docs/man/rbuild.1").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f".SH RBUILD {name.upper()}\n" not in page] == []


def test_readme_is_short() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= README_MAY_HAVE


def test_the_site_is_built_and_every_page_is_in_it(tmp_path: Path) -> None:
    """mkdocs is strict: a page without a place in the navigation, a link or an anchor that leads
    nowhere end it.
    """
    assert site.build(tmp_path / "site") == 0
    for page in (ROOT / "docs").rglob("*.md"):
        assert (tmp_path / "site" / page.relative_to(ROOT).with_suffix(".html")).is_file()


@pytest.mark.parametrize(
    "link", ["docs/nowhere.md", "docs/reference/options.md#no-such-head", "#no-such-head"]
)
def test_a_link_that_leads_nowhere_ends_it(tmp_path: Path, link: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "docs", copy / "docs")
    for name in site.BESIDE:
        shutil.copy(ROOT / name, copy / name)
    (copy / "README.md").write_text(f"# Broken\n\n[link]({link})\n")
    assert site.build(tmp_path / "site", copy) != 0

"""The web site of the documents is built whole: mkdocs, strict."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.docs import site

ROOT = Path(__file__).parents[2]


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

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


def test_links_that_lead_nowhere_end_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    links = ("docs/nowhere.md", "docs/reference/options.md#no-such-head", "#no-head-here")
    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "docs", copy / "docs")
    for name in site.BESIDE:
        shutil.copy(ROOT / name, copy / name)
    (copy / "README.md").write_text("# Broken\n\n" + " ".join(f"[link]({each})" for each in links))
    assert site.build(tmp_path / "site", copy) != 0
    said = capfd.readouterr().err
    assert [link for link in links if f"'{link}'" not in said] == []

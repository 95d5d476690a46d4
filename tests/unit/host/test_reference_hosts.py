"""The reference's tables of hosts are those of tests/hosts."""

from __future__ import annotations

import json
from pathlib import Path

from tests.hosts.spoiled import HOSTS, RECORDED

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "hosts.md"


def rows() -> dict[str, str]:
    """What the reference says rbuild does, by host."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines]
    return {row[0]: row[-1] for row in cells if len(row) == 3}


def test_every_host_is_in_the_reference_with_what_rbuild_does() -> None:
    shown = rows()
    for host in HOSTS:
        expected = "works, with " if host.finding is None else f"exit 3, {host.finding}"
        assert shown[host.title].startswith(expected)
    for file in RECORDED:
        assert json.loads(file.read_text())["title"] in shown

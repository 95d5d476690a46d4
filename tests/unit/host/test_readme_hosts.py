"""README's tables of hosts are those of tests/hosts."""

from __future__ import annotations

import json
from pathlib import Path

from tests.hosts.spoiled import HOSTS, RECORDED

README = Path(__file__).parents[3] / "README.md"


def rows() -> dict[str, str]:
    """What README says rbuild does, by host."""
    cells = [line.strip("| ").split(" | ") for line in README.read_text().splitlines()]
    return {row[0]: row[-1] for row in cells if len(row) == 3}


def test_every_host_is_in_readme_with_what_rbuild_does() -> None:
    shown = rows()
    for host in HOSTS:
        expected = "works, with " if host.finding is None else f"exit 3, {host.finding}"
        assert shown[host.title].startswith(expected)
    for file in RECORDED:
        assert json.loads(file.read_text())["title"] in shown

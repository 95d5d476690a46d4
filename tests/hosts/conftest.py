"""The table of the hosts: what plain podman does there, and what rbuild does."""

from __future__ import annotations

import json

import pytest

from tests.hosts.spoiled import HOSTS, RECORDED

ORDER = [host.title for host in HOSTS]
ORDER += [json.loads(file.read_text())["title"] for file in RECORDED]
WIDTH = 100
"""Characters of an engine's message that the table has room for."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    rows = [
        value
        for report in reports
        for name, value in report.user_properties
        if name == "host" and report.when == "call"
    ]
    rows.sort(key=lambda row: ORDER.index(row[0]))
    if not rows:
        return
    terminalreporter.section("hosts")
    terminalreporter.write_line("| host | plain podman | rbuild |")
    terminalreporter.write_line("|---|---|---|")
    for row in rows:
        terminalreporter.write_line(f"| {' | '.join(map(_cell, row))} |")


def _cell(words: str) -> str:
    line = " ".join(words.split()).rstrip('"')
    return (line if len(line) <= WIDTH else line[: WIDTH - 1] + "…").replace("|", "\\|")

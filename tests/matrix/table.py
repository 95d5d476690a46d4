"""What is on record of the engines of other releases: `python -m tests.matrix.table DIRECTORY`.

Writes matrix.json and matrix.md beside the records and prints the latter. With names of releases
only those count for the status, which is 1 where a test failed or a suite was not made to its end.
It needs nothing but Python, as root has no environment of rbuild's.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.matrix.cells import Cell, Record

_RELEASES: Final = (
    *("ubuntu-22.04", "ubuntu-24.04", "debian-12", "debian-13"),
    *("debian-sid", "debian-experimental", "docker-20.10", "docker-26", "docker-29"),
)
_SUITES: Final = ("unit", "contract", "containerfiles", "eras", "e2e", "quickstart")
Records = dict[str, dict[str, Record]]
"""By release and suite."""


def read(directory: Path) -> Records:
    """All records below a directory, in the table's order."""
    found: Records = {}
    for release in _RELEASES:
        for suite in _SUITES:
            file = directory / release / f"{suite}.json"
            if file.exists():
                found.setdefault(release, {})[suite] = json.loads(file.read_text())
    return found


def table(records: Records) -> Iterator[str]:
    """The table, then what failed and why tests were skipped, as Markdown."""
    suites = [suite for suite in _SUITES if any(suite in made for made in records.values())]
    yield f"| release | engine | {' | '.join(suites)} |"
    yield f"|---|---|{'---|' * len(suites)}"
    for release, made in records.items():
        for engine in sorted({cell["engine"] for *_, cell in _cells({release: made})}):
            yield _row(release, engine, made, suites)
    origins = " and ".join(sorted({_origin(record) for *_, record, _ in _cells(records)}))
    yield f"\nTests that passed / failed / were skipped / differ as is on record; with {origins}."
    for release, made in records.items():
        for suite, record in made.items():
            if not _made(record):
                yield f"\n{release}, {suite}: pytest ended with status {record['status']}."
    yield from _failures(records)
    yield from _skipped(records)


def _row(release: str, engine: str, made: dict[str, Record], suites: list[str]) -> str:
    """One engine's results of all suites; those of tests that start none are Python's."""
    cells = {
        suite: cell for _, suite, _, cell in _cells({release: made}) if cell["engine"] == engine
    }
    versions = {cell["version"] for cell in cells.values()}
    if not engine:
        versions = {made[suite]["python"] for suite in cells}
    name = f"{engine or 'Python'} {', '.join(sorted(versions))}"
    counts = (_counts(cells[suite]) if suite in cells else "" for suite in suites)
    return f"| {' | '.join([release, name, *counts])} |"


def _counts(cell: Cell) -> str:
    counts = (cell["passed"], len(cell["failed"]), len(cell["skipped"]), cell["known"])
    return " / ".join(map(str, counts))


def _origin(record: Record) -> str:
    return f"{record['commit']} on {record['date']}"


def _cells(records: Records) -> Iterator[tuple[str, str, Record, Cell]]:
    for release, suites in records.items():
        for suite, record in suites.items():
            for cell in record["cells"]:
                yield release, suite, record, cell


def _failures(records: Records) -> Iterator[str]:
    for release, suite, _, cell in _cells(records):
        if cell["failed"]:
            yield f"\n{release}, {cell['engine']}, {suite}: failed\n"
        for name, words in cell["failed"].items():
            yield f"- `{name}`: {words}"
        for name, words in cell.get("unsteady", {}).items():
            yield f"- `{name}` failed beside others and passed alone: {words}"


def _skipped(records: Records) -> Iterator[str]:
    for release, suite, _, cell in _cells(records):
        if cell["skipped"]:
            yield f"\n{release}, {cell['engine'] or 'no engine'}, {suite}: skipped\n"
        for reason, count in Counter(cell["skipped"].values()).most_common():
            yield f"- {count}: {reason}"


def _made(record: Record) -> bool:
    return record["status"] in (0, 1)


def failed(records: Records, releases: list[str]) -> bool:
    """Whether anything of these releases (of all, where none is named) is not as it should be."""
    wanted = {name: records.get(name, {}) for name in releases} if releases else records
    return (
        not all(wanted.values())
        or any(cell["failed"] for *_, cell in _cells(wanted))
        or not all(_made(record) for suites in wanted.values() for record in suites.values())
    )


def main(directory: Path, releases: list[str]) -> int:
    records = read(directory)
    lines = "\n".join(table(records)) + "\n"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "matrix.json").write_text(json.dumps(records, indent=1) + "\n")
    (directory / "matrix.md").write_text(lines)
    sys.stdout.write(lines)
    return int(failed(records, releases))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))

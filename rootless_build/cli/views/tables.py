"""Lists for people, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from rootless_build.model.text import shown, width

if TYPE_CHECKING:
    # Every run has tables; what they tell of bundles few do.
    from rootless_build.backend.discovery import Candidate
    from rootless_build.bundles.listing import BundleFile
    from rootless_build.bundles.verification import Report


def bundles(files: Sequence[BundleFile]) -> str:
    """One line a file: checksum state, size, path, kind."""
    rows = [(str(f.checksum), size(f.size), shown(f.path), shown(f.description)) for f in files]
    return columns(("checksum", "size", "file", "kind"), rows)


def bundles_json(files: Sequence[BundleFile]) -> str:
    """A list of objects with the fields of BundleFile."""
    return _json([msgspec.structs.asdict(file) for file in files])


def report_json(report: Report) -> str:
    """An object with the fields of Report."""
    return _json(msgspec.to_builtins(report))


def backends(found: Sequence[Candidate], chosen: str, reason: str) -> str:
    """One line a backend; the one that would be chosen is marked."""
    rows = [
        (
            "->" if candidate.name == chosen else "",
            candidate.name,
            candidate.probe.version or "not installed",
            reason if candidate.name == chosen else candidate.probe.problem or "can run here",
        )
        for candidate in found
    ]
    table = columns(("", "backend", "version", ""), rows)
    return table if chosen else f"{table}\n{reason}"


def backends_json(found: Sequence[Candidate], chosen: str, reason: str) -> str:
    """An object: chosen (empty for none), reason, and backends, each with its own answer."""
    rows = [
        {
            "name": candidate.name,
            "version": candidate.probe.version,
            "usable": candidate.probe.usable,
            "problem": candidate.probe.problem,
            "hint": candidate.probe.hint,
        }
        for candidate in found
    ]
    return _json({"chosen": chosen, "reason": reason, "backends": rows})


def backend_rows(
    found: Sequence[Candidate], chosen: str, reason: str
) -> Iterator[Mapping[str, object]]:
    """An object for each: its own answer, and whether it would be chosen, and why."""
    for candidate in found:
        probe, taken = candidate.probe, candidate.name == chosen
        yield {
            "name": candidate.name,
            "version": probe.version,
            "usable": probe.usable,
            "problem": probe.problem,
            "hint": probe.hint,
            "chosen": taken,
            "reason": reason if taken or not chosen else "",
        }


def columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The rows as left-aligned columns."""
    widths = [max(map(width, column)) for column in zip(head, *rows, strict=True)]
    lines = (
        "  ".join(
            cell + " " * (widest - width(cell)) for cell, widest in zip(row, widths, strict=True)
        ).rstrip()
        for row in (head, *rows)
    )
    return "\n".join(lines)


def size(number: int) -> str:
    """Bytes as a person reads them: `512 B`, `41.2 MiB`."""
    value, unit = float(number), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{number} B" if unit == "B" else f"{value:.1f} {unit}"


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def duration(seconds: float) -> str:
    """Seconds as a person says them: `0.4 s`, `12 s`, `3 min 05 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"


def _json(value: object) -> str:
    def plain(item: object) -> str:
        if isinstance(item, Path | Enum):
            return str(item)
        message = f"no JSON for {type(item).__name__}"
        raise TypeError(message)

    return json.dumps(value, indent=2, default=plain)

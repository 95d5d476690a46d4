"""What the doctor found, for people and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Final

import msgspec

from rootless_build.backend.api import Adaptation
from rootless_build.host.examination import Examined
from rootless_build.host.finding import Cure, Finding, Severity
from rootless_build.model.text import shown

_HEADS: Final = MappingProxyType(
    {
        Severity.BLOCKS: ("1;31", "no build can run"),
        Severity.WARNING: ("33", "will get in the way"),
        Severity.NOTE: ("1", "to know"),
        Severity.OK: ("32", "fine"),
    }
)
_DIM: Final = "2"
_WIDTH: Final = 79


def findings(
    found: Sequence[Examined],
    settings: Sequence[Adaptation],
    *,
    verbose: bool = False,
    color: bool = False,
) -> str:
    """Grouped, the worst first: a line for each finding, its cure below.

    `verbose`: also what is fine, and the settings that are the same on every host.
    """
    parts = []
    for severity, group in groupby(found, lambda one: one.finding.severity):
        if severity is Severity.OK and not verbose:
            continue
        code, head = _HEADS[severity]
        rows = [row for one in group for row in _rows(one.finding, color=color)]
        parts.append("\n".join([_paint(head, code, color=color), *rows]))
    rows = [f"  {shown(str(row))}" for row in settings if verbose or row.fact]
    if rows:
        head = _paint("settings of builds here", "1", color=color)
        parts.append("\n".join([head, *rows]))
    parts.append(_verdict(found, color=color))
    return "\n\n".join(parts)


def _rows(finding: Finding, *, color: bool) -> Iterator[str]:
    breaks = f": {finding.breaks}" if finding.breaks else ""
    code = _HEADS[finding.severity][0]
    yield f"  {_paint(finding.id, code, color=color)}  {shown(finding.seen + breaks)}"
    for line in _cure(finding.cure):
        yield f"      {_paint(shown(line), _DIM, color=color)}"


def _cure(cure: Cure | None) -> Iterator[str]:
    if cure is None:
        return
    if cure.automatic:
        yield f"rbuild copes: {cure.text}"
        return
    if cure.command:
        mark = "as root: " if cure.needs_root else "$ "
        yield mark + cure.command + (f"   # {cure.text}" if cure.text else "")
    else:
        yield cure.text


def _verdict(found: Sequence[Examined], *, color: bool) -> str:
    blocks = [one.finding.id for one in found if one.finding.severity is Severity.BLOCKS]
    if blocks:
        return f"no build can run here; rbuild doctor --explain {blocks[0]} says more"
    engines = next((one.finding.seen for one in found if one.finding.id == "engines"), "")
    return _paint("builds can run here", _HEADS[Severity.OK][0], color=color) + (
        f" ({shown(engines)})" if engines else ""
    )


def findings_json(found: Sequence[Examined], settings: Sequence[Adaptation]) -> str:
    """The findings and settings as JSON, for a program to read."""
    return as_json(findings_object(found, settings))


def findings_object(
    found: Sequence[Examined], settings: Sequence[Adaptation]
) -> Mapping[str, object]:
    """An object: `can_build`, `findings`, `settings`."""
    blocked = any(one.finding.severity is Severity.BLOCKS for one in found)
    return {
        "can_build": not blocked,
        "findings": [{"subject": one.subject, **_object(one.finding)} for one in found],
        "settings": [msgspec.structs.asdict(row) for row in settings],
    }


def _object(finding: Finding) -> dict[str, object]:
    cure = finding.cure
    return {
        "id": finding.id,
        "severity": str(finding.severity),
        "seen": finding.seen,
        "breaks": finding.breaks,
        "cure": None
        if cure is None
        else {
            "text": cure.text,
            "command": cure.command,
            "needs_root": cure.needs_root,
            "automatic": cure.automatic,
            "fix": cure.action is not None,
        },
    }


def as_json(value: object) -> str:
    """For a program to read."""
    return json.dumps(value, indent=2)


def wrapped(text: str) -> str:
    """A paragraph for a person."""
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _paint(text: str, code: str, *, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color else text

"""What two runs have not in common: the command, the commit, the host, steps, bundles, times."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import cast

from msgspec import Struct

from rootless_build.history.record import BundleRecord, RunRecord, StepRecord
from rootless_build.model.plan import Json
from rootless_build.model.text import shell_joined

_PLACES = frozenset({"origin"})
"""Fields of a step that say where it stands, not what it does."""


class Difference(Struct, frozen=True):
    """`about` is what differs: run, input, step, bundle, time. `before` and `after` are the two,
    empty for one that is only in the other.
    """

    about: str
    name: str
    before: str
    after: str


def between(before: RunRecord, after: RunRecord) -> Iterator[Difference]:
    """All that differs."""
    yield from _run(before, after)
    yield from _plans(before, after)
    yield from _steps(before, after)
    yield from _bundles(before.bundles, after.bundles)


def _run(before: RunRecord, after: RunRecord) -> Iterator[Difference]:
    yield from _pairs("run", _about_run(before), _about_run(after))
    yield from _pairs("input", _inputs(before), _inputs(after))


def _about_run(run: RunRecord) -> Mapping[str, str]:
    outcome = run.outcome
    return {
        "command": shell_joined(("rbuild", *run.words)) if run.words else run.title,
        "status": "" if outcome is None else str(outcome.status),
        "error": "" if outcome is None else outcome.error,
        "backend": run.backend,
        **run.facts,
    }


def _inputs(run: RunRecord) -> Mapping[str, str]:
    return {"commit": run.commit, "what had changed": run.why}


def _plans(before: RunRecord, after: RunRecord) -> Iterator[Difference]:
    """Steps by their place in the plan: each field that is another."""
    first, second = _fields(before.plan), _fields(after.plan)
    for number in range(max(len(first), len(second))):
        one = first[number] if number < len(first) else {}
        other = second[number] if number < len(second) else {}
        for name in sorted({*one, *other} - _PLACES):
            if one.get(name) != other.get(name):
                said = f"step {number + 1}: {name.replace('_', ' ')}"
                yield Difference("step", said, _text(one.get(name)), _text(other.get(name)))


def _fields(plan: str) -> list[dict[str, Json]]:
    try:
        steps = cast("list[dict[str, Json]]", json.loads(plan)["steps"]) if plan else []
        return [step for step in steps if isinstance(step, dict)]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def _text(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _steps(before: RunRecord, after: RunRecord) -> Iterator[Difference]:
    """What steps of the same title came to, and how long they took."""
    first, second = _by_title(before), _by_title(after)
    for title in (title for title in first if title in second):
        yield from _pairs("step", _came_to(first[title]), _came_to(second[title]), title)
    yield from _pairs("time", _times(before, first), _times(after, second))


def _by_title(run: RunRecord) -> Mapping[str, StepRecord]:
    return {step.title: step for step in run.steps}


def _came_to(step: StepRecord) -> Mapping[str, str]:
    status = "no end" if step.status is None else f"status {step.status}"
    return {"came to": "nothing to do" if step.cached else status}


def _times(run: RunRecord, steps: Mapping[str, StepRecord]) -> Mapping[str, str]:
    took = {title: step.seconds for title, step in steps.items() if step.seconds is not None}
    whole = {} if run.outcome is None else {"the whole run": run.outcome.seconds}
    return {name: f"{seconds:.1f} s" for name, seconds in {**whole, **took}.items()}


def _bundles(
    before: tuple[BundleRecord, ...], after: tuple[BundleRecord, ...]
) -> Iterator[Difference]:
    if before and after:
        yield from _pairs("bundle", _files(before), _files(after))


def _files(written: tuple[BundleRecord, ...]) -> Mapping[str, str]:
    return {file.path: f"{file.size} B, sha256 {file.digest[:12]}" for file in written}


def _pairs(
    about: str, before: Mapping[str, str], after: Mapping[str, str], of: str = ""
) -> Iterator[Difference]:
    for name in dict.fromkeys((*before, *after)):
        one, other = before.get(name, ""), after.get(name, "")
        if one != other:
            yield Difference(about, f"{of}: {name}" if of else name, one, other)

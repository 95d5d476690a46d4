"""What stands on the page of a run, as text and numbers; `html` escapes all of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from rootless_build.cli.views.report.drawing import Bar, Scale, Tick
from rootless_build.cli.views.report.log_lines import Kind, LogLine, plain
from rootless_build.cli.views.report.plan_steps import PlanStep, plan_steps
from rootless_build.cli.views.report.reading import Told
from rootless_build.cli.views.tables import duration, size
from rootless_build.history import differences, times
from rootless_build.history.record import BundleRecord, RunRecord, StepRecord
from rootless_build.history.timeline import Span, State, StepSpan, Timeline
from rootless_build.history.times import Part
from rootless_build.model.structs import replace
from rootless_build.model.text import shell_joined, shown

_INSTRUCTIONS: Final = 2000
_PARTS: Final = 12
_ROWS: Final = 1000
"""Of every other table."""
_SEEN: Final = 0.05
"""Seconds below which nothing is shown."""
_SHORT: Final = 600
"""Characters of a text in a table."""
_SETTING: Final = re.compile(
    r"(?:(?P<cause>.*?) -> )?(?P<name>[\w.]+) = (?P<value>.*?): (?P<why>.*)"
)
_MINUS: Final = "\N{MINUS SIGN}"
_PRINTED: Final = (150, 250)
"""Lines of the log that are on paper: of its beginning, of its end."""
_SAID_ABOVE: Final = frozenset({"command", "status", "error"})
_MORE: Final = {"good": "less", "bad": "more"}
_STATES: Final = {
    State.DONE: "done",
    State.CACHED: "cached",
    State.FAILED: "failed",
    State.OPEN: "no end",
}


class Tile(Struct, frozen=True):
    """A number at the head of the page; `look` is `good`, `bad` or empty."""

    label: str
    value: str
    note: str = ""
    look: str = ""


class Failure(Struct, frozen=True):
    """What ended the run."""

    message: str
    where: str
    words: tuple[str, ...]
    notes: tuple[str, ...]
    hint: tuple[str, ...]


class Row(Struct, frozen=True):
    """A row of the timeline. `place` is `2/5`, `line` the number of its first line in the log."""

    title: str
    place: str
    stage: str
    state: str
    began: str
    took: str
    before: str
    said: str
    bars: tuple[Bar, ...]
    line: int | None = None


class StepRow(Struct, frozen=True):
    """A step of the timeline, and its instructions; `number` is its own."""

    number: int
    row: Row
    instructions: tuple[Row, ...]


class PartRow(Struct, frozen=True):
    """Where time went. `look` is that of the difference: `good`, `bad` or empty."""

    title: str
    of: str
    now: str
    before: str
    difference: str
    look: str
    bars: tuple[Bar, ...]
    bars_before: tuple[Bar, ...]


class Reason(Struct, frozen=True):
    """What became of a step, and why."""

    number: int
    title: str
    state: str
    why: str
    notes: tuple[str, ...]


class File(Struct, frozen=True):
    """A file of the bundles."""

    path: str
    size: str
    digest: str
    new: bool


class Setting(Struct, frozen=True):
    """A setting that rbuild gave the engine."""

    name: str
    value: str
    why: str


class Earlier(Struct, frozen=True):
    """The run that this one is compared with."""

    record: RunRecord
    timeline: Timeline


class Page(Struct, frozen=True):
    """All of it."""

    number: int
    command: str
    project: str
    place: str
    started: str
    iso: str
    commit: str
    state: str
    look: str
    headline: str
    made_by: str
    tiles: tuple[Tile, ...]
    failure: Failure | None
    warnings: tuple[str, ...]
    steps: tuple[StepRow, ...]
    counts: dict[str, int]
    ticks: tuple[Tick, ...]
    left_out: str
    compared: int | None
    compared_said: str
    parts: tuple[PartRow, ...]
    other_parts: str
    reasons: tuple[Reason, ...]
    changes: tuple[differences.Difference, ...]
    plan: tuple[PlanStep, ...]
    plan_digest: str
    plan_recipe: str
    bundles: tuple[File, ...]
    bundles_said: str
    inputs: tuple[tuple[str, str, str, str], ...]
    settings: tuple[Setting, ...]
    facts: tuple[tuple[str, str], ...]
    log: tuple[LogLine, ...]
    log_steps: tuple[tuple[int, str], ...]
    printed: tuple[int, int]
    """Indices of the lines in `log` between which none is on paper."""


class Subject(Struct, frozen=True):
    """A run, what its log tells, and what it is compared with. `bundles` are those of the run that
    last made any, `bundles_of` its number; `made_by` is rbuild with its version.
    """

    record: RunRecord
    told: Told
    earlier: Earlier | None
    bundles: tuple[BundleRecord, ...]
    bundles_of: int
    goes_on: bool
    made_by: str


def page(subject: Subject) -> Page:
    """The page."""
    record, told, earlier = subject.record, subject.told, subject.earlier
    scale = Scale(told.timeline.seconds)
    steps, left_out = _steps(subject, scale)
    state, look = _state(record, goes_on=subject.goes_on)
    parts, other_parts = _parts(told.timeline, earlier)
    reasons = tuple(_reasons(subject))
    plan, recipe = plan_steps(record.plan)
    rows = [row for step in steps for row in (step.row, *step.instructions)]
    leaves = [row for step in steps for row in (step.instructions or (step.row,))]
    counts = {name: sum(row.state == name for row in leaves) for name in _STATES.values()}
    counts["all"] = len(rows)
    return Page(
        number=record.number,
        command=_command(record),
        project=shown(record.project.name),
        place=shown(record.project),
        started=_local(record.started),
        iso=_iso(record.started),
        commit=shown(record.commit),
        state=state,
        look=look,
        headline=_headline(record, state),
        made_by=subject.made_by,
        tiles=tuple(_tiles(subject)),
        failure=_failure(subject),
        warnings=tuple(_short(each.text) for each in told.warnings[:_ROWS]),
        steps=steps,
        counts=counts,
        ticks=tuple(scale.ticks()),
        left_out=left_out,
        compared=earlier.record.number if earlier else None,
        compared_said=_compared(earlier),
        parts=parts,
        other_parts=other_parts,
        reasons=reasons,
        changes=tuple(_changes(record, earlier)),
        plan=plan,
        plan_digest=shown(record.plan_digest),
        plan_recipe=recipe,
        bundles=tuple(map(_file, subject.bundles[:_ROWS])),
        bundles_said=_bundles_said(subject),
        inputs=tuple(
            (shown(i.role), shown(i.name), shown(i.digest), shown(i.note))
            for i in record.inputs[:_ROWS]
        ),
        settings=tuple(map(_setting, told.settings)),
        facts=tuple(_facts(subject)),
        log=told.log,
        log_steps=tuple((s.span.number, _short(s.span.title)) for s in told.timeline.steps[:_ROWS]),
        printed=(_PRINTED[0], max(len(told.log) - _PRINTED[1], _PRINTED[0])),
    )


# --- the head -----------------------------------------------------------------------------------


def _command(record: RunRecord) -> str:
    return _short(shell_joined(("rbuild", *record.words)) if record.words else record.title)


def _state(record: RunRecord, *, goes_on: bool) -> tuple[str, str]:
    if record.outcome is None:
        return ("goes on", "") if goes_on else ("killed", "bad")
    match record.outcome.status:
        case 0:
            return ("done", "good") if record.outcome.done else ("nothing changed", "good")
        case 130:
            return "interrupted", "bad"
        case _:
            return "failed", "bad"


def _headline(record: RunRecord, state: str) -> str:
    if record.outcome is None:
        return "it has not ended" if state == "goes on" else "how it would have ended is not known"
    return f"in {duration(record.outcome.seconds)}"


def _tiles(subject: Subject) -> Iterator[Tile]:
    record, earlier, timeline = subject.record, subject.earlier, subject.told.timeline
    outcome = record.outcome
    note, look = "", ""
    # What one took that failed says nothing.
    if (
        outcome is not None
        and outcome.status == 0
        and earlier is not None
        and earlier.record.outcome is not None
    ):
        change, look = _difference(outcome.seconds, earlier.record.outcome.seconds)
        more = f"{change.lstrip(f'{_MINUS}+')} {_MORE[look]} than" if look else "as"
        note = f"{more} run {earlier.record.number}"
    yield Tile("took", duration(outcome.seconds if outcome else timeline.seconds), note, look)
    if outcome is not None and outcome.saved >= 1:
        yield Tile("saved", duration(outcome.saved), "not spent again")
    cached = sum(step.span.state is State.CACHED for step in timeline.steps)
    unchanged = f"{cached} unchanged" if cached else ""
    yield Tile("steps", str(len(timeline.steps)), unchanged)
    instructions = [each for step in timeline.steps for each in step.instructions]
    if instructions:
        found = sum(each.state is State.CACHED for each in instructions)
        yield Tile("instructions", str(len(instructions)), f"{found} cached" if found else "")
    if subject.bundles:
        new = sum(file.new for file in record.bundles)
        total = sum(file.size for file in subject.bundles)
        changed = f"{new} new or changed" if new else "none changed"
        yield Tile("bundles", size(total), f"{_count(len(subject.bundles), 'file')}, {changed}")
    if record.backend:
        yield Tile("engine", shown(record.backend), _short(subject.told.reason))


def _failure(subject: Subject) -> Failure | None:
    error, outcome = subject.told.error, subject.record.outcome
    if error is None:
        message = outcome.error if outcome else ""
        return Failure(_short(message), "", (), (), ()) if message else None
    words = (error.last_words or error.engine_words).splitlines()[-20:]
    where = error.where
    if where and error.seconds is not None:
        where = f"{where}, after {duration(error.seconds)}"
    return Failure(
        _short(error.message),
        _short(where),
        tuple(_short(plain(word.encode(errors="backslashreplace"))) for word in words),
        tuple(_short(each) for each in (*error.problems, *error.notes)),
        tuple(_short(line) for line in error.hint.splitlines()),
    )


# --- the timeline -------------------------------------------------------------------------------


def _steps(subject: Subject, scale: Scale) -> tuple[tuple[StepRow, ...], str]:
    """Each step, and what is said of those that are left out."""
    timeline, room, made = subject.told.timeline, _INSTRUCTIONS, []
    before = _seconds_before(subject.earlier)
    lines = _first_lines(subject.told.log)
    whys = {step.number: step.why for step in subject.record.steps}
    for step in timeline.steps[:_ROWS]:
        kept = step.instructions[:room]
        room -= len(kept)
        number = step.span.number
        row = _row(step.span, before.get(("", step.span.title)), _said(step, whys), scale, step)
        instructions = tuple(_instruction(each, step, before, scale) for each in kept)
        made.append(StepRow(number, _with_line(row, lines.get(number)), instructions))
    left = sum(len(step.instructions) for step in timeline.steps) - (_INSTRUCTIONS - room)
    left += max(len(timeline.steps) - _ROWS, 0)
    return tuple(made), f"{_count(left, 'more row')} left out" if left else ""


def _with_line(row: Row, line: int | None) -> Row:
    return replace(row, line=line)


def _said(step: StepSpan, whys: dict[int, str]) -> str:
    waited = f"waited {duration(step.waited)} for others" if step.waited >= 0.1 else ""
    return "; ".join(filter(None, (_short(whys.get(step.span.number, "")), waited)))


def _instruction(
    span: Span, step: StepSpan, before: dict[tuple[str, str], float], scale: Scale
) -> Row:
    key = (step.span.title, f"{span.stage}\0{span.title}")
    return _row(span, before.get(key), "", scale)


def _row(
    span: Span, before: float | None, said: str, scale: Scale, step: StepSpan | None = None
) -> Row:
    look = _STATES[span.state].replace(" ", "-")
    bars = [scale.bar(span.begin, span.end, look if step is None else f"{look} whole")]
    if span.waited > _SEEN:
        bars.append(scale.bar(span.end, span.then, "waited"))
    if step is not None and step.waited >= 0.1:
        bars.insert(0, scale.bar(span.begin - step.waited, span.begin, "waited"))
    return Row(
        title=_short(span.title),
        place=f"{span.number}/{span.of}" if span.of else str(span.number),
        stage=shown(span.stage),
        state=_STATES[span.state],
        began=duration(span.begin),
        took=duration(span.seconds),
        before="" if before is None else duration(before),
        said=said,
        bars=tuple(bars),
    )


def _seconds_before(earlier: Earlier | None) -> dict[tuple[str, str], float]:
    found: dict[tuple[str, str], float] = {}
    for step in earlier.timeline.steps if earlier else ():
        found["", step.span.title] = step.span.seconds
        for each in step.instructions:
            found[step.span.title, f"{each.stage}\0{each.title}"] = each.seconds
    return found


def _first_lines(log: Sequence[LogLine]) -> dict[int, int]:
    found: dict[int, int] = {}
    for line in log:
        if line.step and line.kind is not Kind.GAP:
            found.setdefault(line.step, line.number)
    return found


# --- where the time went ------------------------------------------------------------------------


def _parts(timeline: Timeline, earlier: Earlier | None) -> tuple[tuple[PartRow, ...], str]:
    all_parts = times.parts(timeline, earlier.timeline if earlier else None)
    found = [part for part in all_parts if part.most >= _SEEN]
    kept, rest = found[:_PARTS], found[_PARTS:]
    scale = Scale(kept[0].most if kept else 0.0)
    seconds = sum(part.now or 0.0 for part in rest)
    said = f"{_count(len(rest), 'other')}, {duration(seconds)} together" if rest else ""
    return tuple(_part(part, scale, earlier) for part in kept), said


def _part(part: Part, scale: Scale, earlier: Earlier | None) -> PartRow:
    bars = []
    if part.now is not None:
        look = _STATES[part.state or State.DONE].replace(" ", "-")
        bars.append(scale.bar(0, part.now - part.waited, look))
        if part.waited > _SEEN:
            bars.append(scale.bar(part.now - part.waited, part.now, "waited"))
    before = () if part.before is None else (scale.bar(0, part.before, "before"),)
    difference, look = "", ""
    if part.now is not None and part.before is not None:
        difference, look = _difference(part.now, part.before)
        # What one took that failed is no gain.
        look = "" if part.state is State.FAILED else look
    elif earlier is not None:
        difference = "new" if part.before is None else "not done"
    is_step = part.step == part.title
    stage = f"[{part.stage}] " if part.stage else ""
    return PartRow(
        title=_short(f"{stage}{part.title}"),
        of="" if is_step else _short(part.step),
        now="—" if part.now is None else duration(part.now),
        before="—" if part.before is None else duration(part.before),
        difference=difference,
        look=look,
        bars=tuple(bars),
        bars_before=before,
    )


def _difference(now: float, before: float) -> tuple[str, str]:
    """How much longer it took, and whether that is good; what is little is neither."""
    change = now - before
    if abs(change) < max(0.1, 0.02 * before):
        return "as before", ""
    sign = _MINUS if change < 0 else "+"
    return f"{sign}{duration(abs(change))}", "good" if change < 0 else "bad"


def _compared(earlier: Earlier | None) -> str:
    if earlier is None:
        return "No earlier run of this command is kept that it could be compared with."
    started = _local(earlier.record.started)
    return f"Compared with run {earlier.record.number} of the same command, {started}."


# --- what was dirty -----------------------------------------------------------------------------


def _reasons(subject: Subject) -> Iterator[Reason]:
    for step in subject.record.steps[:_ROWS] or _begun(subject.told.timeline):
        notes = tuple(_short(n.text) for n in subject.told.notes if n.step == step.number)
        state = "unchanged" if step.cached else "failed" if step.status else "done anew"
        if step.status is None and not step.cached:
            state = "no end"
        yield Reason(step.number, _short(step.title), state, _short(step.why), notes)


def _begun(timeline: Timeline) -> Iterator[StepRecord]:
    """The steps of a run that has not ended."""
    for step in timeline.steps[:_ROWS]:
        span = step.span
        status = {State.DONE: 0, State.CACHED: 0, State.FAILED: 1, State.OPEN: None}[span.state]
        yield StepRecord(
            span.number, step.kind, span.title, status, cached=span.state is State.CACHED
        )


def _changes(record: RunRecord, earlier: Earlier | None) -> Iterator[differences.Difference]:
    if earlier is None:
        return
    count = 0
    for each in differences.between(earlier.record, record):
        if each.about == "time" or (each.about == "run" and each.name in _SAID_ABOVE):
            continue
        count += 1
        if count > _ROWS:
            return
        yield differences.Difference(
            each.about, _short(each.name), _short(each.before), _short(each.after)
        )


# --- the rest -----------------------------------------------------------------------------------


def _file(file: BundleRecord) -> File:
    return File(shown(file.path), size(file.size), shown(file.digest), file.new)


def _bundles_said(subject: Subject) -> str:
    if not subject.bundles:
        return "No bundles are on record of this run, or of one before it."
    more = len(subject.bundles) - _ROWS
    left = f" {_count(more, 'more file')} left out." if more > 0 else ""
    if subject.record.bundles:
        return f"What the bundles had after this run.{left}"
    return f"This run changed none; they are those of run {subject.bundles_of}.{left}"


def _setting(text: str) -> Setting:
    found = _SETTING.fullmatch(text)
    if found is None:
        return Setting("", "", _short(text))
    cause = f"{found['cause']}: " if found["cause"] else ""
    return Setting(shown(found["name"]), _short(found["value"]), _short(cause + found["why"]))


def _facts(subject: Subject) -> Iterator[tuple[str, str]]:
    record = subject.record
    yield "project", shown(record.project)
    for name, value in record.facts.items():
        yield shown(name), _short(value)
    if record.backend:
        yield "engine", shown(record.backend)


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"


def _short(text: str) -> str:
    line = shown(" ".join(text.split()) if "\n" in text else text)
    return line if len(line) <= _SHORT else f"{line[: _SHORT - 40]} … {line[-38:]}"


def _local(time: str) -> str:
    """A time of a record as the clock here has it; what is none stays as it is."""
    try:
        return datetime.fromisoformat(time).astimezone().strftime("%-d %b %Y, %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return shown(time)


def _iso(time: str) -> str:
    try:
        return datetime.fromisoformat(time).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        return ""

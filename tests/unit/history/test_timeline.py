"""When steps and instructions began and ended, out of logs with times of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from rootless_build.history import log_files, times, trace
from rootless_build.history.lines import read
from rootless_build.history.timeline import State, Timeline, of_lines
from rootless_build.model.events import BuildProgress, BuildState, StepFinished, StepStarted
from tests.made_runs import BEGAN, Said, begun, instruction, keep, sample


def timeline(directory: Path, said: list[Said], seconds: float | None = None) -> Timeline:
    """The timeline of a run that said that."""
    run = begun(len([*directory.iterdir()]) + 1)
    return of_lines(map(read, log_files.read(keep(directory, run, said))), run.started, seconds)


_BUILD: list[Said] = [
    (1.0, StepStarted(1, 2, "build-image", "build image a")),
    *instruction(1.5, 2.0, 1, 3, "FROM x", "s", cached=True),
    *instruction(2.0, 5.0, 2, 3, "RUN one", "s"),
    *instruction(6.0, 7.0, 3, 3, "RUN two", "s"),
    (9.0, StepFinished(1, 2, "build-image", 0, 8.0)),
]


def test_instructions_have_what_they_took_and_what_was_waited(tmp_path: Path) -> None:
    found = timeline(tmp_path, [*_BUILD, (9.0, StepStarted(2, 2, "run-container", "run b"))], 12.0)
    build, run = found.steps
    assert (build.span.begin, build.span.end, build.span.state) == (1.0, 9.0, State.DONE)
    assert [(i.begin, i.end, i.then) for i in build.instructions] == [
        (1.5, 2.0, 2.0),
        (2.0, 5.0, 6.0),
        (6.0, 7.0, 9.0),
    ]
    assert [i.state for i in build.instructions] == [State.CACHED, State.DONE, State.DONE]
    # Nobody said what became of it.
    assert (run.span.end, run.span.state, found.seconds) == (12.0, State.OPEN, 12.0)


def test_an_instruction_that_failed_ends_with_its_step(tmp_path: Path) -> None:
    said: list[Said] = [
        (0.0, StepStarted(1, 1, "build-image", "build image a")),
        (1.0, BuildProgress(1, 1, 2, "RUN false", BuildState.STARTED)),
        (3.0, StepFinished(1, 1, "build-image", 1, 3.0)),
    ]
    (step,) = timeline(tmp_path, said).steps
    assert step.span.state is State.FAILED
    assert [(i.end, i.state) for i in step.instructions] == [(3.0, State.FAILED)]


def test_builds_that_go_on_at_a_time_stand_where_they_were(tmp_path: Path) -> None:
    """They are told in turns: `at` says when each was."""
    at = BEGAN.timestamp() + 3600
    said: list[Said] = [
        (1.0, StepStarted(1, 2, "build-image", "build image a", "a", at=at + 1.0)),
        (8.0, StepFinished(1, 2, "build-image", 0, 7.0, at=at + 8.0)),
        (8.0, StepStarted(2, 2, "build-image", "build image b", "b", at=at + 3.0)),
        (8.0, BuildProgress(2, 1, 1, "RUN x", BuildState.STARTED, at=at + 4.0)),
        (8.0, BuildProgress(2, 1, 1, "RUN x", BuildState.DONE, at=at + 5.0)),
        (8.0, StepFinished(2, 2, "build-image", 0, 3.0, at=at + 6.0)),
    ]
    first, second = timeline(tmp_path, said).steps
    assert (first.span.begin, first.waited) == (1.0, 0.0)
    assert (second.span.begin, second.span.end, second.waited) == (3.0, 6.0, 2.0)
    assert [(i.begin, i.end) for i in second.instructions] == [(4.0, 5.0)]


def test_a_log_without_times_has_a_timeline(tmp_path: Path) -> None:
    place = keep(tmp_path, begun(1), _BUILD)
    log = place / "log.jsonl"
    log.write_bytes(log.read_bytes().replace(b"2026-", b"when-"))
    found = of_lines(map(read, log_files.read(place)), "no time", None)
    assert [step.span.begin for step in found.steps] == [0.0]
    assert len(found.steps[0].instructions) == 3


def test_where_the_time_went_is_compared_by_what_it_is(tmp_path: Path) -> None:
    before = timeline(tmp_path, _BUILD)
    slower: list[Said] = [
        *_BUILD[:3],
        *instruction(2.0, 9.0, 1, 2, "RUN one", "s"),
        *instruction(9.0, 9.5, 2, 2, "RUN three", "s"),
        (10.0, StepFinished(1, 2, "build-image", 0, 9.0)),
    ]
    found = {
        part.title: (part.now, part.before)
        for part in times.parts(timeline(tmp_path, slower), before)
    }
    assert found["RUN one"] == (7.0, 4.0)
    assert found["RUN two"] == (None, 3.0)
    assert found["RUN three"] == (1.0, None)
    assert next(iter(found)) == "RUN one"


def test_a_trace_has_the_same_times(tmp_path: Path) -> None:
    made = json.loads(trace.as_json(timeline(tmp_path, _BUILD), "rbuild \x1b[1m", {"run": "1"}))
    events = cast("list[dict[str, object]]", made["traceEvents"])
    spans = [event for event in events if event["ph"] == "X"]
    assert [(e["name"], e["ts"], e["dur"]) for e in spans] == [
        ("build image a", 1_000_000, 8_000_000),
        ("FROM x", 1_500_000, 500_000),
        ("RUN one", 2_000_000, 3_000_000),
        ("RUN two", 6_000_000, 1_000_000),
    ]
    assert {e["tid"] for e in spans} == {1000}
    assert {e["cat"] for e in spans} == {"build-image", "instruction"}
    assert r"\x1b[1m" in json.dumps(made).replace("\\\\", "\\")


def test_what_goes_on_at_a_time_is_on_threads_of_its_own(tmp_path: Path) -> None:
    said: list[Said] = [
        (0.0, StepStarted(1, 1, "build-image", "build image a")),
        (1.0, BuildProgress(1, 1, 1, "RUN a", BuildState.STARTED, "a")),
        (2.0, BuildProgress(1, 1, 1, "RUN b", BuildState.STARTED, "b")),
        (3.0, BuildProgress(1, 1, 1, "RUN a", BuildState.DONE, "a")),
        (4.0, BuildProgress(1, 1, 1, "RUN b", BuildState.DONE, "b")),
        (5.0, StepFinished(1, 1, "build-image", 0, 5.0)),
    ]
    made = json.loads(trace.as_json(timeline(tmp_path, said), "rbuild", {}))
    threads = {e["name"]: e["tid"] for e in made["traceEvents"] if e["ph"] == "X"}
    assert threads == {"build image a": 1000, "RUN a": 1000, "RUN b": 1001}


def test_the_sample_of_other_tests_is_one_of_three_steps(tmp_path: Path) -> None:
    sample(tmp_path)
    run = begun(1)
    found = of_lines(map(read, log_files.read(tmp_path / "1")), run.started, 59.1)
    assert [len(step.instructions) for step in found.steps] == [6, 0, 0]

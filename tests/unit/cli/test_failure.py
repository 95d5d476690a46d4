"""What a person reads when a run has failed: one block, and nothing in it twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.cli.views.failure import block
from rootless_build.model.errors import HostError, RbuildError, StepFailedError


def shown(error: RbuildError, *seen: str, columns: int | None = None) -> list[str]:
    return [f"{line.head}{line.text}" for line in block(error, seen, columns)]


def failed() -> StepFailedError:
    error = StepFailedError("make failed with status 7", status=7, last_words="cc\nno x.h")
    error.where, error.seconds, error.hint = "step 2 of 3 (Makefile:9)", 61.0, "mend it\nand again"
    error.log, error.log_file = "rbuild log 4", str(Path.home() / "state/4/log.jsonl")
    error.add_note("the bundles are as they were")
    return error


def test_a_failure_is_one_block() -> None:
    assert shown(failed()) == [
        "rbuild: make failed with status 7",
        "  at step 2 of 3 (Makefile:9), after 1 min 01 s",
        "  | cc",
        "  | no x.h",
        "  the bundles are as they were",
        "  the log: rbuild log 4 (~/state/4/log.jsonl)",
        "  -> mend it",
        "     and again",
    ]


def test_what_stands_just_above_is_not_said_again() -> None:
    told = shown(failed(), "cc", "no x.h")
    assert not [line for line in told if line.startswith("  | ")]


@pytest.mark.parametrize("columns", [40, 100])
def test_where_the_log_is_fits_the_terminal(columns: int) -> None:
    told = [line for line in shown(failed(), columns=columns) if "log" in line]
    assert max(map(len, told)) < columns
    assert len(told) == (1 if columns == 100 else 2)


def test_of_many_last_words_the_last_fifteen_are_shown() -> None:
    error = StepFailedError("x", last_words="\n".join(map(str, range(40))))
    assert shown(error)[1:] == [f"  | {number}" for number in range(25, 40)]


def test_a_run_that_is_not_kept_names_no_log() -> None:
    assert shown(HostError("no", finding="no-space")) == [
        "rbuild: no",
        "  rbuild doctor --explain no-space says more",
    ]

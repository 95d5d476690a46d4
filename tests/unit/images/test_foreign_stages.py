"""Which stages of a build run programs of another platform."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.images import foreign_stages
from rootless_build.model import platforms
from rootless_build.model.plan import BuildImage

OTHER = "linux/s390x" if platforms.host() != "linux/s390x" else "linux/amd64"

CROSS = """\
FROM --platform=$BUILDPLATFORM golang AS build
RUN make
FROM build AS tested
RUN test
FROM scratch
COPY --from=tested /made /
"""


def found(tmp_path: Path, text: str, target: str | None = None) -> tuple[int, str] | None:
    """The first RUN that can't be run on a host without emulation."""
    (tmp_path / "Dockerfile").write_text(text)
    step = BuildImage(tmp_path, platforms=(OTHER,), target=target)
    return foreign_stages.first_that_can_not_run(step, lambda each: each == platforms.host())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("FROM scratch\nCOPY f /\n", None),
        ("FROM debian\nCOPY f /\nRUN true\n", 3),
        (CROSS, None),
        (CROSS + "RUN true\n", 7),
        # A stage that is not needed runs nothing.
        ("FROM debian AS unused\nRUN true\nFROM scratch\nCOPY f /\n", None),
        ("FROM debian AS used\nRUN true\nFROM scratch\nCOPY --from=used f /\n", 2),
        ("ARG ON=$BUILDPLATFORM\nFROM --platform=$ON debian\nRUN true\n", None),
        ("FROM --platform=no/such/thing/at/all x\nRUN true\n", None),
        ("FROM\n", None),
    ],
)
def test_the_first_run_that_needs_emulation(tmp_path: Path, text: str, line: int | None) -> None:
    assert found(tmp_path, text) == (None if line is None else (line, OTHER))


def test_only_the_target_counts(tmp_path: Path) -> None:
    text = "FROM scratch AS files\nCOPY f /\nFROM debian\nRUN true\n"
    assert found(tmp_path, text, target="files") is None
    assert found(tmp_path, text) == (4, OTHER)
    assert found(tmp_path, text, target="missing") is None


def test_a_stage_whose_place_a_build_context_takes_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM debian AS made\nRUN true\nFROM scratch\nCOPY --from=made f /\n"
    )
    step = BuildImage(tmp_path, platforms=(OTHER,), build_contexts=(("made", str(tmp_path)),))
    assert (
        foreign_stages.first_that_can_not_run(step, lambda each: each == platforms.host()) is None
    )

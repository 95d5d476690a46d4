"""Stages that do not need each other are built side by side."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from rootless_build.backend.api import Engine
from rootless_build.model.errors import ImageBuildError
from rootless_build.model.events import BuildProgress, BuildState, OutputLine
from rootless_build.process import proc
from rootless_build.testing.base_root import BASE
from rootless_build.testing.recorder import Recorder
from tests.containerfiles.conftest import ENGINES, Build
from tests.containerfiles.trees import tree

pytestmark = ENGINES
LONG = 100_000


def meeting(own: str, other: str, cache: str, then: str) -> str:
    """A RUN that goes on when that of the other name is at work too; it gives up after a while."""
    return (
        f"RUN --mount=type=cache,id={cache},target=/c touch /c/{own};"
        f" for i in $(seq 600); do [ -e /c/{other} ] && break; sleep 0.1; done;"
        f" [ -e /c/{other} ] || exit 9; {then}\n"
    )


@pytest.fixture
def cache() -> str:
    """The name of a cache in which two RUNs meet."""
    return f"meeting-{uuid.uuid4().hex}"


def test_two_stages_meet(build: Build, place: Path, cache: str) -> None:
    recorder = build(
        f"FROM {BASE} AS a\n{meeting('a', 'b', cache, 'echo said by a; echo a >/f')}"
        f"FROM {BASE} AS b\n{meeting('b', 'a', cache, 'echo said by b; echo b >/g')}"
        "FROM scratch AS out\nCOPY --from=a f /\nCOPY --from=b g /\n"
    )
    assert tree(place / "out") == {"f": "a\n", "g": "b\n"}
    # What each says stands below its own instruction.
    stage = None
    said = []
    for event in recorder.events:
        if isinstance(event, BuildProgress) and event.state is BuildState.STARTED:
            stage = event.stage
        elif isinstance(event, OutputLine) and event.data.startswith(b"said by "):
            said.append((stage, event.data))
    assert sorted(said, key=str) == [("a", b"said by a\n"), ("b", b"said by b\n")]


def test_the_rest_of_a_stage_waits_for_what_it_takes(build: Build, place: Path, cache: str) -> None:
    build(
        f"FROM {BASE} AS a\n{meeting('a', 'out', cache, 'echo a >/f')}"
        f"FROM {BASE} AS out\n{meeting('out', 'a', cache, 'mkdir /o')}"
        "COPY --from=a f /o/\nRUN --mount=from=a,target=/a cat /a/f /o/f >/o/both\n"
    )
    made = tree(place / "out" / "o")
    assert made == {"f": "a\n", "both": "a\na\n"}


def test_a_failure_ends_the_rest(build: Build, engine: Engine, cache: str) -> None:
    recorder = Recorder()
    sleeper = f"{LONG}.{uuid.uuid4().int % LONG}"
    with pytest.raises(ImageBuildError) as failed:
        build(
            f"FROM {BASE} AS a\n{meeting('a', 'b', cache, 'echo said by a; exit 7')}"
            f"FROM {BASE} AS b\n{meeting('b', 'a', cache, f'sleep {sleeper}')}"
            "FROM scratch AS out\nCOPY --from=a f /\nCOPY --from=b f /\n",
            recorder=recorder,
        )
    assert failed.value.message.startswith("Dockerfile:2: RUN --mount=type=cache")
    assert "failed with status 7" in failed.value.message
    assert recorder.lines[-1].data == b"said by a\n"
    assert not [
        process for process in proc.processes() if sleeper.encode() in command_line(process)
    ]
    assert not engine.leftovers()


def command_line(process: int) -> bytes:
    """How it was called; nothing for one that has ended meanwhile."""
    try:
        return b" ".join(proc.command_line(process))
    except OSError:
        return b""

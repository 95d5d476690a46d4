"""Kept runs that no engine made: a log with times of its own, and a record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from rootless_build.history import lines, record
from rootless_build.history.record import (
    BundleRecord,
    Input,
    Outcome,
    RunRecord,
    StepRecord,
)
from rootless_build.model.errors import RbuildError, StepFailedError
from rootless_build.model.events import (
    BackendChosen,
    BuildFinished,
    BuildProgress,
    BuildState,
    BundlesPublished,
    Event,
    Level,
    Notice,
    OutputLine,
    StepFinished,
    StepStarted,
)
from rootless_build.model.structs import replace

BEGAN: Final = datetime(2026, 11, 30, 9, 30, tzinfo=UTC)
Said = tuple[float, Event | RbuildError]
"""Something that was said so many seconds after the run began."""


def begun(number: int) -> RunRecord:
    """The record of a run that began."""
    made = RunRecord(record.VERSION, number, "rbuild binary", Path("/src/docker"), "")
    started = (BEGAN + timedelta(hours=number)).isoformat()
    return replace(made, started=started, words=("binary",), backend="podman 5.4.2")


def keep(directory: Path, kept: RunRecord, said: Iterable[Said]) -> Path:
    """Write a run into the directory of a checkout's runs; where it is."""
    place = directory / str(kept.number)
    place.mkdir(parents=True)
    record.write(place, kept)
    began = datetime.fromisoformat(kept.started)
    with (place / "log.jsonl").open("wb") as log:
        for seconds, event in said:
            if isinstance(event, RbuildError):
                line = lines.of_error(event)
            else:
                line = lines.of_event(event)
            told = json.loads(line) | {
                "timestamp": (began + timedelta(seconds=seconds)).isoformat()
            }
            log.write(json.dumps(told).encode() + b"\n")
    return place


def instruction(
    begin: float,
    end: float,
    number: int,
    of: int,
    text: str,
    stage: str,
    *output: str,
    cached: bool = False,
) -> list[Said]:
    """An instruction of step 1, and what it says."""
    first = BuildProgress(1, number, of, text, BuildState.STARTED, stage)
    last = replace(first, state=BuildState.CACHED if cached else BuildState.DONE)
    share = (end - begin) / (len(output) + 1)
    told = [
        (begin + share * (count + 1), OutputLine(1, "stdout", f"{line}\n".encode()))
        for count, line in enumerate(output)
    ]
    return [(begin, first), *told, (end, last)]


_SETTINGS: Final = (
    "control groups unified -> engine.cgroup_manager = systemd: a systemd session makes them",
    "containers.log_driver = k8s-file: the journal cuts and drops lines",
    "containers.pids_limit = 0: docker sets no limit; a large build needs more",
    "storage.driver = overlay: what this kernel can do for an ordinary user",
    "storage.graphroot = /home/ada/.local/share/containers/storage: your own images stay usable",
)
_RUN: Final = "run hack/make.sh binary"
_TEST: Final = "run hack/make.sh test-unit"


def _plan() -> str:
    origin = {"file": "Makefile", "target": "binary"}
    build = {
        "kind": "build-image",
        "context": "/src/docker",
        "tags": ["docker-dev:master"],
        "build_args": [["GO_VERSION", "1.22.4"]],
        "pull": "missing",
        "origin": {**origin, "line": 118, "text": "docker build -t docker-dev:master ."},
    }
    run = {
        "kind": "run-container",
        "image": "docker-dev:master",
        "command": ["hack/make.sh", "binary"],
        "privileged": True,
        "remove": True,
        "mounts": [{"type": "bind", "source": "/src/docker/bundles", "target": "/bundles"}],
        "environment": [["BUILDFLAGS", "-trimpath"], ["API_TOKEN", "***"]],
        "origin": {**origin, "line": 131, "text": "docker run … hack/make.sh binary"},
    }
    test = {**run, "command": ["hack/make.sh", "test-unit"]}
    return json.dumps({"project": "/src/docker", "recipe": "Makefile", "steps": [build, run, test]})


def _bundles(*new: str) -> tuple[BundleRecord, ...]:
    sizes = {"binary/dockerd": 71_804_512, "binary/docker-proxy": 2_165_760, "binary/VERSION": 12}
    return tuple(
        BundleRecord(path, size, f"{size:064x}", path in new) for path, size in sizes.items()
    )


def _said(slower: float, output: Sequence[str]) -> list[Said]:
    """What both runs have in common. `slower` are seconds that compiling takes longer."""
    end = 31.5 + slower
    return [
        *((0.1, Notice(Level.DETAIL, "host-setting", text)) for text in _SETTINGS),
        (0.2, BackendChosen("podman", "5.4.2", "first choice")),
        (0.3, StepStarted(1, 3, "build-image", "build image docker-dev:master")),
        (0.4, Notice(Level.DETAIL, "explain", "because: the context changed", 1)),
        *instruction(0.8, 0.9, 1, 3, "FROM debian:bookworm AS base", "base", cached=True),
        *instruction(
            1.0, 1.1, 2, 3, "RUN apt-get update && apt-get install -y gcc", "base", cached=True
        ),
        *instruction(1.2, 1.3, 3, 3, "COPY go.mod go.sum vendor.mod ./", "base", cached=True),
        *instruction(1.6, 7.4, 1, 3, "COPY . /go/src/docker", "dev"),
        *instruction(9.2, 9.2 + slower, 2, 3, "RUN hack/dockerfile/install.sh tomll", "dev"),
        *instruction(9.3 + slower, 29.8 + slower, 3, 3, "RUN go build ./…", "dev", *output),
        (end, StepFinished(1, 3, "build-image", 0, end - 0.3)),
        (end, StepStarted(2, 3, "run-container", _RUN)),
        (end + 0.1, Notice(Level.DETAIL, "explain", "because: its image is another", 2)),
        (end + 2, OutputLine(2, "stdout", b"Building static bundles/binary-daemon/dockerd\n")),
        (end + 9, OutputLine(2, "stderr", b"warning: ld: static glibc needs its shared parts\n")),
        (end + 18, BundlesPublished(Path("/src/docker/bundles"), ("binary/dockerd",), 2)),
        (end + 18.4, StepFinished(2, 3, "run-container", 0, 18.4)),
        (end + 18.4, StepStarted(3, 3, "run-container", _TEST)),
        (end + 24, OutputLine(3, "stdout", b"=== RUN   TestMountInit\n")),
    ]


def _begun_here(number: int) -> RunRecord:
    return replace(
        begun(number),
        commit="5d2e8f3a9c1b47d60e2f8a1c93b5d7e4f6a80b12",
        facts={"rbuild": "0.2.0", "python": "3.12.3", "kernel": "6.8.0", "host": "workshop"},
        plan=_plan(),
        plan_digest="c0ffee" * 10 + "cafe",
        inputs=(
            Input("source", "git+https://example.org/docker.git", "gitCommit:5d2e8f3a9c1b", ""),
            Input("base image", "debian:bookworm", f"sha256:{'ab' * 32}", ""),
        ),
    )


def sample(directory: Path, *output: str) -> None:
    """Three runs of one command: done, one that failed, one that had nothing to do."""
    compiled = ("runtime/cgo", "github.com/docker/docker/daemon", *output)
    why = StepRecord(1, "build-image", "build image docker-dev:master", 0, 31.2)
    built = replace(why, why="the context changed (daemon/mount.go, go.mod)")
    ran = StepRecord(2, "run-container", _RUN, 0, 18.4, why="its image is another")
    tested = StepRecord(3, "run-container", _TEST, 0, 9.1, why="the target test is always run")
    end = 31.5
    keep(
        directory,
        replace(
            _begun_here(1),
            steps=(built, ran, tested),
            bundles=_bundles("binary/dockerd", "binary/docker-proxy", "binary/VERSION"),
            outcome=Outcome((BEGAN + timedelta(seconds=59)).isoformat(), 0, 59.1, 0.0),
        ),
        [
            *_said(0.0, compiled),
            (end + 27.5, StepFinished(3, 3, "run-container", 0, 9.1)),
            (end + 27.6, BuildFinished(0, 59.1)),
        ],
    )
    end = 34.5
    error = StepFailedError(
        "hack/make.sh test-unit failed with status 1",
        status=1,
        hint="rbuild log --failed shows all that it said\nrbuild shell opens a shell in its image",
        last_words="--- FAIL: TestMountInit (0.02s)\n    mount_test.go:58: got 2 mounts, want 3\n",
    )
    error.where, error.step, error.seconds = "Makefile:131", 3, 8.2
    error.add_note("the bundles are those of step 2")
    keep(
        directory,
        replace(
            _begun_here(2),
            steps=(built, ran, replace(tested, status=1, seconds=8.2)),
            bundles=_bundles("binary/dockerd"),
            outcome=Outcome(
                (BEGAN + timedelta(seconds=61)).isoformat(), 1, 61.3, 4.2, True, error.message
            ),
        ),
        [
            *_said(3.0, compiled),
            (end + 25, OutputLine(3, "stdout", b"--- FAIL: TestMountInit (0.02s)\n")),
            (end + 25, OutputLine(3, "stdout", b"    mount_test.go:58: got 2 mounts, want 3\n")),
            (end + 26.6, StepFinished(3, 3, "run-container", 1, 8.2)),
            (end + 26.8, error),
        ],
    )
    done = tuple(replace(step, cached=True, seconds=0.1, why="") for step in (built, ran, tested))
    keep(
        directory,
        replace(
            _begun_here(3),
            plan_digest="",
            inputs=(),
            steps=done,
            outcome=Outcome((BEGAN + timedelta(seconds=1)).isoformat(), 0, 0.4, 57.9, done=False),
        ),
        [
            (0.1, BackendChosen("podman", "5.4.2", "first choice")),
            *(
                said
                for step in done
                for said in (
                    (0.1 * step.number, StepStarted(step.number, 3, step.kind, step.title)),
                    (
                        0.1 * step.number + 0.1,
                        StepFinished(step.number, 3, step.kind, 0, 0.1, cached=True),
                    ),
                )
            ),
            (0.4, BuildFinished(0, 0.4, 57.9, done=False)),
        ],
    )

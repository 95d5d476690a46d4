"""What stays behind: nothing, and `leftovers` knows what rbuild made."""

from __future__ import annotations

import random
import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rootless_build.backend.api import (
    LABEL_BUILD,
    LABEL_PROJECT,
    Engine,
    Image,
    Leftover,
    LeftoverKind,
    Stdio,
)
from rootless_build.model.errors import StepFailedError
from rootless_build.model.plan import BuildImage, Pairs, RunContainer, VolumeMount
from rootless_build.testing.base_root import BASE
from rootless_build.testing.cases import PATIENCE, Build, Driver, Run, processes, sh, until
from rootless_build.testing.recorder import Recorder


@pytest.fixture
def labels() -> Pairs:
    """Labels of a build that no other test knows."""
    return ((LABEL_PROJECT, "/a project/with, ünïcode=x"), (LABEL_BUILD, secrets.token_hex(8)))


@pytest.fixture
def ours(engine: Engine, labels: Pairs) -> Iterator[Callable[[LeftoverKind], list[Leftover]]]:
    """What is in storage with those labels."""

    def found(kind: LeftoverKind) -> list[Leftover]:
        return [
            leftover
            for leftover in engine.leftovers()
            if leftover.kind is kind and set(labels) <= set(leftover.labels)
        ]

    yield found
    for kind in (LeftoverKind.CONTAINER, LeftoverKind.VOLUME):
        for leftover in found(kind):
            engine.remove(leftover)


Ours = Callable[[LeftoverKind], list[Leftover]]


# --- containers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [0, 7])
def test_a_container_is_there_until_its_context_ends(
    engine: Engine, base_image: Image, labels: Pairs, ours: Ours, status: int
) -> None:
    step = RunContainer(BASE, sh(f"exit {status}"), labels=labels)
    with engine.container(step, base_image) as container:
        assert [leftover.id for leftover in ours(LeftoverKind.CONTAINER)] == [container.id]
        assert container.run(Recorder().reporter, Stdio.CLOSED).status == status
        assert [leftover.id for leftover in ours(LeftoverKind.CONTAINER)] == [container.id]
    assert ours(LeftoverKind.CONTAINER) == []


def test_a_container_that_was_never_run_goes_too(
    engine: Engine, base_image: Image, labels: Pairs, ours: Ours
) -> None:
    with engine.container(RunContainer(BASE, ("true",), labels=labels), base_image):
        assert len(ours(LeftoverKind.CONTAINER)) == 1
    assert ours(LeftoverKind.CONTAINER) == []


def test_a_container_goes_when_its_user_fails(
    engine: Engine, base_image: Image, labels: Pairs, ours: Ours
) -> None:
    step = RunContainer(BASE, ("true",), labels=labels)
    with pytest.raises(ZeroDivisionError), engine.container(step, base_image):
        raise ZeroDivisionError
    assert ours(LeftoverKind.CONTAINER) == []


def test_a_container_stops_when_its_output_cannot_be_taken(
    engine: Engine, base_image: Image, labels: Pairs, ours: Ours
) -> None:
    seconds = str(random.randrange(10**6, 10**9))

    def fail(_: bytes) -> None:
        until(lambda: bool(processes("/bin/sleep", seconds)), "the container's command")
        raise ZeroDivisionError

    step = RunContainer(
        BASE, sh(f"echo ready; /bin/sleep {seconds}"), labels=labels, stop_timeout=0
    )
    with pytest.raises(ZeroDivisionError), engine.container(step, base_image) as container:
        container.run(Recorder(fail).reporter, Stdio.CLOSED)
    until(lambda: not processes("/bin/sleep", seconds), "the end of the container's process")
    assert ours(LeftoverKind.CONTAINER) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_container_is_gone_with_its_processes(
    driver: Driver, engine: Engine, labels: Pairs, ours: Ours, number: int
) -> None:
    seconds = str(random.randrange(10**6, 10**9))
    step = RunContainer(
        BASE, sh(f"trap '' INT TERM; /bin/sleep {seconds} & echo ready; wait; wait"), labels=labels
    )
    process = driver.start(step)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    assert ours(LeftoverKind.CONTAINER)
    process.send_signal(number)
    assert process.wait(PATIENCE) == 130
    until(lambda: not processes("/bin/sleep", seconds), "the end of the container's process")
    assert ours(LeftoverKind.CONTAINER) == []


def test_a_name_that_is_taken_is_the_engines_failure(
    engine: Engine, base_image: Image, labels: Pairs, ours: Ours
) -> None:
    name = f"rbuild-test-{secrets.token_hex(4)}"
    step = RunContainer(BASE, ("true",), labels=labels, name=name)
    with engine.container(step, base_image) as first:
        assert name in [leftover.name.lstrip("/") for leftover in ours(LeftoverKind.CONTAINER)]
        with pytest.raises(StepFailedError) as caught, engine.container(step, base_image):
            pass
        assert caught.value.status == 125
        assert name in caught.value.message + caught.value.engine_words
        # The other one's container is not touched.
        assert [leftover.id for leftover in ours(LeftoverKind.CONTAINER)] == [first.id]


def test_a_container_that_somebody_else_removed_is_no_error(
    engine: Engine, base_image: Image, labels: Pairs, ours: Ours
) -> None:
    step = RunContainer(BASE, ("true",), labels=labels)
    with engine.container(step, base_image):
        (leftover,) = ours(LeftoverKind.CONTAINER)
        engine.remove(leftover)
        assert ours(LeftoverKind.CONTAINER) == []


# --- volumes ------------------------------------------------------------------------------------


def test_a_named_volume_stays_and_can_be_found(
    engine: Engine, run: Run, labels: Pairs, ours: Ours
) -> None:
    name = f"rbuild-test-{secrets.token_hex(4)}"
    step = RunContainer(BASE, ("true",), labels=labels, mounts=(VolumeMount("/cache", name),))
    run(step)
    (leftover,) = ours(LeftoverKind.VOLUME)
    assert leftover.name == name
    engine.remove(leftover)
    assert ours(LeftoverKind.VOLUME) == []


def test_a_volume_that_a_container_has_stays(
    driver: Driver, engine: Engine, labels: Pairs, ours: Ours
) -> None:
    name = f"rbuild-test-{secrets.token_hex(4)}"
    mounts = (VolumeMount("/cache", name),)
    wait = sh("echo ready; sleep 1000")
    process = driver.start(RunContainer(BASE, wait, labels=labels, mounts=mounts))
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    (leftover,) = ours(LeftoverKind.VOLUME)
    with pytest.raises(StepFailedError, match=f"{name} could not be removed"):
        engine.remove(leftover)
    assert ours(LeftoverKind.CONTAINER)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130
    engine.remove(leftover)
    assert ours(LeftoverKind.VOLUME) == []


def test_what_carries_no_label_of_rbuilds_is_not_listed(
    engine: Engine, base_image: Image, build: Build, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nLABEL org.example.project=mine\n")
    image = build(BuildImage(tmp_path, tags=("localhost/rbuild-test-foreign",)))
    with engine.container(RunContainer(BASE, ("true",)), base_image) as container:
        listed = {leftover.id.removeprefix("sha256:") for leftover in engine.leftovers()}
        assert not {image.id, base_image.id, container.id} & listed

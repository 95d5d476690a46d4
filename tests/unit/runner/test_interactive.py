"""Who works in a container by hand: its bundles are written in place, and it is never skipped."""

from __future__ import annotations

import pytest

from rootless_build.backend.api import Image, Stdio
from rootless_build.model.plan import Origin, RunContainer
from rootless_build.runner.interactive import is_by_hand

MAKES = Image("1" * 64, command=("make",))
BASH = Image("2" * 64, command=("bash",))
DIND = Image("3" * 64, entrypoint=("hack/dind",))


def by_hand(
    *command: str,
    image: Image | None = MAKES,
    target: str = "binary",
    streams: Stdio = Stdio.TERMINAL,
    entrypoint: tuple[str, ...] | None = None,
) -> bool:
    origin = Origin("Makefile", 1, "", target)
    step = RunContainer("dev", command, origin=origin, entrypoint=entrypoint)
    return is_by_hand(step, image, streams)


@pytest.mark.parametrize(
    "command",
    [
        ("bash",),
        ("/bin/sh",),
        ("bash", "--norc"),
        ("bash", "-l"),
        ("bash", "-i", "--noprofile"),
        ("bash", "--rcfile", "hack/rc"),
        ("bash", "-o", "vi"),
        ("zsh", "+o", "nomatch"),
        ("hack/dind", "bash"),
        ("env", "A=b", "bash"),
        ("tini", "--", "sh"),
    ],
)
def test_a_shell_on_a_terminal(command: tuple[str, ...]) -> None:
    assert by_hand(*command)
    assert not by_hand(*command, streams=Stdio.CLOSED)
    assert not by_hand(*command, streams=Stdio.PIPED)
    assert by_hand(*command, streams=Stdio.PIPED, target="shell")


@pytest.mark.parametrize(
    "command",
    [
        ("sh", "-c", "make"),
        ("bash", "-lc", "make"),
        ("bash", "-ec", "make"),
        ("fish", "--command", "make"),
        ("bash", "hack/build.sh"),
        ("bash", "--norc", "hack/build.sh"),
        ("hack/dind", "bash", "-c", "make"),
    ],
)
@pytest.mark.parametrize("target", ["binary", "shell", "dev"])
def test_a_shell_with_a_script(command: tuple[str, ...], target: str) -> None:
    for streams in Stdio:
        assert not by_hand(*command, target=target, streams=streams)


@pytest.mark.parametrize(
    "command",
    [("make",), ("make", "SHELL=/bin/bash"), ("apt-get", "install", "bash"), ("hack/make.sh", "x")],
)
def test_no_shell(command: tuple[str, ...]) -> None:
    assert not by_hand(*command)
    assert not by_hand(*command, target="dev", streams=Stdio.CLOSED)


def test_a_target_called_shell_may_start_one_by_a_script() -> None:
    assert by_hand("hack/shell.sh", target="shell")


def test_the_image_may_bring_the_shell() -> None:
    assert by_hand(image=BASH)
    assert not by_hand(image=MAKES)
    assert not by_hand(image=None)
    assert by_hand("bash", image=DIND)
    assert not by_hand("hack/make.sh", image=BASH)
    assert by_hand("--norc", image=MAKES, entrypoint=("bash",))
    # As with docker, an entrypoint of the recipe's takes the image's command away.
    assert not by_hand(image=BASH, entrypoint=("make",))

"""A build that ends at one of its RUNs, in whose place something else is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rootless_build.backend.api import Image
from rootless_build.images.containerfile.edit import exec_form
from rootless_build.images.containerfile.stages import Stage
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage


class Stop(Protocol):
    """Where a build ends, and how."""

    @property
    def line(self) -> int:
        """The line of the containerfile at which it ends; a trigger stands at its FROM."""

    def is_at(self, run: Instruction) -> bool:
        """Whether that RUN is not to be done."""

    def instead(self, run: Instruction, shell: Sequence[str], user: str) -> Sequence[str]:
        """The command that has the RUN's place, with all its flags. `shell` is that of SHELL,
        `user` that of USER, empty for none.
        """

    def build(self, step: BuildImage, reporter: StepReporter) -> Image:
        """Let the engine build what ends with that command. It raises something in any case."""


def stage_of(stop: Stop, stages: Sequence[Stage]) -> int | None:
    """The stage that the build ends in; None where nothing is left of what is looked for."""
    for number, stage in enumerate(stages):
        if stage.begin.line == stop.line or any(map(stop.is_at, stage.instructions)):
            return number
    return None


def number_of(stop: Stop, runs: Sequence[Instruction]) -> int | None:
    """Which of the RUNs, counted from 0, a build ends at; None where it goes on."""
    return next((number for number, run in enumerate(runs) if stop.is_at(run)), None)


def in_its_place(stop: Stop, run: Instruction, shell: Sequence[str], user: str) -> Instruction:
    """The RUN with another command."""
    return exec_form(run, stop.instead(run, shell, user))

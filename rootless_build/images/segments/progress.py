"""Progress of a build in segments: each instruction as it stands in the containerfile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from rootless_build.images.containerfile.stages import Stage
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.rewrite.state import abbreviate
from rootless_build.model.events import ForwardingReporter, Level, StepReporter

SEGMENT: Final = "rbuild-segment"
"""The stage of a segment's containerfile that is built."""
_ABOUT_REWRITING: Final = "rewritten"


class Place(Struct, frozen=True):
    """An instruction's place: the `number`th of the `of` of its stage.

    `stage` is the name for a person, None where the file has only one stage.
    """

    number: int
    of: int
    stage: str | None


class Progress:
    """Tells a reporter of the instructions of one stage."""

    def __init__(
        self, reporter: StepReporter, instructions: Sequence[Instruction], stage: str | None
    ) -> None:
        self.reporter = reporter
        self._places = {
            id(each): Place(number, len(instructions), stage)
            for number, each in enumerate(instructions, 1)
        }

    def begin(self, instruction: Instruction) -> None:
        """The instruction begins. A trigger of the base image has no place, and is not told."""
        place = self._places.get(id(instruction))
        if place is not None:
            text = abbreviate(instruction)
            self.reporter.instruction(place.number, place.of, text, stage=place.stage)

    def end(self, *, cached: bool = False) -> None:
        """The instruction that began last is done."""
        self.reporter.instruction_done(cached=cached)

    def of_segment(self, runs: Sequence[Instruction]) -> StepReporter:
        """What the engine is to talk to while it does these."""
        return _SegmentReporter(self.reporter, self, runs)


class _SegmentReporter(ForwardingReporter):
    def __init__(
        self, inner: StepReporter, progress: Progress, runs: Sequence[Instruction]
    ) -> None:
        super().__init__(inner)
        self._progress = progress
        self._runs = runs

    def instruction(
        self, number: int, of: int, instruction: str, *, stage: str | None = None
    ) -> None:
        """An instruction of the segment's own file begins."""
        # FROM and SHELL come before the first RUN.
        index = len(self._runs) - (of - number) - 1
        is_run = instruction.upper().startswith("RUN")
        if is_run and stage in {None, SEGMENT} and 0 <= index < len(self._runs):
            self._progress.begin(self._runs[index])
        else:
            self._progress.end()

    def notice(self, code: str, text: str, level: Level = Level.INFO) -> None:
        """What is rewritten in a segment's own file is no news of the user's."""
        if code != _ABOUT_REWRITING:
            super().notice(code, text, level)


def stage_name(stage: Stage, number: int) -> str:
    """A stage as BuildKit shows it: its name, else its place in the file, counted from 0."""
    return stage.name.lower() if stage.name else f"stage-{number}"

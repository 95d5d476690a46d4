"""Steps and instructions that came to nothing, told together in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rootless_build.model.events import (
    BuildProgress,
    BuildState,
    Event,
    ImageReady,
    Level,
    Notice,
    StepFinished,
    StepStarted,
)
from rootless_build.model.structs import replace

Show = Callable[[Event], None]
_DONE_ELSEWHERE: Final = frozenset({"docker-command"})
"""Steps that are never unchanged, and whose output is written by others."""


class Folding:
    """Passes events on to a view. What begins is told when something comes of it, or when it ends;
    somebody sees it meanwhile.
    """

    def __init__(self, show: Show) -> None:
        self._show = show
        self._steps: list[StepStarted] = []
        """Unchanged, and the last one perhaps not at its end."""
        self._goes_on = False
        self._cached: list[BuildProgress] = []
        self._instruction: BuildProgress | None = None

    def __call__(self, event: Event) -> None:
        """Take one event."""
        match event:
            case StepStarted():
                self._begin_step(event)
            case StepFinished(cached=True) if self._goes_on and not self._has_instructions:
                self._goes_on = False
            case BuildProgress(state=BuildState.STARTED):
                self._tell_steps()
                self._tell_instruction()
                self._instruction = event
            case BuildProgress(state=BuildState.CACHED) if self._is_held(event):
                self._instruction = None
                self._cached.append(event)
            case ImageReady():
                # A view says nothing of it, and an unchanged build has one too.
                self._show(event)
            case _:
                self.tell()
                self._show(event)

    def _begin_step(self, event: StepStarted) -> None:
        self._tell_instruction()
        self._tell_cached()
        if self._goes_on:
            self._tell_steps()
        self._steps.append(event)
        self._goes_on = True
        if event.kind in _DONE_ELSEWHERE:
            self._tell_steps()

    @property
    def _has_instructions(self) -> bool:
        return bool(self._cached) or self._instruction is not None

    def _is_held(self, event: BuildProgress) -> bool:
        held = self._instruction
        return held is not None and (held.step, held.number, held.stage) == (
            event.step,
            event.number,
            event.stage,
        )

    def tell(self) -> None:
        """Pass on all that is held back."""
        self._tell_steps()
        self._tell_instruction()
        self._tell_cached()

    def _tell_steps(self) -> None:
        steps, self._steps = self._steps, []
        begun = steps.pop() if steps and self._goes_on else None
        self._goes_on = False
        if len(steps) == 1:
            self._show(replace(steps[0], title=f"{steps[0].title}: unchanged"))
        elif steps:
            title = f"{len(steps)} steps, from {steps[0].step} on: unchanged"
            self._show(replace(steps[-1], title=title))
        if begun is not None:
            self._show(begun)

    def _tell_instruction(self) -> None:
        held, self._instruction = self._instruction, None
        if held is not None:
            self._tell_cached()
            self._show(held)

    def _tell_cached(self) -> None:
        cached, self._cached = self._cached, []
        if len(cached) == 1:
            self._show(replace(cached[0], state=BuildState.STARTED))
            self._show(cached[0])
        elif cached:
            self._show(Notice(Level.INFO, "cached", f"{len(cached)} instructions cached"))

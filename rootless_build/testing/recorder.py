"""What a step said, for tests to look at: a reader of the event stream like any other."""

from __future__ import annotations

from collections.abc import Callable

from rootless_build.model.events import (
    BuildProgress,
    BuildState,
    Event,
    Notice,
    OutputLine,
    StepReporter,
    Stream,
)


class Recorder:
    """Keeps every event. `on_line` is called with each line of output as it comes."""

    def __init__(self, on_line: Callable[[bytes], None] | None = None) -> None:
        self.events: list[Event] = []
        self.reporter = StepReporter(self._take, 1)
        self._on_line = on_line

    def _take(self, event: Event) -> None:
        self.events.append(event)
        if self._on_line is not None and isinstance(event, OutputLine):
            self._on_line(event.data)

    @property
    def stdout(self) -> bytes:
        return self.output("stdout")

    @property
    def stderr(self) -> bytes:
        return self.output("stderr")

    def output(self, stream: Stream) -> bytes:
        """All of one stream, joined."""
        return b"".join(line.data for line in self.lines if line.stream == stream)

    @property
    def lines(self) -> list[OutputLine]:
        return [event for event in self.events if isinstance(event, OutputLine)]

    @property
    def progress(self) -> list[BuildProgress]:
        return [event for event in self.events if isinstance(event, BuildProgress)]

    def instructions(self, state: BuildState) -> list[str]:
        """The instructions of a build that came to `state`, in order."""
        return [event.instruction for event in self.progress if event.state is state]

    @property
    def notices(self) -> list[Notice]:
        return [event for event in self.events if isinstance(event, Notice)]

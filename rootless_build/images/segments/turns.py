"""Stages, or whole builds, that go on at a time tell of their progress, one instruction after the
other.

A reader of a build's progress knows one instruction at a time. So one of them has its turn until
its instruction is done; what the others say meanwhile is kept, and told when theirs comes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from msgspec import Struct

from rootless_build.model.events import ForwardingReporter, Level, StepReporter, Stream
from rootless_build.process import stops

_MOST_KEPT: Final = 4 * 1024 * 1024
"""Bytes of output that are kept of a stage; then it waits for its turn."""


class _Saying(Struct, frozen=True):
    """Something that a stage says; `ends`: its instruction is done then, or `begins`. `lasts`: it
    is told also where another one's failure ends everything. `at` is when it was, in seconds since
    1970.
    """

    tell: Callable[[StepReporter], object]
    at: float
    begins: bool = False
    ends: bool = False
    lasts: bool = False


class Turns:
    """Who may talk: reporters, and whoever reads what they tell, are not for several threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._speaker: StageReporter | None = None
        self._kept: dict[StageReporter, list[_Saying]] = {}

    def say(self, speaker: StageReporter, saying: _Saying) -> None:
        """Tell it now, if it is the speaker's turn or nobody's, or keep it."""
        with self._changed:
            if self._speaker in {None, speaker}:
                self._tell(speaker, saying)
                self._next()
            else:
                self._kept.setdefault(speaker, []).append(saying)

    def wait(self, speaker: StageReporter) -> None:
        """Wait until nothing of the speaker is kept."""
        with self._changed:
            while speaker in self._kept:
                self._changed.wait(stops.patience())
                stops.check()

    def at_once(self, speaker: StageReporter, tell: Callable[[StepReporter], object]) -> None:
        """Tell what is no part of the progress."""
        with self._changed:
            tell(speaker.reporter)

    def end(self, failed: StageReporter | None, ended: Collection[StageReporter] = ()) -> None:
        """Tell all that was said by those that have `ended`, of the others what lasts alone, and
        last what was said by the one that has `failed` and ends everything.
        """
        with self._changed:
            kept, self._kept = self._kept, {}
            if self._speaker not in {None, failed}:
                self._leave()
            last = kept.pop(failed, []) if failed is not None else []
            for speaker, sayings in kept.items():
                for saying in sayings:
                    if saying.lasts or speaker in ended:
                        self._tell(speaker, saying)
            if failed is not None:
                for saying in last:
                    self._tell(failed, saying)

    def _leave(self) -> None:
        """Nobody is going to hear the rest of the instruction whose turn it is."""
        if self._speaker is not None:
            self._speaker.reporter.instruction_left()
            self._speaker = None

    def _tell(self, speaker: StageReporter, saying: _Saying) -> None:
        with speaker.reporter.as_of(saying.at):
            saying.tell(speaker.reporter)
        if saying.begins:
            self._speaker = speaker
        elif saying.ends:
            self._speaker = None

    def _next(self) -> None:
        """If it is nobody's turn, it is that of those who have waited for theirs."""
        while self._speaker is None and self._kept:
            speaker = next(iter(self._kept))
            for saying in self._kept.pop(speaker):
                self._tell(speaker, saying)
            self._changed.notify_all()


class StageReporter(ForwardingReporter):
    """What one stage talks to; `reporter` hears it when it is its turn."""

    def __init__(self, reporter: StepReporter, turns: Turns) -> None:
        super().__init__(reporter)
        self.reporter = reporter
        self._turns = turns
        self._begun = False
        self._goes_on: Callable[[StepReporter, bool], None] = lambda *_: None
        """Tells of the current instruction that it goes on, or that it does so no more."""
        self._said = 0
        self._told_of: float | None = None

    @contextmanager
    def as_of(self, at: float) -> Iterator[None]:
        """What is told in this context happened at that time: its own stages take turns too."""
        before, self._told_of = self._told_of, at
        try:
            yield
        finally:
            self._told_of = before

    def output(self, data: bytes, stream: Stream = "stdout") -> None:
        """Raw bytes, however they were cut."""
        self._said += len(data)
        if self._said > _MOST_KEPT:
            self._turns.wait(self)
            self._said = 0
        self._say(lambda reporter: reporter.output(data, stream))

    def unfinished(self, line: bytes) -> None:
        """A line that has no end yet, which is worth nothing later."""
        self._turns.at_once(self, lambda reporter: reporter.unfinished(line))

    def flush(self) -> None:
        """The output has ended."""
        self._say(lambda reporter: reporter.flush())

    def instruction(
        self, number: int, of: int, instruction: str, *, stage: str | None = None
    ) -> None:
        """One begins."""
        self.instruction_done()
        self._begun = True
        self._goes_on = lambda reporter, goes_on: reporter.at_work(
            number, of, instruction, stage=stage, ends=not goes_on
        )
        self._turns.at_once(self, lambda reporter: self._goes_on(reporter, True))
        self._turns.say(
            self,
            _Saying(
                lambda reporter: reporter.instruction(number, of, instruction, stage=stage),
                self._now(),
                begins=True,
            ),
        )

    def instruction_done(self, *, cached: bool = False) -> None:
        """It has its result."""
        if self._begun:
            self._begun = False
            self._turns.at_once(self, lambda reporter: self._goes_on(reporter, False))
            self._turns.say(
                self,
                _Saying(
                    lambda reporter: reporter.instruction_done(cached=cached),
                    self._now(),
                    ends=True,
                ),
            )

    def instruction_left(self) -> None:
        """Nobody is going to say what became of it."""
        if self._begun:
            self._begun = False
            self._turns.at_once(self, lambda reporter: self._goes_on(reporter, False))
            left = _Saying(lambda reporter: reporter.instruction_left(), self._now(), ends=True)
            self._turns.say(self, left)

    def image(self, identity: str) -> None:
        """There is an image, which has to be known before anything else happens."""
        self._turns.at_once(self, lambda reporter: reporter.image(identity))

    def image_ready(self, names: Sequence[str], identity: str, platform: str = "") -> None:
        """The step has an image, which must not be lost."""

        def tell(reporter: StepReporter) -> None:
            reporter.image_ready(names, identity, platform)

        self._turns.say(self, _Saying(tell, self._now(), lasts=True))

    def notice(self, code: str, text: str, level: Level = Level.INFO) -> None:
        """Tell the user something."""
        self._say(lambda reporter: reporter.notice(code, text, level))

    def event_at_once(self, tell: Callable[[], object]) -> None:
        """Something goes on, which is told before its turn."""
        self._turns.at_once(self, lambda _: tell())

    def event(self, tell: Callable[[], object]) -> None:
        """Something happened that a reporter does not tell, and that must not be lost."""
        self._turns.say(self, _Saying(lambda _: tell(), self._now(), lasts=True))

    def _say(self, tell: Callable[[StepReporter], object]) -> None:
        self._turns.say(self, _Saying(tell, self._now()))

    def _now(self) -> float:
        return time.time() if self._told_of is None else self._told_of

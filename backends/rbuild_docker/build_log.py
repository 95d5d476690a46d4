"""What the readers of docker's two kinds of build output have in common."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator

from msgspec import Struct

from rootless_build.backend import (
    LONGEST_LINE,
    BuildImage,
    FailedInstruction,
    ImageBuildError,
    ImageNotFoundError,
    StepReporter,
    Stream,
)

_KEPT_LINES = 20
_KEPT_BYTES = 1000
_EXIT_STATUS = re.compile(r"(?:returned a non-zero|exit) code: (\d+)")
_NOT_PULLED = re.compile(
    r"pull access denied|failed to resolve source metadata|failed to do request|manifest unknown"
    r"|load metadata|(?:^|: )Get \"https?:|unauthorized",
    re.MULTILINE,
)
_FRAME = re.compile(r"-{4,}| > .*:|\S+:\d+| *\d+ \|.*")
_MISSING = re.compile(
    r"failed to resolve source metadata for (\S+): |^ > \[internal\] load metadata for (\S+):\s*$"
    r"|^ > FROM (\S+):\s*$|invalid from flag value (\S+): ",
    re.MULTILINE,
)
"""How the clients 20.10 and 29 with BuildKit, and the classic builder for COPY --from, name an
image that they could not pull."""


class Instruction(Struct, frozen=True):
    """Instruction `number` of `of`, counted within `stage` where the builder says one."""

    number: int
    of: int
    text: str
    stage: str | None = None

    @property
    def place(self) -> str:
        """Where the instruction is in its build, as docker counts."""
        stage = f" of stage {self.stage}" if self.stage else ""
        return f"step {self.number}/{self.of}{stage}"


class BuildLog(ABC):
    """Turns the raw output of a build into progress and output lines for a reporter.

    Feed it with `feed` (an `OnOutput` of `programs.stream`), then call `finish`.
    """

    def __init__(self, reporter: StepReporter) -> None:
        self._reporter = reporter
        self._pending: dict[Stream, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._in_line: dict[Stream, bool] = {"stdout": False, "stderr": False}
        self._tail: deque[bytes] = deque(maxlen=_KEPT_LINES)
        self._engine_words: deque[bytes] = deque(maxlen=_KEPT_LINES)
        self._failing: Instruction | None = None

    def feed(self, data: bytes, stream: Stream) -> None:
        """Take raw bytes, however they were cut."""
        pending = self._pending[stream]
        pending += data
        start = 0
        while (end := pending.find(b"\n", start)) >= 0:
            self._piece(bytes(pending[start : end + 1]), stream)
            start = end + 1
        del pending[:start]
        if len(pending) >= LONGEST_LINE:
            self._piece(bytes(pending), stream)
            pending.clear()

    def finish(self, *, succeeded: bool) -> None:
        """The build has ended: hand on what was held back, and close the last instruction."""
        for stream, pending in self._pending.items():
            if pending:
                self._piece(bytes(pending), stream)
                pending.clear()
        if succeeded:
            self._reporter.instruction_done()
            for line in self._engine_words:
                self._reporter.output(line, "stderr")
        self._reporter.flush()

    def failure(self, step: BuildImage, status: int) -> ImageBuildError | ImageNotFoundError:
        """The error for a build that ended with `status`, naming the instruction it ended at."""
        said = b"".join(self._engine_words).decode(errors="replace")
        own = b"".join(self._tail).decode(errors="replace")
        failing = self._failing
        if missing := _missing(said, failing):
            message = f"the image {missing} is not in storage and could not be pulled"
            return ImageNotFoundError(message, reference=missing, engine_words=own + said)
        if failing is None:
            name = step.tags[0] if step.tags else str(step.context)
            return ImageBuildError(f"the image {name} could not be built", engine_words=own + said)
        ended = _EXIT_STATUS.search(said)
        failed = FailedInstruction(
            failing.text,
            failing.place,
            int(ended[1]) if ended else None,
            f": docker was ended by signal {-status}" if status < 0 else "",
        )
        last_words = own if ended else own + "".join(_without_frame(said))
        return ImageBuildError(failed, engine_words=own + said, last_words=last_words)

    def _piece(self, data: bytes, stream: Stream) -> None:
        if self._in_line[stream]:
            self._rest(data, stream)
        else:
            self._line(data, stream)
        self._in_line[stream] = not data.endswith(b"\n")

    @abstractmethod
    def _line(self, line: bytes, stream: Stream) -> None:
        """One line, its newline included if it had one; of a very long one, the beginning."""

    @abstractmethod
    def _rest(self, data: bytes, stream: Stream) -> None:
        """More of a very long line."""

    def _begin(self, instruction: Instruction) -> None:
        self._failing = instruction
        self._tail.clear()
        self._reporter.instruction(
            instruction.number, instruction.of, instruction.text, stage=instruction.stage
        )

    def _output(self, data: bytes, stream: Stream) -> None:
        if data:
            self._tail.append(data[-_KEPT_BYTES:])
            self._reporter.output(data, stream)

    def _hold(self, line: bytes) -> None:
        """Words of the engine itself: part of the error, or output at the end of a good build."""
        self._engine_words.append(line[-_KEPT_BYTES:])


def _without_frame(said: str) -> Iterator[str]:
    """The lines that say what is wrong: BuildKit shows the instruction and its place too."""
    return (line for line in said.splitlines(keepends=True) if not _FRAME.fullmatch(line.rstrip()))


def _missing(said: str, failing: Instruction | None) -> str | None:
    """The image that could not be pulled, if that is what docker's words are about."""
    if not _NOT_PULLED.search(said):
        return None
    if match := _MISSING.search(said):
        return str(next(filter(None, match.groups())))
    words = [word for word in failing.text.split() if word[:2] != "--"] if failing else []
    return words[1] if len(words) > 1 and words[0].upper() == "FROM" else None

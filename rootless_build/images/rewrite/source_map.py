"""Progress and errors of a build in the words of the containerfile that was rewritten."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from rootless_build.backend.api import LABEL_IMAGE
from rootless_build.images.containerfile.parser import logical_words
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.rewrite.parts import Line, Rewritten
from rootless_build.images.rewrite.state import abbreviate
from rootless_build.model.errors import ImageBuildError
from rootless_build.model.events import ForwardingReporter, StepReporter, Stream
from rootless_build.model.structs import replace

_ERROR_END: Final = b'": '
"""How an engine goes on after the text of an instruction in its error."""


class _Current(Struct):
    """The instruction the engine is at: its text as the engine has it, and where it is from."""

    text: str
    line: Line
    echo: dict[Stream, bytes] = {}


class OriginalReporter(ForwardingReporter):
    """Hands on to another reporter what an engine says of the rewritten file.

    `classic`: docker's classic builder counts no stages. `renames` is false
    for a file that was not rewritten: only its errors get line numbers. `target` is the stage that
    is built.
    """

    def __init__(
        self,
        inner: StepReporter,
        made: Rewritten,
        name: str,
        *,
        classic: bool,
        renames: bool = True,
        target: str | None = None,
    ) -> None:
        super().__init__(inner)
        self._name = name
        self._classic = classic
        self._renames = renames
        self._target = (target or "").lower()
        self._flat = tuple(line for stage in made.stages for line in stage)
        self._stages = made.stages
        self._counts = _Counts(made)
        self._current: _Current | None = None
        self._begun: list[_Current] = []
        self._last: Instruction | None = None

    def instruction(
        self, number: int, of: int, instruction: str, *, stage: str | None = None
    ) -> None:
        """An instruction of the file the user knows; what was added for it is not shown."""
        lines = self._lines(stage)
        line = lines[number - 1] if number <= len(lines) else None
        self._inner.instruction_done()
        if line is None:
            # The label that rbuild gives, after the last instruction.
            self._current = None
            if not self._renames and LABEL_IMAGE not in instruction:
                self._inner.instruction(number, of, instruction, stage=stage)
            return
        self._current = _Current(instruction, line, _echo(line.now, instruction))
        self._begun.append(self._current)
        if not self._renames:
            if line.origin is not None and line.origin.keyword == "FROM":
                # Engines put the id of a stage, or the stand-in's name, in the place of the name.
                instruction = abbreviate(line.origin)
            begin = lines[0].origin
            if begin is not None and len(self._stages) > 1 and not self._classic:
                stage = _stage_name(begin, self._index(stage))
            # Engines count the label.
            self._inner.instruction(number, min(of, len(lines)), instruction, stage=stage)
            return
        if line.origin is None or line.origin is self._last:
            return
        self._last = line.origin
        here, total, place = self._counts.of(line.origin)
        self._inner.instruction(here, total, abbreviate(line.origin), stage=place)

    def output(self, data: bytes, stream: Stream = "stdout") -> None:
        """Output, without the rest of an instruction that has several lines."""
        current = self._current if self._renames else None
        expected = current.echo.get(stream, b"") if current else b""
        if current is not None and expected:
            if expected.startswith(data):
                current.echo[stream] = expected[len(data) :]
                return
            current.echo[stream] = b""
            if data.startswith(expected) and stream == "stdout":
                data = data[len(expected) :]
            elif stream == "stderr" and expected == _ERROR_END and data.startswith(expected):
                return
            elif stream == "stderr":
                current.echo[stream] = expected
        self._inner.output(data, stream)

    def translate(self, error: ImageBuildError) -> None:
        """Put the original instruction, and its line, into an error's message and words."""
        failed = error.failed
        # Stages are mixed when one waits for another: the latest is not always the one.
        named = (each for each in reversed(self._begun) if failed and each.text == failed.text)
        current = next(named, self._current)
        if current is None:
            return
        origin = current.line.origin
        text = abbreviate(origin) if origin else "a step that rbuild added"
        if failed is not None:
            place = f"{self._name}:{origin.line}" if origin else failed.place
            error.at(replace(failed, text=text, place=place))
        message = _message(current.line.now)
        for known in (message, current.line.now.text, current.text):
            error.engine_words = error.engine_words.replace(known, text)
            error.last_words = error.last_words and error.last_words.replace(known, text)

    def _lines(self, stage: str | None) -> tuple[Line, ...]:
        """The lines that an engine counts together; none where it can't be told."""
        if self._classic:
            return self._flat
        index = self._index(stage)
        return self._stages[index] if 0 <= index < len(self._stages) else ()

    def _index(self, stage: str | None) -> int:
        """The place of the stage that an engine counts in, -1 where it can't be told: it names none
        where it builds only one.
        """
        if stage is not None:
            return int(stage.partition("/")[0]) - 1
        if len(self._stages) == 1:
            return 0
        begins = [lines[0].origin for lines in self._stages]
        names = [_stage_name(begin, n) if begin else "" for n, begin in enumerate(begins)]
        return names.index(self._target) if self._target in names else -1


class _Counts:
    """Which of how many instructions, and of which stage, the original's are."""

    def __init__(self, made: Rewritten) -> None:
        stages = [
            [line.origin for line in stage if line.origin is not None]
            for stage in made.stages
            if stage[0].origin is not None
        ]
        self._places: dict[int, tuple[int, int, str | None]] = {}
        for index, origins in enumerate(stages):
            unique = list(dict.fromkeys(map(id, origins)))
            place = _stage_name(origins[0], index) if len(stages) > 1 else None
            for number, origin in enumerate(unique, 1):
                self._places[origin] = (number, len(unique), place)

    def of(self, origin: Instruction) -> tuple[int, int, str | None]:
        return self._places[id(origin)]


def _stage_name(begin: Instruction, index: int) -> str:
    """A stage as BuildKit shows it: the name that its FROM gives it, else its place in the file."""
    words = begin.body.split()
    return words[-1].lower() if len(words) > 2 and words[-2].upper() == "AS" else f"stage-{index}"


def _message(instruction: Instruction) -> str:
    """An instruction as buildah prints it: its words with a space between them."""
    words = instruction.json
    if words is None:
        body = instruction.body
        words = (body,) if instruction.keyword == "RUN" else logical_words(body)
    return " ".join([instruction.keyword, *map(str, instruction.flags), *words])


def _echo(instruction: Instruction, text: str) -> dict[Stream, bytes]:
    """What follows the first line of an instruction with several, when it begins and fails."""
    first, newline, rest = _message(instruction).partition("\n")
    if not newline:
        return {}
    encoded = rest.encode(errors="surrogateescape")
    echo: dict[Stream, bytes] = {"stderr": encoded + _ERROR_END}
    if text == first:
        echo["stdout"] = encoded + b"\n"
    return echo

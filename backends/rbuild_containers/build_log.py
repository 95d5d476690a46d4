"""Reads what `podman build` and `buildah build` print, while they print it.

Both write the instructions to standard output: `[1/2] STEP 3/5: RUN …` (the stage only where
there are several), then what a RUN prints, then `--> Using cache ID` or `--> ID`, and at the end
`COMMIT NAME` and the image's id; an error goes to standard error (podman 4.3.1, buildah 1.28.2).
A stage that waits for another lets a third one go on, so that their instructions are mixed.
"""

from __future__ import annotations

import json
import re
from collections import deque

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

_STEP = re.compile(rb"(?:\[(\d+)/(\d+)\] )?STEP (\d+)/(\d+): ([^\r\n]*)")
_CACHED = re.compile(rb"--> Using cache ([0-9a-f]{64})\s*")
_COMMITTED = re.compile(rb"--> ([0-9a-f]{11,12})\s*$")
_COMMIT = re.compile(rb"(?:\[\d+/\d+\] )?COMMIT(?: \S+)?\s*")
# buildx hands it to every build, and BuildKit says nothing where no ARG declares it.
_UNUSED_EPOCH = rb"\[Warning\] one or more build args were not consumed: \[SOURCE_DATE_EPOCH\]"
_FINAL = re.compile(rb"(?:Successfully tagged \S+|([0-9a-f]{64})|" + _UNUSED_EPOCH + rb")\s*")
_NO_BASE = "creating build container: "
_MISSING = re.compile(
    r"creating build container: (?:"
    r"short-name \"([^\"]+)\" did not resolve|(\S+): image not known"
    r"|.*?(?:initializing|copy from) source docker://(\S+?): )"
    r"|from=([^,\s]+): no stage or image found"
)
"""An image that is nowhere: what FROM names, COPY --from, and RUN --mount=from=."""
_NOT_PULLED = re.compile(r"creating build container: .*(?:registry|manifest|unauthorized|denied)")
_NOT_STARTED = (b"error running container: ", b"process failed to start with error: ")
_ENGINE_ERROR = b"Error: building at STEP "
_EXIT_STATUS = re.compile(r"exit status (\d+)\s*$")
# docker says nothing of an ARG without a value, which is no mistake (buildah 1.28.2).
_ARGUMENT_WITHOUT_VALUE = re.compile(
    rb'time="[^"]*" level=warning msg="missing \\"[^"\\]*\\" build argument\. Try adding '
)
_LAYOUT = "dir:"
_TAKING = re.compile(
    rb"(?:Getting image source signatures|Copying (?:blob|config) (?:sha256:)?[0-9a-f]{12,64}.*"
    rb"|Writing manifest to image destination|Storing signatures)\s*"
)
"""What the engines say of an image that they take from a directory; the last two end it."""
_TAKEN = (b"Writing manifest", b"Storing signatures")
_KEPT_LINES = 20
_KEPT_BYTES = 1000


class _Instruction(Struct, frozen=True):
    stage: int
    stages: int
    number: int
    of: int
    text: str

    @property
    def base(self) -> str:
        """The image of a FROM, empty for anything else."""
        words = [word for word in self.text.split() if not word.startswith("--")]
        return words[1] if len(words) > 1 and words[0].upper() == "FROM" else ""

    def is_named_by(self, text: str) -> bool:
        """Whether the text of an error begins with it: there the words of an exec form stand as
        they are, without quotes (podman 4.3.1, buildah 1.28.2).
        """
        flags, _, words = self.text.partition(" [")
        try:
            command = " ".join(json.loads(f"[{words}"))
        except (ValueError, TypeError, RecursionError):
            return text.startswith(self.text)
        return text.startswith(f"{flags} {command}".partition("\n")[0])

    def follows(self, before: _Instruction | None) -> bool:
        """Whether it is its stage's next instruction: stages may be skipped, instructions not.

        What an image wants to be done in each build on it is counted once FROM is done.
        """
        if before is None:
            return self.number == 1
        counted = self.of == before.of or (before.number == 1 and self.of > before.of)
        return counted and (self.stages, self.number) == (before.stages, before.number + 1)


class BuildLog:
    """Turns the raw output of a build into progress and output lines for a reporter.

    Feed it with `feed` (an `OnOutput` of `programs.stream`), then call `finish`.
    A RUN that prints a line in the engine's own words is recognised by its wrong count in all
    but contrived cases.
    """

    def __init__(self, reporter: StepReporter) -> None:
        self._reporter = reporter
        self._pending: dict[Stream, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._in_pieces: set[Stream] = set()
        """Streams of whose current line a part was handed on."""
        self._current: _Instruction | None = None
        self._stages: dict[int, list[_Instruction]] = {}
        self._open = False
        self._taken = 0
        self._tail: deque[bytes] = deque(maxlen=_KEPT_LINES)
        self.result = ""
        """The id of the image, once the build has told it."""

    @property
    def before_instructions(self) -> bool:
        """Whether the build is still looking for its base image."""
        return self._current is None or (self._current.number == 1 and self._open)

    def feed(self, data: bytes, stream: Stream) -> None:
        """Take raw bytes, however they were cut."""
        pending = self._pending[stream]
        pending += data
        start = 0
        while (end := pending.find(b"\n", start)) >= 0:
            self._line(bytes(pending[start : end + 1]), stream)
            start = end + 1
        del pending[:start]
        if start:
            self._in_pieces.discard(stream)
        if len(pending) >= LONGEST_LINE:
            self._output(bytes(pending), stream)
            pending.clear()
            self._in_pieces.add(stream)
        elif b"\r" in pending and stream not in self._in_pieces:
            # A program's: engines overwrite no line of theirs. The rest of one that came in pieces
            # may begin in the middle of a secret, of which nobody could know that.
            self._reporter.unfinished(bytes(pending))

    def finish(self, *, succeeded: bool) -> None:
        """The build has ended: hand on what had no newline, and close the last instruction."""
        for stream, pending in self._pending.items():
            if pending:
                self._line(bytes(pending), stream)
                pending.clear()
        if succeeded:
            self._close()
        self._reporter.flush()

    def failure(self, step: BuildImage, status: int) -> ImageBuildError | ImageNotFoundError:
        """The error for a build that ended with `status`, naming the instruction it ended at."""
        words = b"".join(self._tail).decode(errors="replace")
        name = step.tags[0] if step.tags else str(step.context)
        current = self._named(words) or self._current
        if reference := self._missing(words):
            message = f"the image {reference} is not in storage and could not be pulled"
            return ImageNotFoundError(message, reference=reference, engine_words=words)
        if current is None:
            return ImageBuildError(f"the image {name} could not be built", engine_words=words)
        stage = f" of stage {current.stage}/{current.stages}" if current.stages > 1 else ""
        # A command that could not be started has no status: that is the runtime's.
        started = not any(line.startswith(_NOT_STARTED) for line in self._tail)
        ended = _EXIT_STATUS.search(words) if started else None
        failed = FailedInstruction(
            current.text,
            f"STEP {current.number}/{current.of}{stage}",
            int(ended[1]) if ended else None,
            f": the engine was ended by signal {-status}" if status < 0 else "",
        )
        last_words = self._own_words() if ended else _without_instruction(words, current)
        return ImageBuildError(failed, engine_words=words, last_words=last_words)

    def _missing(self, words: str) -> str | None:
        """The image that could not be pulled, if that is what the engine's words are about."""
        if match := _MISSING.search(words):
            return str(next(filter(None, match.groups())))
        asked = self._current if _NOT_PULLED.search(words) else None
        return asked.base or None if asked else None

    def _own_words(self) -> str:
        """What the command itself wrote last: the engine's error follows it."""
        lines = list(self._tail)
        errors = [n for n, line in enumerate(lines) if line.startswith(_ENGINE_ERROR)]
        return b"".join(lines[: errors[-1]] if errors else lines).decode(errors="replace")

    def _named(self, words: str) -> _Instruction | None:
        """The instruction that the engine's own error names: not always the latest."""
        _, named, text = words.rpartition(_ENGINE_ERROR.decode())
        text = text.removeprefix('"')
        known = [each for done in self._stages.values() for each in reversed(done)]
        if not named and _NO_BASE in words:
            # It names the image alone.
            return next((each for each in known if each.base and each.base in words), None)
        return next((each for each in known if named and each.is_named_by(text)), None)

    def _line(self, line: bytes, stream: Stream) -> None:
        if stream == "stderr" and line.startswith(_ENGINE_ERROR):
            # Not the RUN's own words: they become part of the error.
            self._keep(line)
        elif stream == "stderr" and _ARGUMENT_WITHOUT_VALUE.match(line):
            pass
        elif not self._is_progress(line, stream):
            self._output(line, stream)

    def _is_progress(self, line: bytes, stream: Stream) -> bool:
        if stream == "stderr":
            return self._is_taking(line)
        # What a RUN printed last may lack a newline, and the engine's words follow it directly.
        match = _STEP.search(line)
        instruction = self._next(match) if match else None
        if match and instruction:
            self._output(line[: match.start()], stream)
            self._begin(instruction)
            return True
        return self._current is not None and self._is_end(line, self._current)

    def _is_taking(self, line: bytes) -> bool:
        """Whether it is about the image in a directory that FROM names. The line of that FROM may
        be read later: it is in the other stream.
        """
        first = next(iter(self._stages.values()), None)
        from_layout = first is None or first[0].base.startswith(_LAYOUT)
        if not (from_layout and _TAKING.fullmatch(line)):
            return False
        # What a RUN says of other images comes later in this stream.
        known = line.startswith(_TAKEN[self._taken :])
        self._taken += known
        return known or not self._taken

    def _is_end(self, line: bytes, current: _Instruction) -> bool:
        last = current.number == current.of
        if match := _COMMITTED.search(line):
            self._output(line[: match.start()], "stdout")
            self._reporter.image(match[1].decode())
            self._close()
        elif match := _CACHED.fullmatch(line):
            self._reporter.image(match[1].decode())
            self._close(cached=True)
        elif last and _COMMIT.fullmatch(line):
            self._close()
        elif last and not self._open and (match := _FINAL.fullmatch(line)):
            self.result = match[1].decode() if match[1] else self.result
        else:
            return False
        return True

    def _begin(self, instruction: _Instruction) -> None:
        self._close()
        self._tail.clear()
        self._current, self._open = instruction, True
        self._stages.setdefault(instruction.stage, []).append(instruction)
        stage = f"{instruction.stage}/{instruction.stages}" if instruction.stages > 1 else None
        self._reporter.instruction(
            instruction.number, instruction.of, instruction.text, stage=stage
        )

    def _next(self, match: re.Match[bytes]) -> _Instruction | None:
        stage, stages, number, of, text = match.groups()
        found = _Instruction(
            int(stage or 1), int(stages or 1), int(number), int(of), text.decode(errors="replace")
        )
        if self._current is not None and found.stages != self._current.stages:
            return None
        before = self._stages.get(found.stage, [None])[-1]
        return found if found.follows(before) else None

    def _close(self, *, cached: bool = False) -> None:
        if self._open:
            self._open = False
            self._reporter.instruction_done(cached=cached)

    def _output(self, data: bytes, stream: Stream) -> None:
        if data:
            self._keep(data)
            self._reporter.output(data, stream)

    def _keep(self, line: bytes) -> None:
        # The engine's error begins with the instruction, which may be long, and is known by it.
        self._tail.append(line if line.startswith(_ENGINE_ERROR) else line[-_KEPT_BYTES:])


def _without_instruction(words: str, current: _Instruction) -> str | None:
    """The engine's words without the instruction, which is told anyway; None for others."""
    before, named, after = words.rpartition(f'{_ENGINE_ERROR.decode()}"{current.text}": ')
    return f"{before}{after}" if named else None

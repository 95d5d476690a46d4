"""Reads what docker's classic builder prints, while it prints it.

On standard output, from the daemon: `Step 2/6 : RUN …`, ` ---> Using cache` or
` ---> Running in ID`, what the RUN prints (its standard error between ESC[91m and ESC[0m),
`Removing intermediate container ID` (` ---> Removed …` from 26 on), ` ---> ID`; on standard error
the client's own words (docker 20.10.24, 26.1.5 and 28.2.2).
"""

from __future__ import annotations

import re

from rbuild_docker.build_log import BuildLog, Instruction
from rootless_build.backend import StepReporter, Stream

_STEP = re.compile(rb"Step (\d+)/(\d+) : ([^\r\n]*)\r?\n?$")
_CACHED = re.compile(rb" ---> Using cache\s*")
_RUNNING = re.compile(rb" ---> Running in [0-9a-f]{12}\s*")
_REMOVED = re.compile(rb"(?:Removing| ---> Removed) intermediate container [0-9a-f]{12}\n$")
_RESULT = re.compile(rb" ---> ([0-9a-f]{12})\s*")
# buildx hands it to every build, and BuildKit says nothing where no ARG declares it.
_UNUSED_EPOCH = rb"\[Warning\] One or more build-args \[SOURCE_DATE_EPOCH\] were not consumed"
_FINAL = re.compile(
    rb"(?:Successfully (?:built [0-9a-f]{12}|tagged \S+)|" + _UNUSED_EPOCH + rb")\s*"
)
_CONTEXT = re.compile(rb"Sending build context to Docker daemon.*", re.DOTALL)
_COLOUR = re.compile(rb"(\x1b\[91m|\x1b\[0m)")
_DEPRECATED = re.compile(rb"DEPRECATED: .*|            .*|\s*")


class ClassicLog(BuildLog):
    """See `BuildLog`. A RUN that prints a step's line is recognised by its wrong count."""

    def __init__(self, reporter: StepReporter) -> None:
        super().__init__(reporter)
        self._current: Instruction | None = None
        self._running = False
        self._cached = False
        self._source: Stream = "stdout"

    def _line(self, line: bytes, stream: Stream) -> None:
        if stream == "stderr":
            if not _DEPRECATED.fullmatch(line.rstrip(b"\r\n")):
                self._hold(line)
            return
        for piece in _COLOUR.split(line):
            if piece == b"\x1b[91m":
                self._source = "stderr"
            elif piece == b"\x1b[0m":
                self._source = "stdout"
            elif self._source == "stderr" or not self._is_progress(piece):
                self._output(piece, self._source)

    def _rest(self, data: bytes, stream: Stream) -> None:
        self._line(data, stream)

    def _is_progress(self, line: bytes) -> bool:
        match = _STEP.search(line)
        if match and (instruction := self._next(match)):
            # What a RUN printed last may lack a newline.
            self._output(line[: match.start()], "stdout")
            self._current, self._running, self._cached = instruction, False, False
            self._begin(instruction)
            return True
        if self._current is None:
            return _CONTEXT.fullmatch(line) is not None
        if self._running:
            if removed := _REMOVED.search(line):
                self._output(line[: removed.start()], "stdout")
                self._running = False
            return removed is not None
        if _RUNNING.fullmatch(line):
            self._running = True
        elif _CACHED.fullmatch(line):
            self._cached = True
        elif match := _RESULT.fullmatch(line):
            self._reporter.image(match[1].decode())
            self._reporter.instruction_done(cached=self._cached)
        else:
            return _FINAL.fullmatch(line) is not None
        return True

    def _next(self, match: re.Match[bytes]) -> Instruction | None:
        number, of, text = match.groups()
        found = Instruction(int(number), int(of), text.decode(errors="replace"))
        if self._current is None:
            return found if found.number == 1 else None
        follows = (found.number, found.of) == (self._current.number + 1, self._current.of)
        return found if follows else None

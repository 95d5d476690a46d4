"""Reads what BuildKit prints with `--progress=plain`, while it prints it.

All on standard error, each line with its vertex: `#7 [stage 2/4] RUN …`, `#7 0.123 output`,
`#7 CACHED`, `#7 DONE 0.3s`, `#7 ERROR: …`, `#7 ...` when another vertex has the word. Vertices
run side by side; an instruction counts as done when the next one begins. Without a vertex come
the words about a failure (the client of docker 20.10.24, BuildKit's progress/progressui).
"""

from __future__ import annotations

import re

from rbuild_docker.build_log import BuildLog, Instruction
from rootless_build.backend import StepReporter, Stream

_LINE = re.compile(rb"#(\d+) (.*)", re.DOTALL)
_HEADER = re.compile(rb"\[(?:(\S.*?) )? *(\d+)/(\d+)\] ([^\r\n]*)\s*")
_ADDED_DIGEST = re.compile(rb"^(FROM (?:--\S+ )*\S+:[\w.-]+)@sha256:[0-9a-f]{64}")
"""What BuildKit 0.26 adds to the image's name and tag."""
_DIGEST = re.compile(rb"sha256:[0-9a-f]{64}\s*")
_TIMED = re.compile(rb"\d+\.\d+ ")
_CACHED = re.compile(rb"CACHED\s*")


class BuildKitLog(BuildLog):
    """See `BuildLog`."""

    def __init__(self, reporter: StepReporter) -> None:
        super().__init__(reporter)
        self._steps: dict[bytes, Instruction] = {}
        self._current: bytes | None = None

    def _line(self, line: bytes, stream: Stream) -> None:
        match = _LINE.fullmatch(line) if stream == "stderr" else None
        if match is None:
            if stream == "stdout":
                self._output(line, stream)
            elif line.strip():
                self._hold(line)
            return
        vertex, text = match[1], match[2]
        header = _HEADER.fullmatch(text)
        if header:
            self._header(vertex, header)
        elif vertex in self._steps:
            self._step_line(vertex, text)
        elif text.startswith(b"ERROR: "):
            self._hold(text)

    def _rest(self, data: bytes, stream: Stream) -> None:
        # Only the beginning of a line has its vertex; all of it is on the stream of the progress.
        self._output(data, "stdout" if stream == "stderr" else stream)

    def _header(self, vertex: bytes, match: re.Match[bytes]) -> None:
        if vertex in self._steps:
            return
        stage, number, of, text = match.groups()
        text = _ADDED_DIGEST.sub(rb"\1", text)
        self._steps[vertex] = Instruction(
            int(number),
            int(of),
            text.decode(errors="replace"),
            stage.decode(errors="replace") if stage else None,
        )
        self._current = vertex
        self._begin(self._steps[vertex])

    def _step_line(self, vertex: bytes, text: bytes) -> None:
        # What a RUN printed last may lack a newline: `#4 0.042 text#4 DONE 0.0s`.
        ended = re.search(
            rb"(?:^|#%s )(CACHED|DONE \d+\.\d+s|CANCELED|ERROR: .*)\s*$" % vertex, text
        )
        if ended:
            self._vertex_output(text[: ended.start()])
            if ended[1].startswith(b"ERROR: "):
                self._failing = self._steps[vertex]
            elif vertex == self._current:
                self._current = None
                self._reporter.instruction_done(cached=ended[1] == b"CACHED")
        else:
            self._vertex_output(text)

    def _vertex_output(self, text: bytes) -> None:
        if _DIGEST.fullmatch(text) or text.strip() == b"...":
            return
        timed = _TIMED.match(text)
        self._output(text[timed.end() :] if timed else text, "stdout")

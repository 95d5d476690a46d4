"""Keeps what the docker client itself says about a failed start apart from a container's output."""

from __future__ import annotations

import re
from typing import Final

from rootless_build.backend import StepReporter, Stream

_LOG_LINE: Final = b'time="'
_ERROR: Final = b"Error response from daemon: "
_OPENINGS: Final = (_LOG_LINE, _ERROR)
_WORDS: Final = re.compile(
    rb"(?:time=\"[^\"\n]*\" level=error msg=\"error waiting for container: [^\n]*\n)*"
    rb"(?:Error response from daemon: .*)?",
    re.DOTALL,
)
"""What clients 20.10 and 28 print when a container can't be started."""
_MOST: Final = 16 * 1024


class StartWords:
    """Hands a container's output on, but holds standard error back while it can still be the
    client's own words from its very beginning: `docker start` writes both to one stream.
    """

    def __init__(self, reporter: StepReporter) -> None:
        self._reporter = reporter
        self._held: bytearray | None = bytearray()

    def feed(self, data: bytes, stream: Stream) -> None:
        """Take raw output (an `OnOutput` of `programs.stream`)."""
        if self._held is not None:
            if stream == "stdout":
                # A container that could not be started has no output.
                self.release()
            else:
                self._held += data
                if not _possible(bytes(self._held)):
                    self.release()
                return
        self._reporter.output(data, stream)

    def release(self) -> None:
        """Hand on what was held back, for it was the container that wrote it."""
        held, self._held = self._held, None
        if held:
            self._reporter.output(bytes(held), "stderr")


def _possible(held: bytes) -> bool:
    """Whether `held` can be, or become, the client's own words."""
    if len(held) > _MOST:
        return False
    if any(opening.startswith(held) for opening in _OPENINGS):
        return True
    first, newline, _ = held.partition(b"\n")
    if not newline:
        return first.startswith(_OPENINGS)
    return _WORDS.fullmatch(held) is not None or (
        held.startswith(_LOG_LINE) and _WORDS.fullmatch(first + b"\n") is not None
    )

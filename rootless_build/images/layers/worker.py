"""The process that makes layers, as root of the engine's user namespace.

Each line of its input is a request, each line of its output the answer. It ends with its input,
and with its parent.
"""

from __future__ import annotations

import signal
import sys

from rootless_build.images.layers.maker import answer
from rootless_build.images.layers.overlay import Overlays
from rootless_build.images.layers.request import answer_line, read_request
from rootless_build.process.sandbox import kernel


def main() -> None:
    """Answer requests until there are no more."""
    kernel.die_with_parent(signal.SIGKILL)
    overlays = Overlays()
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(answer_line(answer(read_request(line), overlays)))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()

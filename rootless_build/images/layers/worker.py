"""The process that makes layers, as root of the engine's user namespace.

Each line of its input is a request, each line of its output the answer. It ends with its input,
also while it is at work: nobody wants the answer any more.
"""

from __future__ import annotations

import os
import select
import sys
from threading import Thread
from typing import Final

from rootless_build.images.layers.image_layers import ImageLayers
from rootless_build.images.layers.maker import answer
from rootless_build.images.layers.request import answer_line, read_request
from rootless_build.process import namespaces

_INPUT: Final = 0


def main() -> None:
    """Answer requests until there are no more.

    The arguments are a directory, a mount program, a process in the namespace, and the command that
    runs another program in the namespace; each may be empty.
    """
    _, _, mount_program, process, *command = sys.argv
    if process:
        _enter(int(process), command)
    Thread(target=_end_with_input, daemon=True).start()
    opened = ImageLayers(mount_program)
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(answer_line(answer(read_request(line), opened)))
        sys.stdout.buffer.flush()


def _enter(process: int, command: list[str]) -> None:
    """Enter the namespace of a process, or begin again by the command: that takes 0.03 s more."""
    try:
        namespaces.enter(process)
    except OSError:
        own = sys.orig_argv[: -len(command) - 1]
        os.execvp(command[0], [*command, *own, ""])  # noqa: S606 - no shell is wanted


def _end_with_input() -> None:
    """End when nobody has the other end of the input any more, killed or not.

    A signal at the parent's end (prctl(2)) would come at the end of a thread of it, and the parent
    is an engine's program.
    """
    poll = select.poll()
    poll.register(_INPUT, 0)  # what is always told is that it hung up
    poll.poll()
    os._exit(1)


if __name__ == "__main__":
    main()

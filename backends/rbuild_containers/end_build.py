"""How to end a build so that nothing of it stays behind.

A signal to `podman build` or `buildah build` ends it at once: the command of its RUN runs on,
without a parent, and a working container stays in storage (podman 4.3.1, buildah 1.28.2). A signal
to the child that runs the RUN ends the command, the instruction fails, and the build cleans up.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections import defaultdict

from rbuild_containers.build_log import BuildLog
from rootless_build.backend import proc, programs

_RUNTIME_CHILD = b"buildah-"
"""How buildah's children name themselves: buildah-oci-runtime, buildah-chroot-runtime."""


def end_build(log: BuildLog) -> programs.AskToEnd:
    """How to ask the build that `log` reads to end (`ask_to_end` of `process.stream`)."""

    def ask(pid: int) -> None:
        if log.before_instructions:
            # It may wait for a registry, and has made nothing yet.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        else:
            _end_instruction(pid)

    return ask


def _end_instruction(pid: int) -> None:
    for child in _descendants(pid):
        with contextlib.suppress(OSError):
            if b"".join(proc.command_line(child)[:1]).startswith(_RUNTIME_CHILD):
                os.kill(child, signal.SIGTERM)
                return


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = defaultdict(list)
    for process in proc.processes():
        with contextlib.suppress(OSError):
            children[proc.stat(process).parent].append(process)
    found: list[int] = []
    generation = [pid]
    while generation:
        generation = [child for parent in generation for child in children[parent]]
        found += generation
    return found

"""`python -m tests.trust.attack_runner`: rbuild in one child after the other, each measured.

A line of JSON for each on standard input: its words, directory and environment; one on standard
output: how it ended, its CPU seconds, its greatest memory in MB, and what it said. All modules are
imported once; a child is a fork. It is ended by RLIMIT_CPU.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import IO

from rootless_build.cli import app

PRELOADED = (
    "rootless_build.cli.plan_preview",
    "rootless_build.cli.commands.plan",
    "rootless_build.recipes.make.recipe",
    "rootless_build.recipes.shell.docker_commands",
    "rootless_build.recipes.make.asked_images",
    "rootless_build.recipes.rbuild_toml",
    "rootless_build.recipes.bake.steps",
    "rootless_build.recipes.bake.files",
    "rootless_build.images.containerfile.parser",
    "rootless_build.images.rewrite.session",
    "rootless_build.runner.run",
    "rbuild_podman",
)
SECONDS = 4
"""Of CPU, after which a child is ended: tests allow less."""


def measured(work: Callable[[], int], directory: str, environment: Mapping[str, str]) -> object:
    """What became of the work, done in a child."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as out:
        child = os.fork()
        if not child:
            os._exit(_work(work, directory, environment, (out, said)))
        _, status, usage = os.wait4(child, 0)
        said.seek(0)
        out.seek(0)
        return {
            "status": os.waitstatus_to_exitcode(status),
            "cpu": usage.ru_utime + usage.ru_stime,
            "memory": usage.ru_maxrss / 1024,
            "said": said.read(20_000).decode(errors="replace"),
            "out": out.read(20_000).decode(errors="replace"),
        }


def _work(
    work: Callable[[], int],
    directory: str,
    environment: Mapping[str, str],
    streams: Sequence[IO[bytes]],
) -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    signal.alarm(60)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor, stream in enumerate((null, *(stream.fileno() for stream in streams))):
        os.dup2(stream, descriptor)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    try:
        status = work()
    except BaseException:
        traceback.print_exc()
        status = 70
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        status = status or 71
    return status


def main() -> None:
    for name in PRELOADED:
        __import__(name)
    gc.freeze()
    for line in sys.stdin:
        asked = json.loads(line)
        argv = ["rbuild", *asked["argv"]]
        done = measured(partial(app.run, argv), asked["directory"], asked["environment"])
        print(json.dumps(done), flush=True)


if __name__ == "__main__":
    main()

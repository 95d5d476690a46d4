"""A live run: a command at work, and docker done for it by this rbuild."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.files.private_directories import private_directory
from rootless_build.live import command, stand_in, stragglers
from rootless_build.live.command import Command
from rootless_build.live.server import Server, hearing
from rootless_build.live.surroundings import Surroundings
from rootless_build.model.events import (
    Emit,
    Level,
    Notice,
    StepFinished,
    StepReporter,
    StepStarted,
    Stopwatch,
    Stream,
)
from rootless_build.recipes.make.run import directory_for_programs

_SOCKET: Final = "docker-calls.sock"
_CHUNK: Final = 64 * 1024
_KIND: Final = "host-command"
_LOOK_AGAIN: Final = 0.1
"""Seconds after which it is looked again whether a shell has ended, or become another program."""


class Wanted(Struct, frozen=True):
    """What is to be at work: a command in a directory, in exactly this environment but for PATH.

    `captured`: what it writes becomes events; else it goes where rbuild's own output goes.
    """

    words: Sequence[str]
    directory: Path
    environment: Mapping[str, str]
    captured: bool = False


def run(wanted: Wanted, around: Surroundings, emit: Emit) -> int:
    """Have it at work until it has ended, and what it called docker for; its exit status."""
    title, watch = shlex.join(wanted.words), Stopwatch()
    emit(StepStarted(1, 1, _KIND, title))
    status = 1
    try:
        status = _serve(wanted, around, emit)
    finally:
        emit(StepFinished(1, 1, _KIND, status, watch.seconds))
    return status


def _serve(wanted: Wanted, around: Surroundings, emit: Emit) -> int:
    settings = around.choice.settings
    socket = settings.runtime_directory / _SOCKET
    with private_directory(directory_for_programs()) as place, ExitStack() as stack:
        directory = place / "bin"
        directory.mkdir()
        stand_in.install(directory, socket)
        stand_in.install_engines(directory, dict(settings.environment))
        path = wanted.environment.get("PATH", os.defpath)
        environment = {**wanted.environment, "PATH": f"{directory}:{path}"}
        server = Server(socket, around, hearing(emit))
        stack.callback(server.end)
        outputs = _Outputs(server, emit) if wanted.captured else None
        running = stack.enter_context(
            command.started(
                wanted.words,
                environment,
                wanted.directory,
                outputs.writers if outputs else None,
            )
        )
        if outputs:
            outputs.begin()
        # The command is at work meanwhile.
        around.prepare()
        return _attend(running, server, directory, emit)


def _attend(running: Command, server: Server, stand_ins: Path, emit: Emit) -> int:
    """Serve until the command has ended, and all that goes on for it."""
    ended: list[int] = []

    def note_end() -> None:
        server.unwatch(running.ended)
        ended.append(running.status())

    server.watch(running.ended, note_end)
    while not ended:
        server.wait()
    told = False
    while server.is_busy or (callers := stragglers.may_call(running.keeper, stand_ins)):
        if server.is_busy:
            server.wait()
            continue
        if not told:
            told = True
            text = f"the command has ended; waiting for what may call docker yet: {callers[0]}"
            emit(Notice(Level.INFO, "left-running", text))
        server.wait(_LOOK_AGAIN)
    return ended[0]


class _Outputs:
    """What the command itself writes, as the output of the first step."""

    def __init__(self, server: Server, emit: Emit) -> None:
        self._server = server
        self._reporter = StepReporter(emit, 1)
        self._readers, self.writers = zip(os.pipe(), os.pipe(), strict=True)

    def begin(self) -> None:
        """Read it, now that the command has the other ends."""
        for writer in self.writers:
            os.close(writer)
        for reader, stream in zip(self._readers, ("stdout", "stderr"), strict=True):
            self._watch(reader, "stdout" if stream == "stdout" else "stderr")

    def _watch(self, reader: int, stream: Stream) -> None:
        def read() -> None:
            data = os.read(reader, _CHUNK)
            if data:
                self._reporter.output(data, stream)
                return
            self._reporter.flush()
            self._server.unwatch(reader)
            os.close(reader)

        self._server.watch(reader, read)

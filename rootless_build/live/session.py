"""A live run: a command at work, and docker done for it by this rbuild."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.files.private_directories import private_directory
from rootless_build.live import command, endpoints, stand_in, stragglers
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
from rootless_build.model.secret_names import without_values
from rootless_build.process import programs
from rootless_build.recipes.make.run import directory_for_programs

_SOCKET: Final = "docker-calls.sock"
_NO_DAEMON: Final = "docker-api.sock"
_CHUNK: Final = 64 * 1024
_KIND: Final = "host-command"
_SOON: Final = 2.0
"""Seconds for which nobody wonders what is waited for."""
_PATIENCE: Final = 5.0
"""Seconds without a call for which a shell is waited for whose output goes elsewhere, and a
container whose output nobody reads any more.
"""
_LONGEST: Final = 30.0
"""Seconds without a call for which any shell is waited for: it may be a service."""
_LOOK_AGAIN: Final = 0.1
"""Seconds after which it is looked again whether a shell has ended, or become another program."""


class Wanted(Struct, frozen=True):
    """What is to be at work: a command in a directory, in exactly this environment but for PATH.

    `captured` is who gets what it writes, which else goes where rbuild's own output goes; `reads`:
    it has rbuild's standard input. `daemon` is the socket that stands for docker's, where the user
    has named one.
    """

    words: Sequence[str]
    directory: Path
    environment: Mapping[str, str]
    captured: StepReporter | None = None
    reads: bool = True
    daemon: Path | None = None


def run(wanted: Wanted, around: Surroundings, emit: Emit) -> int:
    """Have it at work until it has ended, and what it called docker for, as the first step of a run
    and those that follow; its exit status, -N after signal N.
    """
    title, watch = shlex.join(without_values(wanted.words)), Stopwatch()
    settings = around.choice.settings
    emit(StepStarted(1, 0, _KIND, title, terminal=wanted.captured is None))
    status = 1
    try:
        path = wanted.environment.get("PATH", os.defpath)
        with stand_ins(path, settings.runtime_directory / _SOCKET) as places:
            stand_in.install_engines(places.directory, dict(settings.environment))
            server = Server(places.socket, lambda: around, hearing(emit, 1))
            status = serve(wanted, places, server, emit, around.prepare)
    finally:
        emit(StepFinished(1, 0, _KIND, command.as_shells(status), watch.seconds))
    return status


class Places(Struct, frozen=True):
    """The directory that is first on PATH, and the socket by which what is in it calls."""

    directory: Path
    socket: Path


@contextmanager
def stand_ins(path: str, socket: Path | None = None) -> Iterator[Places]:
    """The stand-ins for docker, before what is on `path`; `socket` None is one beside them."""
    with private_directory(directory_for_programs()) as place:
        places = Places(place / "bin", socket or place / _SOCKET)
        places.directory.mkdir()
        stand_in.install(places.directory, places.socket, path)
        yield places


def serve(
    wanted: Wanted,
    places: Places,
    server: Server,
    emit: Emit,
    prepare: Callable[[], None] = lambda: None,
) -> int:
    """Have a command at work, and be docker for it; its exit status, -N after signal N."""
    path = wanted.environment.get("PATH", os.defpath)
    environment = {**wanted.environment, "PATH": f"{places.directory}:{path}"}
    no_daemon = None
    if wanted.daemon is not None:
        environment[endpoints.HOST] = f"unix://{wanted.daemon}"
    elif not environment.get(endpoints.HOST):
        # What the user has there is for programs of his own.
        no_daemon = places.socket.with_name(_NO_DAEMON)
        environment[endpoints.HOST] = f"unix://{no_daemon}"
    with ExitStack() as stack:
        stack.callback(server.end)
        server.begin(environment, no_daemon)
        outputs = _Outputs(server, wanted.captured) if wanted.captured else None
        running = stack.enter_context(
            command.started(
                wanted.words,
                programs.exactly(environment),
                wanted.directory,
                outputs.writers if outputs else None,
                reads=wanted.reads,
            )
        )
        if outputs:
            outputs.begin()
        # The command is at work meanwhile.
        prepare()
        status = _attend(running, server, places.directory, emit)
        if outputs:
            outputs.end()
        return status


def _attend(running: Command, server: Server, stand_ins: Path, emit: Emit) -> int:
    """Serve until the command has ended, and all that goes on for it."""
    ended: list[int] = []

    def note_end() -> None:
        ended.append(running.status())

    server.watch(running.ended, note_end)
    server.keep(running.descriptors)
    try:
        try:
            while not ended:
                server.wait()
        finally:
            # It is closed before the server has ended.
            server.unwatch(running.ended)
        _wait_for_the_rest(running, server, stand_ins, emit)
    except BaseException:
        # Its calls end with it, and a shell's trap may call docker yet.
        running.end(all_of_it=True, meanwhile=server.wait)
        raise
    return ended[0]


def _wait_for_the_rest(running: Command, server: Server, stand_ins: Path, emit: Emit) -> None:
    """Serve what goes on when the command has ended, but for what looks on alone; name what is
    left to itself.
    """
    watch, told = Stopwatch(), False
    quiet: Stopwatch | None = None
    while True:
        server.leave_who_looks_on()
        calls, unread = server.lines, server.unread
        left = stragglers.look(running.keeper, stand_ins)
        if calls or quiet is None:
            # A look may take long.
            quiet = Stopwatch()
        if unread and quiet.seconds > _PATIENCE:
            server.leave_unread()
        shells = _waited_for(left, quiet.seconds)
        if not (calls or shells or unread):
            break
        if not told and ((shells and not calls) or watch.seconds > _SOON):
            told = True
            what = next(iter((*calls, *unread)), "") or f"what may call docker yet: {shells[0]}"
            text = f"the command has ended; waiting for {what}"
            emit(Notice(Level.INFO, "left-running", text))
        server.wait(_LOOK_AGAIN)
    if stays := (*left.daemons, *left.quiet, *left.callers):
        text = f"left running, and docker is not there for it any more: {', '.join(stays)}"
        emit(Notice(Level.INFO, "left-running", text))


def _waited_for(left: stragglers.Left, quiet: float) -> tuple[str, ...]:
    """The shells that are waited for when nobody has called docker for so many seconds."""
    if quiet > _LONGEST:
        return ()
    return left.callers or (left.quiet if quiet < _PATIENCE else ())


class _Outputs:
    """What the command itself writes, as the output of a step."""

    def __init__(self, server: Server, reporter: StepReporter) -> None:
        self._server = server
        self._reporter = reporter
        self._open: dict[int, Callable[[], bool]] = {}
        self._readers, self.writers = zip(os.pipe(), os.pipe(), strict=True)

    def begin(self) -> None:
        """Read it, now that the command has the other ends."""
        for writer in self.writers:
            os.close(writer)
        for reader, stream in zip(self._readers, ("stdout", "stderr"), strict=True):
            self._watch(reader, "stdout" if stream == "stdout" else "stderr")

    def _watch(self, reader: int, stream: Stream) -> None:
        def read() -> bool:
            try:
                data = os.read(reader, _CHUNK)
            except BlockingIOError:
                return False
            if data:
                self._reporter.output(data, stream)
                return True
            self._server.unwatch(reader)
            del self._open[reader]
            os.close(reader)
            return False

        os.set_blocking(reader, False)
        self._open[reader] = read
        self._server.watch(reader, read)

    def end(self) -> None:
        """Read what is there; what still runs may have the other ends."""
        for reader, read in tuple(self._open.items()):
            while read():
                pass
            if reader in self._open:
                self._server.unwatch(reader)
                os.close(reader)
        self._reporter.flush()

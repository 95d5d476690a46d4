"""Serves the calls of the stand-in for docker, each in a process of its own, until the command has
ended and nothing that it called for goes on.

One thread waits for everything: callers, workers, the command. It never writes what could wait for
somebody.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import selectors
import signal
import socket
import struct
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final

from rootless_build.live import calls, endpoints, sudo, told, worker
from rootless_build.live.calls import Call, MalformedCallError
from rootless_build.live.dispatch import Answer, looks_on, refusal, who_does, without_password
from rootless_build.live.streams import READER_GONE
from rootless_build.live.sudo import Meant
from rootless_build.live.surroundings import Surroundings
from rootless_build.model import events
from rootless_build.model.errors import RbuildError
from rootless_build.model.events import (
    Emit,
    Event,
    Level,
    Notice,
    StepFinished,
    StepStarted,
    Stopwatch,
)

_WAITING: Final = 256
_CHUNK: Final = 64 * 1024
_FEW: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""What the kernel says where there can be no more callers yet."""
_UNDONE: Final = Answer(err=b"docker: rbuild can't start more at once\n", status=125)
_CREDENTIALS: Final = struct.Struct("3i")
_CLOSED: Final = signal.SIGINT
"""What ends the work of a caller that is gone."""
_SIGNALS: Final = frozenset(
    {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2}
    | {signal.SIGCONT, signal.SIGWINCH}
)

Hear = Callable[[int, Event], None]
"""Gets the number of a call, from 1, and what happened in it."""


def _sees_the_same_files(process: int) -> bool:
    """Whether a caller is in rbuild's own mount namespace. A container is not, which may have the
    socket in what is mounted into it (`-v /tmp:/tmp`), and whose root is this user to the kernel.
    """
    try:
        return Path(f"/proc/{process}/ns/mnt").samefile("/proc/self/ns/mnt")
    except OSError:
        return False


class Server:
    """Serves one run. `hear` gets what is told of the calls."""

    def __init__(self, place: Path, around: Callable[[], Surroundings], hear: Hear) -> None:
        """`around` is asked for at the first call that is not answered at once."""
        self.selector = selectors.DefaultSelector()
        self._around = around
        self._hear = hear
        self._callers: set[Caller] = set()
        self._served = 0
        self._remarks: set[str] = set()
        self._own: set[int] = set()
        self._began: Mapping[str, str] = {}
        self._no_daemon: endpoints.NoDaemon | None = None
        # Each has up to six descriptors here.
        self._most = max(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 8)
        self._takes_more = True
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(place))
        self._socket.listen(_WAITING)
        self._socket.setblocking(False)
        self._add(self._socket.fileno(), self._accept)

    @property
    def lines(self) -> tuple[str, ...]:
        """What was called for and goes on, as a person would type it."""
        return tuple(caller.line for caller in self._callers if not caller.unread)

    @property
    def unread(self) -> tuple[str, ...]:
        """What goes on besides although its caller has ended, for he read no more of it."""
        return tuple(caller.line for caller in self._callers if caller.unread)

    def leave_unread(self) -> None:
        """End those."""
        for caller in tuple(self._callers):
            if caller.unread:
                caller.leave()

    def leave_who_looks_on(self) -> None:
        """End the calls that do nothing, and may never end by themselves."""
        for caller in tuple(self._callers):
            if caller.looks_on:
                caller.leave()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until something happens, at most so long, and act on it."""
        for key, _ in self.selector.select(seconds):
            # One that was before it may have ended it.
            if self.selector.get_map().get(key.fd) is key:
                act: Callable[[], object] = key.data
                act()

    def watch(self, descriptor: int, act: Callable[[], object]) -> None:
        """Have something done when a descriptor can be read."""
        self._add(descriptor, act)

    def keep(self, descriptors: Collection[int]) -> None:
        """Keep descriptors from the workers: who has the other ends would wait for those too."""
        self._own = set(descriptors)

    def begin(self, environment: Mapping[str, str], no_daemon: Path | None) -> None:
        """Know the variables that the command is started with; at `no_daemon`, a socket, whoever
        speaks docker's API himself is told that he can't.
        """
        self._began = environment
        if no_daemon is not None:
            self._no_daemon = endpoints.NoDaemon(no_daemon, self)

    def unwatch(self, descriptor: int) -> None:
        """Have nothing more done."""
        self.selector.unregister(descriptor)

    def end(self) -> None:
        """End what goes on, and wait for that; no one is served any more."""
        if self._takes_more:
            self.selector.unregister(self._socket)
        # None is taken any more.
        self._takes_more = True
        self._socket.close()
        for caller in tuple(self._callers):
            caller.leave()
        while self._callers:
            self.wait()
        if self._no_daemon is not None:
            self._no_daemon.end()
        self.selector.close()

    def _add(self, descriptor: int, act: Callable[[], object]) -> None:
        self.selector.register(descriptor, selectors.EVENT_READ, act)

    def _accept(self) -> None:
        try:
            peer, _ = self._socket.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError as error:
            if error.errno not in _FEW:
                raise
            self._wait_for_room()
            return
        size = _CREDENTIALS.size
        process, uid, _ = _CREDENTIALS.unpack(
            peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        )
        if uid != os.geteuid() or not _sees_the_same_files(process):
            peer.close()
            return
        self._callers.add(Caller(self, peer, process))
        if len(self._callers) >= self._most:
            self._wait_for_room()

    def _wait_for_room(self) -> None:
        """Have callers wait until one that is served has gone."""
        if self._callers and self._takes_more:
            self._takes_more = False
            self.selector.unregister(self._socket)

    def meant(self, number: int, call: Call) -> Meant | None:
        """What a call of sudo is; None for one of docker's. What is to be said of it is told."""
        if call.program.rpartition("/")[2] != sudo.NAME:
            return None
        meant = sudo.meant(call)
        if meant.refused:
            self._hear(number, Notice(Level.WARNING, "call-refused", meant.refused))
        elif meant.remark and meant.remark not in self._remarks:
            self._remarks.add(meant.remark)
            self._hear(number, Notice(Level.WARNING, "call-missed", meant.remark))
        return meant

    def take(
        self, caller: Caller, call: Call, *, has_password: bool = False
    ) -> Answer | tuple[int, int]:
        """Have a call done: the answer, or the worker and the pipe that tells of it. With
        `has_password` the first line of its input is none of docker's.
        """
        other = endpoints.elsewhere(call.environment, self._began)
        if other:
            return Answer(err=f"docker: {other}\n".encode(errors="surrogateescape"), status=1)
        do = who_does(call)
        if isinstance(do, Answer):
            return do
        if has_password:
            do = without_password(do)
        try:
            around = self._around()
        except RbuildError as error:
            return refusal(error, call.words)
        try:
            tells, pipe = os.pipe()
        except OSError:
            return _UNDONE
        try:
            streams = tuple(caller.streams)
            pid = worker.fork(
                worker.Job(do, call, streams, pipe, around), lambda: self._forget(streams, tells)
            )
        except OSError:
            os.close(tells)
            return _UNDONE
        except BaseException:
            os.close(tells)
            raise
        finally:
            os.close(pipe)
        return pid, tells

    def number(self) -> int:
        """The number of the next call."""
        self._served += 1
        return self._served

    def hear(self, number: int, event: Event) -> None:
        """Hand on what happened in a call."""
        self._hear(number, event)

    def forget(self, caller: Caller) -> None:
        """A caller is served."""
        self._callers.discard(caller)
        if not self._takes_more:
            self._takes_more = True
            self._add(self._socket.fileno(), self._accept)

    def _forget(self, streams: Collection[int], tells: int) -> None:
        """Close, in a worker, what is the run's alone, and other callers' `streams`. With `tells`
        it would wait for itself to read what it tells of, were the run gone.
        """
        self._socket.close()
        os.close(tells)
        for descriptor in self._own:
            os.close(descriptor)
        for descriptor in self._no_daemon.descriptors if self._no_daemon else ():
            os.close(descriptor)
        for caller in self._callers:
            caller.close_here(streams)
        self.selector.close()


class Caller:
    """One stand-in, from its call to its end."""

    def __init__(self, server: Server, peer: socket.socket, process: int) -> None:
        self._server = server
        self._peer = peer
        self._process = process
        self._data = bytearray()
        self._waiting = bytearray()
        self.streams: list[int] = []
        self.line, self.looks_on, self.unread = "docker", False, False
        self._is_left = False
        self._number = 0
        self._pid: int | None = None
        self._tells = self._ended = -1
        self._told = told.Reader()
        self._begun: tuple[StepStarted, Stopwatch] | None = None
        peer.setblocking(False)
        server.watch(peer.fileno(), self._read_call)

    # --- the call -------------------------------------------------------------------------------

    def _read_call(self) -> None:
        try:
            data, streams, flags, _ = socket.recv_fds(self._peer, _CHUNK, calls.STREAMS)
        except BlockingIOError:
            return
        except OSError:
            data, streams, flags = b"", [], 0
        self.streams += streams
        for stream in streams:
            os.set_inheritable(stream, False)
        if not data or flags & socket.MSG_CTRUNC or len(self.streams) > calls.STREAMS:
            self._close()
            return
        self._data += data
        try:
            size = calls.size_of(bytes(self._data[: calls.HEAD]), len(self._data))
            if size is None:
                return
            text = bytes(self._data[size[0] : size[1]])
            call = calls.read(text, self._process, len(self.streams))
        except MalformedCallError as error:
            self._answer(Answer(err=f"docker: {error}\n".encode(), status=125))
            return
        # What follows are signals.
        del self._data[: size[1]]
        self._number = self._server.number()
        meant = self._server.meant(self._number, call)
        if meant is not None:
            if meant.call is None:
                self._answer_sudo(meant)
                return
            call = meant.call
        self.line, self.looks_on = call.line, looks_on(call)
        self._server.unwatch(self._peer.fileno())
        taken = self._server.take(self, call, has_password=meant is not None and meant.password)
        if isinstance(taken, Answer):
            self._server.watch(self._peer.fileno(), self._read_signals)
            self._answer(taken)
            return
        self._pid, self._tells = taken
        self._ended = os.pidfd_open(self._pid)
        os.set_blocking(self._tells, False)
        self._close_streams()
        self._server.watch(self._peer.fileno(), self._read_signals)
        self._server.watch(self._tells, self._read_events)
        self._server.watch(self._ended, self._end_work)
        self._pass_signals()

    def _answer_sudo(self, meant: Meant) -> None:
        """Have what stands for sudo become what is meant, or say why it is not."""
        if meant.refused:
            err = f"{meant.refused}\n".encode(errors="surrogateescape")
            self._answer(Answer(err=err, status=1))
            return
        words = b"\0".join(map(os.fsencode, meant.becomes))
        self._waiting += b"p" + len(words).to_bytes(4, "big") + words
        self._send()

    # --- its work -------------------------------------------------------------------------------

    def _read_signals(self) -> None:
        try:
            data = self._peer.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.leave()
            return
        self._data += data
        self._pass_signals()

    def _pass_signals(self) -> None:
        numbers, self._data = bytes(self._data), bytearray()
        for number in numbers:
            if number in _SIGNALS:
                self._signal(number)

    def _signal(self, number: int) -> None:
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def leave(self) -> None:
        """The caller is gone, or is to go: what is done for it ends."""
        with contextlib.suppress(KeyError, ValueError):
            self._server.unwatch(self._peer.fileno())
        if self._pid is None:
            self._close()
        elif not self._is_left:
            # What ends is not hurried by who looks again.
            self._is_left = True
            self._signal(_CLOSED)

    def _let_go(self) -> None:
        """The caller ends as by SIGPIPE; what is done for it goes on."""
        self.unread = True
        self._waiting += _with_status(128 + signal.SIGPIPE)
        with contextlib.suppress(KeyError, ValueError):
            self._server.unwatch(self._peer.fileno())
        with contextlib.suppress(OSError):
            self._peer.send(self._waiting)
        self._peer.close()

    def _read_events(self) -> bool:
        """Hear what is told; whether there was anything."""
        try:
            data = os.read(self._tells, _CHUNK)
        except BlockingIOError:
            return False
        for event in self._told.feed(data):
            if isinstance(event, events.Answer) and event.name == READER_GONE:
                self._let_go()
                continue
            self._note(event)
            self._server.hear(self._number, event)
        if not data:
            # It may have become another program.
            with contextlib.suppress(KeyError):
                self._server.unwatch(self._tells)
        return bool(data)

    def _note(self, event: Event) -> None:
        if isinstance(event, StepStarted):
            self._begun = event, Stopwatch()
        elif isinstance(event, StepFinished):
            self._begun = None

    def _end_step(self, status: int) -> None:
        """Tell of the end of a step whose worker has become another program."""
        if self._begun is not None:
            step, watch = self._begun
            ended = StepFinished(step.step, step.of, step.kind, status, watch.seconds)
            self._server.hear(self._number, ended)

    def _end_work(self) -> None:
        while self._read_events():
            pass
        with contextlib.suppress(KeyError):
            self._server.unwatch(self._tells)
        self._server.unwatch(self._ended)
        os.close(self._tells)
        os.close(self._ended)
        self._tells = self._ended = -1
        assert self._pid is not None  # it was watched
        _, status = os.waitpid(self._pid, 0)
        self._pid = None
        code = os.waitstatus_to_exitcode(status)
        code = 128 - code if code < 0 else code
        self._end_step(code)
        self._answer(Answer(status=code))

    # --- its end --------------------------------------------------------------------------------

    def _answer(self, answer: Answer) -> None:
        for kind, data in ((b"o", answer.out), (b"e", answer.err)):
            if data:
                self._waiting += kind + len(data).to_bytes(4, "big") + data
        self._waiting += _with_status(answer.status)
        self._send()

    def _send(self) -> None:
        """Send what it waits for, which ends it."""
        with contextlib.suppress(KeyError, ValueError):
            self._server.unwatch(self._peer.fileno())
        if self._write():
            return
        # It has no room for all of it yet.
        self._server.selector.register(self._peer, selectors.EVENT_WRITE, self._write)

    def _write(self) -> bool:
        """Send what is left of the answer; whether that was all."""
        try:
            while self._waiting:
                del self._waiting[: self._peer.send(self._waiting)]
        except BlockingIOError:
            return False
        except OSError:
            pass
        self._close()
        return True

    def _close(self) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._server.unwatch(self._peer.fileno())
        self._peer.close()
        self._close_streams()
        self._server.forget(self)

    def _close_streams(self) -> None:
        for stream in self.streams:
            os.close(stream)
        self.streams.clear()

    def close_here(self, kept: Collection[int]) -> None:
        """Close what is open for it in a worker, but for the streams that are kept."""
        self._peer.close()
        for descriptor in (*self.streams, self._tells, self._ended):
            if descriptor >= 0 and descriptor not in kept:
                os.close(descriptor)


def _with_status(status: int) -> bytes:
    """How the stand-in is told of its exit status."""
    return b"x" + (1).to_bytes(4, "big") + bytes((status & 255,))


def hearing(emit: Emit, after: int) -> Hear:
    """Hands on to a view, with numbers after those of a run in the place of a call's own."""
    numbers: dict[tuple[int, int], int] = {}

    def number(call: int, step: int) -> int:
        return numbers.setdefault((call, step), after + len(numbers) + 1)

    def hear(call: int, event: Event) -> None:
        emit(told.numbered(event, lambda step: number(call, step)))

    return hear

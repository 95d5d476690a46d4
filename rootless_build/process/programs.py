"""The one door to other programs: capture, stream, or run beside.

Programs are started with argument lists, never through a shell. Environments are laid over rbuild's
own; a value of None takes the name away. (plumbum's `local` would find programs too, with the PATH
that it found when it was imported; it costs each run the import of 30 modules.)
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, Protocol, TypedDict, Unpack, cast

from msgspec import Struct

from rootless_build.model.errors import HostError, RbuildError
from rootless_build.model.events import Stream
from rootless_build.process import stops

Environment = Mapping[str, str | None]
OnOutput = Callable[[bytes, Stream], None]
AskToEnd = Callable[[int], None]

GRACE: Final = 8.0
"""Seconds a program has between SIGTERM and SIGKILL."""
_CHUNK: Final = 64 * 1024
_EMPTY: Final[Environment] = {}


class ProgramNotFoundError(HostError):
    """A program is not on PATH. `program` names it."""

    code = "program-not-found"

    def __init__(self, program: str) -> None:
        super().__init__(
            f"{program} is not installed (not found on PATH)",
            finding=f"no-{Path(program).name}",
            hint=f"install it with your package manager, for example: apt-get install {program}",
        )
        self.program = program


class Completed(Struct, frozen=True):
    """A program that has ended. `status` is -N after signal N, as subprocess has it."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are not UTF-8 survive as surrogate escapes."""
        return self.stdout.decode(errors="surrogateescape")

    @property
    def words(self) -> str:
        """What the program said on standard error, for a person to read."""
        return self.stderr.decode(errors="replace").strip()


class Tail:
    """The last bytes of a stream, for an error message. Holds at most `limit` bytes."""

    def __init__(self, limit: int = 4096) -> None:
        self._limit = limit
        self._kept = bytearray()

    def add(self, data: bytes) -> None:
        """Take more of the stream."""
        self._kept += data
        if len(self._kept) > self._limit:
            del self._kept[: -self._limit]

    @property
    def text(self) -> str:
        """What is kept, as text for a person."""
        return self._kept.decode(errors="replace").strip()


class Running(Protocol):
    """A program that was started."""

    pid: int

    def poll(self) -> int | None:
        """The program's exit status, None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """The program's exit status, once it has ended. Raises subprocess.TimeoutExpired."""


class _Piped(Running, Protocol):
    stdout: IO[bytes]
    stderr: IO[bytes]


def exactly(environment: Environment) -> dict[str, str | None]:
    """What gives a program this environment, and no other variable of ours."""
    return {**dict.fromkeys(os.environ), **environment}


def which(program: str) -> Path | None:
    """Where a program is on PATH, None when it is not there."""
    found = shutil.which(program)
    return Path(found) if found is not None else None


class _Given(TypedDict, total=False):
    """What subprocess.Popen is told of a program whose output is read."""

    stdin: int | IO[bytes]
    pass_fds: Sequence[int]
    preexec_fn: Callable[[], None] | None


class _Streams(_Given, total=False):
    """What it is told besides."""

    stdout: int | IO[bytes]
    stderr: int | IO[bytes]
    bufsize: int
    process_group: int | None


def _start(
    argv: Sequence[str],
    environment: Environment,
    directory: Path | None = None,
    **streams: Unpack[_Streams],
) -> subprocess.Popen[bytes]:
    # A path is that of a file, whatever the program's working directory will be.
    program = str(Path(argv[0]).absolute()) if "/" in argv[0] else shutil.which(argv[0])
    if program is None:
        raise ProgramNotFoundError(argv[0])
    laid_over = {**os.environ, **environment}
    # The terminal's Ctrl-C then reaches rbuild alone, which ends its children in order.
    streams.setdefault("process_group", 0)
    return subprocess.Popen(
        [program, *argv[1:]],
        cwd=directory,
        env={name: value for name, value in laid_over.items() if value is not None},
        **streams,
    )


def _leashed(argv: Sequence[str]) -> Sequence[str]:
    program = which(argv[0])
    if program is None:
        raise ProgramNotFoundError(argv[0])
    return ["setpriv", "--pdeathsig", "TERM", str(program), *argv[1:]] if which("setpriv") else argv


def end(process: Running, grace: float = GRACE) -> None:
    """Stop a program started in its own process group, and everything in that group.

    SIGTERM, `grace` seconds, SIGKILL. A second Ctrl-C while waiting kills at once.
    """
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, GRACE)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        try:
            _wait(process, patience)
        except subprocess.TimeoutExpired:
            continue
        except KeyboardInterrupt:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
            raise
        return


def _wait(process: Running, patience: float) -> None:
    """Until it has ended. Raises TimeoutExpired, and KeyboardInterrupt where this work is to stop
    (`stops`).
    """
    deadline = time.monotonic() + patience
    while True:
        left = max(deadline - time.monotonic(), 0)
        try:
            process.wait(min(left, stops.patience() or left))
        except subprocess.TimeoutExpired:
            if time.monotonic() >= deadline:
                raise
            stops.check()
        else:
            return


def capture(
    argv: Sequence[str],
    *,
    environment: Environment = _EMPTY,
    directory: Path | None = None,
    timeout: float | None = None,
    stdin: bytes = b"",
) -> Completed:
    """Run a program whose output is small, and return all of it.

    Raises ProgramNotFoundError, and subprocess.TimeoutExpired after `timeout` seconds.
    """
    pipe = subprocess.PIPE
    with _given(stdin) as given:
        process = _start(argv, environment, directory, stdin=given, stdout=pipe, stderr=pipe)
    try:
        stdout, stderr = _communicate(process, stdin, timeout)
    except BaseException:
        end(process, grace=1.0)
        for opened in filter(None, (process.stdin, process.stdout, process.stderr)):
            # What was not written yet can't be any more.
            with contextlib.suppress(OSError):
                opened.close()
        raise
    return Completed(process.returncode, stdout, stderr)


@contextlib.contextmanager
def _given(stdin: bytes) -> Iterator[int | IO[bytes]]:
    """What a program reads its input from: a pipe, or a file where it is waited for with breaks,
    after which subprocess writes no more into a pipe (CPython 3.11).
    """
    if stops.patience() is None:
        yield subprocess.PIPE
        return
    with os.fdopen(os.memfd_create("input"), "w+b") as file:
        file.write(stdin)
        file.seek(0)
        yield file


def _communicate(
    process: subprocess.Popen[bytes], stdin: bytes, timeout: float | None
) -> tuple[bytes, bytes]:
    patience = stops.patience()
    if patience is None:
        return process.communicate(stdin, timeout=timeout)
    ends = None if timeout is None else time.monotonic() + timeout
    while True:
        try:
            return process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            if ends is not None and time.monotonic() > ends:
                raise
            stops.check()


def run_inheriting_input(
    argv: Sequence[str],
    *,
    environment: Environment = _EMPTY,
    directory: Path | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Completed:
    """Run a program that has rbuild's own standard input and may ask whether that is a terminal,
    and return all of its output. It must not read from it. `meanwhile` is done once it is started.
    Raises ProgramNotFoundError.
    """
    out, err = bytearray(), bytearray()

    def keep(data: bytes, name: Stream) -> None:
        (out if name == "stdout" else err).extend(data)

    process = _start_piped(_leashed(argv), environment, directory, stdin=0)
    status = _follow(process, keep, meanwhile=meanwhile)
    return Completed(status, bytes(out), bytes(err))


def stream(
    argv: Sequence[str],
    on_output: OnOutput,
    *,
    environment: Environment = _EMPTY,
    directory: Path | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    pass_fds: Sequence[int] = (),
    ask_to_end: AskToEnd | None = None,
    enter: Callable[[], None] | None = None,
) -> int:
    """Run a program and hand its output over as it appears, in pieces of any size.

    Returns its status (-N after signal N). Whatever is raised meanwhile, Ctrl-C and errors of
    `on_output` included, ends the program first; `ask_to_end` is for a program that must not be
    met by a signal to its whole group: it is called with its pid, several times, and the program
    has GRACE seconds to end by itself before the signals come. It also gets SIGTERM when
    rbuild is killed, where util-linux's setpriv is installed; `enter` is called in the child
    before it becomes the program, and sees to that itself. Does not wait for background
    processes that keep the pipes open after the program itself has ended. Raises
    ProgramNotFoundError.
    """
    process = _start_piped(
        _leashed(argv) if enter is None else argv,
        environment,
        directory,
        stdin=stdin,
        pass_fds=pass_fds,
        preexec_fn=enter,
    )
    return _follow(process, on_output, ask_to_end)


def _start_piped(
    argv: Sequence[str],
    environment: Environment,
    directory: Path | None,
    **given: Unpack[_Given],
) -> _Piped:
    pipe = subprocess.PIPE
    process = _start(argv, environment, directory, stdout=pipe, stderr=pipe, bufsize=0, **given)
    return cast("_Piped", process)


def _follow(
    process: _Piped,
    on_output: OnOutput,
    ask_to_end: AskToEnd | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> int:
    """Hand the output of a program over until it ends, as `stream` has it."""
    try:
        with process.stdout, process.stderr:
            try:
                if meanwhile is not None:
                    meanwhile()
                _pump(process, on_output)
            except BaseException:
                if ask_to_end is not None:
                    # Where it can't even be asked, the signals follow.
                    with contextlib.suppress(RbuildError, OSError):
                        _ask(process, ask_to_end)
                raise
        return process.wait()
    except BaseException:
        end(process)
        raise


def _ask(process: _Piped, ask_to_end: AskToEnd) -> None:
    deadline = time.monotonic() + GRACE
    with _discarding(process):
        while process.poll() is None and time.monotonic() < deadline:
            stops.check()
            ask_to_end(process.pid)
            time.sleep(0.05)


@contextlib.contextmanager
def _discarding(process: _Piped) -> Iterator[None]:
    """Nobody wants the output any more, but a full pipe would keep a program, and who ends it, from
    ending.
    """
    # Its own descriptors: a second Ctrl-C may close the program's before the thread has ended.
    pipes = [os.dup(process.stdout.fileno()), os.dup(process.stderr.fileno())]
    over = threading.Event()

    def discard() -> None:
        try:
            _read_away(pipes, over)
        finally:
            for pipe in pipes:
                os.close(pipe)

    thread = threading.Thread(target=discard, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _read_away(pipes: Sequence[int], over: threading.Event) -> None:
    """What comes out of `pipes`, read for nobody until they end or `over` is set."""
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map() and not over.is_set():
            for key, _ in selector.select(0.05):
                with contextlib.suppress(BlockingIOError):
                    if not os.read(key.fd, _CHUNK):
                        selector.unregister(key.fd)


def _pump(process: _Piped, on_output: OnOutput) -> None:
    ended = os.pidfd_open(process.pid)
    names: dict[int, Stream] = {
        process.stdout.fileno(): "stdout",
        process.stderr.fileno(): "stderr",
    }
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(ended, selectors.EVENT_READ)
            for descriptor in names:
                os.set_blocking(descriptor, False)
                selector.register(descriptor, selectors.EVENT_READ)
            alive = True
            while names:
                ready = [key.fd for key, _ in selector.select(stops.patience() if alive else 0)]
                stops.check()
                if not alive and not ready:
                    return
                if ended in ready:
                    alive = False
                    selector.unregister(ended)
                for descriptor in ready:
                    if descriptor == ended:
                        continue
                    data = os.read(descriptor, _CHUNK)
                    if data:
                        on_output(data, names[descriptor])
                    else:
                        selector.unregister(descriptor)
                        del names[descriptor]
    finally:
        os.close(ended)


def start(
    argv: Sequence[str],
    *,
    environment: Environment = _EMPTY,
    stdin: int | IO[bytes],
    stdout: int | IO[bytes],
    stderr: int | IO[bytes],
) -> Running:
    """Start a program in a process group of its own; the caller ends it (`end`) and waits.

    It also gets SIGTERM when rbuild is killed, where util-linux's setpriv is installed. Raises
    ProgramNotFoundError.
    """
    return _start(_leashed(argv), environment, stdin=stdin, stdout=stdout, stderr=stderr)


def start_here(
    argv: Sequence[str],
    *,
    environment: Environment = _EMPTY,
    directory: Path | None = None,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
    pass_fds: Sequence[int] = (),
) -> Running:
    """Start a program in rbuild's own process group, with its standard streams where none are
    named: Ctrl-C reaches it, and it may have the terminal. The caller waits for it.

    Raises ProgramNotFoundError.
    """
    streams: _Streams = {"pass_fds": pass_fds, "process_group": None}
    if stdin is not None:
        streams["stdin"] = stdin
    if stdout is not None:
        streams["stdout"] = stdout
    if stderr is not None:
        streams["stderr"] = stderr
    return _start(argv, environment, directory, **streams)


@contextlib.contextmanager
def service(
    argv: Sequence[str], log: Path, *, environment: Environment = _EMPTY
) -> Iterator[Running]:
    """A program in the background that ends, with all its children, when the context ends.

    Its output goes to `log`. It also gets SIGTERM when rbuild dies, where util-linux's setpriv
    is installed. Raises ProgramNotFoundError.
    """
    with log.open("wb") as output:
        process = start(
            argv,
            environment=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        end(process)

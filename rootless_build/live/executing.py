"""`docker exec`, done by the engine's own command line with the caller's streams."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO, Final

from msgspec import Struct

from rootless_build.docker_cli.told import Told
from rootless_build.live.daemon import DaemonError
from rootless_build.live.doing import Doing
from rootless_build.live.passing import (
    become,
    captured,
    check_running,
    flags_of,
    last_words,
    prepared,
)
from rootless_build.live.streams import put
from rootless_build.recipes.docker.values import (
    BadValueError,
    Surroundings,
    environment_file,
    variable,
)

_IS_ENGINES: Final = re.compile(
    "(PATH|HOME|USER|LOGNAME|LANG|TMPDIR|TERM|SHELL)$|_?(CONTAINER|STORAGE|BUILDAH|REGISTRY)|"
    "DOCKER|DBUS|XDG|LC_|LD_|GO|NOTIFY|LISTEN|.*proxy$|.*[*]",
    re.IGNORECASE,
)
"""Variables by which an engine goes itself, and names that it takes for patterns."""
_NO_TERMINAL: Final = "the input device is not a TTY\n"
_CHUNK: Final = 64 * 1024
_MISSING: Final = 127
_ERROR: Final = b"Error: "
_RUNTIME: Final = b"OCI"
_NOT_STARTED: Final = {
    126: re.compile(rb"permission denied|is a directory|exec format", re.IGNORECASE),
    127: re.compile(rb"not found|no such file", re.IGNORECASE),
}
"""What an engine says of a program that could not be started, by its statuses."""


def execute(doing: Doing) -> Told:
    """`docker exec`."""
    given = doing.given
    if given.has("tty") and given.has("interactive") and not os.isatty(0):
        return Told(err=_NO_TERMINAL, status=1)
    try:
        check_running(doing.daemon, given.operands[0])
    except DaemonError as error:
        return Told(err=error.line, status=1)
    try:
        variables = _variables(doing)
    except BadValueError as error:
        return Told(err=f"{error}\n", status=1)
    words = ("exec", *flags_of(given, "env", "env-file"), *variables.words, *given.operands)
    if given.has("detach"):
        done = captured(doing, words, variables.over)
        err = (
            ""
            if not done.returncode
            else f"Error response from daemon: {last_words(done.stderr)}\n"
        )
        return Told(err=err, status=1 if done.returncode else 0)
    if given.has("tty"):
        become(doing, words, variables.over)
    return _heard(*prepared(doing, words, variables.over), program=given.operands[1])


def _heard(argv: Sequence[str], environment: Mapping[str, str], program: str) -> Told:
    """The command, done; where its program can't be started docker says so on standard output."""
    with subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None  # it is a pipe
        try:
            last = hand_on(process.stderr)
            status = process.wait()
        except BaseException:
            process.terminate()
            raise
    if status in _NOT_STARTED and _RUNTIME in last and _NOT_STARTED[status].search(last):
        return Told(f"OCI runtime exec failed: {_dockers_words(program, status)}\n", status=status)
    put(2, last)
    return Told(status=128 - status if status < 0 else status)


def hand_on(errors: IO[bytes]) -> bytes:
    """Hand on what a program writes there but for a last line that may be the engine's own."""
    held = b""
    while data := os.read(errors.fileno(), _CHUNK):
        held += data
        start = held.rstrip(b"\n").rfind(b"\n") + 1
        if not _may_be_the_engines(held[start:]):
            start = len(held)
        put(2, held[:start])
        held = held[start:]
    return held


def _may_be_the_engines(line: bytes) -> bool:
    """Whether a line, or what has come of it, may be what an engine says of a program that could
    not be started. What a program says itself is not to wait for its end.
    """
    is_whole = line.endswith(b"\n")
    return line.startswith(_ERROR[: len(line)]) and not (is_whole and _RUNTIME not in line)


def _dockers_words(program: str, status: int) -> str:
    why = "permission denied"
    if status == _MISSING:
        why = "executable file not found in $PATH"
        if "/" in program:
            why = f"stat {program}: no such file or directory"
    return f'exec failed: unable to start container process: exec: "{program}": {why}'


class _Variables(Struct, frozen=True):
    """Of a call: words for the engine, and what is laid over the engine's own environment."""

    words: tuple[str, ...]
    over: Mapping[str, str]


def _variables(doing: Doing) -> _Variables:
    """The variables that a call gives. A value that is not on its own command line is on none,
    where the engine does not go by a variable of that name itself. Raises BadValueError.
    """
    call, given = doing.work.call, doing.given
    around = Surroundings(call.directory, call.environment)
    written = {word.partition("=")[0] for word in given.values("env") if "=" in word}
    pairs = [pair for file in given.values("env-file") for pair in environment_file(file, around)]
    pairs += [pair for word in given.values("env") for pair in variable(word, around)]
    found = dict(pairs)
    hidden = {name for name in found if not (name in written or _IS_ENGINES.match(name))}
    words = (name if name in hidden else f"{name}={value}" for name, value in found.items())
    over = {name: found[name] for name in hidden}
    return _Variables(tuple(f"--env={word}" for word in words), over)

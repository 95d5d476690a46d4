"""Commands that the engine's own command line does, with the caller's streams: `exec`, `cp`.

What docker's daemon would refuse is looked for first, so that it is refused in docker's words.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NoReturn

from rootless_build.docker_cli.reading import Given
from rootless_build.docker_cli.shapes.json import a_map, text
from rootless_build.docker_cli.shapes.names import digest, familiar
from rootless_build.docker_cli.told import Told
from rootless_build.live import names
from rootless_build.live.daemon import Daemon, DaemonError
from rootless_build.live.doing import Doing

_NO_TERMINAL: Final = "the input device is not a TTY\n"
_LOADED: Final = re.compile(r"^Loaded image(?:\(s\))?: (.+)$", re.MULTILINE)
_ID: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def flags_of(given: Given, *left_out: str) -> Iterator[str]:
    """The flags of a call, as words for a command that has the same ones."""
    for name, values in given.flags.items():
        flag = given.row.table.by_name[name]
        if name in left_out or flag.no_effect:
            continue
        yield from (f"--{name}={value}" for value in values)


def _become(doing: Doing, words: Sequence[str]) -> NoReturn:
    """Become the engine's command: its streams and its status are the caller's."""
    argv, environment = _prepared(doing, words)
    os.execvpe(argv[0], [*argv], environment)  # noqa: S606 - a list of words, and no shell


def _prepared(doing: Doing, words: Sequence[str]) -> tuple[Sequence[str], dict[str, str]]:
    argv, laid_over = doing.daemon.commands.command(words)
    environment = {**os.environ, **{k: v for k, v in laid_over.items() if v is not None}}
    for name in (name for name, value in laid_over.items() if value is None):
        environment.pop(name, None)
    os.chdir(doing.work.call.directory)
    return argv, environment


def _captured(doing: Doing, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    argv, environment = _prepared(doing, words)
    return subprocess.run(
        argv, env=environment, capture_output=True, text=True, errors="replace", check=False
    )


def _running(daemon: Daemon, name: str) -> None:
    said = a_map(daemon.container(name))
    if text(a_map(said.get("State")).get("Status")) not in {"running", "paused"}:
        raise DaemonError(f"container {text(said.get('Id'))} is not running")


def execute(doing: Doing) -> Told:
    """`docker exec`."""
    given = doing.given
    if given.has("tty") and given.has("interactive") and not os.isatty(0):
        return Told(err=_NO_TERMINAL, status=1)
    try:
        _running(doing.daemon, given.operands[0])
    except DaemonError as error:
        return Told(err=error.line, status=1)
    words = ("exec", *flags_of(given), *given.operands)
    if not given.has("detach"):
        _become(doing, words)
    done = _captured(doing, words)
    err = "" if not done.returncode else f"Error response from daemon: {_last(done.stderr)}\n"
    return Told(err=err, status=1 if done.returncode else 0)


def _last(words: str) -> str:
    lines = words.strip().splitlines()
    return lines[-1].removeprefix("Error: ") if lines else "the engine said nothing"


def logs(doing: Doing) -> Told:
    """`docker logs`."""
    given = doing.given
    try:
        said = a_map(doing.daemon.container(given.operands[0]))
    except DaemonError as error:
        return Told(err=error.line, status=1)
    if text(a_map(said.get("State")).get("Status")) in {"created", "configured"}:
        return Told()
    tail = given.value("tail")
    left_out = "tail" if tail is not None and not tail.isdigit() else ""
    _become(doing, ("logs", *flags_of(given, left_out), given.operands[0]))


def start(doing: Doing) -> Told:
    """`docker start --attach`."""
    given = doing.given
    if len(given.operands) > 1:
        return Told(err="you cannot start and attach multiple containers at once\n", status=1)
    try:
        doing.daemon.container(given.operands[0])
    except DaemonError as error:
        return Told(err=error.line, status=1)
    _become(doing, ("start", "--attach", *flags_of(given, "attach"), given.operands[0]))


def attach(doing: Doing) -> Told:
    """`docker attach`."""
    given = doing.given
    try:
        doing.daemon.container(given.operands[0])
        _running(doing.daemon, given.operands[0])
    except DaemonError as error:
        words = "cannot attach to a stopped container, start it first"
        line = f"{words}\n" if "is not running" in error.words else error.line
        return Told(err=line, status=1)
    _become(doing, ("attach", *flags_of(given), given.operands[0]))


# --- files ----------------------------------------------------------------------------------------


def copy(doing: Doing) -> Told:
    """`docker cp`."""
    source, target = doing.operands
    named = [_container_of(each) for each in (source, target)]
    if all(named):
        return Told(err="copying between containers is not supported\n", status=1)
    name = named[0] or named[1]
    if not name:
        return Told(err="must specify at least one container source\n", status=1)
    try:
        doing.daemon.container(name)
    except DaemonError as error:
        return Told(err=error.line, status=1)
    os.chdir(doing.work.call.directory)
    fault = _copy_fault(source, target, out=bool(named[0]))
    if fault:
        return Told(err=f"{fault}\n", status=1)
    return _copied(doing, name, source, target)


def _container_of(place: str) -> str:
    """The container that a side of `docker cp` names; a path with a colon begins with . or /."""
    name, colon, _ = place.partition(":")
    return name if colon and not place.startswith(("/", ".", "-")) else ""


def _copy_fault(source: str, target: str, *, out: bool) -> str:
    if out and target != "-" and not Path(target).parent.is_dir():
        return f'invalid output path: directory "{Path(target).parent}" does not exist'
    if not out and source != "-" and not os.path.lexists(source):
        shown = Path(source) if Path(source).is_absolute() else Path.cwd() / source
        return f"lstat {shown}: no such file or directory"
    return ""


def _copied(doing: Doing, name: str, source: str, target: str) -> Told:
    if "-" in {source, target}:
        _become(doing, ("cp", source, target))
    if doing.given.has("follow-link") and not _container_of(source):
        source = str(Path(source).resolve())
    done = _captured(doing, ("cp", source, target))
    if not done.returncode:
        return Told()
    words = _last(done.stderr)
    path = source.partition(":")[2]
    if "could not be found on container" in words or "no such file" in words.lower():
        if _container_of(source):
            words = (
                f"Error response from daemon: Could not find the file {path} in container {name}"
            )
        else:
            words = "no such directory" if target.endswith("/") else f"{words}"
    return Told(err=f"{words}\n", status=1)


def export(doing: Doing) -> Told:
    """`docker export`."""
    given = doing.given
    output = given.value("output")
    try:
        doing.daemon.container(given.operands[0])
    except DaemonError as error:
        return Told(err=error.line, status=1)
    if output is None and os.isatty(1):
        words = "cowardly refusing to save to a terminal. Use the -o flag or redirect"
        return Told(err=f"{words}\n", status=1)
    _become(doing, ("export", *flags_of(given), given.operands[0]))


def save(doing: Doing) -> Told:
    """`docker save`."""
    given = doing.given
    output = given.value("output")
    os.chdir(doing.work.call.directory)
    if output is None and os.isatty(1):
        words = "cowardly refusing to save to a terminal. Use the -o flag or redirect"
        return Told(err=f"{words}\n", status=1)
    if output is not None and not (Path(output).parent).is_dir():
        words = f"invalid output path: stat {Path(output).parent}: no such file or directory"
        return Told(err=f"failed to save image: {words}\n", status=1)
    try:
        for name in given.operands:
            doing.daemon.image(name)
    except DaemonError as error:
        return Told(err=error.line, status=1)
    several = ("--multi-image-archive",) if len(given.operands) > 1 else ()
    form = ("--quiet", "--format", "docker-archive")
    _become(doing, ("save", *form, *several, *flags_of(given), *given.operands))


def load(doing: Doing) -> Told:
    """`docker load`."""
    given = doing.given
    file = given.value("input")
    os.chdir(doing.work.call.directory)
    if file is not None and not Path(file).exists():
        return Told(err=f"open {file}: no such file or directory\n", status=1)
    if file is None and os.isatty(0):
        words = "requested load from stdin, but stdin is empty"
        return Told(err=f"{words}\n", status=1)
    done = _captured(doing, ("load", "--quiet", *(("--input", file) if file else ())))
    if done.returncode:
        return Told(err=f"{_last(done.stderr)}\n", status=1)
    return Told("".join(_loaded(done.stdout)))


def _loaded(said: str) -> Iterator[str]:
    for line in _LOADED.findall(said):
        for name in line.split(","):
            identity = _ID.fullmatch(name.strip())
            if identity:
                yield f"Loaded image ID: sha256:{identity[1]}\n"
            else:
                yield f"Loaded image: {familiar(name.strip())}\n"


def import_(doing: Doing) -> Told:
    """`docker import`."""
    given = doing.given
    source, *named = given.operands
    os.chdir(doing.work.call.directory)
    if source != "-" and "://" not in source and not Path(source).exists():
        return Told(err=f"open {source}: no such file or directory\n", status=1)
    try:
        for each in named[:1]:
            names.check_image(each)
    except ValueError as error:
        return Told(err=f"{error}\n", status=1)
    done = _captured(doing, ("import", "--quiet", *flags_of(given), source, *named[:1]))
    if done.returncode:
        return Told(err=f"Error response from daemon: {_last(done.stderr)}\n", status=1)
    return Told(f"{digest(done.stdout.strip().splitlines()[-1])}\n")


# --- registries -----------------------------------------------------------------------------------


def log_in(doing: Doing) -> Told:
    """`docker login`, the engine's own."""
    _become(doing, ("login", *flags_of(doing.given), *doing.operands))


def log_out(doing: Doing) -> Told:
    """`docker logout`, the engine's own."""
    _become(doing, ("logout", *doing.operands))

"""Commands that the engine's own command line does, with the caller's streams: `logs`, `cp`.

What docker's daemon would refuse is looked for first, so that it is refused in docker's words.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, NoReturn

from rootless_build.backend.api import DockerCommands
from rootless_build.docker_cli.reading import Given
from rootless_build.docker_cli.shapes.json import a_map, text
from rootless_build.docker_cli.shapes.names import digest, familiar
from rootless_build.docker_cli.told import Told
from rootless_build.files.private_directories import large_directory
from rootless_build.live import archives, names, streams
from rootless_build.live.daemon import Daemon, DaemonError
from rootless_build.live.doing import Doing
from rootless_build.live.surroundings import Work
from rootless_build.model.events import StepStarted

_OF_DAEMON: Final = (
    *("PATH", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY"),
    "DOCKER_CERT_PATH",
)
_NOTHING: Final[Mapping[str, str]] = {}
_LOADED: Final = re.compile(r"^Loaded image(?:\(s\))?: (.+)$", re.MULTILINE)
_NAMED: Final = "Loaded image"
_READER_GONE: Final = 141
_ID: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


def flags_of(given: Given, *left_out: str) -> Iterator[str]:
    """The flags of a call, as words for a command that has the same ones."""
    for name, values in given.flags.items():
        flag = given.row.table.by_name[name]
        if name in left_out or flag.no_effect:
            continue
        yield from (f"--{name}={value}" for value in values)


def become(doing: Doing, words: Sequence[str], over: Mapping[str, str] = _NOTHING) -> NoReturn:
    """Become the engine's command: its streams and its status are the caller's."""
    argv, environment = prepared(doing, words, over)
    os.execvpe(argv[0], [*argv], environment)  # noqa: S606 - a list of words, and no shell


def whole(commands: DockerCommands, work: Work, title: str) -> NoReturn:
    """Become docker itself, with the whole command line and the caller's environment."""
    # Nobody tells of its end, but that it was called is known: it may change images.
    work.emit(StepStarted(1, 1, "docker-command", title))
    argv, laid_over = commands.command(work.call.words)
    os.chdir(work.call.directory)
    # Which daemon is meant, and which docker, is rbuild's to say: the caller's is the stand-in.
    own = {name: os.environ.get(name) for name in _OF_DAEMON}
    environment = _environment({**own, **laid_over}, work.call.environment)
    os.execvpe(argv[0], [*argv], environment)  # noqa: S606 - a list, and no shell


def _environment(
    laid_over: Mapping[str, str | None], under: Mapping[str, str] = os.environ
) -> dict[str, str]:
    over = {name: value for name, value in laid_over.items() if value is not None}
    kept = {name: value for name, value in under.items() if name not in laid_over}
    return {**kept, **over}


def prepared(
    doing: Doing, words: Sequence[str], over: Mapping[str, str] = _NOTHING
) -> tuple[Sequence[str], dict[str, str]]:
    """The engine's command line and environment for words; the caller's directory is this one."""
    argv, laid_over = doing.daemon.commands.command(words)
    os.chdir(doing.work.call.directory)
    return argv, _environment({**over, **laid_over})


def captured(
    doing: Doing, words: Sequence[str], over: Mapping[str, str] = _NOTHING
) -> subprocess.CompletedProcess[str]:
    """The engine's command, done, with what it said."""
    argv, environment = prepared(doing, words, over)
    return subprocess.run(
        argv, env=environment, capture_output=True, text=True, errors="replace", check=False
    )


def check_running(daemon: Daemon, name: str) -> None:
    """Raise DaemonError for a container that does not run."""
    said = a_map(daemon.container(name))
    if text(a_map(said.get("State")).get("Status")) not in {"running", "paused"}:
        raise DaemonError(f"container {text(said.get('Id'))} is not running")


def last_words(words: str) -> str:
    """What an engine that failed said last."""
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
    become(doing, ("logs", *flags_of(given, left_out), given.operands[0]))


def start(doing: Doing) -> Told:
    """`docker start --attach`."""
    given = doing.given
    if len(given.operands) > 1:
        return Told(err="you cannot start and attach multiple containers at once\n", status=1)
    try:
        doing.daemon.container(given.operands[0])
    except DaemonError as error:
        return Told(err=error.line, status=1)
    become(doing, ("start", "--attach", *flags_of(given, "attach"), given.operands[0]))


def attach(doing: Doing) -> Told:
    """`docker attach`."""
    given = doing.given
    try:
        doing.daemon.container(given.operands[0])
        check_running(doing.daemon, given.operands[0])
    except DaemonError as error:
        words = "cannot attach to a stopped container, start it first"
        line = f"{words}\n" if "is not running" in error.words else error.line
        return Told(err=line, status=1)
    become(doing, ("attach", *flags_of(given), given.operands[0]))


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
    if out and target != "-":
        parent = Path.cwd() / Path(target).parent
        return (
            "" if parent.is_dir() else f'invalid output path: directory "{parent}" does not exist'
        )
    if not out and source != "-" and not os.path.lexists(source):
        return f"lstat {Path.cwd() / source}: no such file or directory"
    return ""


def _copied(doing: Doing, name: str, source: str, target: str) -> Told:
    if doing.given.has("follow-link") and not _container_of(source) and source != "-":
        # What is in a directory is meant where its name ends so.
        inside = "/." if source == "." or source.endswith("/.") else ""
        source = f"{Path(source).resolve()}{inside}"
    argv, environment = prepared(doing, ("cp", "--", source, target))
    if target == "-":
        return _copied_to_caller(argv, environment, name, source)
    done = subprocess.run(
        argv, env=environment, stderr=subprocess.PIPE, text=True, errors="replace", check=False
    )
    if not done.returncode:
        return Told()
    return Told(err=f"{_copy_words(last_words(done.stderr), name, source, target)}\n", status=1)


def _copied_to_caller(
    argv: Sequence[str], environment: Mapping[str, str], name: str, source: str
) -> Told:
    """The archive of `docker cp CONTAINER:PATH -`."""

    def named(member: str) -> str:
        return f"./{member}".removesuffix("/.") if source.endswith("/.") else member

    status, said = archives.engines(argv, environment, streams.Output(), names=named)
    if status in {0, _READER_GONE}:
        return Told(status=status)
    return Told(err=f"{_copy_words(last_words(said), name, source, '-')}\n", status=1)


def _copy_words(words: str, name: str, source: str, target: str) -> str:
    """Docker's words for what podman says of a copy that was not made."""
    if "must be a directory when copying from stdin" in words:
        return f'destination "{target}" must be a directory'
    if "must be a directory when copying a directory" in words:
        return "cannot copy directory"
    if "must be a (compressed) tar archive" in words:
        return "Error response from daemon: unexpected EOF"
    if "could not be found" not in words and "no such file" not in words.lower():
        return words
    if target.endswith("/"):
        return "no such directory"
    place = source if _container_of(source) else str(Path(target).parent)
    path = place.partition(":")[2]
    return f"Error response from daemon: Could not find the file {path} in container {name}"


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
    become(doing, ("export", *flags_of(given), given.operands[0]))


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
    form = ("save", "--quiet", "--format", "docker-archive", *several, "--", *given.operands)
    if output is None:
        return _saved(doing, form, streams.Output())
    file = Path(output).resolve()
    if file.exists() and not file.is_file():
        with file.open("wb") as out:
            return _saved(doing, form, out)
    return _saved_over(doing, form, file)


def _saved(doing: Doing, words: Sequence[str], out: IO[bytes] | streams.Output) -> Told:
    argv, environment = prepared(doing, words)
    status, said = archives.engines(argv, environment, out, change=archives.SAVED)
    if status == _READER_GONE:
        return Told(status=status)
    return Told(err=f"{last_words(said)}\n" if status else "", status=1 if status else 0)


def _saved_over(doing: Doing, words: Sequence[str], file: Path) -> Told:
    """An archive in the place of a file that is there, which stays where it fails."""
    descriptor, unfinished = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as written:
            told = _saved(doing, words, written)
        if not told.status:
            Path(unfinished).replace(file)
    finally:
        Path(unfinished).unlink(missing_ok=True)
    return told


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
    with large_directory() as place:
        archive = place / "archive"
        try:
            _unpack(file, archive)
        except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
            return Told(err=f"{error}\n", status=1)
        if not tarfile.is_tarfile(archive):
            words = "unexpected EOF" if archive.stat().st_size else "unrecognized image format"
            return Told(err=f"{words}\n", status=1)
        done = captured(doing, ("load", "--quiet", "--input", str(archive)))
    if done.returncode:
        return Told(err=f"{last_words(done.stderr)}\n", status=1)
    told = "".join(_loaded(done.stdout))
    for line in told.splitlines():
        head, name = line.split(": ", 1)
        if head == _NAMED:
            _take_name(doing.daemon, name)
    return Told(told)


def _take_name(daemon: Daemon, name: str) -> None:
    """Give a loaded image the name too by which an image that was built here has it: docker has one
    name, and it is the last one's.
    """
    repository, _, tag = name.rpartition(":")
    query = {"repo": f"localhost/{repository}", "tag": tag}
    there = f"docker.io/{repository if '/' in repository else f'library/{repository}'}"
    with contextlib.suppress(DaemonError):
        daemon.ask("GET", f"/images/localhost/{name}/json")
        daemon.ask("GET", f"/images/{there}:{tag}/json")
        daemon.ask("POST", f"/images/{there}:{tag}/tag", query)
        untag = {"repo": there, "tag": tag}
        daemon.ask("POST", f"/libpod/images/{there}:{tag}/untag", untag)


_PACKED: Final = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ", lzma.open))


def _unpack(file: str | None, into: Path) -> None:
    """Write an archive, or what comes on standard input, without its compression.

    podman 4.3.1 takes no archive with one.
    """
    plain = Path(file) if file is not None else into.with_name("input")
    if file is None:
        with os.fdopen(0, "rb", closefd=False) as given, plain.open("wb") as copy_:
            shutil.copyfileobj(given, copy_)
    with plain.open("rb") as opened:
        begins = opened.read(6)
    unpacked = next((open_ for magic, open_ in _PACKED if begins.startswith(magic)), None)
    if unpacked is None:
        into.symlink_to(plain.resolve())
        return
    with unpacked(plain, "rb") as packed, into.open("wb") as target:
        shutil.copyfileobj(packed, target)


def _loaded(said: str) -> Iterator[str]:
    for line in _LOADED.findall(said):
        for name in line.split(","):
            identity = _ID.fullmatch(name.strip())
            if identity:
                yield f"Loaded image ID: sha256:{identity[1]}\n"
            else:
                yield f"{_NAMED}: {familiar(name.strip())}\n"


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
    done = captured(doing, ("import", "--quiet", *flags_of(given), "--", source, *named[:1]))
    if done.returncode:
        return Told(err=f"Error response from daemon: {last_words(done.stderr)}\n", status=1)
    return Told(f"{digest(done.stdout.strip().splitlines()[-1])}\n")


# --- registries -----------------------------------------------------------------------------------


def log_in(doing: Doing) -> Told:
    """`docker login`, the engine's own."""
    become(doing, ("login", *flags_of(doing.given), *doing.operands))


def log_out(doing: Doing) -> Told:
    """`docker logout`, the engine's own."""
    become(doing, ("logout", *doing.operands))

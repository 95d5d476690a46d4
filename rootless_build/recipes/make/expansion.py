"""Docker commands that are known only when their turn comes: planned as they are written, and then
taken from the recipe's own shell.

The shell runs the command with a recorder in docker's place: what that is called with is exactly
what docker would be, quotes, patterns and fields of words included. Docker commands within its
words are not answered: there the stand-ins are, as while a Makefile is read.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.files.private_directories import private_directory
from rootless_build.model.errors import RecipeError, StepFailedError
from rootless_build.model.plan import Bundles, Origin, Step, Unexpanded
from rootless_build.process import mute_terminal, programs
from rootless_build.process.locks import hold
from rootless_build.recipes import bundles_place
from rootless_build.recipes.docker import argv
from rootless_build.recipes.make import docker_stub, run
from rootless_build.recipes.shell import line
from rootless_build.recipes.shell.parts import NotSimpleError, Part

_RECORDER: Final = """#!/bin/sh
[ ! -e {place}/words ] || : > {place}/twice
command -p cat "/proc/$$/environ" > {place}/environment || exit 125
pwd -P > {place}/directory || exit 125
{{ [ $# -eq 0 ] || printf '%s\\0' "$@"; }} > {place}/words || exit 125
"""
_UNKNOWN: Final = "rbuild-does-not-know-it-yet"
_PLACES: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where a shell looks for programs without a PATH."""
_EXPANDS: Final = "for the words of another docker command"


class Recorded(Struct, frozen=True):
    """A docker command as docker would have got it."""

    words: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str]


def plan_command(
    part: Part,
    environment: Mapping[str, str],
    shell: tuple[str, ...],
    why: str,
    origin: Origin,
    project: Path,
) -> Unexpanded:
    """The step that a part of a line is, which has a docker command. Raises NotSimpleError."""
    docker = part.docker
    if docker is None or not docker.program:
        raise NotSimpleError("docker is run through a word that only the shell knows")
    known = argv.of_program((docker.program, *docker.known[1:]))
    does = argv.does(known)
    own = line.of_project(docker, part.directory, environment, project)
    return Unexpanded(
        script=part.text,
        assignments=" ".join(docker.assignments),
        program=docker.program,
        words=docker.arguments,
        directory=part.directory,
        environment=tuple(environment.items()),
        shell=shell,
        line=docker.line,
        does=does,
        why=why,
        harmless=docker.harmless and not own,
        bundles=_bundles(known, part.directory, origin, project) if does == "run" else None,
        origin=origin,
    )


def _bundles(
    known: Sequence[str | None], directory: Path, origin: Origin, project: Path
) -> Bundles | None:
    """Where the results of a container seem to go, by those of its words that are known."""
    words = [_UNKNOWN if word is None else word for word in known]
    try:
        made, _ = argv.steps(words, argv.Context(directory, {}, origin))
    except RecipeError:
        return None
    found = bundles_place.of(made, project)
    return None if found is None or _UNKNOWN in str(found.directory) else found


def expand(
    step: Unexpanded, on_output: programs.OnOutput
) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """What the command is now, and notes. Raises RecipeError for what is no step, and
    StepFailedError where the shell does not come to call docker.
    """
    call = _record(step, on_output)
    origin = step.origin or Origin("")
    context = argv.Context(call.directory, call.environment, origin)
    return argv.steps(argv.of_program((step.program, *call.words)), context)


def _record(step: Unexpanded, on_output: programs.OnOutput) -> Recorded:
    directory = run.directory_for_programs()
    with (
        private_directory(directory) as place,
        hold(place),
    ):
        recorder = place / "docker"
        recorder.write_text(_RECORDER.format(place=shlex.quote(str(place))))
        recorder.chmod(0o700)
        given = dict(step.environment)
        stubs = docker_stub.install(place, given.get("PATH", _PLACES))
        own = {**stubs.variables, "RBUILD_STUB_EXPANDS": _EXPANDS}
        path = f"{stubs.directory}:{stubs.path}"
        with mute_terminal.standard_input() as terminal:
            status = programs.stream(
                [*step.shell, _script(step, recorder)],
                on_output,
                environment=programs.exactly({**given, **own, "PATH": path}),
                directory=step.directory,
                stdin=terminal,
            )
        _refuse_asked(step, stubs)
        if status:
            raise _failed(status)
        if (place / "twice").exists() or not (place / "words").exists():
            raise _refused(step, "the shell does not call docker once for it")
        found = _read(place, stubs)
        kept = {name: value for name, value in found.environment.items() if name not in own}
        if "PATH" not in given:
            kept.pop("PATH", None)
        return Recorded(found.words, found.directory, kept)


def _script(step: Unexpanded, recorder: Path) -> str:
    """The command, with the recorder in docker's place."""
    call = f"{step.assignments} {shlex.quote(str(recorder))}{step.words}"
    # The shell of the recipe has to be able to read all of the line.
    whole = "" if step.line.endswith("\\") else f"if false; then\n{step.line}\nfi\n"
    return f"{whole}{call}"


def _read(place: Path, stubs: docker_stub.Stub) -> Recorded:
    def fields(name: str) -> list[str]:
        text = (place / name).read_bytes().decode(errors="surrogateescape")
        return [stubs.plain(field) for field in text.split("\0")[:-1]]

    pairs = (field.partition("=") for field in fields("environment"))
    where = (place / "directory").read_bytes().decode(errors="surrogateescape")
    environment = {name: value for name, _, value in pairs}
    return Recorded(tuple(fields("words")), Path(where.removesuffix("\n")), environment)


def _refuse_asked(step: Unexpanded, stubs: docker_stub.Stub) -> None:
    asked = next((call for call in stubs.calls() if not call.answered), None)
    if asked is not None:
        raise _refused(
            step,
            f"docker's words take the output of `{asked.line}`, to which rbuild has no answer",
        )


def _failed(status: int) -> StepFailedError:
    how = f"ended by signal {-status}" if status < 0 else f"ended with status {status}"
    message = f"the shell {how} before it called docker"
    return StepFailedError(message, status=abs(status))


def _refused(step: Unexpanded, why: str) -> RecipeError:
    text = step.origin.text if step.origin else step.script
    return RecipeError(
        f"{step.origin}: this line can't be turned into a step: {why}",
        hint="an rbuild.toml can take the Makefile's place",
        engine_words=text,
    )

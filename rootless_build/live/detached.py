"""`docker create` and `docker run --detach`: a step's container that nobody waits for."""

from __future__ import annotations

import re
from typing import Final

from rootless_build.backend.api import docker_commands
from rootless_build.docker_cli.reading import Given
from rootless_build.live import names, steps
from rootless_build.live.daemon import Daemon, DaemonError
from rootless_build.live.streams import put, say
from rootless_build.live.surroundings import Work
from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import RunContainer
from rootless_build.model.structs import replace
from rootless_build.recipes.docker import argv
from rootless_build.recipes.docker.argv import Called
from rootless_build.runner.options import Options

_FAILED: Final = 125
_HELP: Final = "\nRun 'docker run --help' for more information"
_NOT_FOUND: Final = re.compile(
    r"no such file or directory|executable file .* not found|executable file not found",
    re.IGNORECASE,
)
_NOT_EXECUTABLE: Final = re.compile(r"permission denied|is a directory", re.IGNORECASE)


def create(given: Given, work: Work) -> int:
    """`docker create`; docker's exit status."""
    called = argv.called(("run", "--detach", *given.rest), work.call.context)
    made = _make(called, work)
    if isinstance(made, int):
        return 1
    put(1, f"{made}\n".encode())
    return 0


def run(work: Work) -> int:
    """`docker run`, and `docker run --detach`; docker's exit status."""
    called = argv.called(work.call.words, work.call.context)
    return _run(called, work) if called.detached else steps.do_called(called, work)


def _run(called: Called, work: Work) -> int:
    made = _make(called, work, _HELP, "docker: ")
    if isinstance(made, int):
        return made
    try:
        daemon(work).of_container("POST", made, "/start")
    except DaemonError as error:
        say(f"docker: {error.line}{_HELP}")
        return _status(error.words)
    put(1, f"{made}\n".encode())
    return 0


def daemon(work: Work) -> Daemon:
    """The engine in docker's place. Raises RecipeError for one whose containers don't stay."""
    commands = docker_commands(work.around.engine)
    if commands is None:
        name = work.around.choice.backend.name
        words = f"{name} has no containers that outlive their command"
        raise RecipeError(words, hint="`--backend podman` has")
    return Daemon(commands)


def _status(words: str) -> int:
    if _NOT_FOUND.search(words):
        return 127
    return 126 if _NOT_EXECUTABLE.search(words) else _FAILED


def _make(called: Called, work: Work, after: str = "", before: str = "") -> str | int:
    """The id of the container, or the status where there is none."""
    engine = daemon(work)
    for step in called.steps:
        name = step.name if isinstance(step, RunContainer) else None
        try:
            names.check_new(engine, name or "")
        except DaemonError as error:
            say(f"{before}{error.line}{after}".rstrip("\n"))
            return _FAILED
    made: list[str] = []

    def only_made(options: Options) -> Options:
        told = options.containers.made

        def take(identity: str) -> None:
            made.append(identity)
            told(identity)

        containers = replace(options.containers, made=take, only_made=True)
        return replace(options, containers=containers)

    status = steps.run(called, work, only_made)
    return made[0] if made and not status else status or _FAILED

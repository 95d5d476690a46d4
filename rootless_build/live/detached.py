"""`docker create` and `docker run --detach`: a step's container that nobody waits for."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from rootless_build.backend.api import DockerCommands, docker_commands
from rootless_build.docker_cli import units
from rootless_build.docker_cli.reading import Given
from rootless_build.docker_cli.shapes.json import a_map
from rootless_build.docker_cli.shapes.names import in_full
from rootless_build.live import callers_volumes, names, passing, steps
from rootless_build.live.daemon import Daemon, DaemonError
from rootless_build.live.streams import put, say
from rootless_build.live.surroundings import Work
from rootless_build.model.errors import RecipeError
from rootless_build.model.events import Emit, Event, StepStarted
from rootless_build.model.plan import BindMount, Json, PullPolicy, RunContainer
from rootless_build.model.structs import replace
from rootless_build.recipes.docker import argv
from rootless_build.recipes.docker.argv import Called
from rootless_build.runner.options import Options

_FAILED: Final = 125
_LEAST_MEMORY: Final = 6 * 1024 * 1024
_WITHOUT_ALIASES: Final = (None, "default", "bridge", "host", "none")
_HELP: Final = "\nRun 'docker run --help' for more information"
_NOT_FOUND: Final = re.compile(
    r"no such file or directory|executable file .* not found|executable file not found",
    re.IGNORECASE,
)
_NOT_EXECUTABLE: Final = re.compile(r"permission denied|is a directory", re.IGNORECASE)


def create(given: Given, work: Work) -> int:
    """`docker create`; docker's exit status."""
    called = _created(given, work)
    called, fault = _looked_at(called, work, daemon(work).commands)
    if fault:
        say(fault.rstrip("\n"))
        return 1
    made = _make(called, replace(work, emit=_as_create(work.emit)))
    if isinstance(made, int):
        return 1
    put(1, f"{made}\n".encode())
    return 0


def _as_create(emit: Emit) -> Emit:
    """Tells of a container that is made and does not run."""

    def tell(event: Event) -> None:
        if isinstance(event, StepStarted):
            event = replace(event, title=f"create {event.title.removeprefix('run ')}")
        emit(event)

    return tell


def _created(given: Given, work: Work) -> Called:
    return argv.called(("run", "--detach", *given.rest), work.call.context)


def check_power(given: Given, work: Work) -> None:
    """Raise HostError for `docker create` of what has a power over the host that is not to be had:
    a daemon of root's gives it. RecipeError for what nobody understands of it.
    """
    if not work.around.engine.rootless:
        steps.check_power(_created(given, work), work)


def run(work: Work) -> int:
    """`docker run`, and `docker run --detach`; docker's exit status."""
    called = argv.called(work.call.words, work.call.context)
    commands = docker_commands(work.around.engine)
    if called.detached and commands is not None and commands.is_docker:
        steps.check_power(called, work)
        passing.whole(commands, work, work.call.line)
    called, fault = _looked_at(called, work, commands)
    if fault:
        say(f"docker: {fault}{_HELP}")
        return _FAILED
    if called.detached:
        return _run(called, work)
    if called.network_aliases:
        words = "docker run: --network-alias is done with --detach alone"
        raise RecipeError(words, hint="and with docker create")
    return steps.do_called(called, work)


def _looked_at(called: Called, work: Work, commands: DockerCommands | None) -> tuple[Called, str]:
    """The call with what it has of other containers, and what docker finds before it makes one: a
    line; empty where it finds nothing.
    """
    fault = _fault(called, work, commands)
    if fault:
        return called, fault
    step = called.steps[0]
    assert isinstance(step, RunContainer)  # it is what the command is
    try:
        if called.volumes_from:
            step = callers_volumes.with_volumes(step, daemon(work), called.volumes_from)
        if called.publishes_all:
            step = _publishing_all(step, daemon(work), called.exposed)
    except DaemonError as error:
        return called, error.line
    return replace(called, steps=(step,)), ""


def _publishing_all(step: RunContainer, engine: Daemon, exposed: tuple[str, ...]) -> RunContainer:
    """The step with its image's ports published too, each as one that the engine chooses."""
    image = a_map(a_map(engine.image(step.image)).get("Config"))
    ports = dict.fromkeys((*exposed, *a_map(image.get("ExposedPorts"))))
    return replace(step, publish=(*step.publish, *ports))


def _fault(called: Called, work: Work, commands: DockerCommands | None) -> str:
    file = called.container_id_file
    if file is not None and file.exists():
        given = file.name if file.parent == work.call.directory else file
        words = "container ID file found, make sure the other container isn't running or delete"
        return f"{words} {given}\n"
    step = called.steps[0]
    assert isinstance(step, RunContainer)  # it is what the command is
    memory = units.of_memory(step.limits.memory or "")
    if memory is not None and 0 < memory < _LEAST_MEMORY:
        return "Error response from daemon: Minimum memory limit allowed is 6MB\n"
    for mount in step.mounts:
        if isinstance(mount, BindMount) and not mount.create_source and not mount.source.exists():
            where = f"bind source path does not exist: {mount.source}"
            return f'Error response from daemon: invalid mount config for type "bind": {where}\n'
    if fault := _conflict(called, step):
        return fault
    try:
        if step.pull is PullPolicy.NEVER and work.around.engine.find_image(step.image) is None:
            _refuse_image(step.image)
        _check_name(step.name, commands)
    except DaemonError as error:
        return error.line
    return ""


def _conflict(called: Called, step: RunContainer) -> str:
    """What can't be together."""
    if called.network_aliases and step.network in _WITHOUT_ALIASES:
        words = "network-scoped alias is supported only for containers in user defined networks"
        return f"Error response from daemon: invalid endpoint settings:\n{words}\n"
    if called.detached and called.attached:
        return "conflicting options: cannot specify both --attach and --detach\n"
    return ""


def _check_name(name: str | None, commands: DockerCommands | None) -> None:
    if not name:
        return
    names.check(name, name)
    # docker itself says so where it makes one.
    if commands is not None and commands.keeps_containers and not commands.is_docker:
        names.check_clash(Daemon(commands), name)


def _refuse_image(name: str) -> None:
    raise DaemonError(f"No such image: {in_full(name)}")


def _run(called: Called, work: Work) -> int:
    made = _make(called, work)
    if isinstance(made, int):
        return made
    try:
        daemon(work).of_container("POST", made, "/start")
    except DaemonError as error:
        put(1, f"{made}\n".encode())
        say(f"docker: {error.line}{_HELP}")
        return _status(error.words)
    put(1, f"{made}\n".encode())
    return 0


def daemon(work: Work) -> Daemon:
    """The engine in docker's place. Raises RecipeError for one whose containers don't stay."""
    commands = docker_commands(work.around.engine)
    if commands is None or not commands.keeps_containers:
        name = work.around.choice.backend.name
        words = f"{name} has no containers that outlive their command"
        raise RecipeError(words, hint="`--backend podman` has")
    if commands.is_docker:
        words = "docker run: --volumes-from and -P are done with --detach alone on docker"
        raise RecipeError(words, hint="or with `--backend podman`")
    return Daemon(commands)


def _status(words: str) -> int:
    if _NOT_FOUND.search(words):
        return 127
    return 126 if _NOT_EXECUTABLE.search(words) else _FAILED


def _make(called: Called, work: Work) -> str | int:
    """The id of the container, or the status where there is none."""
    made: list[str] = []

    def only_made(options: Options) -> Options:
        told = options.containers.made

        def take(identity: str) -> None:
            made.append(identity)
            told(identity)

        containers = replace(options.containers, made=take, only_made=True)
        return replace(options, containers=containers)

    status = steps.run(called, work, only_made)
    if not made or status:
        return status or _FAILED
    if called.network_aliases:
        _give_aliases(called, daemon(work), made[0])
    return made[0]


def _give_aliases(called: Called, engine: Daemon, container: str) -> None:
    """Have others on its network know a container that is made by more names."""
    step = called.steps[0]
    assert isinstance(step, RunContainer)  # it is what the command is
    path = f"/networks/{quote(step.network or '', safe='')}"
    settings: Json = {"Aliases": [*called.network_aliases]}
    engine.ask("POST", f"{path}/disconnect", body={"Container": container, "Force": True})
    body: Json = {"Container": container, "EndpointConfig": settings}
    engine.ask("POST", f"{path}/connect", body=body)

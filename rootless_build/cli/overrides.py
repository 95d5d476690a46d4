"""What the command line and the configuration files change in every plan."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from rootless_build.backend import caller
from rootless_build.cli.command import Command
from rootless_build.cli.command_line import pairs
from rootless_build.cli.secrets import build_secret, secret_pairs
from rootless_build.images.containerfile.file import problem
from rootless_build.model import platforms, references
from rootless_build.model.errors import UsageError
from rootless_build.model.overrides import Overrides, apply, where_possible
from rootless_build.model.plan import HostCommand, Plan, PullPolicy
from rootless_build.model.structs import replace
from rootless_build.recipes.shell import line
from rootless_build.runner import docker_socket, mount_points
from rootless_build.runner.power_rules import Named


def override(command: Command, plan: Plan, *, of_call: bool = False) -> Plan:
    """The plan of a recipe, or of a script's call, as this command is to do it. Raises UsageError,
    ConfigError.

    What a script calls docker for is known only then: an option that fits nothing in a plan with
    one, or one of its calls, is for others.
    """
    given, usual = overrides(command), defaults(command)
    if given.containerfile or given.containerfiles or given.build_args or given.image:
        usual = replace(usual, image=None)
    usual = where_possible(plan, usual)
    if usual.containerfile is not None and given.containerfile is None:
        wrong = problem(usual.containerfile)
        if wrong is not None:
            message = f"{usual.containerfile}: {wrong[0]}"
            raise command.config_error(("defaults", "file"), message, wrong[1])
    for socket, named_by in (
        (given.docker_socket, "--docker-socket"),
        (usual.docker_socket, "docker-socket in [defaults]"),
    ):
        if socket is not None:
            docker_socket.check(socket, f"{named_by}, {socket}")
            break
    if of_call or (given != Overrides() and _is_docker_to_some(command, plan)):
        given = where_possible(plan, given)
    made = apply(apply(plan, usual), given)
    return caller.mark(mount_points.with_worktrees(made))


def _is_docker_to_some(command: Command, plan: Plan) -> bool:
    """Whether a command of the plan on this host may call docker, which is rbuild then."""
    hosts = () if command.flag("no_live") else plan.steps
    return any(
        isinstance(step, HostCommand) and line.may_call_docker(step.script, step.shell)
        for step in hosts
    )


def defaults(command: Command) -> Overrides:
    """What the configuration files change in every plan."""
    given = command.config.defaults
    return Overrides(
        containerfile=given.file,
        network=given.network,
        pull=PullPolicy(given.pull) if given.pull else None,
        build_args=given.build_args,
        environment=given.environment,
        image=given.image,
        bundles_directory=given.bundles_dir,
        docker_socket=given.docker_socket,
        platform=_usual_platform(os.environ),
    )


def _usual_platform(environment: Mapping[str, str]) -> str | None:
    """What docker's commands take for a platform where none is named. Raises UsageError."""
    given = environment.get("DOCKER_DEFAULT_PLATFORM")
    if not given:
        return None
    try:
        return platforms.normal(given)
    except platforms.BadPlatformError as error:
        raise UsageError(f"DOCKER_DEFAULT_PLATFORM={given}: {error}", hint=error.hint) from error


def overrides(command: Command) -> Overrides:
    """The options that change a plan; relative paths are relative to where rbuild was started."""
    file, files = _containerfiles(command.values("files"))
    if command.flag("pull") and command.flag("no_pull"):
        raise UsageError("--pull and --no-pull can't be given together")
    socket = command.option("docker_socket")
    image = command.option("image")
    if image is not None:
        references.check(image)
    bundles = command.option("bundles_dir")
    pull = None
    if command.flag("pull"):
        pull = PullPolicy.ALWAYS
    elif command.flag("no_pull"):
        pull = PullPolicy.NEVER
    return Overrides(
        containerfile=file,
        containerfiles=files,
        build_contexts=tuple(map(_build_context, command.values("build_contexts"))),
        network=command.option("network"),
        pull=pull,
        no_cache=command.flag("no_cache"),
        build_args=pairs(command.values("build_args"), "--build-arg"),
        environment=pairs(command.values("env"), "--env"),
        image=image,
        caches=command.values("cache_volumes"),
        bundles_directory=Path(bundles).absolute() if bundles else None,
        secrets=tuple(build_secret(word) for word in command.values("secrets")),
        secret_environment=secret_pairs(command.values("secret_env")),
        unprivileged=command.flag("unprivileged"),
        docker_socket=Path(socket).absolute() if socket else None,
    )


def named(command: Command) -> Named:
    """What the command line itself names of this host."""
    given = overrides(command)
    directories = (given.bundles_directory,) if given.bundles_directory else ()
    return Named(directories, given.build_contexts, given.secrets, given.network)


def check_containerfiles(command: Command) -> None:
    """Raise UsageError for a containerfile of the command line that is none."""
    _containerfiles(command.values("files"))


def _containerfiles(words: tuple[str, ...]) -> tuple[Path | None, tuple[tuple[str, Path], ...]]:
    """The containerfiles of `-f FILE` and of `-f IMAGE=FILE`, absolute."""
    lone, named = [], []
    for word in words:
        name, equals, file = word.partition("=")
        if equals and name and file and not Path(word).exists():
            named.append((name, _checked(word, Path(file).absolute())))
        else:
            lone.append(_checked(word, Path(word).absolute()))
    if len(lone) > 1:
        raise UsageError(
            f"-f {lone[0]} and -f {lone[1]}: one is for the make container's image",
            hint="name the image of the other: -f IMAGE=FILE",
        )
    return (lone[0] if lone else None), tuple(named)


def _checked(word: str, file: Path) -> Path:
    wrong = problem(file)
    if wrong is not None:
        raise UsageError(f"-f {word}: {wrong[0]}", hint=wrong[1])
    return file


def _build_context(word: str) -> tuple[str, str]:
    """NAME=VALUE as of docker's --build-context; a directory's path is made absolute."""
    name, equals, value = word.partition("=")
    if not (name and equals and value):
        raise UsageError(f"--build-context {word}: it is NAME=DIR")
    if "://" in value:
        return name, value
    if not Path(value).is_dir():
        raise UsageError(f"--build-context {word}: there is no directory {value}")
    return name, str(Path(value).absolute())

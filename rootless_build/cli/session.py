"""From options to a plan, and its execution on the engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from rootless_build import recipes
from rootless_build.backend import caller
from rootless_build.backend.api import LABEL_PROCESS, LABEL_UNFINISHED, Engine, LeftoverKind
from rootless_build.backend.discovery import Choice
from rootless_build.cli.checkout import (
    bundles_directory,
    clear_dead_runs,
    failed_directory,
    images_directory,
    own_directories,
)
from rootless_build.cli.command import Command
from rootless_build.cli.command_line import pairs
from rootless_build.cli.engines import EngineToCome, cache_directory
from rootless_build.cli.planned import Planned
from rootless_build.cli.secrets import build_secret, secret_pairs
from rootless_build.freshness.plan_freshness import PlanFreshness
from rootless_build.freshness.snapshots import Snapshots
from rootless_build.images.own_files import OwnFiles
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.model import references
from rootless_build.model.errors import (
    ImageBuildError,
    RbuildError,
    StepFailedError,
    UsageError,
)
from rootless_build.model.events import (
    BuildFinished,
    Level,
    Notice,
)
from rootless_build.model.overrides import Overrides, apply, where_possible
from rootless_build.model.plan import BindMount, Plan, PullPolicy, RunContainer, Unexpanded
from rootless_build.model.structs import replace
from rootless_build.process import identity, programs
from rootless_build.recipes.request import Request
from rootless_build.runner import mount_points
from rootless_build.runner import run as runner
from rootless_build.runner.journal import Run
from rootless_build.runner.masking import Mask

if TYPE_CHECKING:
    from rootless_build.backend.api import EngineSettings
    from rootless_build.images.image_records import ImageRecords
    from rootless_build.process.sandbox import Sandbox
    from rootless_build.runner.host_power import Named
    from rootless_build.runner.provenance import Attestor
    from rootless_build.runner.reproduction import Reproduction


def read_plan(
    command: Command,
    targets: tuple[str, ...],
    variables: tuple[str, ...],
    looking: Sandbox | None = None,
) -> Planned:
    """The project's plan for these targets, with the command line's overrides in it."""
    recipe = recipes.read(_request(command, targets, variables, looking), command.config)
    return Planned(command.config, recipe, lambda plan: _overridden(command, plan))


def read_running(
    command: Command,
    target: str | None,
    words: tuple[str, ...],
    variables: tuple[str, ...],
    looking: Sandbox | None = None,
) -> Planned:
    """The plan that runs a command in the container, or the image, of a target; as above."""
    request = _request(command, (), variables, looking)
    recipe = recipes.read_running(request, command.config, target, words)
    return Planned(command.config, recipe, lambda plan: _overridden(command, plan))


def _request(
    command: Command,
    targets: tuple[str, ...],
    variables: tuple[str, ...],
    looking: Sandbox | None,
) -> Request:
    if command.config.defaults.makefile is not None:
        _check_makefile(command, command.config.defaults.makefile)
    return Request(
        project=command.project,
        targets=targets,
        variables=pairs(variables, "variable"),
        environment=dict(os.environ),
        terminal=os.isatty(0),
        looking=looking,
    )


def _check_makefile(command: Command, file: Path) -> None:
    # Few runs name one.
    from rootless_build.recipes.make.named_file import problem  # noqa: PLC0415

    wrong = problem(file)
    if wrong is None:
        return
    named = command.option("makefile")
    if named:
        raise UsageError(f"--makefile {named}: {wrong[0]}", hint=wrong[1])
    raise command.config_error(("defaults", "makefile"), f"{file}: {wrong[0]}", wrong[1])


def _overridden(command: Command, plan: Plan) -> Plan:
    given, usual = overrides(command), defaults(command)
    if given.containerfile or given.containerfiles or given.build_args or given.image:
        usual = replace(usual, image=None)
    usual = where_possible(plan, usual)
    if usual.containerfile is not None and given.containerfile is None:
        wrong = _problem(usual.containerfile)
        if wrong is not None:
            message = f"{usual.containerfile}: {wrong[0]}"
            raise command.config_error(("defaults", "file"), message, wrong[1])
    for socket, named_by in (
        (given.docker_socket, "--docker-socket"),
        (usual.docker_socket, "docker-socket in [defaults]"),
    ):
        if socket is not None:
            from rootless_build.runner import docker_socket  # noqa: PLC0415 - few plans need one

            docker_socket.checked(socket, f"{named_by}, {socket}")
            break
    made = apply(apply(plan, usual), given)
    return caller.marked(mount_points.with_worktrees(made))


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
    )


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
    # Few runs have a power to give away.
    from rootless_build.runner.host_power import Named  # noqa: PLC0415

    given = overrides(command)
    directories = (given.bundles_directory,) if given.bundles_directory else ()
    return Named(directories, given.build_contexts, given.secrets, given.network)


def is_isolated(settings: EngineSettings) -> bool:
    """Whether containers get namespaces of their own: not in a chroot."""
    isolation = settings.isolation or os.environ.get("BUILDAH_ISOLATION")
    return isolation != "chroot"


def _containerfiles(words: tuple[str, ...]) -> tuple[Path | None, tuple[tuple[str, Path], ...]]:
    """Those of `-f FILE` and of `-f IMAGE=FILE`, absolute."""
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


def _problem(file: Path) -> tuple[str, str] | None:
    # Few runs name a file.
    from rootless_build.images.containerfile.file import problem  # noqa: PLC0415

    return problem(file)


def _checked(word: str, file: Path) -> Path:
    wrong = _problem(file)
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


def execute(
    command: Command,
    planned: Planned,
    run: Run,
    engine_to_come: EngineToCome,
    *,
    own_command: bool = False,
    pass_status: bool = False,
    variables: tuple[str, ...] = (),
    reproduction: Reproduction | None = None,
) -> int:
    """Run the plan and return rbuild's exit status.

    `reproduction`: what is made is compared in it, not published. `own_command`: the container runs
    what the user asked for (`rbuild run`).
    `variables`: the NAME=VALUE words that the plan was read with.
    `pass_status`: a container's own status becomes rbuild's, as with `docker run`.
    """
    plan = planned.plan
    mask = command.hide(plan)
    status = 1
    _tell_notes(command, plan.notes, mask)
    options = runner.Options(
        expand=_expanding(command, planned, mask),
        foresee=planned.foreseen,
        rootful=command.flag("rootful"),
        terminal=_text(command) and reproduction is None,
        reproduction=reproduction,
        own_command=own_command,
        publishing=run.publishing,
        left=run.left,
        failed=None if reproduction else failed_directory(plan.project),
        explain=command.flag("explain"),
        fresh=command.flag("fresh") or reproduction is not None,
        checksums=command.flag("checksums"),
        unprivileged=command.flag("unprivileged"),
        named=lambda: named(command),
        mask=mask,
    )
    summary = runner.Summary(done=True)
    try:
        with ExitStack() as stack:
            engine, freshness = None, None
            if runner.needs_engine(plan):
                own = OwnFiles.of(plan, own_directories())
                snapshots = Snapshots(plan, cache_directory(plan.project), own)
                if reproduction is None and not run.dead:
                    # The engine is asked meanwhile.
                    snapshots.look_ahead()
                engine, choice = stack.enter_context(engine_to_come.open(run))
                if not run.dead:
                    options = replace(options, foreseen=engine_to_come.foreseen)
                clear_dead_runs(command, run, engine, choice)
                if run.left is not None and run.left.exists():
                    _settle(command, plan, run, engine)
                plan = _with_sockets(command, planned, choice, remote=engine.remote)
                options = replace(
                    options,
                    building=_building(command, choice, own),
                    check=lambda step: choice.backend.commands(step, choice.settings),
                    isolated=is_isolated(choice.settings),
                    images=lambda: _images(choice),
                    bundles=bundles_directory(command),
                    keep_images=_keep_images(command),
                )
                if not command.flag("no_provenance"):
                    options = replace(options, attest=_attest(plan, choice))
                if reproduction is None:
                    cache = cache_directory(plan.project)
                    freshness = freshness_for(command, plan, choice, snapshots, cache)
            try:
                summary = runner.run(plan, engine, options, command.view, freshness)
                run.unfinished = run.unfinished or summary.container_left
            except (RbuildError, OSError) as error:
                run.unfinished = run.unfinished or _may_have_left(error, engine)
                raise
        status = 0
    except RbuildError as error:
        if isinstance(error, StepFailedError):
            from rootless_build.cli import next_steps  # noqa: PLC0415 - as above

            next_steps.complete(error, command, planned.plan, variables, pass_status=pass_status)
        mask.error(error)
        status = error.exit_code
        raise
    except KeyboardInterrupt:
        status = 130
        raise
    finally:
        command.view(BuildFinished(status, identity.age(), summary.saved, summary.done))
    return status


def _expanding(
    command: Command, planned: Planned, mask: Mask
) -> Callable[[Unexpanded, programs.OnOutput], Plan]:
    def expand(step: Unexpanded, on_output: programs.OnOutput) -> Plan:
        said = planned.plan.notes
        plan = planned.expand(step, on_output)
        _tell_notes(command, (note for note in plan.notes if note not in said), mask)
        return plan

    return expand


def _tell_notes(command: Command, notes: Iterable[str], mask: Mask) -> None:
    for note in notes:
        command.view(Notice(Level.INFO, "recipe", mask.text(note)))


def with_docker_socket(plan: Plan, choice: Choice) -> tuple[Plan, str]:
    """The plan with sockets of docker's API that answer, and what is to be said of that.

    Raises HostError where a container has one mounted at which nobody answers.
    """
    mounted = (
        mount
        for step in plan.steps
        if isinstance(step, RunContainer)
        for mount in step.mounts
        if isinstance(mount, BindMount) and not mount.source.is_relative_to(plan.project)
    )
    if not any(mounted):
        return plan, ""
    # Few plans mount something of the host's.
    from rootless_build.runner import docker_socket  # noqa: PLC0415

    return docker_socket.provided(plan, choice.backend.name, os.environ)


def _with_sockets(command: Command, planned: Planned, choice: Choice, *, remote: bool) -> Plan:
    told: set[str] = set()

    def provided(plan: Plan) -> Plan:
        plan, said = with_docker_socket(plan, choice)
        if said and said not in told:
            told.add(said)
            command.view(Notice(Level.INFO, "docker-socket", said))
        return plan

    if not remote:
        planned.reshaped(provided)
    return planned.plan


def _settle(command: Command, plan: Plan, run: Run, engine: Engine) -> None:
    """What runs left that were not alone, and ended together."""
    from rootless_build.runner import left_files  # noqa: PLC0415 - seldom

    def say(code: str, text: str, level: Level) -> None:
        command.view(Notice(level, code, text))

    left_files.settle(left_files.Place(plan.project, run.publishing, run.left), engine, say)


def _may_have_left(error: RbuildError | OSError, engine: Engine | None) -> bool:
    """Whether a container of this run may be there still."""
    if engine is None or (isinstance(error, RbuildError) and not error.where):
        return False  # no step had begun
    if isinstance(error, ImageBuildError):
        # An engine that was killed may have begun one of which it knows nothing.
        return True
    try:
        # On a full disk, for one, podman can't take a container out of its storage.
        found = engine.leftovers({LeftoverKind.CONTAINER})
    except (RbuildError, OSError):
        return True
    labels = [dict(left.labels) for left in found]
    own = (each.get(LABEL_PROCESS) == identity.of_this() for each in labels)
    return any(own) or any(LABEL_UNFINISHED in each for each in labels)


def _keep_images(command: Command) -> int:
    given = command.number("keep_images")
    if given is not None:
        return given
    usual = command.config.defaults.keep_images or 0
    if usual < 0:
        raise command.config_error(("defaults", "keep-images"), "it is 0 or more")
    return usual


def _images(choice: Choice) -> ImageRecords:
    # A run that changes nothing builds none.
    from rootless_build.images.image_records import ImageRecords  # noqa: PLC0415

    return ImageRecords(images_directory(), choice.backend.name)


def _attest(plan: Plan, choice: Choice) -> Callable[[], Attestor]:
    def attestor() -> Attestor:
        # A run that changes nothing makes no bundles: 30 ms.
        from rootless_build.runner.provenance import Attestor  # noqa: PLC0415

        return Attestor(plan, choice.backend.name, choice.version)

    return attestor


def freshness_for(
    command: Command, plan: Plan, choice: Choice, snapshots: Snapshots, cache: Path
) -> PlanFreshness:
    """What tells which steps need not be done, with the engine and options of this run.

    `cache` is where records and indexes are.
    """
    given = (name for name in ("force", "fresh") if command.flag(name))
    about = (
        ("the engine", f"{choice.backend.name} {choice.version}"),
        ("a setting of the engine", choice.settings.identity),
        *((f"--{name}", str(command.flag(name))) for name in ("checksums", "no_provenance")),
    )
    return PlanFreshness(
        plan,
        about,
        cache,
        builder=choice.builder,
        force=next((f"--{name}" for name in given), ""),
        snapshots=snapshots,
    )


def _building(command: Command, choice: Choice, own: OwnFiles) -> RewriteOptions:
    inexact = command.flag("allow_inexact")
    return RewriteOptions(choice.builder, choice.settings.data_directory, inexact, own)


def _text(command: Command) -> bool:
    return not command.logs_json

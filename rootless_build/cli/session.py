"""From options to what the core needs: a view, a configuration, an open engine, a plan."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING, Self

from rootless_build import config, mounts, recipes, registry, runner
from rootless_build.backend import Engine, EngineSettings
from rootless_build.cli.checkout import clear_dead_runs
from rootless_build.cli.command import Command, is_variable, pairs
from rootless_build.cli.secrets import build_secret, secret_pairs
from rootless_build.containerfile.building import Building
from rootless_build.errors import (
    BackendUnavailableError,
    ImageBuildError,
    RbuildError,
    StepFailedError,
)
from rootless_build.events import (
    BackendChosen,
    BuildFinished,
    Level,
    Notice,
    Stopwatch,
)
from rootless_build.fingerprint import records
from rootless_build.host import Facts, engine_settings, gather
from rootless_build.host.preflight import preflight
from rootless_build.masking import mask_for
from rootless_build.overrides import Overrides, apply, where_possible
from rootless_build.plan import Plan, PullPolicy
from rootless_build.recipes.request import Request
from rootless_build.registry import Choice
from rootless_build.runs import Run
from rootless_build.ui.closing import ClosingView, View
from rootless_build.unchanged import Unchanged

if TYPE_CHECKING:
    from rootless_build.bundles import Staging
    from rootless_build.provenance import Attestor


def view(log_format: str, color: str, *, verbose: bool, quiet: bool) -> View:
    """The view the user asked for, on rbuild's own standard streams."""
    if log_format == "json":
        from rootless_build.ui.json import JsonView  # noqa: PLC0415 - structlog, for this alone

        return ClosingView(JsonView(sys.stdout))
    from rootless_build.ui.text import Sink, TextView, Verbosity  # noqa: PLC0415 - as above

    out, err = (Sink(s.buffer, _columns(s.fileno())) for s in (sys.stdout, sys.stderr))
    level = Verbosity.VERBOSE if verbose else Verbosity.QUIET if quiet else Verbosity.NORMAL
    return ClosingView(TextView(out, err, level, color=colored(color, sys.stderr)))


def _columns(descriptor: int) -> int | None:
    return (os.get_terminal_size(descriptor).columns or 80) if os.isatty(descriptor) else None


def colored(wanted: str, stream: IO[str]) -> bool:
    """NO_COLOR (no-color.org) and TERM=dumb hold unless colour is asked for by name."""
    if wanted != "auto":
        return wanted == "always"
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return not plain and os.isatty(stream.fileno())


def configuration(project: Path) -> config.Config:
    """The project's rbuild.toml and the user's own file. Raises ConfigError."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return config.load(project, home / "rbuild" / "config.toml")


def read_plan(command: Command, targets: tuple[str, ...], variables: tuple[str, ...]) -> Plan:
    """The project's plan for these targets, with the command line's overrides in it."""
    request = Request(
        project=command.project,
        targets=targets,
        variables=pairs(variables, "variable"),
        environment=dict(os.environ),
        terminal=os.isatty(0),
    )
    plan = recipes.read(request, command.config)
    given, usual = overrides(command), defaults(command)
    if given.containerfile or given.build_args or given.image:
        usual = dataclasses.replace(usual, image=None)
    return mounts.with_worktrees(apply(apply(plan, where_possible(plan, usual)), given))


def split_words(words: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Targets and NAME=VALUE variables, which may stand in any order, as with make."""
    targets = tuple(word for word in words if not is_variable(word))
    return targets, tuple(word for word in words if is_variable(word))


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
    )


def overrides(command: Command) -> Overrides:
    """The options that change a plan; relative paths are relative to where rbuild was started."""
    file = command.option("file")
    bundles = command.option("bundles_dir")
    pull = None
    if command.flag("pull"):
        pull = PullPolicy.ALWAYS
    elif command.flag("no_pull"):
        pull = PullPolicy.NEVER
    return Overrides(
        containerfile=Path(file).absolute() if file else None,
        network=command.option("network"),
        pull=pull,
        no_cache=command.flag("no_cache"),
        build_args=pairs(command.values("build_args"), "--build-arg"),
        environment=pairs(command.values("env"), "--env"),
        image=command.option("image"),
        caches=command.values("cache_volumes"),
        bundles_directory=Path(bundles).absolute() if bundles else None,
        secrets=tuple(build_secret(word) for word in command.values("secrets")),
        secret_environment=secret_pairs(command.values("secret_env")),
        unprivileged=command.flag("unprivileged"),
    )


def backend_name(command: Command) -> str:
    """--backend, RBUILD_BACKEND, the configuration, auto: the first of these that is given."""
    return (
        command.option("backend")
        or os.environ.get("RBUILD_BACKEND")
        or command.config.defaults.backend
        or registry.AUTO
    )


@contextmanager
def settings_for(command: Command, facts: Facts | None = None) -> Iterator[EngineSettings]:
    """The host's settings for the engines, announced to the view (at `-v`)."""
    with engine_settings(facts or gather(os.environ)) as settings:
        _announce(command, settings)
        yield settings


def _announce(command: Command, settings: EngineSettings) -> None:
    for row in settings.adaptations:
        command.view(Notice(Level.DETAIL, "host-setting", str(row)))


class EngineToCome:
    """A context in which the backend is chosen in the background, while the plan is made."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._name = backend_name(command)
        self._resources = ExitStack()
        self._facts: Facts | None = None
        self._choice: Choice | None = None
        self._error: Exception | None = None
        self._thread = Thread(target=self._choose, name="rbuild-choose", daemon=True)

    def _choose(self) -> None:
        try:
            self._facts = gather(os.environ)
            settings = self._resources.enter_context(engine_settings(self._facts))
            choice = registry.choose(self._name, settings)
            preflight(self._facts, choice.backend.name)
            self._choice = choice
        except Exception as error:
            self._error = error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._resources.close()

    @contextmanager
    def open(self, run: Run | None = None) -> Iterator[tuple[Engine, Choice]]:
        """The chosen backend's engine; on the record of the run before it is open.

        Errors that this host is to blame for say so.
        """
        self._thread.join()
        with _host_explains(self._command, self._facts):
            if self._error is not None:
                raise self._error
            assert self._choice is not None  # noqa: S101 - the thread leaves one of them
            choice = self._choice
            _announce(self._command, choice.settings)
            self._command.view(BackendChosen(choice.backend.name, choice.version, choice.reason))
            if run is not None:
                directory = choice.settings.runtime_directory
                run.note(backend=choice.backend.name, runtime_directory=directory)
            with choice.backend.open(choice.settings) as engine:
                yield engine, choice


@contextmanager
def engine_for(command: Command) -> Iterator[tuple[Engine, Choice]]:
    """The chosen backend's engine, open. Errors that this host is to blame for say so."""
    with EngineToCome(command) as engine_to_come, engine_to_come.open() as opened:
        yield opened


@contextmanager
def _host_explains(command: Command, facts: Facts | None) -> Iterator[None]:
    try:
        yield
    except (BackendUnavailableError, StepFailedError) as error:
        # Only a run that fails pays for the look at the host.
        from rootless_build.cli.host import findings  # noqa: PLC0415
        from rootless_build.host.diagnosis import cause  # noqa: PLC0415

        better = cause(error, lambda: findings(command, facts or gather(os.environ)))
        if better is None:
            raise
        raise better from error


def execute(
    command: Command,
    plan: Plan,
    run: Run,
    engine_to_come: EngineToCome,
    *,
    in_place: bool = False,
    pass_status: bool = False,
    dispose: Callable[[Staging], None] | None = None,
) -> int:
    """Run the plan and return rbuild's exit status.

    `dispose` is done with new bundles instead of publishing them.
    `pass_status`: a container's own status becomes rbuild's, as with `docker run`.
    """
    watch = Stopwatch()
    mask = mask_for(plan)
    status = 1
    for note in plan.notes:
        command.view(Notice(Level.INFO, "recipe", note))
    options = runner.Options(
        rootful=command.flag("rootful"),
        terminal=_text(command) and dispose is None,
        dispose=dispose,
        in_place=in_place,
        explain=command.flag("explain"),
        fresh=command.flag("fresh") or dispose is not None,
        checksums=command.flag("checksums"),
        unprivileged=command.flag("unprivileged"),
    )
    summary = runner.Summary(done=True)
    try:
        with ExitStack() as stack:
            engine, unchanged = None, None
            if runner.needs_engine(plan):
                engine, choice = stack.enter_context(engine_to_come.open(run))
                clear_dead_runs(command, run, engine, choice)
                options = dataclasses.replace(options, building=_building(command, choice))
                if not command.flag("no_provenance"):
                    options = dataclasses.replace(options, attest=_attest(plan, choice))
                if dispose is None:
                    unchanged = _unchanged(command, plan, choice)
            summary = runner.run(plan, engine, options, mask.emitting(command.view), unchanged)
        status = 0
    except StepFailedError as error:
        status = error.exit_code
        mask.error(error)
        # An engine that was killed may have begun a container of which it knows nothing.
        run.unfinished = run.unfinished or isinstance(error, ImageBuildError)
        if not pass_status or error.status is None:
            raise
        status = error.status
    except RbuildError as error:
        mask.error(error)
        status = error.exit_code
        raise
    except KeyboardInterrupt:
        status = 130
        raise
    finally:
        command.view(BuildFinished(status, watch.seconds, summary.saved, summary.done))
    return status


def _attest(plan: Plan, choice: Choice) -> Callable[[], Attestor]:
    def attestor() -> Attestor:
        # A run that changes nothing makes no bundles: 30 ms.
        from rootless_build.provenance import Attestor  # noqa: PLC0415

        return Attestor(plan, choice.backend.name, choice.version)

    return attestor


def _unchanged(command: Command, plan: Plan, choice: Choice) -> Unchanged:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    given = (name for name in ("force", "fresh") if command.flag(name))
    about = (
        ("the engine", f"{choice.backend.name} {choice.version}"),
        ("a setting of the engine", choice.settings.identity),
        *((f"--{name}", str(command.flag(name))) for name in ("checksums", "no_provenance")),
    )
    cache = records.cache_directory(plan.project, home)
    return Unchanged(plan, about, cache, force=next((f"--{name}" for name in given), ""))


def _building(command: Command, choice: Choice) -> Building:
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "rbuild"
    return Building(choice.builder, data, command.flag("allow_inexact"))


def _text(command: Command) -> bool:
    return (command.option("log_format") or command.config.defaults.log_format or "text") == "text"

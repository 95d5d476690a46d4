"""A command at work with rbuild in docker's place, as the options of the command line say."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Final

from rootless_build.backend.api import LABEL_PROCESS, Engine, LeftoverKind
from rootless_build.backend.discovery import Choice
from rootless_build.cli import kept_runs, metadata_file
from rootless_build.cli.checkout import clear_dead_runs
from rootless_build.cli.command import Command
from rootless_build.cli.engines import EngineToCome, cache_directory
from rootless_build.cli.overrides import defaults, override, overrides
from rootless_build.cli.own_places import data_directory, own_directories
from rootless_build.cli.plan_sockets import with_docker_socket
from rootless_build.cli.run_options import (
    Manner,
    freshness_for,
    image_options,
    run_options,
    with_engine,
)
from rootless_build.freshness.plan_freshness import PlanFreshness
from rootless_build.freshness.snapshots import Snapshots
from rootless_build.images.own_files import OwnFiles
from rootless_build.live import session
from rootless_build.live.command import as_shells
from rootless_build.live.server import Server, hearing
from rootless_build.live.surroundings import Surroundings
from rootless_build.model.errors import RbuildError
from rootless_build.model.events import (
    Answer,
    AtWork,
    BuildFinished,
    BuildProgress,
    Event,
    Level,
    Notice,
    OutputLine,
    ScreenOutput,
    StepReporter,
    StepStarted,
    UnfinishedLine,
)
from rootless_build.model.plan import HostCommand, Plan, RunContainer
from rootless_build.model.secret_names import without_values
from rootless_build.model.structs import from_data
from rootless_build.process import identities
from rootless_build.runner import docker_socket, failures, journal
from rootless_build.runner.journal import Run
from rootless_build.runner.options import ExpansionOptions, Options
from rootless_build.runner.results import Keep

_NEEDED: Final = (
    "rootless_build.bundles.staging",
    "rootless_build.images.asking.answers",
    "rootless_build.images.building",
    "rootless_build.images.layers.ahead",
    "rootless_build.images.segments.build",
    "rootless_build.runner.container_run",
    "rootless_build.runner.provenance",
)
"""What a run imports late, and each call of a live run would again."""
_HEARD: Final = (OutputLine, UnfinishedLine, BuildProgress, AtWork, ScreenOutput)


End = Callable[[int, Sequence[Plan]], int]
"""Gets a command's exit status, -N after signal N, and the plans of its calls; gives rbuild's own,
or raises.
"""


def execute_live(
    command: Command,
    words: Sequence[str],
    run: Run,
    engine_to_come: EngineToCome,
    end: End = lambda status, _: as_shells(status),
) -> int:
    """Run the command; rbuild's exit status."""
    kept_runs.keep(command)
    status = 1
    calls: list[Plan] = []
    processes: set[str] = set()

    def hear(event: Event) -> None:
        if isinstance(event, Answer) and event.name == "call":
            calls.append(from_data(event.fields["plan"], Plan))
            processes.add(str(event.fields["process"]))
        _show(command, event)

    try:
        with engine_to_come.open(run) as (engine, choice):
            clear_dead_runs(command, run, engine, choice)
            engine.warm_up()
            run.let_others_in()
            captured = StepReporter(command.view, 1) if command.logs_json else None
            wanted = session.Wanted(
                words, command.project, dict(os.environ), captured, daemon=_daemon(command)
            )
            around = surroundings(command, engine, choice, run)
            try:
                ended = session.run(wanted, around, hear)
            finally:
                _name_what_is_left(command, engine, calls, processes)
        if ended < 0:
            line = shlex.join(without_values(words))
            text = f"{line} was ended by {failures.signal_name(-ended)}"
            command.view(Notice(Level.WARNING, "ended-by-signal", text))
        status = end(ended, calls)
    except KeyboardInterrupt:
        status = 130
        raise
    except RbuildError as error:
        status = error.exit_code
        raise
    finally:
        command.view(BuildFinished(status, identities.age()))
    return status


def _name_what_is_left(
    command: Command, engine: Engine, calls: Sequence[Plan], processes: Collection[str]
) -> None:
    """Name the containers that a command has left, as it would have left docker's."""
    if not any(isinstance(step, RunContainer) for plan in calls for step in plan.steps):
        return
    with suppress(RbuildError):
        left = engine.leftovers({LeftoverKind.CONTAINER})
        names = [one.name for one in left if dict(one.labels).get(LABEL_PROCESS) in processes]
        if names:
            text = f"containers that are left: {', '.join(names)} (rbuild clean removes them)"
            command.view(Notice(Level.INFO, "containers-left", text))


def serve_host(
    command: Command,
    step: HostCommand,
    reporter: StepReporter,
    around: Callable[[], Surroundings],
    after: int,
) -> tuple[int, int]:
    """Run a command of a recipe, and be docker for it: its exit status, and how many steps its
    calls were. Their numbers come `after` the plan's.
    """
    calls: set[int] = set()

    def hear(event: Event) -> None:
        if isinstance(event, StepStarted):
            calls.add(event.step)
        _show(command, event)

    words = (*step.shell, step.script)
    wanted = session.Wanted(
        words,
        step.directory,
        dict(step.environment),
        reporter,
        reads=False,
        daemon=_daemon(command),
    )
    with session.stand_ins(wanted.environment.get("PATH", os.defpath)) as places:
        server = Server(places.socket, around, hearing(hear, after))
        status = session.serve(wanted, places, server, hear)
    return status, len(calls)


def _daemon(command: Command) -> Path | None:
    """The socket that the user has named, for what speaks docker's API itself. Raises HostError
    where nobody answers there.
    """
    given = overrides(command).docker_socket
    named_by = "--docker-socket" if given else "docker-socket in [defaults]"
    socket = given or defaults(command).docker_socket
    return docker_socket.check(socket, f"{named_by}, {socket}") if socket else None


def _show(command: Command, event: Event) -> None:
    """Show what happens; a person has what callers hear before the eyes already."""
    if command.logs_json or not isinstance(event, _HEARD):
        command.view(event)


def surroundings(command: Command, engine: Engine, choice: Choice, run: Run) -> Surroundings:
    """What calls are done with."""
    project = command.project
    cache = cache_directory(project)

    def own_of(plan: Plan) -> OwnFiles:
        return OwnFiles.of(plan, own_directories()).and_file(metadata_file.place_of(command))

    def shape(plan: Plan) -> Plan:
        made = override(command, plan, of_call=True)
        return made if engine.remote else with_docker_socket(made, choice)[0]

    def options(plan: Plan, run: Run) -> Options:
        manner = Manner(own_command=True, results=Keep(supersede=False))
        made = run_options(command, plan, run, manner, command.hide(plan), ExpansionOptions())
        return with_engine(
            made, command, plan, choice, image_options(command, choice, own_of(plan))
        )

    def freshness(plan: Plan) -> PlanFreshness:
        snapshots = Snapshots(plan, cache, own_of(plan))
        return freshness_for(command, plan, choice, snapshots, cache)

    return Surroundings(
        project,
        engine,
        choice,
        shape,
        lambda title: _on_record(command, title, choice, run),
        options,
        freshness,
        lambda: _prepare(engine),
        may_push=command.flag("allow_push"),
    )


def _prepare(engine: Engine) -> None:
    for module in _NEEDED:
        import_module(module)
    # Whatever asks of containers has the engine ready for them.
    with suppress(RbuildError):
        engine.leftovers({LeftoverKind.CONTAINER})


@contextmanager
def _on_record(command: Command, title: str, choice: Choice, whole: Run) -> Iterator[Run]:
    if whole.shared is None:
        with journal.beside(whole, title) as run:
            yield run
        return

    def say(text: str) -> None:
        command.view(Notice(Level.WARNING, "checkout", text))

    with journal.begin(
        data_directory(), command.project, title, alone=False, wait=True, say=say
    ) as run:
        run.note(backend=choice.backend.name)
        yield run

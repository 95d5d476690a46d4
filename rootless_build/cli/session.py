"""A plan is done on the engine that was chosen, and its end is told."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from rootless_build import runner as runner_package
from rootless_build.backend.api import LABEL_PROCESS, LABEL_UNFINISHED, Engine, LeftoverKind
from rootless_build.backend.discovery import Choice
from rootless_build.cli import kept_runs, metadata_file, next_steps
from rootless_build.cli.checkout import clear_dead_runs
from rootless_build.cli.command import Command
from rootless_build.cli.engines import EngineToCome, cache_directory
from rootless_build.cli.growing_recipe import GrowingRecipe
from rootless_build.cli.live_hosts import LiveHosts
from rootless_build.cli.own_places import own_directories
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
from rootless_build.model.errors import (
    ImageBuildError,
    RbuildError,
    StepFailedError,
)
from rootless_build.model.events import BuildFinished, Level, Notice
from rootless_build.model.structs import replace
from rootless_build.process import identities
from rootless_build.runner import run as runner
from rootless_build.runner.context import Outcome
from rootless_build.runner.options import Expand, ExpansionOptions, Options

if TYPE_CHECKING:
    from rootless_build.model.plan import Plan, Unexpanded
    from rootless_build.process import programs
    from rootless_build.runner.journal import Run
    from rootless_build.runner.masking import Mask


def execute_targets(
    command: Command,
    recipe: GrowingRecipe,
    run: Run,
    engine_to_come: EngineToCome,
    variables: tuple[str, ...],
    *,
    pass_status: bool,
) -> int:
    """Run the plan of the project's targets and return rbuild's exit status."""
    manner = Manner(pass_status=pass_status, variables=variables)
    return execute(command, recipe, run, engine_to_come, manner)


def execute(
    command: Command,
    recipe: GrowingRecipe,
    run: Run,
    engine_to_come: EngineToCome,
    manner: Manner,
) -> int:
    """Run the plan and return rbuild's exit status."""
    mask = command.hide(recipe.plan)
    kept_runs.keep(command)
    status, outcome = 1, Outcome(done=True)
    _tell_notes(command, recipe.plan.notes, mask)
    expansion = ExpansionOptions(_expanding(command, recipe, mask), recipe.foreseen)
    options = run_options(command, recipe.plan, run, manner, mask, expansion)
    try:
        outcome = _run(command, recipe, run, engine_to_come, options, anew=manner.anew)
        status = 0
    except RbuildError as error:
        if isinstance(error, StepFailedError):
            next_steps.complete(
                error,
                command,
                recipe.plan,
                manner.variables,
                pass_status=manner.pass_status,
            )
        mask.error(error)
        status = error.exit_code
        raise
    except KeyboardInterrupt:
        status = 130
        raise
    finally:
        command.planned(recipe.plan)
        command.view(BuildFinished(status, identities.age(), outcome.saved, outcome.done))
    return status


def _run(
    command: Command,
    recipe: GrowingRecipe,
    run: Run,
    engine_to_come: EngineToCome,
    options: Options,
    *,
    anew: bool,
) -> Outcome:
    """Do the plan's steps; the record of the run says whether something of it may be left."""
    with ExitStack() as stack:
        engine: Engine | None = None
        hosts = LiveHosts(command, recipe, run, engine_to_come, stack)
        options = replace(options, attend=hosts.attend)
        freshness: PlanFreshness | None = None
        if runner.needs_engine(recipe.plan):
            plan = recipe.plan
            own = OwnFiles.of(plan, own_directories()).and_file(metadata_file.place_of(command))
            snapshots = Snapshots(plan, cache_directory(plan.project), own)
            if not anew and not run.dead:
                # The engine is asked meanwhile.
                snapshots.look_ahead()
            engine, choice = stack.enter_context(engine_to_come.open(run))
            hosts.opened = (engine, choice)
            clear_dead_runs(command, run, engine, choice)
            if run.left is not None and run.left.exists():
                _settle(command, plan, run, engine)
            if not engine.remote:
                _provide_sockets(command, recipe, choice)
            images = image_options(command, choice, own)
            if not run.dead:
                images = replace(images, known=engine_to_come.foreseen)
            plan = recipe.plan
            options = with_engine(options, command, plan, choice, images)
            if not anew:
                node = choice.settings.node
                cache = cache_directory(plan.project, node.url if node else "")
                freshness = freshness_for(command, plan, choice, snapshots, cache)
        try:
            outcome = runner.run(recipe.plan, engine, options, command.view, freshness)
        except (RbuildError, OSError) as error:
            run.unfinished = run.unfinished or _may_have_left(error, engine)
            raise
        run.unfinished = run.unfinished or outcome.container_left
        return outcome


def _expanding(command: Command, recipe: GrowingRecipe, mask: Mask) -> Expand:
    def expand(step: Unexpanded, on_output: programs.OnOutput) -> Plan:
        said = recipe.plan.notes
        plan = recipe.expand(step, on_output)
        _tell_notes(command, (note for note in plan.notes if note not in said), mask)
        return plan

    return expand


def _tell_notes(command: Command, notes: Iterable[str], mask: Mask) -> None:
    for note in notes:
        command.view(Notice(Level.INFO, "recipe", mask.text(note)))


def _provide_sockets(command: Command, recipe: GrowingRecipe, choice: Choice) -> None:
    """Have containers that mount docker's socket find somebody at it."""
    told: set[str] = set()

    def provide(plan: Plan) -> Plan:
        plan, said = with_docker_socket(plan, choice)
        if said and said not in told:
            told.add(said)
            command.view(Notice(Level.INFO, "docker-socket", said))
        return plan

    recipe.reshape(provide)


def _settle(command: Command, plan: Plan, run: Run, engine: Engine) -> None:
    """Give back what runs left that were not alone, and ended together."""

    def say(code: str, text: str, level: Level) -> None:
        command.view(Notice(level, code, text))

    left_files = runner_package.left_files
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
    own = (each.get(LABEL_PROCESS) == identities.of_this() for each in labels)
    return any(own) or any(LABEL_UNFINISHED in each for each in labels)

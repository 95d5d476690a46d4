"""A plan shown, not done: an engine is asked which steps there is need of, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from rootless_build.backend import caller, discovery
from rootless_build.backend.api import Engine, EngineSettings
from rootless_build.backend.cached import RememberingEngine
from rootless_build.backend.discovery import Choice
from rootless_build.cli.backend_option import backend_name, check_backend
from rootless_build.cli.command import Command
from rootless_build.cli.engines import cache_directory, settings_for
from rootless_build.cli.overrides import named
from rootless_build.cli.own_places import own_directories
from rootless_build.cli.plan_sockets import with_docker_socket
from rootless_build.cli.run_options import freshness_for, is_isolated, memory_for
from rootless_build.cli.sandboxed_reading import Looked, look
from rootless_build.cli.views.pasting import comment
from rootless_build.cli.views.plan import SeenPlan, explanation, plan_lines
from rootless_build.freshness.preview import Forecast, forecast
from rootless_build.freshness.snapshots import Snapshots
from rootless_build.images.bases import substitutes as bases
from rootless_build.images.external import external_bases
from rootless_build.images.own_files import OwnFiles
from rootless_build.model import outputs, references
from rootless_build.model import plan as plans
from rootless_build.model.errors import BackendUnavailableError, HostError, RbuildError
from rootless_build.model.events import Answer
from rootless_build.model.structs import replace
from rootless_build.model.text import shown
from rootless_build.process import identities
from rootless_build.process.locks import hold
from rootless_build.process.signals import signals_interrupt
from rootless_build.runner import host_power
from rootless_build.runner.build_order import beside
from rootless_build.runner.failures import check_containerfile
from rootless_build.runner.power_rules import Rules

_AT_ONCE: Final = 500


def show_targets(
    command: Command,
    targets: tuple[str, ...],
    variables: tuple[str, ...],
    form: str = "text",
    *,
    explain: bool = False,
) -> int:
    """Print what would be done for the project's targets; see `show_plan`."""
    with signals_interrupt(command.view.stopping):
        return show_plan(command, look(command, targets, variables), form, explain=explain)


def show_plan(
    command: Command, looked: Looked, form: str = "text", *, explain: bool = False
) -> int:
    """Print what would be done. An engine is asked for its images, and nothing else.

    Raises RecipeError for an image whose containerfile is not there, and is made by no step.
    """
    plan = looked.plan
    mask = command.hide(plan)
    for step in plan.steps:
        if not isinstance(step, plans.BuildImage):
            break
        check_containerfile(step)
        if outputs.files(step):
            break
    told = mask.data(plans.to_dict(_with_doubt(plan, looked.doubt)))
    fields: dict[str, object] = {"plan": told, "certain": _is_certain(plan, looked)}
    if form == "json":
        command.tell(json.dumps(told, indent=2), Answer("plan", fields))
        return 0
    check_backend(command)
    with settings_for(command) as settings:
        choice, why = _choice(command, settings)
        if choice is None:
            name = backend_name(command)
            backend = discovery.load(discovery.names()[0] if name == discovery.AUTO else name)
            seen = SeenPlan(plan, problem="without an engine nobody can tell")
        else:
            backend = choice.backend
            seen = _look(command, *_with_socket(plan, choice), choice)
        seen = replace(seen, beside=beside(plan.steps))
        if looked.doubt:
            # What is known of these steps says nothing of those that a run would have.
            seen = replace(seen, verdicts=(), problem=looked.doubt)
        seen = replace(seen, live=not command.flag("no_live"))
        lines = [*plan_lines(seen, backend, settings, why)]
        refused = refused_powers(
            command, plan, settings, rootless=settings.rootless and seen.rootless
        )
        lines[1:1] = [line for text in refused for line in comment(shown(text))]
        if explain:
            builder = choice.builder if choice else ""
            answers = memory_for(choice).answers() if choice else {}
            lines += explanation(plan, builder, answers)
    verdicts = [msgspec.structs.asdict(verdict) for verdict in seen.verdicts]
    fields |= {"backend": backend.name, "verdicts": verdicts, "beside": seen.beside}
    fields |= {"lines": lines}
    if refused:
        fields["refused"] = refused
    command.tell("\n".join(lines), Answer("plan", fields))
    return 0


def _with_doubt(plan: plans.Plan, doubt: str) -> plans.Plan:
    return replace(plan, notes=(*plan.notes, f"not certain: {doubt}")) if doubt else plan


def refused_powers(
    command: Command, plan: plans.Plan, settings: EngineSettings, *, rootless: bool
) -> list[str]:
    """What a run would refuse, for it has power over this host."""
    rootful, unprivileged = command.flag("rootful"), command.flag("unprivileged")
    if rootless and os.getuid() != 0 and not unprivileged:
        return []
    isolated = is_isolated(settings)
    rules = Rules(rootless, os.getuid() == 0, rootful, unprivileged, isolated)
    asked = host_power.powers(plan, named(command), rules) if rules.bind else ()
    return [
        *host_power.describe_refusals(plan, asked, rules),
        *host_power.describe_lines(plan, rules),
    ]


def _is_certain(plan: plans.Plan, looked: Looked) -> bool:
    """Whether a build at this moment would have these steps, and no others."""
    known_later = (isinstance(step, plans.Unexpanded) for step in plan.steps)
    return not looked.doubt and not any(known_later)


def _choice(command: Command, settings: EngineSettings) -> tuple[Choice | None, str]:
    """A plan can be shown for a backend that is not installed here."""
    try:
        choice = discovery.choose(backend_name(command), settings)
    except BackendUnavailableError as error:
        return None, error.message
    return choice, f"{choice.version}, {choice.reason}"


def _with_socket(plan: plans.Plan, choice: Choice) -> tuple[plans.Plan, str]:
    try:
        return with_docker_socket(plan, choice)
    except HostError as error:
        return plan, "\n".join((error.message, *error.hint.splitlines()))


def _look(command: Command, plan: plans.Plan, said: str, choice: Choice) -> SeenPlan:
    plan = replace(plan, notes=(*plan.notes, *said.splitlines()))
    rootless = True
    with ExitStack() as stack:
        try:
            engine = stack.enter_context(choice.backend.open(choice.settings))
            known, rootless = RememberingEngine(engine, dict), engine.rootless
            verdicts = verdicts_on(command, plan, choice, known)
            _ask_at_once(plan, known)
            found = [with_stand_ins(step, known) for step in plan.steps]
        except (RbuildError, OSError) as error:
            return SeenPlan(plan, problem=f"nobody can tell: {error}", rootless=rootless)
    steps, pulled = zip(*found, strict=True) if found else ((), ())
    return SeenPlan(replace(plan, steps=steps), verdicts, "", pulled, rootless=rootless)


def verdicts_on(
    command: Command, plan: plans.Plan, choice: Choice, engine: Engine
) -> tuple[Forecast, ...]:
    """Which steps a run at this moment would do; nothing that is on record changes."""
    cache = cache_directory(plan.project)
    # A look brings what is known of files up to date: not for a run that is only shown.
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix=identities.private_prefix()))
        stack.enter_context(hold(Path(place)))
        copied = Path(place) / "cache"
        if cache.is_dir():
            shutil.copytree(cache, copied)
        snapshots = Snapshots(plan, copied, OwnFiles.of(plan, own_directories()))
        freshness = freshness_for(command, plan, choice, snapshots, copied)
        return tuple(forecast(plan, engine, freshness))


def _ask_at_once(plan: plans.Plan, engine: RememberingEngine) -> None:
    """Have the engine know the images of the plan's containers: one question for many of them."""
    wanted = dict.fromkeys(
        step.image for step in plan.steps if isinstance(step, plans.RunContainer)
    )
    names = [name for image in wanted for name in (image, references.local(image))]
    for first in range(0, len(names), _AT_ONCE):
        engine.find_images(names[first : first + _AT_ONCE])


def with_stand_ins(step: plans.Step, engine: Engine) -> tuple[plans.Step, tuple[str, ...]]:
    """The step as it would be done, and the base images that would be pulled for it."""
    if isinstance(step, plans.RunContainer):
        image = bases.in_storage(step.image, engine)
        return caller.in_numbers(step, image.user if image else ""), ()
    if not isinstance(step, plans.BuildImage):
        return step, ()
    substitutes, pulled = [], []
    for wanted in external_bases(step):
        full = references.canonical(wanted)
        image, made = engine.find_images((full, references.local(full)))
        if made is not None and bases.choose(image, made) is made:
            substitutes.append((wanted, references.local(full)))
        elif image is None:
            pulled.append(wanted)
    taken = replace(step, substitutes=(*step.substitutes, *substitutes))
    return taken, tuple(pulled)

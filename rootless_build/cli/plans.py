"""A plan as a person reads it: which steps would be done, and commands that can be pasted."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from rootless_build.backend import caller, discovery
from rootless_build.backend.api import Backend, Engine, EngineSettings
from rootless_build.backend.cached import RememberingEngine
from rootless_build.backend.discovery import Choice
from rootless_build.cli.backend_option import backend_name, check_backend
from rootless_build.cli.checkout import own_directories
from rootless_build.cli.command import Command
from rootless_build.cli.engines import cache_directory, settings_for
from rootless_build.cli.looking import Looked
from rootless_build.cli.session import freshness_for, is_isolated, named, with_docker_socket
from rootless_build.cli.views.pasting import comment, host_command
from rootless_build.freshness.preview import Forecast, forecast
from rootless_build.freshness.snapshots import Snapshots
from rootless_build.images.bases import substitutes as bases
from rootless_build.images.own_files import OwnFiles
from rootless_build.model import outputs, references
from rootless_build.model import plan as plans
from rootless_build.model.errors import BackendUnavailableError, HostError, RbuildError
from rootless_build.model.events import Answer
from rootless_build.model.structs import replace
from rootless_build.model.text import script_joined, script_quoted, shown
from rootless_build.process import identity
from rootless_build.process.locks import hold
from rootless_build.runner import exports
from rootless_build.runner.failures import check_containerfile

_END: Final = "END-OF-SETTINGS"
_AT_ONCE: Final = 500


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
            seen = _Seen(plan, problem="without an engine nobody can tell")
        else:
            backend = choice.backend
            seen = _look(command, *_with_socket(plan, choice), choice)
        if looked.doubt:
            # What is known of these steps says nothing of those that a run would have.
            seen = replace(seen, verdicts=(), problem=looked.doubt)
        lines = [*_lines(seen, backend, settings, why)]
        refused = _refused(command, plan, settings, rootless=settings.rootless and seen.rootless)
        lines[1:1] = [line for text in refused for line in comment(shown(text))]
        if explain:
            lines += explanation(plan, choice.builder if choice else "")
    verdicts = [msgspec.structs.asdict(verdict) for verdict in seen.verdicts]
    fields |= {"backend": backend.name, "verdicts": verdicts, "lines": lines}
    if refused:
        fields["refused"] = refused
    command.tell("\n".join(lines), Answer("plan", fields))
    return 0


def _with_doubt(plan: plans.Plan, doubt: str) -> plans.Plan:
    return replace(plan, notes=(*plan.notes, f"not certain: {doubt}")) if doubt else plan


def _refused(
    command: Command, plan: plans.Plan, settings: EngineSettings, *, rootless: bool
) -> list[str]:
    """What a run would refuse, for it has power over this host."""
    rootful, unprivileged = command.flag("rootful"), command.flag("unprivileged")
    if rootless and os.getuid() != 0 and not unprivileged:
        return []
    # Few users have a power to give away.
    from rootless_build.runner import host_power  # noqa: PLC0415

    isolated = is_isolated(settings)
    rules = host_power.Rules(rootless, os.getuid() == 0, rootful, unprivileged, isolated)
    asked = host_power.powers(plan, named(command), rules) if rules.bind else ()
    return list(host_power.said(plan, asked, rules))


def _is_certain(plan: plans.Plan, looked: Looked) -> bool:
    """Whether a build at this moment would have these steps, and no others."""
    known_later = (isinstance(step, plans.Unexpanded) for step in plan.steps)
    return not looked.doubt and not any(known_later)


class _Seen(Struct, frozen=True):
    """A plan with the stand-ins that its builds would take, and a verdict on each step, or why
    there is none.
    """

    plan: plans.Plan
    verdicts: tuple[Forecast, ...] = ()
    problem: str = ""
    pulled: tuple[tuple[str, ...], ...] = ()
    """Of each step, the base images that are not in storage."""
    rootless: bool = True
    """Whether the engine's containers have no power of root's, as far as it said."""


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


def _look(command: Command, plan: plans.Plan, said: str, choice: Choice) -> _Seen:
    plan = replace(plan, notes=(*plan.notes, *said.splitlines()))
    cache = cache_directory(plan.project)
    rootless = True
    with ExitStack() as stack:
        try:
            engine = stack.enter_context(choice.backend.open(choice.settings))
            known, rootless = RememberingEngine(engine, dict), engine.rootless
            # A look brings what is known of files up to date: not for a run that is only shown.
            place = stack.enter_context(
                tempfile.TemporaryDirectory(prefix=identity.private_prefix())
            )
            stack.enter_context(hold(Path(place)))
            copied = Path(place) / "cache"
            if cache.is_dir():
                shutil.copytree(cache, copied)
            snapshots = Snapshots(plan, copied, OwnFiles.of(plan, own_directories()))
            freshness = freshness_for(command, plan, choice, snapshots, copied)
            verdicts = tuple(forecast(plan, known, freshness))
            _ask_at_once(plan, known)
            found = [_with_stand_ins(step, known) for step in plan.steps]
        except (RbuildError, OSError) as error:
            return _Seen(plan, problem=f"nobody can tell: {error}", rootless=rootless)
    steps, pulled = zip(*found, strict=True) if found else ((), ())
    return _Seen(replace(plan, steps=steps), verdicts, "", pulled, rootless)


def _ask_at_once(plan: plans.Plan, engine: RememberingEngine) -> None:
    """Have it know the images of the plan's containers: one question for many of them."""
    wanted = dict.fromkeys(
        step.image for step in plan.steps if isinstance(step, plans.RunContainer)
    )
    names = [name for image in wanted for name in (image, references.local(image))]
    for first in range(0, len(names), _AT_ONCE):
        engine.find_images(names[first : first + _AT_ONCE])


def _with_stand_ins(step: plans.Step, engine: Engine) -> tuple[plans.Step, tuple[str, ...]]:
    """The step as it would be done, and the base images that would be pulled for it."""
    if isinstance(step, plans.RunContainer):
        image = bases.in_storage(step.image, engine)
        return caller.in_numbers(step, image.user if image else ""), ()
    if not isinstance(step, plans.BuildImage):
        return step, ()
    from rootless_build.images.external import external_bases  # noqa: PLC0415 - see the package

    substitutes, pulled = [], []
    for wanted in external_bases(step):
        full = references.canonical(wanted)
        image, made = engine.find_images((full, references.local(full)))
        if bases.stands_in(made) and bases.choose(image, made) is made:
            substitutes.append((wanted, references.local(full)))
        elif image is None:
            pulled.append(wanted)
    taken = replace(step, substitutes=(*step.substitutes, *substitutes))
    return taken, tuple(pulled)


def _lines(seen: _Seen, backend: Backend, settings: EngineSettings, why: str) -> Iterator[str]:
    plan = seen.plan
    target = f", {' '.join(plan.targets)}" if plan.targets else ""
    yield from comment(shown(f"{plan.recipe}{target}; backend {backend.name} ({why})"))
    for note in plan.notes:
        yield from comment(note)
    if seen.problem:
        yield from comment(f"which steps would be done: {seen.problem}")
    if not os.isatty(1):
        yield "set -e"
    yield from _exported(settings)
    of = len(plan.steps)
    own = dict(os.environ)
    for number, step in enumerate(plan.steps, 1):
        verdict = f": {seen.verdicts[number - 1]}" if seen.verdicts else ""
        yield ""
        what = f"{number}/{of} {step.kind}, from {step.origin or plan.recipe}{verdict}"
        yield from comment(shown(what))
        for image in seen.pulled[number - 1] if seen.pulled else ():
            yield from comment(f"{shown(image)} is not in storage: it would be pulled")
        if isinstance(step, plans.Unexpanded) and backend.name != "docker":
            yield "# its words are the shell's: pasted, it calls docker, or what has that name"
        if isinstance(step, plans.HostCommand):
            yield host_command(step, own)
        else:
            yield from _commands(step, backend, settings)
    if plan.bundles:
        yield ""
        yield from comment(f"bundles: {shown(plan.bundles.directory)}")
        yield "# rbuild itself has them written to a copy, which it verifies before it publishes it"


def _commands(step: plans.Step, backend: Backend, settings: EngineSettings) -> Sequence[str]:
    if isinstance(step, plans.HostCommand | plans.Unexpanded):
        return [host_command(step)]
    if isinstance(step, plans.BuildImage | plans.RunContainer) and settings.rootless:
        step = _with_possible_limits(step)
    if isinstance(step, plans.BuildImage):
        return exports.pasted(step, lambda one: backend.commands(one, settings))
    made = [["mkdir", "-p", str(source)] for source in _missing_sources(step)]
    return [script_joined(argv) for argv in (*made, *backend.commands(step, settings))]


def _with_possible_limits(
    step: plans.BuildImage | plans.RunContainer,
) -> plans.BuildImage | plans.RunContainer:
    if not step.limits.ulimits:
        return step
    # Few recipes set any.
    from rootless_build.model import ulimits  # noqa: PLC0415

    return replace(step, limits=ulimits.possible(step.limits)[0])


def _missing_sources(step: plans.Step) -> Iterator[Path]:
    """Directories that docker makes for `-v`, and podman and buildah do not."""
    for mount in step.mounts if isinstance(step, plans.RunContainer) else ():
        if isinstance(mount, plans.BindMount) and mount.create_source and not mount.source.exists():
            yield mount.source


def _exported(settings: EngineSettings) -> Iterator[str]:
    """The settings of this host without which the commands may fail, as a shell sets them."""
    if not settings.environment:
        return
    yield ""
    if os.isatty(1):
        # A person wants to see the steps.
        chosen = "; ".join(
            f"{row.setting} = {row.value}" for row in settings.adaptations if row.fact
        )
        because = f" ({chosen})" if chosen else ""
        yield from comment(f"the commands need settings of this host{because}:")
        yield "# rbuild plan > build.sh writes a script that has them"
        return
    yield "# settings of this host, which rbuild gives to its own runs (rbuild -v says why)"
    temporary = []
    for name, value in settings.environment:
        file = Path(value)
        if not file.is_relative_to(settings.runtime_directory) or not file.is_file():
            yield f"export {name}={script_quoted(value)}"
            continue
        temporary.append(f'"${name}"')
        yield f'export {name}="$(mktemp)"'
        yield f"cat > \"${name}\" <<'{_END}'"
        yield from file.read_text().rstrip("\n").split("\n")
        yield _END
    if temporary:
        yield f"trap 'rm -f {' '.join(temporary)}' EXIT"


def explanation(plan: plans.Plan, builder: str) -> Iterator[str]:
    """What of the plan's containerfiles would be rewritten for a builder, and why."""
    # Most plans are shown without it.
    from rootless_build.images.rewrite.session import containerfile, explain  # noqa: PLC0415

    for number, step in enumerate(plan.steps, 1):
        if not isinstance(step, plans.BuildImage):
            continue
        with exports.with_containerfile(step) as written:
            file = containerfile(written)
            rewrites = explain(written, builder)
        yield ""
        if not rewrites:
            yield from comment(f"{number}: {file or step.context}: built as it is")
            continue
        yield from comment(f"{number}: {file}: rewritten for {builder}")
        for rewrite in rewrites:
            what = f"{rewrite.instruction}: " if rewrite.instruction else ""
            why = f"  line {rewrite.line}: {what}{rewrite.rule} ({rewrite.why})"
            yield from comment(shown(why))
            if rewrite.differs:
                verb = "refused" if rewrite.refused else "needs --allow-inexact, then"
                yield from comment(shown(f"    {verb}: {rewrite.differs}"))

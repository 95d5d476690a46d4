"""A plan as a person reads it: which steps would be done, and commands that can be pasted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from rootless_build.backend.api import Backend, EngineSettings
from rootless_build.backend.build_files import existing_containerfile
from rootless_build.cli.views.pasting import comment, host_command
from rootless_build.freshness.preview import Forecast
from rootless_build.images.containerfile.last import last_instruction
from rootless_build.model import outputs
from rootless_build.model import plan as plans
from rootless_build.model.structs import replace
from rootless_build.model.text import script_joined, script_quoted, shown
from rootless_build.process import ulimits
from rootless_build.recipes.shell import line
from rootless_build.runner import exports

if TYPE_CHECKING:
    from rootless_build.images.rewrite.features import Answers

_END: Final = "END-OF-SETTINGS"
_MAY_CALL: Final = (
    "# it may call docker, which is rbuild while it runs: what for is known only then"
)


class SeenPlan(Struct, frozen=True):
    """A plan with the stand-ins that its builds would take, and a verdict on each step, or why
    there is none.
    """

    plan: plans.Plan
    verdicts: tuple[Forecast, ...] = ()
    problem: str = ""
    pulled: tuple[tuple[str, ...], ...] = ()
    """Of each step, the base images that are not in storage."""
    beside: tuple[tuple[int, ...], ...] = ()
    """Of each step, those that it may go on beside."""
    rootless: bool = True
    """Whether the engine's containers have no power of root's, as far as it said."""
    live: bool = True
    """Whether what scripts of the plan call docker for is done."""


def plan_lines(
    seen: SeenPlan, backend: Backend, settings: EngineSettings, why: str
) -> Iterator[str]:
    """The plan as commands of a backend, with comments; `why` says why it is this backend."""
    plan = seen.plan
    target = f", {' '.join(plan.targets)}" if plan.targets else ""
    yield from comment(shown(f"{plan.recipe}{target}; backend {backend.name} ({why})"))
    for note in plan.notes:
        yield from comment(note)
    if seen.problem:
        yield from comment(f"which steps would be done: {seen.problem}")
    if not os.isatty(1):
        yield "set -e"
    yield from _settings_lines(settings)
    of = len(plan.steps)
    own = dict(os.environ)
    for number, step in enumerate(plan.steps, 1):
        verdict = f": {seen.verdicts[number - 1]}" if seen.verdicts else ""
        yield ""
        others = _beside(seen.beside[number - 1]) if seen.beside else ""
        what = f"{number}/{of} {step.kind}, from {step.origin or plan.recipe}{others}{verdict}"
        yield from comment(shown(what))
        for image in seen.pulled[number - 1] if seen.pulled else ():
            yield from comment(f"{shown(image)} is not in storage: it would be pulled")
        if isinstance(step, plans.Unexpanded) and backend.name != "docker":
            yield "# its words are the shell's: pasted, it calls docker, or what has that name"
        if isinstance(step, plans.HostCommand):
            if seen.live and line.may_call_docker(step.script, step.shell):
                yield _MAY_CALL
            yield host_command(step, own)
        else:
            yield from _commands(step, backend, settings)
    if plan.bundles:
        yield ""
        yield from comment(f"bundles: {shown(plan.bundles.directory)}")
        yield "# rbuild itself has them written to a copy, which it verifies before it publishes it"


def _beside(others: Sequence[int]) -> str:
    *before, last = map(str, others) if others else ("",)
    several = f"{', '.join(before)} and {last}" if before else last
    return f", beside {several}" if others else ""


def _commands(step: plans.Step, backend: Backend, settings: EngineSettings) -> Sequence[str]:
    if isinstance(step, plans.HostCommand | plans.Unexpanded):
        return [host_command(step)]
    if isinstance(step, plans.CheckContainerfile):
        what = "makes docker's build checks" if step.call is plans.Call.CHECK else "answers that"
        return [f"# rbuild {what} itself, without an engine's command"]
    if isinstance(step, plans.BuildImage | plans.RunContainer) and settings.rootless:
        step = _with_possible_limits(step)
    if isinstance(step, plans.BuildImage):
        lines = exports.shell_lines(step, lambda one: backend.commands(one, settings))
        return [*_left_out(step, backend), *lines]
    made = [["mkdir", "-p", str(source)] for source in _missing_sources(step)]
    return [script_joined(argv) for argv in (*made, *backend.commands(step, settings))]


def _left_out(step: plans.BuildImage, backend: Backend) -> Iterator[str]:
    """What the engine's own --output may not write; rbuild copies the files of the image."""
    if backend.name == "docker" or not outputs.files(step):
        return
    last = last_instruction(step)
    links = last is not None and any(flag.name == "link" for flag in last.flags)
    if last is not None and links and last.keyword in {"COPY", "ADD"}:
        yield f"# {backend.name} may leave out what the last {last.keyword} --link makes; rbuild"
        yield "# itself writes the files of the image"


def _with_possible_limits(
    step: plans.BuildImage | plans.RunContainer,
) -> plans.BuildImage | plans.RunContainer:
    if not step.limits.ulimits:
        return step
    return replace(step, limits=ulimits.possible(step.limits)[0])


def _missing_sources(step: plans.Step) -> Iterator[Path]:
    """Directories that docker makes for `-v`, and podman and buildah do not."""
    for mount in step.mounts if isinstance(step, plans.RunContainer) else ():
        if isinstance(mount, plans.BindMount) and mount.create_source and not mount.source.exists():
            yield mount.source


def _settings_lines(settings: EngineSettings) -> Iterator[str]:
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


def explanation(plan: plans.Plan, builder: str, answers: Answers) -> Iterator[str]:
    """What of the plan's containerfiles rbuild would do itself, what would be rewritten for a
    builder that gave these answers, and why.
    """
    # Most plans are shown without it.
    from rootless_build.images.building import explain  # noqa: PLC0415
    from rootless_build.images.containerfile.file import display  # noqa: PLC0415

    for number, step in enumerate(plan.steps, 1):
        if not isinstance(step, plans.BuildImage):
            continue
        with exports.with_containerfile(step) as written:
            file = existing_containerfile(written)
            told = explain(written, builder, answers)
        name: object = file or step.context
        if step.containerfile_text is not None and file is not None:
            name = display(written, file)
        yield ""
        if told.in_segments:
            text = f"{number}: {name}: COPY, ADD and WORKDIR are layers of rbuild's, on {builder}"
            yield from comment(text)
        elif not told.rewrites:
            yield from comment(f"{number}: {name}: built as it is")
            continue
        else:
            yield from comment(f"{number}: {name}: rewritten for {builder}")
        for rewrite in told.rewrites:
            what = f"{rewrite.instruction}: " if rewrite.instruction else ""
            why = f"  line {rewrite.line}: {what}{rewrite.rule} ({rewrite.why})"
            yield from comment(shown(why))
            if rewrite.differs:
                verb = "refused" if rewrite.refused else "needs --allow-inexact, then"
                yield from comment(shown(f"    {verb}: {rewrite.differs}"))

"""Executes a plan on an engine: order, labels, staging and publishing of bundles, clean-up.

It knows no engine, and prints nothing: what happens goes out as events.
"""

from __future__ import annotations

import dataclasses
import os
import secrets
import shlex
import signal
import stat
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from rootless_build import bases, bundles, mounts, process
from rootless_build.backend import (
    LABEL_BUILD,
    LABEL_PLAN,
    LABEL_PROCESS,
    LABEL_PROJECT,
    Container,
    Engine,
    Exit,
    Image,
    Stdio,
)
from rootless_build.bundles import Staging
from rootless_build.errors import (
    HostError,
    ImageNotFoundError,
    RbuildError,
    StepFailedError,
)
from rootless_build.events import (
    BundlesPublished,
    Emit,
    Level,
    Notice,
    StepFinished,
    StepReporter,
    StepStarted,
    Stopwatch,
)
from rootless_build.host import symptoms
from rootless_build.plan import (
    BuildImage,
    HostCommand,
    Plan,
    PullPolicy,
    RemoveVolume,
    RunContainer,
    Step,
    digest,
)
from rootless_build.provenance import Attestor
from rootless_build.unprivileged import without_dind


@dataclass(frozen=True, slots=True)
class Options:
    """`rootful` allows privileged containers that have power over the host. `terminal` allows a
    container to take over rbuild's terminal (never with a JSON log). `in_place`: the container
    works on the bundles themselves, as it does whenever it has the terminal (`rbuild shell`):
    what a person does in it is there at once.
    """

    rootful: bool = False
    attestor: Attestor | None = None
    """Makes the provenance of the bundles; None: they get none."""
    terminal: bool = True
    in_place: bool = False
    unprivileged: bool = False
    """Containers that were privileged are not: Docker's hack/dind is left out."""


def needs_engine(plan: Plan) -> bool:
    """Whether a step of the plan is an engine's; a `help` target has none."""
    return not all(isinstance(step, HostCommand) for step in plan.steps)


def run(plan: Plan, engine: Engine | None, options: Options, emit: Emit) -> None:
    """Do every step in order; the first that fails ends it.

    `engine` may be None for a plan that needs none.

    Raises an RbuildError whose `where` names the step.
    """
    _Run(plan, engine, options, emit).all()


class _Run:
    def __init__(self, plan: Plan, engine: Engine | None, options: Options, emit: Emit) -> None:
        self._plan = plan
        self._given_engine = engine
        self._options = options
        self._emit = emit
        self._built: dict[str, Image] = {}
        project = (LABEL_PROJECT, str(plan.project))
        self._image_labels = (project,)
        self._container_labels = (
            project,
            (LABEL_BUILD, secrets.token_hex(8)),
            (LABEL_PLAN, digest(plan)),
            (LABEL_PROCESS, process.identity()),
        )

    @property
    def _engine(self) -> Engine:
        assert self._given_engine is not None  # noqa: S101 - needs_engine() has said so
        return self._given_engine

    def all(self) -> None:
        if needs_engine(self._plan) and not self._options.rootful and not self._engine.rootless:
            _refuse_rootful(self._plan)
        self._check_bundles()
        of = len(self._plan.steps)
        for number, step in enumerate(self._plan.steps, 1):
            self._emit(StepStarted(number, of, step.kind, title(step)))
            watch = Stopwatch()
            try:
                self._step(step, StepReporter(self._emit, number))
            except RbuildError as error:
                error.where = error.where or _where(number, of, step)
                if not error.hint:
                    error.hint = symptoms.hint(f"{error.message}\n{error.engine_words}")
                status = error.status if isinstance(error, StepFailedError) else None
                self._emit(StepFinished(number, of, step.kind, status or 1, watch.seconds))
                raise
            self._emit(StepFinished(number, of, step.kind, 0, watch.seconds))

    def _check_bundles(self) -> None:
        """What would keep the results from being published is said before they are made."""
        wanted = self._plan.bundles
        if wanted and any(self._stages(step) for step in self._plan.steps):
            bundles.check(wanted.directory)

    def _stages(self, step: Step) -> bool:
        """Whether the step's bundles are published when it has ended, not written in place."""
        wanted = self._plan.bundles
        if wanted is None or not isinstance(step, RunContainer):
            return False
        if not mounts.makes_bundles(step, wanted):
            return False
        if mounts.copied_from(step, wanted, remote=self._engine.remote) is not None:
            return True
        stdio = _stdio(step, terminal=self._options.terminal)
        return not self._options.in_place and stdio is not Stdio.TERMINAL

    def _step(self, step: Step, reporter: StepReporter) -> None:
        match step:
            case BuildImage():
                self._build(step, reporter)
            case RunContainer():
                self._run(step, reporter)
            case HostCommand():
                _host_command(step, reporter)
            case RemoveVolume():
                for name in step.names:
                    self._engine.remove_volume(name)
            case _:
                assert_never(step)

    def _build(self, step: BuildImage, reporter: StepReporter) -> None:
        step = dataclasses.replace(step, labels=self._image_labels + step.labels)
        image = self._engine.build_image(bases.prepared(step, self._engine, reporter), reporter)
        reporter.flush()
        for tag in step.tags:
            self._built[tag] = image

    def _run(self, step: RunContainer, reporter: StepReporter) -> None:
        image = self._image(step, reporter)
        if self._options.attestor is not None:
            self._options.attestor.ran(step.image, image)
        if self._options.unprivileged:
            step = without_dind(step, image)
        stdio = _stdio(step, terminal=self._options.terminal)
        step = dataclasses.replace(
            step,
            labels=self._container_labels + step.labels,
            tty=stdio is Stdio.TERMINAL,
        )
        with ExitStack() as stack:
            staging, copied_from = None, None
            wanted = self._plan.bundles
            if wanted and self._stages(step):
                copied_from = mounts.copied_from(step, wanted, remote=self._engine.remote)
                staging = stack.enter_context(bundles.stage(wanted.directory))
                stack.push(self._give_back_after_failure(staging))
                step = mounts.staged(step, wanted.directory, staging.path)
            if self._engine.remote:
                step = mounts.without_bundles(step, staging.path if staging else None)
            container = stack.enter_context(self._engine.container(step, image))
            ended = container.run(reporter, stdio)
            reporter.flush()
            if staging is not None and (ended.status == 0 or stdio is Stdio.TERMINAL):
                self._publish(staging, container, copied_from)
            if ended.status:
                raise _failed(step, ended)

    def _give_back_after_failure(self, staging: Staging) -> Callable[..., None]:
        """Files of subordinate uids would keep the staging directory from being removed."""

        def leave(kind: type[BaseException] | None, *_: object) -> None:
            if kind is not None:
                self._engine.give_back(staging.path)

        return leave

    def _image(self, step: RunContainer, reporter: StepReporter) -> Image:
        if step.image in self._built:
            return self._built[step.image]
        found = self._engine.find_image(step.image)
        if found is not None and step.pull is not PullPolicy.ALWAYS:
            return found
        local = bases.stand_in(step.image, step.pull, self._engine, reporter)
        image = self._engine.find_image(local or step.image)
        if image is None:
            raise ImageNotFoundError(f"image {step.image} is not in storage", reference=step.image)
        return image

    def _publish(self, staging: Staging, container: Container, copied_from: str | None) -> None:
        if copied_from is not None:
            with tempfile.TemporaryDirectory(dir=staging.path.parent, prefix=".rbuild-out-") as out:
                if container.copy_out(copied_from, Path(out)):
                    staging.take(Path(out))
        self._engine.give_back(staging.path)
        attestor = self._options.attestor
        published = staging.publish(attestor.attestation(self._engine) if attestor else None)
        for warning in published.warnings:
            self._emit(Notice(Level.WARNING, "bundles", warning))
        self._emit(BundlesPublished(staging.directory, published.files, published.checked))


def title(step: Step) -> str:
    """One line that tells a person what the step does."""
    match step:
        case BuildImage():
            name = step.tags[0] if step.tags else str(step.context)
            return f"build image {name}"
        case RunContainer():
            return f"run {shlex.join(step.command) or step.image}"
        case HostCommand():
            return step.script
        case RemoveVolume():
            return f"remove volumes {' '.join(step.names)}"
    assert_never(step)


def _where(number: int, of: int, step: Step) -> str:
    where = f"step {number} of {of}: {title(step)}"
    return f"{where} ({step.origin})" if step.origin else where


def _refuse_rootful(plan: Plan) -> None:
    for step in plan.steps:
        if isinstance(step, RunContainer) and step.privileged:
            raise HostError(
                "this plan runs a privileged container, and as root that has power over the host",
                finding="rootful-privileged",
                hint="run rbuild as an ordinary user, or without privileges (--unprivileged), "
                "or say --rootful if you mean it",
            )


def _stdio(step: RunContainer, *, terminal: bool) -> Stdio:
    if not step.interactive or sys.stdin is None or sys.stdin.closed:
        return Stdio.CLOSED
    if os.isatty(0):
        return Stdio.TERMINAL if step.tty and terminal and os.isatty(1) else Stdio.CLOSED
    # /dev/null and its like have nothing to say.
    return Stdio.CLOSED if stat.S_ISCHR(os.fstat(0).st_mode) else Stdio.PIPED


def _host_command(step: HostCommand, reporter: StepReporter) -> None:
    wanted = dict(step.environment)
    removed: dict[str, str | None] = {name: None for name in os.environ if name not in wanted}
    status = process.stream(
        [*step.shell, step.script],
        reporter.output,
        environment=removed | wanted,
        directory=step.directory,
    )
    reporter.flush()
    if status and not step.ignore_errors:
        raise StepFailedError(f"command failed {_how(status)}: {step.script}", status=abs(status))


def _how(status: int) -> str:
    if status < 0:
        return f"by signal {signal.Signals(-status).name}"
    return f"with status {status}"


def _failed(step: RunContainer, ended: Exit) -> StepFailedError:
    command = shlex.join(step.command) or "the image's own command"
    hint = ""
    match ended.status:
        case 125:
            message = "the engine could not run the container"
        case 126:
            message = f"the container's command can't be executed: {command}"
        case 127:
            message = f"the container's command was not found: {command}"
            hint = "is it in the image, on PATH, or relative to the working directory?"
        case 137 if ended.out_of_memory:
            message = f"the container ran out of memory and was killed: {command}"
            hint = "give it more memory, or build with fewer jobs"
        case 137:
            message = f"the container was killed (status 137): {command}"
            hint = "it got SIGKILL; if the host was short of memory, its kernel log (dmesg) says so"
        case status if status > 128 and status - 128 in {s.value for s in signal.Signals}:
            name = signal.Signals(status - 128).name
            message = f"the container was ended by {name} (status {status}): {command}"
        case status:
            message = f"the container failed with status {status}: {command}"
    return StepFailedError(message, status=ended.status, hint=hint, engine_words=ended.engine_words)

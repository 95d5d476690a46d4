"""`rbuild debug`: a shell where a command of a run failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from plumbum import cli

from rootless_build.backend.api import Stdio
from rootless_build.backend.discovery import Choice
from rootless_build.cli.checkout import checkout, clear_dead_runs
from rootless_build.cli.command import Command
from rootless_build.cli.command_line import pairs
from rootless_build.cli.engines import EngineToCome
from rootless_build.cli.option_types import Text
from rootless_build.cli.options import CONTAINERS, IMAGES
from rootless_build.cli.options import Engine as EngineOption
from rootless_build.cli.own_places import history_directory, own_directories
from rootless_build.cli.run_options import Manner, image_options, run_options, with_engine
from rootless_build.cli.secrets import build_secret, secret_pairs
from rootless_build.history.choosing import run_named
from rootless_build.history.record import FailureRecord, RunRecord
from rootless_build.history.runs import KeptRun
from rootless_build.images.own_files import OwnFiles
from rootless_build.model import plan as plans
from rootless_build.model.errors import (
    FailedInstruction,
    ImageNotFoundError,
    UnsupportedError,
    UsageError,
)
from rootless_build.model.events import Level, Notice
from rootless_build.model.plan import BindMount, BuildImage, Pairs, RunContainer, Step
from rootless_build.model.structs import replace
from rootless_build.model.text import shell_joined, shown
from rootless_build.runner import debugging, interactive
from rootless_build.runner.context import make_context
from rootless_build.runner.debugging import AGAIN, Wanted
from rootless_build.runner.options import ExpansionOptions

_MASKED: Final = "***"
_AGAIN: Final = "build again, and debug what fails then"


class Debug(EngineOption, Command):
    """Open a shell where a command failed: in the image as it was before a RUN, with all that the
    RUN has, or in a container such as the one that failed. With a COMMAND run that instead.

    Without a number it is the last run that failed. Nothing is left behind but what is written to
    mounts and caches; bundles are not published. Secrets have to be given again.
    """

    USAGE = "rbuild debug [options] [RUN] [-- COMMAND [ARGUMENT...]]"
    TAKES_RUNS = True

    secrets = cli.SwitchAttr(
        "--secret",
        Text("--secret"),
        list=True,
        argname="id=ID,src=FILE|env=NAME",
        group=IMAGES,
        help="for RUN --mount=type=secret",
    )
    build_args = cli.SwitchAttr(
        "--build-arg",
        Text("--build-arg"),
        list=True,
        argname="NAME[=VALUE]",
        group=IMAGES,
        help="for an image build: one whose value is not kept",
    )
    env = cli.SwitchAttr(
        "--env",
        Text("--env"),
        list=True,
        argname="NAME[=VALUE]",
        group=CONTAINERS,
        help="for the container",
    )
    secret_env = cli.SwitchAttr(
        "--secret-env",
        Text("--secret-env"),
        list=True,
        argname="NAME",
        group=CONTAINERS,
        help="for the container, and shown nowhere",
    )
    rootful = cli.Flag(
        "--rootful", group=CONTAINERS, help="as root: allow what has power over the host"
    )

    def main(self, *words: str) -> int:
        """Go there; the status of what is run becomes rbuild's."""
        return self.attempt(lambda: self._debug(words))

    def _debug(self, words: tuple[str, ...]) -> int:
        typed = self.words
        after = typed[typed.index("--") + 1 :] if "--" in typed else ()
        before = words[: len(words) - len(after)]
        if len(before) > 1:
            hint = shell_joined(("rbuild", "debug", before[0], "--", *before[1:]))
            raise UsageError(f"rbuild debug takes one run: {' '.join(before)}", hint=hint)
        streams = RunContainer("", interactive=True, tty=True)
        stdio = interactive.stdio(streams, terminal=not self.logs_json)
        if not after and stdio is Stdio.CLOSED:
            message = "a shell needs a terminal, or its commands on standard input"
            raise UsageError(message, hint="rbuild debug -- COMMAND runs a command instead")
        failed = _Failed(self, before[0] if before else "")
        return failed.go_there(Wanted(after, stdio))


class _Failed:
    """The step of a kept run that failed."""

    def __init__(self, command: Debug, name: str) -> None:
        """Raises UsageError where there is nothing to go to."""
        self._command = command
        kept = run_named(history_directory(command.project), name, _has_failed)
        self._number = kept.number
        self._record, self._failure = self._checked(kept)
        self._plan = plans.from_json(self._record.plan)
        self._step = self._plan.steps[self._failure.step - 1]
        _refuse_masked(self._step, self._number)
        self._why = ""
        if command.option("backend") is None and self._record.backend:
            # Where the images are.
            self._why = f"as in run {self._number}"
            command.backend = self._record.backend.partition(" ")[0]

    def _checked(self, kept: KeptRun) -> tuple[RunRecord, FailureRecord]:
        record = kept.record
        if record is None:
            raise UsageError(f"the record of run {kept.number} is {kept.problem}")
        run = f"run {kept.number}"
        if record.outcome is None:
            raise UsageError(f"{run} {'goes on' if kept.goes_on else 'was killed'}")
        if record.outcome.status == 0:
            raise UsageError(f"{run} did not fail", hint="rbuild history lists the runs")
        failure = record.failure
        if failure is None or not record.plan:
            what = f"no command of a step failed in {run}: {record.outcome.error}"
            raise UsageError(what, hint=f"rbuild log {kept.number} has what it said")
        try:
            plan = plans.from_json(record.plan)
        except ValueError as error:
            raise UsageError(f"the plan of {run} can't be read: {error}") from error
        if not 0 < failure.step <= len(plan.steps):
            raise UsageError(f"{run} was live: which of its calls failed is not kept", hint=_AGAIN)
        return record, failure

    def go_there(self, wanted: Wanted) -> int:
        """Have it done, and give its status."""
        step = self._step
        match step:
            case BuildImage():
                return self._in(self._with_secrets(step), wanted)
            case RunContainer():
                return self._in(self._with_variables(step), wanted)
            case _:
                what = "a command of this host" if step.kind == "host-command" else step.kind
                raise UsageError(
                    f"step {self._failure.step} of run {self._number} is {what}, not an image build"
                    " or a container",
                    hint="there is no place to go to; it can be run by hand",
                )

    def _in(self, step: BuildImage | RunContainer, wanted: Wanted) -> int:
        command = self._command
        plan = replace(self._plan, steps=(step,))
        with (
            checkout(command, "rbuild debug", alone=False) as run,
            EngineToCome(command, why=self._why) as coming,
        ):
            manner = Manner(own_command=True, pass_status=True, results=debugging.Discarding())
            mask = command.hide(plan)
            options = run_options(command, plan, run, manner, mask, ExpansionOptions())
            options = replace(options, bundles=replace(options.bundles, failed=None))
            options = replace(options, results=manner.results)
            if "--unprivileged" in self._record.words:
                privileges = replace(options.privileges, unprivileged=True)
                options = replace(options, privileges=privileges)
            with coming.open(run) as (engine, choice):
                clear_dead_runs(command, run, engine, choice)
                images = image_options(command, choice, OwnFiles.of(plan, own_directories()))
                options = with_engine(options, command, plan, choice, images)
                context = make_context(plan, engine, options, command.view, None)
                if isinstance(step, RunContainer):
                    image = context.engine.find_image(self._failure.image)
                    if image is None:
                        raise self._image_gone(step)
                    return debugging.in_a_container(
                        step, image, wanted, context, lambda: self._tell(step, choice)
                    )
                return debugging.in_a_run(
                    step, self._failed_run(step), wanted, context, lambda: self._tell(step, choice)
                )

    def _image_gone(self, step: RunContainer) -> ImageNotFoundError:
        message = f"the image that the container of run {self._number} was made of is gone"
        return ImageNotFoundError(message, reference=step.image, hint=_AGAIN)

    def _failed_run(self, step: BuildImage) -> FailedInstruction:
        """Raises UsageError, UnsupportedError where no RUN failed, or it is not known which."""
        failure = self._failure
        place, _, line = failure.place.rpartition(":")
        if not place or not line.isdecimal() or not failure.instruction.upper().startswith("RUN"):
            what = failure.instruction or "it"
            message = f"what failed in run {self._number} is no RUN: {what}"
            raise UsageError(message, hint=f"rbuild log {self._number} has what it said")
        if len(step.platforms) > 1:
            message = f"an image for {', '.join(step.platforms)} is several builds"
            raise UnsupportedError(message, hint="build one platform, and debug what fails then")
        return FailedInstruction(failure.instruction, failure.place, failure.status)

    # --- what is not kept -----------------------------------------------------------------------

    def _with_secrets(self, step: BuildImage) -> BuildImage:
        """The build with what is given again. Raises UsageError for arguments that are not: a RUN
        before would be another one.
        """
        given = dict(pairs(self._command.values("build_args"), "--build-arg"))
        lost = [name for name, value in step.build_args if _is_lost(value) and name not in given]
        if lost:
            words = (word for name in lost for word in ("--build-arg", name))
            raise UsageError(
                f"the value of the build argument {', '.join(lost)} is not kept",
                hint=f"give it again: {shell_joined(('rbuild', 'debug', *words))}",
            )
        secrets = tuple(build_secret(word) for word in self._command.values("secrets"))
        return replace(step, build_args=(*step.build_args, *given.items()), secrets=secrets)

    def _with_variables(self, step: RunContainer) -> RunContainer:
        """The container with what is given again, and without what is not kept."""
        for mount in step.mounts:
            if isinstance(mount, BindMount) and not mount.source.exists():
                bundles = self._plan.bundles
                if bundles is None or not mount.source.is_relative_to(bundles.directory):
                    raise UsageError(f"{shown(mount.source)}, which was mounted, is gone")
        values = self._command.values
        given = pairs(values("env"), "--env")
        secret = secret_pairs(values("secret_env"))
        known = tuple(pair for pair in step.environment if not _is_lost(pair[1]))
        names = {name for name, _ in secret}
        return replace(
            step,
            environment=(*known, *given, *secret),
            secret_environment=tuple(dict.fromkeys((*step.secret_environment, *names))),
        )

    def _missing(self, step: BuildImage | RunContainer) -> Iterator[str]:
        """What is to be given again to be there."""
        was = self._step
        if isinstance(step, RunContainer) and isinstance(was, RunContainer):
            there = {name for name, _ in step.environment}
            for name, value in was.environment:
                if _is_lost(value) and name not in there:
                    yield f"--secret-env {name}"
        if isinstance(step, BuildImage) and isinstance(was, BuildImage):
            given = {_id_of(words) for words in step.secrets}
            for words in was.secrets:
                if (name := _id_of(words)) not in given:
                    yield f"--secret id={name},src=FILE"

    # --- what is said ---------------------------------------------------------------------------

    def _tell(self, step: BuildImage | RunContainer, choice: Choice) -> None:
        say = self._say
        failure, run = self._failure, f"run {self._number}"
        status = "" if failure.status is None else f" with status {failure.status}"
        if isinstance(step, BuildImage):
            say(f"{run}: in the image as it was before {failure.place} ({choice.backend.name})")
            say(f"{' '.join(failure.instruction.split())} failed{status}")
        else:
            where = f" ({step.origin})" if step.origin else ""
            say(f"{run}: in a container of {step.image}{where}, on {choice.backend.name}")
            what = shell_joined(step.command) or "the image's own command"
            say(f"{what} failed{status}")
        say(f"to repeat it: sh {AGAIN}")
        missing = list(self._missing(step))
        if missing:
            say(f"not kept, and not here unless given again: {' '.join(missing)}")
        say("; ".join(("what is done here goes at the end", *self._lasting(step))))

    def _lasting(self, step: BuildImage | RunContainer) -> Iterator[str]:
        """What of it does not."""
        if isinstance(step, BuildImage):
            if "type=cache" in self._failure.instruction:
                yield "what is written to caches stays"
        else:
            if step.mounts:
                yield "what is written to mounts stays"
            if self._plan.bundles is not None:
                yield "bundles are not published"

    def _say(self, text: str) -> None:
        self._command.view(Notice(Level.INFO, "debug", text))


def _has_failed(run: KeptRun) -> bool:
    outcome = run.record.outcome if run.record else None
    return outcome is not None and outcome.status not in {0, 130}


def _refuse_masked(step: Step, number: int) -> None:
    """Refuse a step of which more is hidden than can be given again."""
    if isinstance(step, BuildImage):
        step = replace(step, build_args=(), secrets=(), labels=(), tags=())
    elif isinstance(step, RunContainer):
        step = replace(step, environment=(), labels=(), command=(), entrypoint=())
    if _MASKED in json.dumps(plans.to_dict(replace(step, origin=None))):
        what = f"what failed in run {number} is not kept as a whole: a secret is a part of it"
        raise UsageError(what, hint=_AGAIN)


def _is_lost(value: str) -> bool:
    return value == plans.HIDDEN or _MASKED in value


def _id_of(words: str) -> str:
    fields: Pairs = tuple(
        (name, value) for name, _, value in (part.partition("=") for part in words.split(","))
    )
    return dict(fields).get("id", "")

"""A command's run is kept, for `rbuild log` and `rbuild history`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import rootless_build
from rootless_build import bundles
from rootless_build.cli.command import Command
from rootless_build.cli.own_places import history_directory
from rootless_build.cli.views import ci_summary
from rootless_build.history import last_times, record, runs
from rootless_build.history.record import BundleRecord, Input, RunRecord
from rootless_build.history.writing import Writer
from rootless_build.model.errors import RbuildError
from rootless_build.model.events import Level, Notice
from rootless_build.model.plan import BuildImage, Plan, RunContainer, to_dict
from rootless_build.model.secret_names import is_secret, without_values
from rootless_build.model.structs import replace
from rootless_build.model.text import shell_joined
from rootless_build.process import identities
from rootless_build.runner import journal
from rootless_build.runner.masking import Mask

if TYPE_CHECKING:
    from rootless_build.bundles.provenance import Made

_EACH: Final = 10
"""Runs after which it is looked at how much is kept of all checkouts."""


def keep(command: Command) -> None:
    """Keep this run of a command from now on, unless it is kept, or none are to be.

    Raises ConfigError.
    """
    most = _most(command)
    if most == 0 or is_kept(command):
        return
    project = command.project

    def warn(text: str) -> None:
        command.view(Notice(Level.WARNING, "not-kept", text))

    facts = {
        "rbuild": rootless_build.__version__,
        "python": sys.version.partition(" ")[0],
        "kernel": os.uname().release,
        "host": os.uname().nodename,
    }
    words = without_values(command.words)
    title = shell_joined(("rbuild", *words))
    begun = RunRecord(record.VERSION, 0, title, project, journal.now(), words=words, facts=facts)
    try:
        writer = runs.begin(history_directory(project), begun, warn)
    except (OSError, ValueError) as error:
        why = (isinstance(error, OSError) and error.strerror) or error
        warn(f"this run is not kept for rbuild log: {why}")
        return
    command.keep(_Keeping(command, writer, most))
    command.know_last_times(partial(last_times.took_last_time, history_directory(project)))


def is_kept(command: Command) -> bool:
    """Whether this run of a command is kept."""
    return any(isinstance(each, _Keeping) for each in command.keepings)


def _most(command: Command) -> int:
    most = command.config.defaults.keep_runs
    if most is not None and most < 0:
        raise command.config_error(("defaults", "keep-runs"), "it is 0 or more")
    return runs.KEPT if most is None else most


class _Keeping:
    def __init__(self, command: Command, writer: Writer, most: int) -> None:
        self._command = command
        self._writer = writer
        self._most = most
        self._plan: Plan | None = None
        self._has_named_log = False

    @property
    def listener(self) -> Writer:
        """What is told all that the run says."""
        return self._writer

    def done(self, plan: Plan) -> None:
        """Keep the plan as it was done."""
        self._plan = plan

    def name_log(self, error: RbuildError) -> None:
        """Have what ended the run say where its log is, if a step had begun."""
        writer = self._writer
        self._has_named_log = True
        if writer.is_whole and writer.has_steps:
            error.log = self._command_for_log()
            error.log_file = str(writer.log_file)

    def _command_for_log(self) -> str:
        return shell_joined(("rbuild", *self._directory(), "log", str(self._writer.number)))

    def end(self, status: int) -> int:
        """The run has ended, and nothing here changes how."""
        try:
            self._end(status)
        except KeyboardInterrupt:
            pass
        except Exception as error:
            with suppress(RbuildError):
                text = f"what is kept of runs is not in order: {error}"
                self._command.view(Notice(Level.WARNING, "not-kept", text))
        return status

    def _end(self, status: int) -> None:
        writer = self._writer
        ended, is_whole = writer.end(self._complete, journal.now(), status, identities.age())
        self._summarize(ended)
        directory = history_directory(self._command.project)
        runs.forget_old(directory, self._most)
        if writer.number % _EACH == 0:
            runs.forget_most(directory.parent)
        # What a command of `rbuild exec` failed with is its own.
        quiet = self._has_named_log or self._command.logs_json
        if is_whole and status == 1 and writer.has_steps and not quiet:
            self._command.view(Notice(Level.INFO, "log", f"the log: {self._command_for_log()}"))

    def _summarize(self, ended: RunRecord) -> None:
        """Add to the summary of a job of GitHub's."""
        file = os.environ.get("GITHUB_STEP_SUMMARY")
        if not file or not ended.steps:
            return
        try:
            with Path(file).open("a", encoding="utf-8") as summary:
                summary.write(ci_summary.markdown(ended))
        except OSError as error:
            text = f"the job's summary can't be written: {error.strerror}"
            self._command.view(Notice(Level.WARNING, "no-summary", text))

    def _directory(self) -> tuple[str, ...]:
        given = self._command.option("directory")
        return ("-C", given) if given else ()

    def _complete(self, begun: RunRecord) -> RunRecord:
        """What is known of the run besides its events."""
        plan, words, failure = "", begun.words, begun.failure
        if self._plan is not None:
            masks = (
                self._command.hide(self._plan),
                Mask(_secret_values(self._plan, self._command.words)),
            )
            data: object = to_dict(self._plan)
            for mask in masks:
                # Names of fields are no secrets, whatever a secret is.
                data, words = mask.data(data), tuple(map(mask.text, words))
                if failure is not None:
                    failure = replace(failure, instruction=mask.text(failure.instruction))
            plan = json.dumps(data)
        written = tuple(self._bundles()) if self._writer.published else ()
        made = tuple(self._made()) if self._writer.published else ()
        return replace(
            begun,
            plan=plan,
            words=words,
            bundles=written,
            inputs=tuple(dict.fromkeys(each for one in made for each in _inputs(one))),
            plan_digest=next((one.plan_digest for one in made), ""),
            failure=failure,
        )

    def _made(self) -> Iterator[Made]:
        new = self._writer.published
        for directory in set(new.values()):
            files = {path for path, where in new.items() if where == directory}
            yield from bundles.provenance.made_of(directory, files)

    def _bundles(self) -> Iterator[BundleRecord]:
        new = self._writer.published
        for directory in set(new.values()):
            for path, digest in bundles.provenance.digests(directory):
                size = (directory / path).lstat().st_size
                yield BundleRecord(path, size, digest, path in new)


def _inputs(made: Made) -> Iterator[Input]:
    return (Input(each.role, each.name, each.digest, each.note) for each in made.inputs)


def _secret_values(plan: Plan, given: Sequence[str]) -> Iterator[str]:
    """Values of variables whose names say that they are secret: nobody hid them, and provenance
    leaves them out as well. `given` are the words of the command line.
    """
    for word, without in zip(given, without_values(given), strict=True):
        if word != without:
            yield word.removeprefix(without.removesuffix("***"))
    for step in plan.steps:
        match step:
            case RunContainer(environment=pairs) | BuildImage(build_args=pairs):
                yield from (value for name, value in pairs if is_secret(name))
            case _:
                pass

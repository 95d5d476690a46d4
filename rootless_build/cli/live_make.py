"""A Makefile whose targets are made for real, with rbuild in docker's place."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rootless_build.cli import kept_runs
from rootless_build.cli.command import Command
from rootless_build.cli.engines import EngineToCome, cache_directory
from rootless_build.cli.live_session import execute_live
from rootless_build.live import records
from rootless_build.live.command import as_shells
from rootless_build.live.records import LastRun
from rootless_build.model.errors import HostError, NoRecipeError, StepFailedError, UsageError
from rootless_build.model.events import Level, Notice
from rootless_build.model.plan import HostCommand, Origin, Plan
from rootless_build.model.secret_names import without_values
from rootless_build.model.structs import replace
from rootless_build.process import programs
from rootless_build.recipes.make import makefile as makefiles
from rootless_build.runner import failures, journal
from rootless_build.runner.journal import Run

Asked = tuple[tuple[str, ...], tuple[str, ...]]
"""Targets, and NAME=VALUE words."""


def make_words(command: Command, asked: Asked) -> tuple[str, ...]:
    """The command line of make. Raises NoRecipeError, UsageError where there is none."""
    targets, variables = asked
    named = command.config.defaults.makefile
    if named is None and (command.config.image or command.config.container):
        raise UsageError("--live: the recipe is rbuild.toml, and there is no make to be run")
    if named is None and makefiles.makefile_of(command.project) is None:
        raise NoRecipeError(f"--live: {command.project} has no Makefile")
    option = ("-f", makefiles.name_of(named, command.project)) if named else ()
    return ("make", *option, *variables, *targets)


def execute_make(
    command: Command, asked: Asked, run: Run, engine_to_come: EngineToCome, why: str
) -> int:
    """Run make; rbuild's exit status. `why` is what keeps it from being planned."""
    words = make_words(command, asked)
    if programs.which("make") is None:
        raise HostError("make is not installed", finding="no-make", hint="apt-get install make")
    kept_runs.keep(command)
    how = "make is run, with rbuild in docker's place"
    text = f"{why}; {how} (--no-live refuses that)" if why else how
    command.view(Notice(Level.INFO, "live", text))

    def end(status: int, calls: Sequence[Plan]) -> int:
        done = records.together(_alone(command, words), calls)
        cache = cache_directory(command.project)
        code = as_shells(status)
        records.keep(cache, words, LastRun(journal.now(), code, done))
        command.planned(done)
        if status:
            how = f"failed with status {status}"
            if status < 0:
                how = f"was ended by {failures.signal_name(-status)}"
            raise StepFailedError(f"{shlex.join(without_values(words))} {how}", status=code)
        return code

    return execute_live(command, words, run, engine_to_come, end)


def last_plan(command: Command, asked: Asked, why: str) -> tuple[Plan, str]:
    """The steps of the last run of targets that are made for real, and what is to be said of them:
    `why` they can't be planned, and that they are the last run's.
    """
    words = make_words(command, asked)
    how = f"{why}; " if why else ""
    last = records.last_run(cache_directory(command.project), words)
    if last is None:
        return _alone(command, words), f"{how}make would be run, and has not been yet"
    ended = last.ended.partition(".")[0].replace("T", " ")
    said = f"make would be run; these are the steps of its last run, which ended {ended} UTC"
    return last.plan, f"{how}{said} with status {last.status}"


def _alone(command: Command, words: Sequence[str]) -> Plan:
    line = shlex.join(words)
    first = HostCommand(line, command.project, origin=Origin("make"))
    return replace(Plan(command.project, (first,)), recipe="make")

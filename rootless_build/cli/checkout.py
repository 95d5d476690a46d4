"""This run alone in its checkout, and what dead runs left of the bundles put right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rootless_build import runner
from rootless_build.backend import discovery
from rootless_build.backend.api import Engine
from rootless_build.backend.discovery import Choice
from rootless_build.cli.command import Command
from rootless_build.cli.own_places import data_directory
from rootless_build.model.errors import RbuildError
from rootless_build.model.events import Level, Notice
from rootless_build.model.text import shown
from rootless_build.process.signals import signals_interrupt
from rootless_build.runner import journal


@contextmanager
def checkout(command: Command, title: str, *, alone: bool = True) -> Iterator[journal.Run]:
    """The checkout, for this run alone or for it and others that are not `alone`.

    It is taken before the recipe is read: what make would do depends on the bundles being there.
    Raises CheckoutBusyError with --no-wait.
    """

    def say(text: str) -> None:
        command.view(Notice(Level.WARNING, "checkout", text))

    with (
        signals_interrupt(command.view.stopping) as interruption,
        journal.begin(
            data_directory(),
            command.project,
            title,
            alone=alone,
            wait=not command.flag("no_wait"),
            say=say,
        ) as run,
    ):
        own = bundles_directory(command)
        if alone and (run.dead or not own.exists()):
            # After a crash, and before the first build.
            from rootless_build.bundles.leftovers import restore  # noqa: PLC0415

            places = {record.bundles for record in run.dead if record.bundles}
            for directory in sorted(places | {own}):
                if restore(directory):
                    say(f"{shown(directory)} is back: a run ended while it replaced them")
        try:
            yield run
        except KeyboardInterrupt:
            # By a key that a container's terminal got, too.
            run.unfinished = True
            raise
        finally:
            # The signal may have struck while something was cleared away.
            run.unfinished = run.unfinished or interruption.asked


def clear_dead_runs(command: Command, run: journal.Run, engine: Engine, choice: Choice) -> None:
    """What crashed runs of this checkout left goes before anything is made."""
    here = choice.settings.node.url if choice.settings.node else ""
    for record in run.dead:
        if record.node != here:
            # A run that goes there clears it; the node's own shell has, if it could.
            continue
        try:
            with engine_of(record, engine, choice) as its:
                cleared = runner.recovery.clear(
                    record, its, [bundles_directory(command)], run.record.started
                )
        except RbuildError as error:
            why = f"{error.message}: {error.engine_words}".rstrip(": ")
            text = f"left by an earlier run ({record.title}), and stays for now: {why}"
            command.view(Notice(Level.WARNING, "not-cleared", text))
            continue
        run.forget(record)
        if cleared:
            text = f"cleared what an earlier run ({record.title}) left: {', '.join(cleared)}"
            command.view(Notice(Level.INFO, "cleared", text))


@contextmanager
def engine_of(record: journal.Record, engine: Engine, choice: Choice) -> Iterator[Engine]:
    """The engine that a dead run used: the open one, or another for a moment."""
    if record.backend in {"", choice.backend.name}:
        yield engine
        return
    with discovery.load(record.backend).open(choice.settings) as its:
        yield its


def bundles_directory(command: Command) -> Path:
    """Where bundles are, as far as it is known without the recipe."""
    given = command.option("bundles_dir")
    if given:
        return Path(given).absolute()
    return command.config.defaults.bundles_dir or command.project / "bundles"

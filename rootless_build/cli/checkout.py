"""This run alone in its checkout, and what dead runs left of the bundles put right."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rootless_build import bundles, runs
from rootless_build.cli.command import Command
from rootless_build.escaping import shown
from rootless_build.events import Level, Notice
from rootless_build.process import signals_interrupt


@contextmanager
def checkout(command: Command, title: str, *, alone: bool = True) -> Iterator[runs.Run]:
    """The checkout, for this run alone or for it and others that are not `alone`.

    It is taken before the recipe is read: what make would do depends on the bundles being there.
    Raises CheckoutBusyError with --no-wait.
    """

    def say(text: str) -> None:
        command.view(Notice(Level.WARNING, "checkout", text))

    with (
        signals_interrupt() as interruption,
        runs.begin(
            data_directory(),
            command.project,
            title,
            alone=alone,
            wait=not command.flag("no_wait"),
            say=say,
        ) as run,
    ):
        if alone:
            places = {record.bundles for record in run.dead if record.bundles}
            for directory in sorted(places | {bundles_directory(command)}):
                if bundles.restore(directory):
                    say(f"{shown(directory)} is back: a run ended while it replaced them")
        try:
            yield run
        finally:
            run.unfinished = run.unfinished or interruption.at_once


def data_directory() -> Path:
    """Where records are kept (`EngineSettings.data_directory`, without looking at the host)."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(home) / "rbuild"


def bundles_directory(command: Command) -> Path:
    """Where bundles are, as far as it is known without the recipe."""
    given = command.option("bundles_dir")
    if given:
        return Path(given).absolute()
    return command.config.defaults.bundles_dir or command.project / "bundles"

"""`rbuild backends`: which engines are here, and what of a containerfile each is left to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from plumbum import cli

from rootless_build.backend import discovery
from rootless_build.backend.api import EngineSettings
from rootless_build.backend.discovery import Candidate
from rootless_build.cli.backend_option import backend_name, check_backend
from rootless_build.cli.command import Command
from rootless_build.cli.engines import settings_for
from rootless_build.cli.options import Engine, format_option
from rootless_build.cli.own_places import engines_directory
from rootless_build.cli.views import features as page
from rootless_build.cli.views import tables
from rootless_build.images.asking.memory import memory_of
from rootless_build.model.errors import BackendUnavailableError
from rootless_build.model.events import Answer


class Backends(Engine, Command):
    """Which backends are here, their versions, which would be chosen and why."""

    format = format_option()
    features = cli.Flag(
        "--features",
        help="what of a containerfile each is left to do, and since when that is known",
    )

    def main(self) -> int:
        """Print them; exits 3 when none can run."""
        return self.attempt(self._show)

    def _show(self) -> int:
        check_backend(self)
        with settings_for(self) as settings:
            found = discovery.survey(settings)
            try:
                choice = discovery.choose(backend_name(self), settings)
                chosen, reason = choice.backend.name, choice.reason
            except BackendUnavailableError as error:
                chosen, reason = "", error.message
            known = tuple(_known(found, settings)) if self.features else ()
        if self.features:
            self._tell_features(known)
        else:
            self._tell_backends(found, chosen, reason)
        return 0 if chosen else BackendUnavailableError.exit_code

    def _tell_backends(self, found: Sequence[Candidate], chosen: str, reason: str) -> None:
        show = tables.backends_json if self.format == "json" else tables.backends
        rows = tables.backend_rows(found, chosen, reason)
        self.tell(show(found, chosen, reason), *(Answer("backend", row) for row in rows))

    def _tell_features(self, rows: Sequence[page.Row]) -> None:
        show = page.as_json if self.format == "json" else page.as_text
        self.tell(show(rows), *(Answer("feature", row.fields) for row in rows))


def _known(found: Sequence[Candidate], settings: EngineSettings) -> Iterator[page.Row]:
    """Of each backend that can run here. Nobody is asked: it is what is known."""
    for candidate in found:
        if candidate.probe.usable:
            memory = memory_of(engines_directory(), candidate.name, candidate.builder, settings)
            yield from page.rows(candidate.name, candidate.builder, memory.answers())

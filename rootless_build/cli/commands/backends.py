"""`rbuild backends`: which engines are here."""

from __future__ import annotations

from rootless_build.backend import discovery
from rootless_build.cli.backend_option import backend_name, check_backend
from rootless_build.cli.command import Command
from rootless_build.cli.engines import settings_for
from rootless_build.cli.options import Engine, format_option
from rootless_build.cli.views import tables
from rootless_build.model.errors import BackendUnavailableError
from rootless_build.model.events import Answer


class Backends(Engine, Command):
    """Which backends are here, their versions, which would be chosen and why."""

    format = format_option()

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
        as_json = self.format == "json"
        show = tables.backends_json if as_json else tables.backends
        rows = tables.backend_rows(found, chosen, reason)
        self.tell(show(found, chosen, reason), *(Answer("backend", row) for row in rows))
        return 0 if chosen else BackendUnavailableError.exit_code

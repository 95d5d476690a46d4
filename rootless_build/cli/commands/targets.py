"""`rbuild targets`: the project's targets, with what it says of them."""

from __future__ import annotations

import os

import msgspec

from rootless_build import recipes
from rootless_build.cli.command import Command
from rootless_build.cli.options import Recipe, format_option
from rootless_build.cli.views import target_list
from rootless_build.model.events import Answer, Level, Notice
from rootless_build.model.text import shown


class Targets(Recipe, Command):
    """List the project's targets: those of rbuild.toml with their descriptions, those that the
    Makefile has a rule for with their `##` comments, targets and groups of a bake file.

    Nothing of the project is run.
    """

    USAGE = "rbuild targets [options]"

    format = format_option()

    def main(self) -> int:
        """Print them."""
        return self.attempt(self._show)

    def _show(self) -> int:
        listing = recipes.project_targets.listed(self.project, self.config, dict(os.environ))
        rows = [
            {**msgspec.structs.asdict(target), "default": target.name == listing.default}
            for target in listing.targets
        ]
        told = (Answer("target", row) for row in rows)
        as_json = self.format == "json"
        text = target_list.as_json(rows) if as_json else target_list.table(listing)
        self.tell(text, *told)
        if listing.elsewhere and not as_json:
            files = ", ".join(map(shown, listing.elsewhere))
            said = f"{listing.recipe} includes {files}: targets there are not listed"
            self.view(Notice(Level.INFO, "targets-elsewhere", said))
        return 0

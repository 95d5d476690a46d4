"""`rbuild plan`: what would be done, as commands to paste or as JSON."""

from __future__ import annotations

from plumbum import cli

from rootless_build.cli.command import Command
from rootless_build.cli.commands.make import split_words
from rootless_build.cli.options import Freshness, Live, Planning, Sandbox, format_option
from rootless_build.cli.plan_preview import show_targets


class Plan(Live, Sandbox, Freshness, Planning, Command):
    """Show what would be done, as commands that can be pasted into a shell, or as JSON."""

    USAGE = "rbuild plan [options] [NAME=VALUE...] [TARGET...]"

    format = format_option()
    explain = cli.Flag("--explain", help="how containerfiles are rewritten for the engine, and why")

    def main(self, *words: str) -> int:
        """Print the plan of the targets."""
        return self.attempt(lambda: self._show(words))

    def _show(self, words: tuple[str, ...]) -> int:
        targets, variables = split_words(words, self)
        form, explain = str(self.format), self.flag("explain")
        return show_targets(self, targets, variables, form, explain=explain)

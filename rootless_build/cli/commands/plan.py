"""`rbuild plan`: what would be done, as commands to paste or as JSON."""

from __future__ import annotations

from pathlib import Path

from plumbum import cli

from rootless_build.cli.command import Command
from rootless_build.cli.commands.make import split_words
from rootless_build.cli.option_types import Text
from rootless_build.cli.options import Freshness, Live, Planning, Sandbox, format_option
from rootless_build.cli.plan_preview import show_targets


class Plan(Live, Sandbox, Freshness, Planning, Command):
    """Show what would be done, as commands that can be pasted into a shell, or as JSON."""

    USAGE = "rbuild plan [options] [NAME=VALUE...] [TARGET...]"

    format = format_option()
    script: cli.SwitchAttr[str | None] = cli.SwitchAttr(
        "--script",
        Text("--script"),
        argname="FILE",
        help="write a script that does it without rbuild, and FILE.d beside it",
    )
    explain = cli.Flag("--explain", help="how containerfiles are rewritten for the engine, and why")

    def main(self, *words: str) -> int:
        """Print the plan of the targets."""
        return self.attempt(lambda: self._show(words))

    def _show(self, words: tuple[str, ...]) -> int:
        targets, variables = split_words(words, self)
        if (file := self.option("script")) is not None:
            # Few plans become scripts.
            from rootless_build.cli.plan_script import write_script  # noqa: PLC0415

            return write_script(self, targets, variables, Path(file))
        form, explain = str(self.format), self.flag("explain")
        return show_targets(self, targets, variables, form, explain=explain)

"""`rbuild init`: the rbuild.toml with which a project begins, and what editors know of one."""

from __future__ import annotations

import json
import os

from plumbum import cli

from rootless_build import recipes
from rootless_build.cli.command import Command
from rootless_build.cli.option_types import Choice
from rootless_build.cli.options import Recipe, Sandbox, Showing
from rootless_build.cli.sandboxed_reading import look
from rootless_build.model.errors import NoRecipeError, RecipeError
from rootless_build.model.events import Answer, Level, Notice
from rootless_build.model.plan import Plan
from rootless_build.process.signals import signals_interrupt
from rootless_build.recipes import initial
from rootless_build.recipes.config import FILE_NAME
from rootless_build.recipes.config_schema import FILES, schema


class Init(Sandbox, Recipe, Showing, Command):
    """Write an rbuild.toml for a project that has none: its targets with their descriptions, and
    in comments what can be said besides. The project builds the same with it.

    A project with nothing but a Dockerfile gets one that builds it. Nothing is overwritten.
    """

    USAGE = "rbuild init [options]"

    schema_of: cli.SwitchAttr[str | None] = cli.SwitchAttr(
        "--schema",
        Choice("--schema", *FILES),
        argname="FILE",
        help="print the JSON schema of rbuild.toml, or of your config.toml, for editors; no more",
    )

    def main(self) -> int:
        """Write it."""
        return self.attempt(self._main)

    def _main(self) -> int:
        if self.schema_of is not None:
            told = schema(self.schema_of)
            text = json.dumps(told, indent=2, ensure_ascii=False)
            self.tell(text, Answer("schema", {"file": self.schema_of, "schema": told}))
            return 0
        file, dry = self.project / FILE_NAME, self.flag("dry_run")
        if file.exists() and not dry:
            raise initial.exists(file)
        text = self._text()
        fields: dict[str, object] = {"file": str(file), "text": text, "dry_run": dry}
        if dry:
            self.tell(text.removesuffix("\n"), Answer("initial", fields))
            return 0
        initial.write(self.project, text)
        self.tell(
            f"{FILE_NAME} written; rbuild targets lists its targets", Answer("initial", fields)
        )
        return 0

    def _text(self) -> str:
        project = self.project
        try:
            listing = recipes.project_targets.listed(project, self.config, dict(os.environ))
        except NoRecipeError:
            text = initial.of_containerfile(project)
            if text is None:
                raise
            return text
        return initial.of_recipe(listing, self._plan(), self.option("makefile"))

    def _plan(self) -> Plan | None:
        """The plan of the default target, where it can be read."""
        try:
            with signals_interrupt(self.view.stopping):
                return look(self, (), ()).plan
        except RecipeError as error:
            text = f"without an example of the plan: {error.message}"
            self.view(Notice(Level.WARNING, "no-plan", text))
            return None

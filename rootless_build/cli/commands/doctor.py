"""`rbuild doctor`: what is wrong with this host, and what cures it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from plumbum import cli

from rootless_build.backend.api import Adaptation
from rootless_build.cli.command import Command
from rootless_build.cli.host import survey_host
from rootless_build.cli.options import Bundles, Engine, format_option
from rootless_build.cli.views import findings as page
from rootless_build.cli.views.choice import colored
from rootless_build.host import catalogue, facts_json
from rootless_build.host.engine_settings import engine_settings
from rootless_build.host.examination import Examined, examine
from rootless_build.host.facts import Facts
from rootless_build.host.finding import Cure, Severity
from rootless_build.host.fixing import apply
from rootless_build.host.gathering import gather
from rootless_build.host.online import ask
from rootless_build.model.errors import HostError, UsageError
from rootless_build.model.events import Answer, Level, Notice
from rootless_build.model.structs import replace
from rootless_build.process.signals import signals_interrupt


class Doctor(Engine, Bundles, Command):
    """What is wrong with this host for rootless builds, and what cures it; starts no container.

    Exits 0 when builds can run, 3 when not.
    """

    USAGE = "rbuild doctor [options]"

    format = format_option()
    fix = cli.Flag("--fix", help="show, then apply the cures that need no root")
    explain: cli.SwitchAttr[str | None] = cli.SwitchAttr(
        "--explain", str, argname="ID", help="the background of a finding", excludes=["--fix"]
    )
    report = cli.Flag(
        "--report",
        help="facts and findings as JSON, for a bug report: no environment values",
        excludes=["--fix", "--explain"],
    )
    replay: cli.SwitchAttr[str | None] = cli.SwitchAttr(
        "--replay",
        str,
        argname="FILE",
        help="examine the host of a report instead of this one",
        excludes=["--fix", "--explain"],
    )
    online = cli.Flag("--online", help="also ask the registries", excludes=["--replay"])

    def main(self) -> int:
        """Print the findings, worst first."""
        return self.attempt(self._main)

    def _main(self) -> int:
        if self.explain is not None:
            said = catalogue.explain(self.explain)
            fields = {"id": self.explain, "text": said}
            self.tell(page.wrapped(said), Answer("explanation", fields))
            return 0
        with signals_interrupt(self.view.stopping):
            return self._examine()

    def _examine(self) -> int:
        facts, settings = self._host()
        found = examine(facts)
        if self.fix:
            cures = [one.finding.cure for one in found if one.finding.cure is not None]
            if self._fix([cure for cure in cures if cure.action is not None]):
                facts, settings = self._host()
                found = examine(facts)
        shown = self._page(facts, found, settings)
        self.tell(shown, self._answer(facts, found, settings), styled=True)
        blocked = any(one.finding.severity is Severity.BLOCKS for one in found)
        return HostError.exit_code if blocked else 0

    def _host(self) -> tuple[Facts, Sequence[Adaptation]]:
        if self.replay is not None:
            return facts_json.load(Path(self.replay)), ()
        facts = survey_host(self, gather(os.environ))
        if self.online:
            facts = replace(facts, reachable=ask(facts.configuration.search))
        try:
            with engine_settings(facts) as settings:
                return facts, settings.adaptations
        except HostError:
            # A finding says why.
            return facts, ()

    def _fix(self, cures: Sequence[Cure]) -> bool:
        """Whether anything was changed."""
        if not cures:
            self._say("nothing here can be cured without root")
        changed = False
        for cure in cures:
            assert cure.action is not None  # see the caller
            self._say(f"$ {cure.command}")
            try:
                apply(cure.action)
            except UsageError as error:
                self.view.error(error)
            else:
                changed = True
        return changed

    def _say(self, text: str) -> None:
        self.view(Notice(Level.INFO, "fix", text))

    def _answer(
        self, facts: Facts, found: Sequence[Examined], settings: Sequence[Adaptation]
    ) -> Answer:
        if self.report:
            return Answer("report", self._report(facts, found))
        return Answer("examined", page.findings_object(found, settings))

    def _report(self, facts: Facts, found: Sequence[Examined]) -> Mapping[str, object]:
        return facts_json.report(facts, [one.finding for one in found], os.environ)

    def _page(self, facts: Facts, found: Sequence[Examined], settings: Sequence[Adaptation]) -> str:
        if self.report:
            return page.as_json(self._report(facts, found))
        if self.format == "json":
            return page.findings_json(found, settings)
        color = colored(self.option("color") or self.config.defaults.color or "auto", sys.stdout)
        return page.findings(found, settings, verbose=self.flag("verbose"), color=color)

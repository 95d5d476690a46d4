"""`rbuild history`: the kept runs of a project, and what two of them have not in common."""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from rootless_build.cli.command import Command
from rootless_build.cli.options import format_option
from rootless_build.cli.own_places import history_directory
from rootless_build.cli.views import kept_runs
from rootless_build.history import differences, runs
from rootless_build.history.choosing import run_named
from rootless_build.history.record import RunRecord
from rootless_build.model.errors import UsageError
from rootless_build.model.events import Answer
from rootless_build.model.nearest import nearest
from rootless_build.model.text import shown


class History(Command):
    """List the runs of this project that are kept (rbuild log shows what each said).

    diff compares two of them: command, commit, host, steps, bundles, times; without numbers the
    last one and the one before it.
    """

    USAGE = "rbuild history [options]\n       rbuild history [options] diff [RUN [RUN]]"
    TAKES_RUNS = True

    format = format_option()

    def main(self, *words: str) -> int:
        """Print them."""
        return self.attempt(lambda: self._show(words))

    def _show(self, words: tuple[str, ...]) -> int:
        if not words:
            return self._list()
        if words[0] != "diff" or len(words) > 3:
            near = nearest(words[0], ("diff",))
            hint = f"did you mean {near}?" if near else "rbuild history diff 3 5 compares two runs"
            raise UsageError(f"rbuild history {shown(' '.join(words))}: what is that?", hint=hint)
        return self._compare(words[1:])

    def _list(self) -> int:
        kept = runs.kept(history_directory(self.project))
        rows = [kept_runs.row(run) for run in kept]
        if not rows and self.format == "text" and not self.logs_json:
            raise UsageError(
                "no run of this project is kept", hint="one is when something is built: rbuild"
            )
        told = (Answer("run", row) for row in rows)
        as_json = self.format == "json"
        room = os.get_terminal_size(1).columns or 80 if os.isatty(1) else None
        self.tell(kept_runs.as_json(rows) if as_json else kept_runs.table(kept, room), *told)
        return 0

    def _compare(self, names: Sequence[str]) -> int:
        first, second = (*names, *("-1", "")[len(names) :])
        before, after = self._record(first), self._record(second)
        found = list(differences.between(before, after))
        rows = [msgspec.structs.asdict(each) for each in found]
        head = f"run {before.number} and run {after.number}"
        told = (Answer("run-difference", row) for row in rows)
        as_json = self.format == "json"
        self.tell(kept_runs.as_json(rows) if as_json else kept_runs.comparison(head, found), *told)
        return 0

    def _record(self, name: str) -> RunRecord:
        directory = history_directory(self.project)
        run = run_named(directory, name, lambda _: True)
        if run.record is None:
            raise UsageError(f"the record of run {run.number} is {run.problem}")
        return run.record

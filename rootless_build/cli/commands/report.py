"""`rbuild report`: a kept run as one HTML file to look at, or as a trace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from plumbum import cli

import rootless_build
from rootless_build.cli.command import Command
from rootless_build.cli.option_types import Text
from rootless_build.cli.own_places import history_directory
from rootless_build.cli.views.report import reading
from rootless_build.cli.views.report.content import Earlier, Subject, page
from rootless_build.cli.views.report.html import html
from rootless_build.cli.views.report.log_lines import Share
from rootless_build.history import runs, trace
from rootless_build.history.choosing import run_named
from rootless_build.history.record import RunRecord
from rootless_build.history.runs import KeptRun
from rootless_build.model.errors import UsageError
from rootless_build.model.events import Answer, Level, Notice
from rootless_build.model.text import shell_joined, shown

_NAME: Final = "report.html"
_PRIVATE: Final = 0o600
"""Of a new page or trace, which has a log in it; one that is there keeps the mode it was given."""


class Report(Command):
    """Write a run as one HTML file to look at: the last one, or the one of that number.

    It has the timeline, where the time went, what was dirty and why, the plan, the bundles and the
    log. Nothing in it is fetched from elsewhere. Its name is printed; without --output it stays
    with what is kept of the run, and goes with it.
    """

    USAGE = "rbuild report [options] [RUN]"
    TAKES_RUNS = True

    output: cli.SwitchAttr[str | None] = cli.SwitchAttr(
        "--output", Text("--output"), argname="FILE", help="write the page there"
    )
    trace: cli.SwitchAttr[str | None] = cli.SwitchAttr(
        "--trace",
        Text("--trace"),
        argname="FILE",
        help="write the timeline for a trace viewer (Chrome's trace-event form) instead",
    )

    def main(self, *words: str) -> int:
        """Write it."""
        return self.attempt(lambda: self._write(words))

    def _write(self, words: tuple[str, ...]) -> int:
        if len(words) > 1:
            raise UsageError(f"rbuild report takes one run: {' '.join(words)}")
        run = run_named(history_directory(self.project), words[0] if words else "", lambda _: True)
        record = run.record
        if record is None:
            raise UsageError(f"the record of run {run.number} is {run.problem}")
        output, traced = self.option("output"), self.option("trace")
        if traced is not None:
            facts = {"run": str(record.number), "engine": record.backend, **record.facts}
            timeline = reading.timeline(run, record)
            self._to(Path(traced), trace.as_json(timeline, record.title, facts), "trace")
        if output is not None or traced is None:
            place = run.place / _NAME if output is None else Path(output)
            self._to(place, self._page(run, record), "html")
        return 0

    def _page(self, run: KeptRun, record: RunRecord) -> bytes:
        hint = f"{shell_joined(('rbuild', 'log', str(run.number)))} has all that is kept"
        told = reading.told(run, record, Share(), hint)
        if told.damaged:
            text = f"{told.damaged} lines of this log can't be read: damaged, or of a later rbuild"
            self.view(Notice(Level.WARNING, "damaged-log", text))
        with_bundles = (other for _, other in self._readable(record) if other.bundles)
        made = next(with_bundles, record)
        return html(
            page(
                Subject(
                    record,
                    told,
                    self._earlier(record),
                    made.bundles,
                    made.number,
                    run.goes_on,
                    f"rbuild {rootless_build.__version__}",
                )
            )
        )

    def _earlier(self, record: RunRecord) -> Earlier | None:
        found = reading.compared_with(lambda: self._readable(record), record)
        return Earlier(found[1], reading.timeline(*found)) if found else None

    def _readable(self, record: RunRecord) -> Iterator[tuple[KeptRun, RunRecord]]:
        """This run and those before it, the newest first."""
        for run in reversed(runs.kept(history_directory(self.project))):
            if run.record is not None and run.number <= record.number:
                yield run, run.record

    def _to(self, file: Path, content: bytes, form: str) -> None:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            with os.fdopen(os.open(file, flags, _PRIVATE), "wb") as written:
                written.write(content)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
            raise UsageError(f"{shown(file)} can't be written: {error.strerror}") from error
        absolute = file.absolute()
        self.tell(shown(absolute), Answer("written", {"file": absolute, "form": form}))

"""`--metadata-file`: what a run came to, in a file for the programs that go on with it.

The file is there from the beginning, and has no status until the run has ended: nobody takes what
an earlier run wrote for this one's. Each time it is replaced as a whole. While a run goes on no
other one gets the same file: what one writes at its end would stand there while the other works.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rootless_build.cli.command import Command
from rootless_build.history import metadata, record
from rootless_build.history.learning import Learner
from rootless_build.history.metadata import MetadataFile, TakenError
from rootless_build.history.record import RunRecord
from rootless_build.model.errors import RbuildError, StepFailedError, UsageError, reason
from rootless_build.model.plan import Plan
from rootless_build.model.secret_names import without_values
from rootless_build.model.structs import replace
from rootless_build.model.text import shell_joined, shown
from rootless_build.process import identities
from rootless_build.runner import journal

if TYPE_CHECKING:
    from rootless_build.bundles.digests import DigestedFile

_OPTION: Final = "--metadata-file"


def begin(command: Command) -> None:
    """Have this run told of in the file that is asked for, if one is.

    Raises UsageError where it can't be: a long build is not to end with that.
    """
    given = command.option("metadata_file")
    if given is None:
        return
    if command.flag("dry_run"):
        raise UsageError(f"{_OPTION} tells what a run came to, and --dry-run does nothing")
    place = _place(given)
    words = without_values(command.words)
    title = shell_joined(("rbuild", *words))
    run = RunRecord(record.VERSION, 0, title, command.project, journal.now(), words=words)
    begun = metadata.begun(run)
    try:
        file = MetadataFile(place, begun)
    except TakenError as error:
        message = f"{_OPTION} {shown(given)} is that of another run, which goes on"
        raise UsageError(message, hint="give each run a file of its own") from error
    except OSError as error:
        raise UsageError(f"{_OPTION} {shown(given)} can't be written: {reason(error)}") from error
    command.keep(_Keeping(command, place, begun, file))


def place_of(command: Command) -> Path | None:
    """The file of a run, which is no part of what it builds; None where none is asked for."""
    given = command.option("metadata_file")
    return _place(given) if given is not None else None


def _place(given: str) -> Path:
    """Where a file is to be written, links of its name followed. Raises UsageError."""
    place = Path(os.path.realpath(given))
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    except OSError as error:
        raise UsageError(f"{_OPTION} {shown(given)}: {reason(error)}") from error
    if not stat.S_ISREG(mode):
        raise UsageError(f"{_OPTION} {shown(given)} is no file: it is replaced as a whole")
    if not place.parent.is_dir():
        raise UsageError(f"{_OPTION}: there is no directory {shown(place.parent)}")
    return place


class _Keeping:
    """Keeps one run in a file (`rootless_build.cli.command.Keeping`)."""

    def __init__(self, command: Command, place: Path, begun: RunRecord, file: MetadataFile) -> None:
        self._file = file
        self._command = command
        self._place = place
        self._learner = Learner(begun)
        self._plan: Plan | None = None

    @property
    def listener(self) -> Learner:
        """What is told all that the run says."""
        return self._learner

    def done(self, plan: Plan) -> None:
        """Know the plan as it was done."""
        self._plan = plan

    def name_log(self, error: RbuildError) -> None:
        """The file is no log."""

    def end(self, status: int) -> int:
        """Write how the run ended; raises StepFailedError where that can't be done."""
        ended = self._learner.ended(journal.now(), status, identities.age())
        mask = self._command.hide(self._plan) if self._plan else None
        if mask is not None:
            ended = replace(ended, words=tuple(map(mask.text, ended.words)))
        if os.path.realpath(self._place) != str(self._place):
            message = f"{_OPTION}: {shown(self._place)} leads somewhere else since the run began"
            raise StepFailedError(message, hint="name a place that the build does not write to")
        try:
            self._file.end(ended, self._files(status))
        except TakenError as error:
            message = f"{_OPTION} {shown(self._place)} was taken away, and is another run's by now"
            raise StepFailedError(message, hint="give each run a file of its own") from error
        except OSError as error:
            message = f"{_OPTION} {shown(self._place)} can't be written: {reason(error)}"
            raise StepFailedError(message) from error
        return status

    def _files(self, status: int) -> Iterator[DigestedFile]:
        """Those of the bundles. Of a run that failed only what it published: the others are an
        earlier one's.
        """
        new = self._learner.published
        places = set(new.values())
        if status == 0 and self._plan is not None and self._plan.bundles is not None:
            places.add(self._plan.bundles.directory)
        if not places:
            return
        # Few runs read provenance.
        from rootless_build.bundles.digests import digested  # noqa: PLC0415

        for directory in sorted(places):
            yield from digested(directory, {path for path in new if new[path] == directory})

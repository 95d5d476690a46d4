"""What a run came to, as the JSON of `--metadata-file`.

docs/reference/metadata-file.md says what each field is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

import rootless_build
from rootless_build.files.claimed import Claim, ClaimedError
from rootless_build.files.head import head_commit
from rootless_build.files.replacing import replace_content
from rootless_build.history.record import Outcome, RunRecord
from rootless_build.model.structs import replace

VERSION: Final = 1
_INTERRUPTED: Final = 130


def begun(run: RunRecord) -> RunRecord:
    """The run with the commit that its project has now."""
    return replace(run, commit=head_commit(run.project))


class TakenError(Exception):
    """The file is that of another run, which goes on."""


class MetadataFile:
    """The file of a run, which no other one gets before that has ended, however it ends."""

    def __init__(self, place: Path, run: RunRecord) -> None:
        """Tell that the run has begun. Raises TakenError, and OSError."""
        self._place = place
        try:
            self._claim = Claim(place, _document(run, ()), _mode())
        except ClaimedError as error:
            raise TakenError from error

    def end(self, run: RunRecord, files: Iterable[object]) -> None:
        """Replace the file by what the run came to; `files` are those of the bundles, with their
        fields above. Raises OSError; TakenError where it was taken away and another run began.
        """
        try:
            self._claim.check()
            content = _document(run, msgspec.to_builtins(list(files), enc_hook=str))
            replace_content(self._place, content, _mode())
        except ClaimedError as error:
            raise TakenError from error
        finally:
            self._claim.release()


def _document(run: RunRecord, files: object) -> bytes:
    outcome = run.outcome
    fields = {
        "version": VERSION,
        "rbuild": rootless_build.__version__,
        "command": ["rbuild", *run.words],
        "project": str(run.project),
        "commit": run.commit,
        "backend": run.backend,
        "started": run.started,
        "ended": outcome.ended if outcome else None,
        "seconds": outcome.seconds if outcome else None,
        "saved": outcome.saved if outcome else None,
        "status": outcome.status if outcome else None,
        "state": _state(outcome),
        "error": outcome.error if outcome else "",
        "steps": [
            {
                "number": step.number,
                "kind": step.kind,
                "title": step.title,
                "status": step.status,
                "cached": step.cached,
                "seconds": step.seconds,
                "why": step.why,
            }
            for step in run.steps
        ],
        "images": [
            {
                "step": image.step,
                "names": list(image.names),
                "id": f"sha256:{image.id.removeprefix('sha256:')}",
                "platform": image.platform,
            }
            for image in run.images
        ],
        "bundles": files,
    }
    return (json.dumps(fields, indent=2) + "\n").encode()


def _state(outcome: Outcome | None) -> str:
    match outcome:
        case None:
            return "running"
        case Outcome(status=0, done=done):
            return "done" if done else "unchanged"
        case Outcome(status=status):
            return "interrupted" if status == _INTERRUPTED else "failed"


def _mode() -> int:
    """That of a file that a program makes for whoever may read it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask

"""Events as names and plain data: what the JSON log has, and what is kept of a run."""

from __future__ import annotations

from typing import Final

import msgspec

from rootless_build.model.errors import (
    BundlesError,
    HostError,
    ImageBuildError,
    RbuildError,
    StepFailedError,
)
from rootless_build.model.events import (
    BackendChosen,
    BuildFinished,
    BuildProgress,
    BundlesPublished,
    Event,
    ImageReady,
    Notice,
    OutputLine,
    StepFinished,
    StepStarted,
)

OUTPUT: Final = "output"
ERROR: Final = "error"
NAMES: Final[dict[str, type[Event]]] = {
    "backend-chosen": BackendChosen,
    "step-started": StepStarted,
    "build-progress": BuildProgress,
    "step-finished": StepFinished,
    "notice": Notice,
    "bundles-published": BundlesPublished,
    "image-ready": ImageReady,
    "build-finished": BuildFinished,
}
"""Of those events whose data are their fields; output and errors have names of their own."""
_BY_KIND: Final = {kind: name for name, kind in NAMES.items()}

Fields = dict[str, object]


def of_event(event: Event) -> tuple[str, Fields]:
    """The name of an event that is in `NAMES`, and its fields. Raises KeyError for another."""
    fields = msgspec.structs.asdict(event)
    if isinstance(event, BundlesPublished):
        fields["directory"] = str(event.directory)
    if fields.get("at", 0) is None:
        del fields["at"]
    if fields.get("terminal") is False:
        del fields["terminal"]
    return _BY_KIND[type(event)], fields


def of_output(event: OutputLine) -> Fields:
    """A line of output, or a piece of a long one; bytes that are not UTF-8 are `\\xNN`."""
    line = event.data.decode(errors="backslashreplace").rstrip("\n")
    return {"step": event.step, "stream": event.stream, "line": line}


def of_error(error: RbuildError) -> Fields:
    """What ended a run."""
    failed = error if isinstance(error, StepFailedError) else None
    return {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "engine_words": error.engine_words,
        "last_words": (failed.last_words if failed else None) or "",
        "notes": getattr(error, "__notes__", []),
        "problems": error.problems if isinstance(error, BundlesError) else (),
        "where": error.where,
        "step": error.step,
        "status": _status(error),
        "seconds": error.seconds,
        "exit_code": error.exit_code,
        "finding": error.finding if isinstance(error, HostError) else "",
        "log": error.log,
        "log_file": error.log_file,
    }


def _status(error: RbuildError) -> int | None:
    """The exit status of the command that failed, in a container or in an image build."""
    if isinstance(error, ImageBuildError):
        return error.failed.status if error.failed else None
    return error.status if isinstance(error, StepFailedError) else None

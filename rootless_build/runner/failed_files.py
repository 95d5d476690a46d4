"""What a failed container wrote, kept where it can be looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rootless_build.bundles import failed_store
from rootless_build.model import text
from rootless_build.model.errors import BundlesError, RbuildError, StepFailedError, reason
from rootless_build.model.events import Level, StepReporter

if TYPE_CHECKING:
    from rootless_build.backend.api import Engine
    from rootless_build.bundles.staging import Staging


@contextmanager
def keep_aside(
    staging: Staging, place: Path | None, engine: Engine, reporter: StepReporter
) -> Iterator[None]:
    """A context that moves the staged files to `place` when a container in it fails.

    With None they go, as they do when it is interrupted.
    """
    try:
        yield
    except BaseException as error:
        # The failure is what is to be told. Files of subordinate uids would keep the staging
        # directory from being removed.
        with suppress(RbuildError, OSError):
            engine.give_back(staging.path)
        if place is not None and isinstance(error, StepFailedError | BundlesError):
            _keep(staging, place, reporter)
        raise


def _keep(staging: Staging, place: Path, reporter: StepReporter) -> None:
    try:
        kept = failed_store.keep(staging, place)
    except OSError as error:
        what = f"what the container wrote could not be kept: {error.strerror or error}"
        reporter.notice("not-kept", what, Level.WARNING)
        return
    if kept.paths:
        what = f"what the container wrote is kept in {place}: {_several(kept.paths)}"
        reporter.notice("kept", what)
    if kept.left_out:
        why = reason(next(iter(kept.left_out.values())))
        what = f"could not be kept: {_several(tuple(kept.left_out))} ({why})"
        reporter.notice("not-kept", what, Level.WARNING)


def _several(paths: Sequence[str]) -> str:
    """The first one, and how many more there are."""
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{text.shown(paths[0])}{more}"

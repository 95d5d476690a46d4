"""The step that makes docker's build checks, and what it tells of them."""

from __future__ import annotations

from rootless_build.backend.api import Engine
from rootless_build.images.at_once import AtOnce
from rootless_build.images.checks.checking import check_build
from rootless_build.images.checks.telling import summary, told
from rootless_build.images.segments.bases import Images
from rootless_build.model.errors import StepFailedError
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage
from rootless_build.runner import exports


def check(step: BuildImage, engine: Engine, reporter: StepReporter) -> None:
    """Make them, and print what docker prints.

    Raises StepFailedError with docker's status where they find something, ContainerfileError for
    what is wrong in the containerfile, ImageNotFoundError.
    """
    with exports.with_containerfile(step) as plain:
        found = check_build(plain, Images(plain, engine, reporter, AtOnce()).find)
        reporter.output(told(plain, found).encode(errors="surrogateescape"))
    reporter.flush()
    if found:
        raise StepFailedError(summary(found), status=1)

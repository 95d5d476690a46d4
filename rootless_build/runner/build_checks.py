"""The step that asks about a build: docker's build checks, its arguments, its targets."""

from __future__ import annotations

from typing import Final

from rootless_build.backend.api import Engine
from rootless_build.backend.build_files import existing_containerfile
from rootless_build.files import plain
from rootless_build.images.at_once import AtOnce
from rootless_build.images.checks import calls
from rootless_build.images.checks.checking import check_build
from rootless_build.images.checks.outline import outline_of, targets_of
from rootless_build.images.checks.reading import Find, Reading
from rootless_build.images.checks.telling import summary, told
from rootless_build.images.checks.warning import CheckWarning
from rootless_build.images.segments.bases import Images
from rootless_build.model.errors import ContainerfileError, StepFailedError
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage, Call, CheckContainerfile
from rootless_build.runner import exports

_STDIN: Final = "Dockerfile"


def check(step: CheckContainerfile, engine: Engine, reporter: StepReporter) -> None:
    """Print what docker prints.

    Raises StepFailedError with docker's status where checks find something, ContainerfileError for
    what is wrong in the containerfile, ImageNotFoundError.
    """
    with exports.with_containerfile(step.build) as build:
        find = Images(build, engine, reporter, AtOnce()).find
        if step.call is Call.CHECK:
            _check(step, build, find, reporter)
        else:
            _print(_answer(step, build, find), reporter)


def _check(step: CheckContainerfile, build: BuildImage, find: Find, reporter: StepReporter) -> None:
    try:
        found = check_build(build, find, in_order=not step.json)
    except ContainerfileError as error:
        if step.json:
            _print(_as_json(build, (), error), reporter)
        raise
    _print(_as_json(build, found) if step.json else told(build, found), reporter)
    if found and not step.ignores_status:
        raise StepFailedError(summary(found), status=1)


def _as_json(
    build: BuildImage,
    found: tuple[CheckWarning, ...],
    error: ContainerfileError | None = None,
) -> str:
    path = existing_containerfile(build)
    content = plain.content(path) if path else b""
    return calls.checks_json(found, path.name if path else _STDIN, content, error)


def _answer(step: CheckContainerfile, build: BuildImage, find: Find) -> str:
    path = existing_containerfile(build)
    if step.call is Call.DESCRIBE or path is None:
        return calls.DESCRIBED
    reading = Reading(build, path, find)
    if step.call is Call.TARGETS:
        found = targets_of(reading)
        return (
            calls.targets_json(found, reading.content) if step.json else calls.targets_text(found)
        )
    outline = outline_of(reading)
    return (
        calls.outline_json(outline, reading.content) if step.json else calls.outline_text(outline)
    )


def _print(text: str, reporter: StepReporter) -> None:
    reporter.output(text.encode(errors="surrogateescape"))
    reporter.flush()

"""Around a build that an engine does alone, from the containerfile as it is: BuildKit's, and one of
which nothing is known.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rootless_build.backend.build_files import existing_containerfile
from rootless_build.files import plain
from rootless_build.images import own_context_files
from rootless_build.images.containerfile import file as containerfile
from rootless_build.images.containerfile.parser import parse
from rootless_build.images.own_files import OwnFiles
from rootless_build.images.rewrite.session import check_inside
from rootless_build.model.errors import ContainerfileError, ImageBuildError
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.process import identities


@contextlib.contextmanager
def left_alone(step: BuildImage, own: OwnFiles) -> Iterator[BuildImage]:
    """Give the step whose contexts have no files of rbuild's.

    Raises ContainerfileError for a containerfile that is a link to elsewhere, RecipeError for an
    ignore file that can't be read; an ImageBuildError leaves with the line of its instruction.
    """
    file = existing_containerfile(step)
    if file is None:
        yield step
        return
    check_inside(file, step)
    with tempfile.TemporaryDirectory(prefix=identities.private_prefix()) as place:
        directory = Path(place)
        step = own_context_files.without_own_files(step, own, directory)
        try:
            yield own_context_files.with_ignore_file(step, file, own, directory)
        except ImageBuildError as error:
            _locate(error, step, file)
            raise


def _locate(error: ImageBuildError, step: BuildImage, file: Path) -> None:
    """Put the line of the instruction that failed into the error, where it is the only such one."""
    failed = error.failed
    if failed is None:
        return
    try:
        parsed = parse(plain.text(file, errors="surrogateescape"))
    except (OSError, ContainerfileError):
        return
    wanted = failed.text.split()
    lines = [each.line for each in parsed.instructions if each.text.split() == wanted]
    if len(lines) == 1:
        error.at(replace(failed, place=f"{containerfile.display(step, file)}:{lines[0]}"))

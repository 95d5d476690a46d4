"""Files that builds write an image's id into (`docker build --iidfile`).

As docker has it (20.10.24): the file goes before the build begins, so that one that fails leaves
none, and holds `sha256:` and the id, without a newline. What a build finds done writes it too.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from rootless_build.backend.api import Image
from rootless_build.model.errors import StepFailedError, reason
from rootless_build.model.plan import BuildImage


def clear(step: BuildImage, project: Path) -> None:
    """The build begins. Raises StepFailedError."""
    if step.image_id_file is None:
        return
    _check_place(step.image_id_file, project)
    try:
        with suppress(FileNotFoundError):
            step.image_id_file.unlink()
    except OSError as error:
        raise _not_written(step.image_id_file, error) from error


def write(step: BuildImage, image: Image | None, project: Path) -> None:
    """The build is done, or need not be. Raises StepFailedError."""
    file = step.image_id_file
    if file is None or image is None:
        return
    _check_place(file, project)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with suppress(FileNotFoundError):
            file.unlink()
        with os.fdopen(os.open(file, flags, 0o666), "w", encoding="ascii") as written:
            written.write(f"sha256:{image.id.removeprefix('sha256:')}")
    except OSError as error:
        raise _not_written(file, error) from error


def _check_place(file: Path, project: Path) -> None:
    """A directory of the project may have become a link: a container can do that."""
    inside = os.path.realpath(project)
    place = os.path.realpath(file.parent)
    if file.is_relative_to(project) and not Path(place).is_relative_to(inside):
        raise StepFailedError(
            f"the image's id is not written into {file}: it leads out of the project, to {place}",
            hint="name the file that is meant",
        )


def _not_written(file: Path, error: OSError) -> StepFailedError:
    return StepFailedError(f"the image's id can't be written into {file}: {reason(error)}")

"""When an image was made: one that is made again of the same has the time of the first one.

docker takes all of a build that changed nothing from its cache, so that the image's id stays. Here
the time is kept, in a small file for each image, in the user's own directory.
"""

from __future__ import annotations

import contextlib
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rootless_build.files import plain
from rootless_build.files.replacing import replace_content
from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import BuildImage

_MOST: Final = 1000
"""Images whose time is kept: those that were made last."""


class Moments:
    """Those on record below the directory; without one every image is new."""

    def __init__(self, data: Path | None) -> None:
        self._directory = data / "moments" if data else None

    def of(self, content: bytes, epoch: int | None) -> str:
        """When an image of that content was made first, as RFC 3339 has it.

        `epoch` is what `epoch_of` gives.
        """
        if epoch is not None:
            return _written(datetime.fromtimestamp(epoch, UTC))
        now = _written(datetime.now(UTC))
        if self._directory is None:
            return now
        file = self._directory / hashlib.sha256(content).hexdigest()
        with contextlib.suppress(OSError, ValueError):
            return _written(datetime.fromisoformat(plain.text(file).strip()))
        # Where it can't be kept the next image is another, which is no failure of this build.
        with contextlib.suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_content(file, now.encode())
            self._remove_oldest(self._directory)
        return now

    def _remove_oldest(self, directory: Path) -> None:
        files = sorted(directory.iterdir(), key=lambda file: file.stat().st_mtime)
        for file in files[:-_MOST]:
            file.unlink(missing_ok=True)


def epoch_of(step: BuildImage) -> int | None:
    """SOURCE_DATE_EPOCH of a build, in seconds since 1970; None where it is not given, or is no
    number. Raises RecipeError for one that is no time.
    """
    written = dict(step.build_args).get("SOURCE_DATE_EPOCH", "")
    if not written.isdecimal():
        return None
    try:
        epoch = int(written)
        datetime.fromtimestamp(epoch, UTC)
    except (ValueError, OverflowError, OSError) as error:
        message = f"SOURCE_DATE_EPOCH={written[:20]} is no time that an image can have"
        raise RecipeError(message, hint="it is in seconds since 1970") from error
    return epoch


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

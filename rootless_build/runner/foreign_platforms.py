"""Whether a build may be for other platforms than this host's, by a look at its file."""

from __future__ import annotations

from rootless_build.model import platforms
from rootless_build.model.plan import BuildImage


def check(step: BuildImage) -> None:
    """Refuse RUNs that this host can't run before anything is done. Raises UnsupportedError."""
    # A run that changes nothing reads no containerfile: 20 ms.
    from rootless_build.images.containerfile import file  # noqa: PLC0415

    try:
        text = file.text_of(step)
    except OSError:
        return  # what builds it says what is wrong
    if "--platform" not in text and all(each == platforms.host() for each in step.platforms):
        return
    # Few builds are for others.
    from rootless_build.runner import foreign_runs  # noqa: PLC0415

    foreign_runs.refuse(step)

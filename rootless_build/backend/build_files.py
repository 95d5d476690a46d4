"""Which files a build reads: its containerfile, and the ignore file that this has of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rootless_build.model.plan import BuildImage

NAMES: Final = ("Dockerfile", "dockerfile", "Containerfile")
"""What a build context's own containerfile is called; where several are there, docker takes the
first and podman and buildah the last: rbuild takes docker's."""


def containerfile(step: BuildImage) -> Path:
    """The containerfile of a build, whether it is there or not."""
    if step.containerfile is not None:
        return step.containerfile
    named = [step.context / name for name in NAMES]
    return next((file for file in named if file.is_file()), named[0])


def existing_containerfile(step: BuildImage) -> Path | None:
    """The containerfile of a build; None where it is not there: the engine says so better."""
    file = containerfile(step)
    return file if file.is_file() else None


def own_ignore_file(file: Path) -> Path:
    """The ignore file that a containerfile has of its own, whether it is there or not."""
    return file.with_name(f"{file.name}.dockerignore")

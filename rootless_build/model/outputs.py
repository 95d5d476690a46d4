"""What a build leaves besides an image, as data: `--output type=local` and `type=tar`."""

from __future__ import annotations

from pathlib import Path

from rootless_build.model.plan import BuildImage, BuildOutput, Bundles
from rootless_build.model.structs import replace

_FILES = ("local", "tar")


_NO_IMAGE = (*_FILES, "cacheonly")


def files(step: BuildImage) -> tuple[BuildOutput, ...]:
    """The outputs that are files."""
    return tuple(output for output in step.outputs if output.type in _FILES)


def by_kind(step: BuildImage) -> tuple[tuple[BuildOutput, ...], tuple[BuildOutput, ...]]:
    """The outputs that keep an image, and those that are files."""
    images = tuple(output for output in step.outputs if output.type not in _NO_IMAGE)
    return images, files(step)


def destination(output: BuildOutput) -> Path:
    """Where an output that is files goes."""
    return Path(dict(output.attributes)["dest"])


def is_inside(output: BuildOutput, bundles: Bundles | None) -> bool:
    """Whether an output that is files is, or is in, the bundles directory."""
    return bundles is not None and destination(output).is_relative_to(bundles.directory)


def in_bundles(step: BuildImage, bundles: Bundles | None) -> bool:
    """Whether one of the step's outputs is."""
    return any(is_inside(output, bundles) for output in files(step))


def moved(output: BuildOutput, bundles: Path, staging: Path) -> BuildOutput:
    """An output in the bundles as one in their staged copy."""
    there = staging / destination(output).relative_to(bundles)
    return BuildOutput(output.type, (("dest", str(there)),))


def keeps_image(step: BuildImage) -> bool:
    """Whether the image stays in storage: where no output is given, or one is an image."""
    return not step.outputs or any(output.type not in _NO_IMAGE for output in step.outputs)


def image_only(step: BuildImage) -> BuildImage:
    """The step as an engine does it: an image, with names only where it stays."""
    kept = tuple(output for output in step.outputs if output.type not in _NO_IMAGE)
    tags = step.tags if keeps_image(step) else ()
    return replace(step, outputs=kept, tags=tags)

"""What a build leaves besides an image in storage, as data: files, and images in files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rootless_build.model.plan import BuildImage, BuildOutput, Bundles
from rootless_build.model.structs import replace

_FILES = ("local", "tar")
_ARCHIVES = ("oci", "docker")
NO_LISTS = "docker exporter does not support exporting manifest lists, use the oci exporter instead"
"""buildx's words for an archive of docker's kind, of several platforms (0.30)."""
_NO_IMAGE = (*_FILES, "oci", "cacheonly")


def files(step: BuildImage) -> tuple[BuildOutput, ...]:
    """The outputs that are files."""
    return tuple(output for output in step.outputs if output.type in _FILES)


def archives(step: BuildImage) -> tuple[BuildOutput, ...]:
    """The outputs that are an image in a file."""
    return tuple(filter(is_archive, step.outputs))


def is_archive(output: BuildOutput) -> bool:
    """Whether it is an image in a file, or in a directory of that layout."""
    return output.type in _ARCHIVES and "dest" in dict(output.attributes)


def written(step: BuildImage) -> tuple[BuildOutput, ...]:
    """The outputs that are written to this host."""
    return tuple(each for each in step.outputs if each.type in _FILES or is_archive(each))


def _keeps(output: BuildOutput) -> bool:
    return output.type not in _NO_IMAGE and not is_archive(output)


def named(output: BuildOutput, tags: Sequence[str]) -> BuildOutput:
    """An image in a file, with the names that are written there: the tags, if there are any."""
    if not is_archive(output) or not tags:
        return output
    attributes = {**dict(output.attributes), "name": ",".join(tags)}
    return BuildOutput(output.type, tuple(attributes.items()))


def unknown_attribute(output: BuildOutput) -> str | None:
    """What an image in a file is asked for that can't be given; None for nothing."""
    known = {"dest", "name", *(("tar",) if output.type == "oci" else ())}
    return next((name for name, _ in output.attributes if name not in known), None)


def by_kind(step: BuildImage) -> tuple[tuple[BuildOutput, ...], tuple[BuildOutput, ...]]:
    """The outputs that keep an image, and those that are written to this host."""
    return tuple(filter(_keeps, step.outputs)), written(step)


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
    return not step.outputs or any(map(_keeps, step.outputs))


def image_only(step: BuildImage) -> BuildImage:
    """The step as an engine does it: an image, with names only where it stays."""
    kept = tuple(filter(_keeps, step.outputs))
    tags = step.tags if keeps_image(step) else ()
    return replace(step, outputs=kept, tags=tags)

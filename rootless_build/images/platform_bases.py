"""Base images that builds for several platforms want: a name in storage is of one platform."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rootless_build.images import foreign_stages
from rootless_build.images.external import external_images
from rootless_build.model import platforms, references
from rootless_build.model.plan import BuildImage


def do_not_depend(builds: Sequence[BuildImage]) -> bool:
    """Whether none of the builds takes an image by a name by which another one takes that of
    another platform: an engine that fetches that one gives it the name.
    """
    wanted: dict[str, set[str]] = {}
    for build in builds:
        if not external_images(build).complete:
            return False
        for name, platform in _wanted(build):
            wanted.setdefault(references.canonical(name), set()).add(platform)
    return all(
        len(of) == 1 or name.startswith(f"{references.LOCAL}/") for name, of in wanted.items()
    )


def _wanted(build: BuildImage) -> Iterator[tuple[str, str]]:
    """The names of images from outside, each with the platform it is wanted of."""
    target = next(iter(build.platforms), platforms.host())
    bases = {
        (stage.base, stage.platform or target)
        for stage in foreign_stages.needed(build)
        if stage.base is not None
    }
    named = {name for name, _ in bases}
    for name in external_images(build).names:
        if name not in named:
            yield name, target
        yield from (each for each in bases if each[0] == name)

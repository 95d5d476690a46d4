"""Base images that builds for several platforms want: a name in storage is of one platform."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rootless_build.images import foreign_stages
from rootless_build.images.external import external_images
from rootless_build.model import platforms, references
from rootless_build.model.plan import BuildImage

Images = Mapping[str, frozenset[str]]
"""Names of images, and the platforms that they are wanted of."""


def do_not_depend(builds: Sequence[BuildImage]) -> bool:
    """Whether none of the builds takes an image by a name by which another one takes that of
    another platform: an engine that fetches that one gives it the name.
    """
    wanted = [wanted_images(build) for build in builds]
    return agree(*wanted)


def agree(*wanted: Images | None) -> bool:
    """Whether no name is wanted of two platforms; None is what nobody knows."""
    together: dict[str, set[str]] = {}
    for images in wanted:
        if images is None:
            return False
        for name, platforms_ in images.items():
            together.setdefault(name, set()).update(platforms_)
    return all(
        len(of) < 2 or name.startswith(f"{references.LOCAL}/") for name, of in together.items()
    )


def wanted_images(build: BuildImage) -> Images | None:
    """The images from outside that a build takes, in full, and of which platforms; None where only
    the engine can tell.
    """
    if not external_images(build).complete:
        return None
    found: dict[str, frozenset[str]] = {}
    for name, platform in _wanted(build):
        full = references.canonical(name)
        found[full] = found.get(full, frozenset()) | {platform}
    return found


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

"""Which builds of one bake wait for which: what one makes, another one may take.

BuildKit does all targets at a time but for those that are each other's contexts. What else two of
them have in common (a name, a directory that one writes and the other one reads) makes them go in
their order here, as if they stood alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from rootless_build.backend.build_files import containerfile, own_ignore_file
from rootless_build.freshness import fingerprints
from rootless_build.freshness.ignore import Rules
from rootless_build.images import platform_bases
from rootless_build.images.containerfile import ignore_file
from rootless_build.model import outputs, references
from rootless_build.model.plan import BuildImage, Step
from rootless_build.model.platform_builds import builds_of
from rootless_build.model.structs import replace
from rootless_build.runner.growing_plan import builds_of_one_bake


def beside(steps: Sequence[Step]) -> tuple[tuple[int, ...], ...]:
    """Of each step of a plan the numbers of those that it may go on beside."""
    found: list[tuple[int, ...]] = []
    while len(found) < len(steps):
        first = len(found)
        count = builds_of_one_bake(steps[first:])
        builds = [step for step in steps[first : first + count] if isinstance(step, BuildImage)]
        if len(builds) < 2:
            found += [()] * max(count, 1)
            continue
        waits: list[set[int]] = []
        for own in waiting(builds):
            waits.append({*own, *(far for near in own for far in waits[near])})
        found += (
            tuple(
                first + other + 1
                for other in range(count)
                if other != place and other not in waits[place] and place not in waits[other]
            )
            for place in range(count)
        )
    return tuple(found)


def waiting(builds: Sequence[BuildImage]) -> tuple[tuple[int, ...], ...]:
    """Of each build the places of those before it that it waits for."""
    seen = [_Build.of(build) for build in builds]
    return tuple(
        tuple(place for place in range(number) if seen[place].meets(seen[number]))
        for number in range(len(seen))
    )


class _Place(Struct, frozen=True):
    """A directory or file that a build reads, without what `ignored` names."""

    path: Path
    ignored: Rules

    def has(self, written: Path) -> bool:
        """Whether some of what is written there may be read here."""
        if self.path.is_relative_to(written):
            return True
        if not written.is_relative_to(self.path):
            return False
        parts = written.relative_to(self.path).parts
        above = ("/".join(parts[:count]) for count in range(1, len(parts) + 1))
        return not any(_is_left_out(self.ignored, path) for path in above)


class _Build(Struct, frozen=True):
    """What a build makes and takes: names of images, and places of this host. `inputs` is it
    without what it makes.
    """

    inputs: BuildImage
    names: frozenset[str]
    images: platform_bases.Images | None
    written: frozenset[Path]
    read: tuple[_Place, ...]

    @classmethod
    def of(cls, build: BuildImage) -> _Build:
        written = {_real(outputs.destination(output)) for output in outputs.written(build)}
        if build.image_id_file is not None:
            written.add(_real(build.image_id_file))
        return cls(
            replace(build, tags=(), outputs=(), image_id_file=None, origin=None),
            frozenset(map(_in_storage, build.tags)),
            _images(build),
            frozenset(written),
            tuple(_read(build)),
        )

    def meets(self, other: _Build) -> bool:
        """Whether one of the two has to wait for the other."""
        return (
            # The same once more is there then.
            self.inputs == other.inputs
            or bool(self.names & other.names)
            or not platform_bases.agree(self.images, other.images)
            or self._makes_for(other)
            or other._makes_for(self)
            or any(map(other._writes_over, self.written))
        )

    def _makes_for(self, other: _Build) -> bool:
        return bool(self.names.intersection(map(references.local, other.images or ()))) or any(
            place.has(path) for place in other.read for path in self.written
        )

    def _writes_over(self, path: Path) -> bool:
        return any(each.is_relative_to(path) or path.is_relative_to(each) for each in self.written)


def _in_storage(name: str) -> str:
    """One spelling of a name for all that podman and buildah take for the same image."""
    return references.local(references.canonical(name))


def _images(build: BuildImage) -> platform_bases.Images | None:
    """The images that a build takes, those that are its build contexts too."""
    together: dict[str, frozenset[str]] = {}
    for one in builds_of(build):
        wanted = platform_bases.wanted_images(one)
        if wanted is None:
            return None
        stored = map(references.canonical, fingerprints.stored_contexts(one))
        for name, of in (*wanted.items(), *((name, frozenset[str]()) for name in stored)):
            together[name] = together.get(name, frozenset()) | of
    return together


def _read(build: BuildImage) -> Iterator[_Place]:
    nothing = Rules("")
    try:
        ignored = Rules(ignore_file.read_common(build.context, containerfile(build)))
    except OSError:
        ignored = nothing
    yield _Place(_real(build.context), ignored)
    file = containerfile(build)
    for path in (file, own_ignore_file(file)):
        yield _Place(_real(path), nothing)
    for one in builds_of(build):
        for _, value in one.build_contexts:
            if (path := Path(value)).is_absolute():
                yield _Place(_real(path), nothing)


def _is_left_out(rules: Rules, path: str) -> bool:
    found = rules.match(path)
    return found.left_out and not found.look_below


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))

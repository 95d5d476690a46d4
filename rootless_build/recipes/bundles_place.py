"""Where a plan's results go: `--output`, a mounted bundles directory, or one in the container."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from rootless_build.model.plan import (
    BindMount,
    BuildImage,
    Bundles,
    Mount,
    RunContainer,
    Step,
    Unexpanded,
    VolumeMount,
)

_BUNDLES: Final = "bundles"


def of(steps: Sequence[Step], project: Path) -> Bundles | None:
    """The bundles directory; None where no step makes bundles."""
    # Thousands of lines mount the same.
    mounts = dict.fromkeys(
        m for step in steps if isinstance(step, RunContainer) for m in step.mounts
    )
    seeming = (step.bundles for step in steps if isinstance(step, Unexpanded) and step.bundles)
    found = (_outputs(steps, project), _mounted(mounts, project), _others(mounts, project), seeming)
    return next(itertools.chain(*found), None)


def _outputs(steps: Sequence[Step], project: Path) -> Iterator[Bundles]:
    for step in steps:
        for output in step.outputs if isinstance(step, BuildImage) else ():
            directory = _around(Path(dict(output.attributes).get("dest", "")), project)
            if output.type in {"local", "tar"} and directory is not None:
                yield Bundles(directory)


def _mounted(mounts: Iterable[Mount], project: Path) -> Iterator[Bundles]:
    for mount in mounts:
        if isinstance(mount, BindMount):
            around = _around(mount.source, project)
            if around is not None:
                yield Bundles(around)
            elif PurePosixPath(mount.target).name == _BUNDLES:
                yield Bundles(mount.source)


def _others(mounts: Iterable[Mount], project: Path) -> Iterator[Bundles]:
    """In a volume of the container, or below the project, which is mounted whole."""
    for mount in mounts:
        if isinstance(mount, VolumeMount) and PurePosixPath(mount.target).name == _BUNDLES:
            yield Bundles(project / _BUNDLES, mount.target)
        if isinstance(mount, BindMount) and mount.source == project and not mount.read_only:
            yield Bundles(project / _BUNDLES)


def _around(place: Path, project: Path) -> Path | None:
    """The bundles directory that a place is, or is in."""
    if place.name == _BUNDLES:
        return place
    inside = (p for p in place.parents if p.name == _BUNDLES and p.is_relative_to(project))
    return next(inside, None)

"""Where a plan's results go: `--output`, a mounted bundles directory, or one in the container."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from rootless_build.plan import BindMount, BuildImage, Bundles, RunContainer, Step, VolumeMount

_BUNDLES: Final = "bundles"


def of(steps: Sequence[Step], project: Path) -> Bundles | None:
    """The bundles directory; None where no step makes bundles."""
    for step in steps:
        if isinstance(step, BuildImage):
            for output in step.outputs:
                directory = _around(Path(dict(output.attributes).get("dest", "")), project)
                if output.type in {"local", "tar"} and directory is not None:
                    return Bundles(directory)
    containers = [step for step in steps if isinstance(step, RunContainer)]
    for step in containers:
        for mount in step.mounts:
            if isinstance(mount, BindMount) and _BUNDLES in (
                mount.source.name,
                PurePosixPath(mount.target).name,
            ):
                return Bundles(mount.source)
    for step in containers:
        for mount in step.mounts:
            if isinstance(mount, VolumeMount) and PurePosixPath(mount.target).name == _BUNDLES:
                return Bundles(project / _BUNDLES, mount.target)
            if isinstance(mount, BindMount) and mount.source == project and not mount.read_only:
                return Bundles(project / _BUNDLES)
    return None


def _around(destination: Path, project: Path) -> Path | None:
    """The bundles directory that a destination is, or is in."""
    if destination.name == _BUNDLES:
        return destination
    inside = (p for p in destination.parents if p.name == _BUNDLES and p.is_relative_to(project))
    return next(inside, None)

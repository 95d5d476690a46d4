"""Full disks: a small file system holds the project, or the engine's storage, and is filled."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.made_bundles import digests
from tests.faults.world import World

FILLS = 30
_STEP = 200 * 1024
"""Bytes; each time so much more is left free."""


def full_disks(world: World, small: Path, fills: int) -> Iterator[tuple[str, list[str]]]:
    """Runs in a project on the small file system, with more room each time, and the verdicts."""
    project = small / f"project-{world.backend}"
    ballast = small / f"ballast-{world.backend}"
    world.copy_project(project)
    moved = dataclasses.replace(world, rbuild=dataclasses.replace(world.rbuild, project=project))
    try:
        moved.must(*moved.words())
        for number in range(fills):
            before = digests(moved.rbuild.bundles)
            words = moved.words()
            _fill(ballast, number * _STEP)
            with moved.started(*words) as running:
                assert running.stdout is not None
                said = running.stdout.read().decode(errors="replace")
            free = f"{number * _STEP // 1024} KiB free"
            ballast.unlink()
            lost = moved.judge(before, running.returncode, said)
            yield f"full disk, {free} ({'done' if running.returncode == 0 else 'failed'})", lost
    finally:
        world.runs = moved.runs
        ballast.unlink(missing_ok=True)
        shutil.rmtree(project, ignore_errors=True)


def full_storage(backend: str, small: Path, fills: int) -> Iterator[tuple[str, list[str]]]:
    """The same with everything on it: the engine's storage, records, temporary files too."""
    place = small / f"world-{backend}"
    place.mkdir()
    ballast = small / f"ballast-{backend}"
    try:
        with World.made(place, backend) as world:
            for number in range(fills):
                before = digests(world.rbuild.bundles)
                words = world.words()
                _fill(ballast, number * 2 * _STEP)
                with world.started(*words) as running:
                    assert running.stdout is not None
                    said = running.stdout.read().decode(errors="replace")
                ballast.unlink()
                lost = world.judge(before, running.returncode, said)
                ended = "done" if running.returncode == 0 else "failed"
                yield f"full storage, {number * 2 * _STEP // 1024} KiB free ({ended})", lost
                # Layers of images that have another successor by now.
                world.must("clean", "--images")
    finally:
        ballast.unlink(missing_ok=True)
        subprocess.run([backend, "unshare", "rm", "-rf", "--", place], check=True)


def _fill(ballast: Path, left: int) -> None:
    free = os.statvfs(ballast.parent)
    size = max(free.f_bavail * free.f_frsize - left, 0)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(size, 1))

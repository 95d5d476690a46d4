"""What a run left on this host: asked of the kernel and the engines, not of rbuild."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from rootless_build.process import identities, proc
from rootless_build.runner import journal
from tests.e2e.driver import Rbuild

_LISTING = {
    "podman": ("podman", "ps", "--all", "--external", "--quiet", "--no-trunc"),
    "buildah": ("buildah", "containers", "--all", "--quiet"),
    "docker": ("docker", "ps", "--all", "--quiet", "--no-trunc"),
}


_ENGINES = frozenset({"conmon", "podman", "buildah", "runc", "crun", "slirp4netns"})


_PATIENCE = 15.0
"""Seconds for what ends after rbuild: conmon, and podman's own cleaning in its place."""


def remains(
    rbuild: Rbuild, *, interrupted: bool = False, expected: tuple[str, ...] = ()
) -> list[str]:
    """Everything of rbuild's that stays although no run is there.

    `interrupted`: the record of a run that was may stay, so that the next one looks. What is
    `expected` is not waited for.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        found = remains_now(rbuild, interrupted=interrupted)
        if set(found) <= set(expected) or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def remains_after_cleaning(rbuild: Rbuild) -> list[str]:
    """What stays of runs that ended in the middle when `rbuild clean` has looked for it twice.

    A program that still worked for one may have made a container until the first look killed it.
    While other engines of the user's work, which may be at making one, that is for the second.
    """
    for _ in range(2):
        assert rbuild("clean").returncode == 0
    found = remains(rbuild)
    return [*found, rbuild("clean", "--dry-run").stdout] if found else []


def remains_now(rbuild: Rbuild, *, interrupted: bool = False) -> list[str]:
    """What is there at this moment."""
    return [
        *(f"container {name}" for name in _containers(rbuild)),
        *(f"process {text}" for text in _processes(rbuild)),
        *(f"directory {path}" for path in _directories(rbuild, interrupted)),
    ]


def _containers(rbuild: Rbuild) -> list[str]:
    listing = [*_LISTING[rbuild.backend]]
    if rbuild.backend == "docker":
        # The engine is other tests' as well.
        listing.append("--filter=label=io.rbuild.project")
    elif not (Path(rbuild.environment["XDG_DATA_HOME"]) / "containers").exists():
        return []
    done = subprocess.run(
        listing, env=rbuild.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def _processes(rbuild: Rbuild) -> Iterator[str]:
    """Those that work for this storage, and those whose root is on it; podman's pause process
    stays by design.
    """
    storage = rbuild.environment["XDG_DATA_HOME"]
    project = str(rbuild.project)
    runtime = rbuild.environment["XDG_RUNTIME_DIR"]
    own = f"/{identities.private_prefix()}"
    for process in proc.processes():
        if process == os.getpid():
            continue
        entry = Path("/proc", str(process))
        try:
            words = [word.decode(errors="replace") for word in proc.command_line(process)] or [""]
            name = (entry / "comm").read_text().strip()
            environment = [v.decode(errors="replace") for v in proc.environment(process)]
            roots = [
                line
                for line in (entry / "mountinfo").read_text(errors="replace").split("\n")
                if line and line.split(" ")[4] == "/" and storage in line
            ]
        except OSError:
            continue
        if any(own in word for word in (*words, *environment)):
            continue  # a test opened that engine itself
        # Without catatonit podman itself becomes the pause process.
        if words[:2] == ["catatonit", "-P"] or name == "podman pause" or not words[0]:
            continue
        ours = any(
            word.startswith("CONTAINERS_CONF=") and "/rbuild-" in word for word in environment
        ) and any(storage in word for word in environment)
        engines = Path(words[0]).name in _ENGINES and any(
            place in word for word in words for place in (storage, runtime)
        )
        if roots or ours or engines or f"PWD={project}" in environment:
            yield f"{process} {' '.join(words)}"


def _directories(rbuild: Rbuild, interrupted: bool) -> Iterator[Path]:
    # Tests that open engines themselves have their settings in one.
    own = f"{identities.private_prefix()}*"
    for path in Path(rbuild.environment["XDG_RUNTIME_DIR"]).glob("rbuild-*"):
        if not path.match(own):
            yield path
    for runtime in ("runc", "crun"):
        for directory in (Path(rbuild.environment["XDG_RUNTIME_DIR"]) / runtime).glob("*"):
            with contextlib.suppress(OSError):  # it goes
                yield from tuple(directory.iterdir())
    yield from rbuild.project.glob(".*.rbuild.*")
    data = Path(rbuild.environment["XDG_DATA_HOME"]) / "rbuild"
    if not interrupted:
        yield from journal.directory(data, rbuild.project).glob("*.*")
    yield from data.glob("containers/*")
    # A build that is killed leaves its runtime's configuration in a directory of its own.
    for pattern in ("buildah[0-9]*", "rbuild-*"):
        yield from Path(rbuild.environment["TMPDIR"]).glob(pattern)

"""Breaks builds at hundreds of points, and looks at what is lost: `python -m tests.faults`.

A point is a fault and an event of the stream at which it strikes. After each the old bundles must
be there to the last bit, or the new ones complete, `rbuild bundles verify` must pass, and after the
next run nothing of rbuild's may be left: no container, process, directory, record.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.faults.disks import FILLS, full_disks, full_storage
from tests.faults.strikes import STRIKES, Strike
from tests.faults.world import World

_EVENTS = 60
"""More than a run has: points past its end do not count."""


def main() -> int:
    """Run; returns 0 when nothing was lost."""
    options = _arguments()
    lost: list[str] = []
    for backend in options.backend:
        storage = Path(tempfile.mkdtemp(prefix=f"rbuild-faults-{backend}-", dir="/var/tmp"))
        try:
            with World.made(storage, backend) as world:
                lost += _all(world, options)
        finally:
            _remove(storage)
    for text in lost:
        print(f"LOST {text}")
    return 1 if lost else 0


def _all(world: World, options: argparse.Namespace) -> list[str]:
    deadline = time.monotonic() + options.seconds if options.seconds else None
    wanted = options.points
    tried: Counter[str] = Counter()
    lost: list[str] = []
    for strike, event in _points(world, options.seed):
        if sum(tried.values()) >= wanted or (deadline and time.monotonic() > deadline):
            break
        verdict = world.strike(strike, event)
        if verdict is None:
            continue  # what was to be hit was not there
        tried[strike.name] += 1
        _say(world, sum(tried.values()), f"{strike.name} at event {event}", verdict, options)
        lost += [f"{world.backend}: {strike.name} at event {event}: {text}" for text in verdict]
    if options.small:
        disks = full_disks(world, options.small, options.fills)
        storages = full_storage(world.backend, options.small, options.fills)
        for name, verdict in itertools.chain(disks, storages):
            tried[name.partition(",")[0]] += 1
            _say(world, sum(tried.values()), name, verdict, options)
            lost += [f"{world.backend}: {name}: {text}" for text in verdict]
    kinds = ", ".join(f"{name} {count}" for name, count in sorted(tried.items()))
    total = sum(tried.values())
    points = len({text.rpartition(": ")[0] for text in lost})
    print(
        f"{world.backend}: {total} points tried, {total - points} survived, {len(lost)} things lost"
    )
    print(f"{world.backend}: {kinds}", flush=True)
    return lost


def _say(
    world: World, number: int, name: str, verdict: list[str], options: argparse.Namespace
) -> None:
    if verdict or options.verbose:
        result = "; ".join(verdict) or "survived"
        print(f"{world.backend} {number}: {name}: {result}", flush=True)


def _points(world: World, seed: int) -> Iterator[tuple[Strike, int]]:
    """Every fault at every event, in an order that a seed gives; then again, at other moments."""
    strikes = [strike for strike in STRIKES if world.backend in strike.backends]
    chance = random.Random(seed)
    for _ in itertools.count():
        points = list(itertools.product(strikes, range(1, _EVENTS)))
        chance.shuffle(points)
        for strike, event in points:
            first = world.container if strike.phase == "container" else 1
            last = world.container if strike.phase == "build" else world.events
            if first <= event <= last:
                yield strike, event


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--backend", action="append", choices=["podman", "buildah"])
    parser.add_argument("--points", type=int, default=200, help="of signals, for each backend")
    parser.add_argument("--seconds", type=float, help="stop after so long, for each backend")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--small", type=Path, help="a small file system to fill")
    parser.add_argument("--fills", type=int, default=FILLS, help="how many times it is filled")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line for each point")
    options = parser.parse_args()
    if os.getuid() == 0:
        parser.error("not as root: contrib/run-tests --faults")
    options.backend = options.backend or ["podman", "buildah"]
    return options


def _remove(storage: Path) -> None:
    program = "buildah" if shutil.which("buildah") else "podman"
    subprocess.run([program, "unshare", "rm", "-rf", "--", str(storage)], check=False)


if __name__ == "__main__":
    sys.exit(main())

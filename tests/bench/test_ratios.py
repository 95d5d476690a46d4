"""Figures of issue "The main job", as ratios in one run: pytest tests/bench -s --backend podman.

Nothing is asserted but that every run ended well: a failing run is as fast as a good one.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rootless_build.host.engine_settings import engine_settings
from rootless_build.process import proc
from tests.e2e.driver import Rbuild
from tests.trust.planning_costs import MAKEFILES, costs, project

ROUNDS = 7


def seconds(argv: Sequence[str | Path], rbuild: Rbuild) -> float:
    start = time.perf_counter()
    subprocess.run(
        argv,
        cwd=rbuild.project,
        env=rbuild.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    return time.perf_counter() - start


def medians(*measured: Callable[[], float]) -> list[float]:
    """Medians of runs taken in turn, so that a noisy moment meets all of them."""
    rounds = [[one() for one in measured] for _ in range(ROUNDS)]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def test_start_of_the_command(rbuild: Rbuild) -> None:
    python, ours = medians(
        lambda: seconds([sys.executable, "-c", "pass"], rbuild),
        lambda: seconds([*rbuild.argv, "--version"], rbuild),
    )
    print(
        f"\nrbuild --version {ours * 1000:.0f} ms, python -c pass {python * 1000:.0f} ms: "
        f"+{(ours - python) * 1000:.0f} ms (mark +120)"
    )


def test_a_whole_build_against_the_bare_engine(rbuild: Rbuild) -> None:
    """Against the backend's own commands, pasted from the plan, with everything cached, the same
    engine settings, and the base image under the name that the commands know it by.
    """
    assert rbuild("binary").returncode == 0
    plan = rbuild("plan", "binary")
    commands = [
        line for line in plan.stdout.splitlines() if line and not line.startswith(("#", "("))
    ]
    script = "set -e\n" + "\n".join(commands)
    with engine_settings(environment=rbuild.environment) as settings:
        bare_environment = {**rbuild.environment, **dict(settings.environment)}
        subprocess.run(
            [
                rbuild.backend,
                "tag",
                "localhost/debian:bookworm",
                "docker.io/library/debian:bookworm",
            ],
            env=bare_environment,
            capture_output=True,
            check=True,
        )
        bare_engine = replace(rbuild, environment=bare_environment)
        bare, ours = medians(
            lambda: seconds(["sh", "-c", script], bare_engine),
            lambda: seconds([*rbuild.argv, "--force", "binary"], rbuild),
        )
    print(
        f"\n{rbuild.backend}: rbuild binary {ours:.2f} s, bare {bare:.2f} s: "
        f"{ours / bare:.2f}x, +{ours - bare:.2f} s (mark 1.05x + 0.5 s)"
    )


def test_memory_while_ten_megabytes_stream(rbuild: Rbuild) -> None:
    """The peak of the rbuild process alone, children not counted (VmHWM, proc(5))."""
    command = "i=0; while [ $i -lt 10 ]; do head -c 750000 /dev/urandom | od -x; i=$((i + 1)); done"
    with rbuild.started("run", "--", "sh", "-c", command + "; echo END") as running:
        assert running.stdout is not None
        received, peak = 0, 0
        while data := os.read(running.stdout.fileno(), 1 << 20):
            received += len(data)
            found = proc.status(running.pid).get("VmHWM")
            peak = int(found.split()[0]) if found else peak
        assert running.wait() == 0
    assert received > 10_000_000
    print(
        f"\n{rbuild.backend}: {received / 1e6:.0f} MB of output, "
        f"peak {peak / 1024:.0f} MB (mark 80 MB)"
    )


def test_planning_ten_thousand_lines(tmp_path: Path) -> None:
    """CPU of reading the recipe, without make's own: see tests/trust/test_planning_cost.py."""
    for kind in ("commands with variables", "docker commands"):
        text = MAKEFILES[kind]
        few, many = (project(tmp_path / f"{kind} {n}", text(n)) for n in (1000, 10_000))
        _, some, more = costs(few, few, many)
        print(
            f"\n{kind}: 10,000 in {more:.2f} s of CPU (mark 1), {more / some:.1f}x 1,000 (mark 15)"
        )

"""rbuild against what people do without it: `contrib/bench`, or `python -m tests.bench.compare`.

A project in the shape of Docker's own, of a given number of files, built as Docker's own was at
three times (`projects`). Every contender (`contenders`) does the same steps, with the same base
image and engine settings, in turn within each round, so that a noisy moment meets all of them.
Every exit status and every bundle is checked: a failing run is as fast as a good one.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from rootless_build.freshness.index import RACY
from tests.bench.contenders import DOORS, NAMES, OURS, Contender, contenders, own_storage, prune
from tests.bench.figure import plot
from tests.bench.projects import ERAS, SAID, SCENARIOS, Project, Shape

_UNEDITED: Final = frozenset({"cold", "nothing"})


@dataclass
class Results:
    """Seconds of every run, by era, scenario, number of files and contender."""

    seconds: dict[tuple[str, str, int, str], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )
    memory: dict[int, float] = field(default_factory=dict)

    def median(self, era: str, scenario: str, files: int, name: str) -> float | None:
        measured = self.seconds.get((era, scenario, files, name))
        return statistics.median(measured) if measured else None


def measure(
    era: str,
    found: list[Contender],
    files: int,
    given: argparse.Namespace,
    place: Path,
    results: Results,
) -> None:
    """The scenarios with all contenders, `given.rounds` times."""
    rounds: int = given.rounds
    shape = Shape(given.kilobytes, given.steps)
    projects = {
        c.name: Project.make(place / f"{n}-{era}-{files}", files, shape, era)
        for n, c in enumerate(found)
    }
    for contender in found:
        project = projects[contender.name]
        project.source()
        contender.run(project, "cold")
        _say(f"  era {era}, {files} files: {contender.name} is ready")
    # What was written just now is not remembered by any index.
    time.sleep(RACY / 1e9)
    for number in range(rounds):
        for scenario in given.scenarios:
            for contender in found:
                if not contender.takes_part(scenario):
                    continue
                project = projects[contender.name]
                if scenario == "nothing":
                    # As a user's: the one before has settled.
                    contender.run(project, "nothing")
                elif scenario not in _UNEDITED:
                    getattr(project, scenario)()
                seconds = contender.run(project, scenario)
                results.seconds[era, scenario, files, contender.name].append(seconds)
            for words in prune(found):
                _say(words)
        _say(f"  era {era}, {files} files: round {number + 1} of {rounds}")
    ours = next((each for each in found if each.name in OURS), None)
    if ours is not None:
        results.memory[files] = _peak(ours, projects[ours.name])
    for contender in found:
        _remove(contender, projects[contender.name])


def _remove(contender: Contender, project: Project) -> None:
    """Bundles of a daemon's are root's."""
    if contender.door is not None:
        contender.do("rm -rf bundles/*", project.root)
    shutil.rmtree(project.root)


def _peak(contender: Contender, project: Project) -> float:
    """MB of memory that rbuild itself takes at most in a run that changes nothing (VmHWM)."""
    with tempfile.NamedTemporaryFile("r") as file:
        script = contender.script.replace("-m rootless_build", f"-m tests.bench.peak {file.name}")
        here = str(Path(__file__).parents[2])
        environment = {**contender.environment, "PYTHONPATH": here}
        replace(contender, script=script, environment=environment).run(project, "nothing")
        return int(file.read()) / 1024


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(
    results: Results, era: str, found: list[Contender], sizes: list[int], rounds: int
) -> Iterator[str]:
    """The medians as Markdown, with each one's ratio to the first contender's."""
    first = found[0].name
    yield f"Era {era}, {ERAS[era]}."
    yield f"Medians of {rounds} rounds in seconds, and how many times {first}'s."
    yield ""
    yield "| | files | " + " | ".join(contender.name for contender in found) + " |"
    yield "|---|---:" + "|---:" * len(found) + "|"
    for scenario, files in itertools.product(SCENARIOS, sizes):
        ours = results.median(era, scenario, files, first)
        if ours is None:
            continue
        cells = []
        for contender in found:
            seconds = results.median(era, scenario, files, contender.name)
            ratio = f" ({seconds / ours:.1f}x)" if seconds and contender.name != first else ""
            cells.append("" if seconds is None else f"{seconds:.2f}{ratio}")
        yield f"| {SAID[scenario]} | {files:,} | " + " | ".join(cells) + " |"
    yield ""
    for files in sizes:
        if files in results.memory:
            yield f"Memory of rbuild at {files:,} files, at most: {results.memory[files]:.0f} MB."


def machine(found: list[Contender]) -> Iterator[str]:
    """What was measured, and on what."""
    with contextlib.suppress(OSError):
        models = [
            line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
        ]
        model = models[0].partition(":")[2].strip() if models else platform.machine()
        load = f"load {os.getloadavg()[0]:.1f}"
        yield f"{os.cpu_count()} x {model}, Linux {platform.release()}, {load}"
    versions = dict.fromkeys(contender.version for contender in found if contender.version)
    yield f"Python {platform.python_version()}, {', '.join(versions)}"
    for contender in found:
        yield f"{contender.name} keeps images by {contender.keeps}"


def main() -> int:
    """Measure, print, plot."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[1000, 13000], metavar="N")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--eras", nargs="+", default=("A",), choices=tuple(ERAS))
    parser.add_argument("--with", dest="names", nargs="+", default=None, choices=NAMES)
    parser.add_argument("--scenarios", nargs="+", default=SCENARIOS, choices=SCENARIOS)
    parser.add_argument("--kilobytes", type=int, default=Shape.kilobytes, help="of each file")
    parser.add_argument("--steps", type=int, default=Shape.steps, help="RUN steps of the image")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    # A disk that others use too makes the same build take 2 s or 8. In memory overlay needs a
    # kernel whose tmpfs has extended attributes of users (6.6 and later).
    parser.add_argument("--place", default="/dev/shm", metavar="DIRECTORY")
    parser.add_argument("--doors", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    doors = [name for name in DOORS if given.doors and (given.doors / DOORS[name]).is_dir()]
    wanted = given.names or [name for name in NAMES if name not in DOORS or name in doors]
    results = Results()
    with (
        tempfile.TemporaryDirectory(prefix="rbuild-bench-", dir=given.place) as place,
        contextlib.ExitStack() as stack,
    ):
        Path(place).chmod(0o755)
        # Nothing of the user's is read or changed.
        os.environ |= own_storage(Path(place) / "bare", stack)
        by_era = contenders(Path(place), tuple(wanted), tuple(given.eras), given.doors, stack)
        for files, (era, found) in itertools.product(given.files, by_era.items()):
            measure(era, found, files, given, Path(place), results)
            # What takes long may be interrupted: figures are shown when they are there.
            rows = table(results, era, found, [files], given.rounds)
            print("\n".join((*machine(found), "", *rows, "")), flush=True)
        if given.plot:
            plot(results, by_era, given.files[-1], given.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())

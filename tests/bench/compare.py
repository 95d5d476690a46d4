"""rbuild against what people do without it: `contrib/bench`, or `python -m tests.bench.compare`.

A project in the shape of Docker's own, of a given number of files, built as Docker's own was at
three times (`projects`). Every contender (`contenders`) does the same steps, with the same base
image and engine settings, in turn within each round, so that a noisy moment meets all of them.
Every exit status and every bundle is checked: a failing run is as fast as a good one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from rootless_build.freshness.index import RACY
from tests.bench import record, tables
from tests.bench.contenders import (
    DOORS,
    NAMES,
    ONLY_COPIES,
    USUAL,
    Contender,
    ContenderError,
    contenders,
    own_storage,
)
from tests.bench.figure import picture
from tests.bench.measuring import Measurement, Results, Size, groups, say
from tests.bench.projects import ERAS, SCENARIOS, Shape
from tests.bench.record import Given, Record

_ALL: Final = ((1_000, 5), (13_000, 3), (100_000, 1))
"""Numbers of files, and rounds, of `--all`."""
_ONCE: Final = 5.5
_FOR_A_FILE: Final = 0.0026
"""Seconds that eight scenarios take a contender, and more for each file of the project, read off a
table of two cores in memory. Half a round more makes the project and builds it for the first time.
"""
_KEPT_FREE: Final = 3 << 30
"""Bytes of memory that the engines have for themselves."""


def estimate(eras: Sequence[str], names: Sequence[str], sizes: Sequence[Size]) -> float:
    """Seconds that all will take, on a quiet machine."""
    total = len(eras) * len(sizes) * RACY / 1e9
    for era in eras:
        able = [name for name in names if era == "A" or name not in ONLY_COPIES]
        for size in sizes:
            total += len(able) * (size.rounds + 0.5) * (_ONCE + _FOR_A_FILE * size.files)
    return total


def free_memory(place: Path) -> int:
    """Bytes that are free where all is measured; in a tmpfs that is memory."""
    there = os.statvfs(place)
    lines = Path("/proc/meminfo").read_text().splitlines()
    available = next(line for line in lines if line.startswith("MemAvailable:"))
    return min(there.f_bavail * there.f_frsize, int(available.split()[1]) * 1024 - _KEPT_FREE)


def machine() -> str:
    """What was measured on."""
    model = platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{os.cpu_count()} x {model}, Linux {platform.release().partition('-')[0]}"


def given(by_era: Mapping[str, list[Contender]]) -> Iterator[Given]:
    """The contenders for the record; a reader knows rbuild by its name."""
    for era, found in by_era.items():
        for each in found:
            yield Given(
                name=each.name,
                era=era,
                label=each.label,
                script=each.script.replace(f"{sys.executable} -m rootless_build", "rbuild"),
                runs_as=each.runs_as,
                driver=each.keeps.driver,
                place=each.keeps.place,
                file_system=each.keeps.file_system,
            )


def options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[1000, 13000], metavar="N")
    parser.add_argument("--rounds", type=int, nargs="+", default=[5], metavar="N")
    parser.add_argument("--eras", nargs="+", default=("A",), choices=tuple(ERAS))
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--with", dest="names", nargs="+", default=None, choices=NAMES)
    parser.add_argument("--scenarios", nargs="+", default=SCENARIOS, choices=SCENARIOS)
    parser.add_argument("--kilobytes", type=int, default=Shape.kilobytes, help="of each file")
    parser.add_argument("--steps", type=int, default=Shape.steps, help="RUN steps of the image")
    parser.add_argument("--output", type=Path, metavar="DIRECTORY")
    # A disk that others use too makes the same build take 2 s or 8. In memory overlay needs a
    # kernel whose tmpfs has extended attributes of users (6.6 and later).
    parser.add_argument("--place", default="/dev/shm", metavar="DIRECTORY")
    parser.add_argument("--estimate", action="store_true")
    parser.add_argument("--doors", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--commit", default="unknown", help=argparse.SUPPRESS)
    return parser


def wanted_sizes(options: argparse.Namespace) -> list[Size]:
    """Numbers of files with their rounds; the last number of rounds is that of all that follow."""
    shape = Shape(options.kilobytes, options.steps)
    if options.all:
        return [Size(files, rounds, shape) for files, rounds in _ALL]
    rounds: list[int] = options.rounds
    return [
        Size(files, rounds[min(number, len(rounds) - 1)], shape)
        for number, files in enumerate(options.files)
    ]


class Output:
    """What is there of the record, in the directory of `--output`, and printed."""

    def __init__(self, directory: Path | None, record: Record) -> None:
        self._directory, self._record = directory, record
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)

    def update(self, results: Results) -> None:
        """After each round: what takes long may be interrupted."""
        self._record = msgspec.structs.replace(
            self._record,
            measured=results.measured(),
            failures=tuple(results.failures),
            memory=results.peaks(),
            others=round(results.others, 2),
        )
        if self._directory is not None:
            record.write(self._record, self._directory / "bench.json")

    def show(self, era: str, files: int) -> None:
        """What is whole: a table on the terminal, the figure and the page anew."""
        if not self._record.sizes(era):
            return
        print(f"{tables.era_table(self._record, era, (files,))}\n", flush=True)
        if self._directory is None:
            return
        (self._directory / "bench.md").write_text(tables.page(self._record) + "\n")
        for each in self._record.eras():
            if sizes := self._record.sizes(each):
                size = tables.usual_size(sizes)
                (self._directory / f"bench-{each}.svg").write_text(
                    picture(self._record, each, size)
                )


def main() -> int:
    """Measure, print, write; 1 where a contender failed."""
    given_options = options().parse_args()
    if given_options.all:
        given_options.eras = tuple(ERAS)
    sizes = wanted_sizes(given_options)
    doors: Path | None = given_options.doors
    there = [name for name in DOORS if doors and (doors / DOORS[name]).is_dir()]
    names = given_options.names or [name for name in USUAL if name not in DOORS or name in there]
    seconds = estimate(given_options.eras, names, sizes)
    say(f"about {seconds / 60:.0f} minutes on a quiet machine of two cores")
    say(f"contenders: {', '.join(names)}")
    if given_options.estimate:
        return 0
    # As Ctrl-C does: daemons end, and storage goes.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    with (
        tempfile.TemporaryDirectory(prefix="rbuild-bench-", dir=given_options.place) as directory,
        contextlib.ExitStack() as stack,
    ):
        place = Path(directory)
        place.chmod(0o755)
        # Nothing of the user's is read or changed.
        os.environ |= own_storage(place / "bare", stack)
        by_era = contenders(place, tuple(names), tuple(given_options.eras), doors, stack)
        for each in next(iter(by_era.values())):
            say(f"{each.name}: {each.label}, {each.runs_as}, keeps images by {each.keeps}")
        output = Output(
            given_options.output,
            Record(
                date=datetime.now(UTC).date().isoformat(),
                commit=given_options.commit,
                machine=machine(),
                python=platform.python_version(),
                kilobytes=given_options.kilobytes,
                steps=given_options.steps,
                contenders=tuple(given(by_era)),
                measured=(),
            ),
        )
        results = Results()
        began = time.monotonic()
        for size in sizes:
            for era, found in by_era.items():
                measurement = Measurement(era, size, given_options.scenarios, place, results)
                for group in groups(found, size, free_memory(place)):
                    say(
                        f"era {era}, {size.files:,} files: {', '.join(each.name for each in group)}"
                    )
                    for _ in measurement.run(group):
                        output.update(results)
                output.show(era, size.files)
                say(f"{(time.monotonic() - began) / 60:.0f} of about {seconds / 60:.0f} minutes")
    return 1 if results.failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ContenderError as error:
        sys.exit(f"bench: {error}")

"""Rounds of edits and builds, all contenders in turn, and what came of them."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from rootless_build.freshness.index import RACY
from tests.bench.contenders import Contender, ContenderError, prune
from tests.bench.projects import Project, Shape
from tests.bench.record import OURS, Failure, Measured, Memory

_UNEDITED: Final = frozenset({"cold", "nothing"})
_INODE: Final = 1500
"""Bytes of memory that a file of a tmpfs takes besides its pages."""
_COPIES: Final = 4
"""Of the project that a contender has at a time, at most: the checkout, the image, the image before
it, and a build cache or a build at work."""


@dataclass(frozen=True)
class Size:
    """How large the project is, and how often all is done."""

    files: int
    rounds: int
    shape: Shape

    def needs(self) -> int:
        """Bytes that one contender takes in memory, at most."""
        pages = -(-self.shape.kilobytes * 1024 // 4096) * 4096
        return self.files * (pages + _INODE) * _COPIES


@dataclass
class Results:
    """What was measured, by era, scenario, number of files and contender."""

    seconds: dict[tuple[str, str, int, str], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )
    failures: list[Failure] = field(default_factory=list)
    memory: dict[int, float] = field(default_factory=dict)
    others: float = 0.0
    """The share of the processors that others took while the bench waited, at most."""

    def measured(self) -> tuple[Measured, ...]:
        return tuple(
            Measured(
                era=era,
                scenario=scenario,
                files=files,
                contender=name,
                seconds=tuple(round(each, 4) for each in seconds),
            )
            for (era, scenario, files, name), seconds in self.seconds.items()
        )

    def peaks(self) -> tuple[Memory, ...]:
        return tuple(Memory(files, megabytes) for files, megabytes in self.memory.items())


def say(text: str) -> None:
    """To whoever waits for it."""
    print(text, file=sys.stderr, flush=True)


def busy(seconds: float) -> float:
    """Wait, and the share of the processors' time that was not idle meanwhile (proc_stat(5))."""

    def times() -> tuple[int, int]:
        words = Path("/proc/stat").read_text().partition("\n")[0].split()[1:]
        # Guests' time is in that of users.
        numbers = [int(word) for word in words[:8]]
        return sum(numbers), numbers[3] + numbers[4]

    total, idle = times()
    time.sleep(seconds)
    total_now, idle_now = times()
    return 1 - (idle_now - idle) / max(total_now - total, 1)


def groups(found: Sequence[Contender], size: Size, free: int) -> list[list[Contender]]:
    """Those that are measured at a time: all of them, or, where projects and images do not fit into
    `free` bytes, as many as do, each time with the first one, which is compared with. Raises
    ContenderError where not even two fit.
    """
    at_a_time = free // size.needs()
    if at_a_time >= len(found):
        return [list(found)]
    if at_a_time < 2:
        need = 2 * size.needs() / 1e9
        message = (
            f"{size.files} files need {need:.1f} GB for two contenders, {free / 1e9:.1f} are free"
        )
        raise ContenderError(message)
    first, *others = found
    step = at_a_time - 1
    return [[first, *others[at : at + step]] for at in range(0, len(others), step)]


class Measurement:
    """The scenarios of one era and size, with those contenders that are measured at a time."""

    def __init__(
        self, era: str, size: Size, scenarios: Sequence[str], place: Path, results: Results
    ) -> None:
        self.era, self.size, self.scenarios = era, size, scenarios
        self.place, self.results = place, results
        self._projects: dict[str, Project] = {}
        self._what = f"era {era}, {size.files:,} files"

    def run(self, found: Sequence[Contender]) -> Iterator[None]:
        """Measure; after each round there is something to write down."""
        able = []
        try:
            for number, contender in enumerate(found):
                root = self.place / f"{number}-{self.era}-{self.size.files}"
                project = Project.make(root, self.size.files, self.size.shape, self.era)
                self._projects[contender.name] = project
                project.source()
                if self._time(contender, "cold") is not None:
                    able.append(contender)
                    say(f"  {self._what}: {contender.name} is ready")
            # What was written just now is not remembered by any index.
            self.results.others = max(self.results.others, busy(RACY / 1e9))
            for number in range(self.size.rounds):
                for scenario in self.scenarios:
                    able = [one for one in able if self._scenario(one, scenario)]
                    for words in prune(able):
                        say(words)
                    say(f"  {self._what}: round {number + 1} of {self.size.rounds}, {scenario}")
                yield
            self._weigh(able)
            yield
        finally:
            for contender in found:
                self._remove(contender)

    def _scenario(self, contender: Contender, scenario: str) -> bool:
        """Whether the contender goes on."""
        if not contender.takes_part(scenario):
            return True
        project = self._projects[contender.name]
        if scenario == "nothing":
            # As a user's: the one before has settled.
            if self._time(contender, "nothing") is None:
                return False
        elif scenario not in _UNEDITED:
            getattr(project, scenario)()
        seconds = self._time(contender, scenario)
        if seconds is None:
            return False
        key = (self.era, scenario, self.size.files, contender.name)
        self.results.seconds[key].append(seconds)
        return True

    def _time(self, contender: Contender, scenario: str) -> float | None:
        """Seconds of a run; None where it failed, which is taken down."""
        try:
            return contender.run(self._projects[contender.name], scenario)
        except ContenderError as error:
            say(f"  {self._what}: {contender.name} FAILED, {scenario}: {error}")
            failure = Failure(
                era=self.era,
                scenario=scenario,
                files=self.size.files,
                contender=contender.name,
                words=str(error),
            )
            self.results.failures.append(failure)
            return None

    def _weigh(self, able: Sequence[Contender]) -> None:
        """The greatest memory of rbuild's own process in a run that changes nothing (VmHWM)."""
        ours = next((each for each in able if each.name in OURS), None)
        if ours is None:
            return
        with tempfile.NamedTemporaryFile("r") as file:
            script = ours.script.replace("-m rootless_build", f"-m tests.bench.peak {file.name}")
            here = str(Path(__file__).parents[2])
            environment = {**ours.environment, "PYTHONPATH": here}
            weighed = replace(ours, script=script, environment=environment)
            if self._time(weighed, "nothing") is not None:
                self.results.memory[self.size.files] = int(file.read()) / 1024

    def _remove(self, contender: Contender) -> None:
        """Project and images; bundles of a daemon's are root's."""
        project = self._projects.pop(contender.name, None)
        if project is None:
            return
        if contender.clear:
            done = contender.do(contender.clear, project.root)
            if done.returncode:
                say(f"  {contender.name}: {done.stderr.decode(errors='replace')[-500:]}")
        if contender.door is not None:
            contender.do("rm -rf bundles/*", project.root)
        shutil.rmtree(project.root, ignore_errors=contender.door is not None)

"""rbuild against what people do without it: `contrib/bench`, or `python -m tests.bench.compare`.

A project in the shape of Docker's own, of a given number of files: an image of RUN steps and
`COPY .`, and a make container of it that writes one bundle. Every contender does the same steps,
with the same base image and engine settings, in turn within each round, so that a noisy moment
meets all of them. Every exit status and every bundle is checked: a failing run is as fast as a
good one.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import platform
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from rootless_build.freshness.index import RACY
from rootless_build.host.engine_settings import engine_settings
from rootless_build.testing.base_root import write_base_root
from rootless_build.testing.rootless_dockerd import rootless_dockerd

SCENARIOS: Final = ("cold", "nothing", "source", "dockerfile")
SAID: Final = {
    "cold": "cold",
    "nothing": "nothing changed",
    "source": "one source file changed",
    "dockerfile": "one Dockerfile line changed late",
}
BASE: Final = "docker.io/library/benchbase:latest"
_DOCKERFILE: Final = """\
FROM benchbase:latest
{steps}
RUN echo {note} > /note
WORKDIR /src
COPY . /src
"""
_WORK: Final = (
    "cat src/dir0/file0.go note 2>/dev/null | md5sum > bundles/made; cat /note > bundles/note"
)
_MAKEFILE: Final = """\
binary: build
\tdocker run --rm --network host -v "$(CURDIR)/bundles:/src/bundles" $(IMAGE) sh -c '{work}'
build:
\tdocker build --network host $(BUILD_FLAGS) -t $(IMAGE) .
"""
_FILES_IN_DIRECTORY: Final = 20
_ALONE: Final = "podman, the image alone"
_CLASSIC: Final = {"DOCKER_BUILDKIT": "0"}


@dataclass(frozen=True)
class Shape:
    """How large projects are: KB of each file, and RUN steps of the image.

    8 KB is the average of Docker's own 13,000 files.
    """

    kilobytes: int = 8
    steps: int = 4


@dataclass
class Project:
    """A checkout of its own for each contender.

    No two have ever the same edits: engines that share a storage would find each other's layers.
    """

    root: Path
    shape: Shape
    edits: int = 0

    @classmethod
    def make(cls, root: Path, files: int, shape: Shape) -> Project:
        made = cls(root, shape)
        (root / "bundles").mkdir(parents=True)
        (root / ".dockerignore").write_text("bundles\n.git\n")
        (root / "Makefile").write_text(_MAKEFILE.format(work=_WORK))
        for number in range(files):
            directory = root / f"src/dir{number // _FILES_IN_DIRECTORY}"
            if number % _FILES_IN_DIRECTORY == 0:
                directory.mkdir(parents=True)
            text = f"package p{number}\n" + f"// line of file {number}\n" * (44 * shape.kilobytes)
            (directory / f"file{number}.go").write_text(text)
        made.dockerfile()
        return made

    def dockerfile(self) -> None:
        numbers = range(self.shape.steps)
        steps = "\n".join(f"RUN echo {number} > /step{number}" for number in numbers)
        text = _DOCKERFILE.format(steps=steps, note=self._edit())
        (self.root / "Dockerfile").write_text(text)

    def source(self) -> None:
        with (self.root / "src/dir0/file0.go").open("a") as file:
            file.write(f"// edit {self._edit()}\n")

    def _edit(self) -> str:
        self.edits += 1
        return f"{self.root.name}-{self.edits}"

    def check(self) -> None:
        """The bundle is that of the sources as they are."""
        source = (self.root / "src/dir0/file0.go").read_bytes()
        wanted = subprocess.run(["md5sum"], input=source, capture_output=True, check=True).stdout
        made = (self.root / "bundles/made").read_bytes()
        if made != wanted:
            message = f"{self.root}: the bundle is {made!r}, not {wanted!r}"
            raise AssertionError(message)


@dataclass
class Contender:
    """`script` is what a person would type; `cold` the same with no cache. `scenarios` are those
    that it takes part in.
    """

    name: str
    script: str
    cold: str
    environment: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    scenarios: tuple[str, ...] = SCENARIOS

    def run(self, project: Project, scenario: str) -> float:
        script = self.cold if scenario == "cold" else self.script
        start = time.perf_counter()
        done = subprocess.run(
            ["sh", "-ec", script],
            cwd=project.root,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        seconds = time.perf_counter() - start
        if done.returncode:
            said = done.stderr.decode(errors="replace")[-2000:]
            message = f"{self.name}, {scenario}: status {done.returncode}\n{said}"
            raise AssertionError(message)
        project.check()
        return seconds


def contenders(
    place: Path, wanted: tuple[str, ...], stack: contextlib.ExitStack
) -> list[Contender]:
    """Those of the names, ready to run, with the base image in their storage."""
    settings = stack.enter_context(engine_settings())
    bare = dict(settings.environment)
    base = place / "base.tar"
    write_base_root(base)
    rbuild = f"{shlex.quote(sys.executable)} -m rootless_build --network host"
    run = f"-v $PWD/bundles:/src/bundles IMAGE sh -c {shlex.quote(_WORK)}"
    made: dict[str, Callable[[], Contender]] = {
        "rbuild podman": lambda: _rbuild(rbuild, "podman", bare),
        "rbuild buildah": lambda: _rbuild(rbuild, "buildah", bare),
        "podman": lambda: _podman("podman", run, bare),
        _ALONE: lambda: _alone(_podman(_ALONE, run, bare)),
        "buildah": lambda: _buildah(bare),
        "make, docker is podman": lambda: _make(
            "make, docker is podman", _alias(place), bare, _version("podman", "--version")
        ),
        "make, dockerd classic": lambda: _make(
            "make, dockerd classic",
            {"DOCKER_HOST": stack.enter_context(rootless_dockerd(place)), **_CLASSIC},
            {},
            _version("dockerd", "--version"),
        ),
    }
    found = [made[name]() for name in wanted]
    if any("dockerd" not in contender.name for contender in found):
        _import(["podman", "import", "--quiet", str(base), BASE], bare)
    for contender in found:
        if "dockerd" in contender.name:
            _import(["docker", "import", str(base), "benchbase:latest"], contender.environment)
    return found


def _rbuild(command: str, backend: str, environment: Mapping[str, str]) -> Contender:
    script = f"{command} --backend {backend} IMAGE=bench-{backend}-rbuild binary"
    return Contender(
        f"rbuild {backend}",
        script,
        script.replace(" binary", " --no-cache --fresh binary"),
        {name: value for name, value in environment.items() if name == "XDG_RUNTIME_DIR"},
    )


def _podman(name: str, run: str, environment: Mapping[str, str]) -> Contender:
    build = "podman build --layers --network host -t bench-podman"
    ran = f"podman run --rm --network host {run.replace('IMAGE', 'bench-podman')}"
    return Contender(
        name,
        f"{build} . && {ran}",
        f"{build} --no-cache . && {ran}",
        environment,
        _version("podman", "--version"),
    )


def _alone(contender: Contender) -> Contender:
    """Only as far as the image, which is there."""
    build = contender.script.partition(" && ")[0]
    return replace(contender, script=build, scenarios=("nothing",))


def _buildah(environment: Mapping[str, str]) -> Contender:
    run = (
        "container=$(buildah from --pull-never bench-buildah) && "
        "buildah run --network host -v $PWD/bundles:/src/bundles $container -- "
        f"sh -c {shlex.quote(_WORK)} && buildah rm $container"
    )
    build = "buildah build --network host -t bench-buildah"
    return Contender(
        "buildah",
        f"{build} --layers . && {run}",
        f"{build} --layers --no-cache . && {run}",
        environment,
        _version("buildah", "--version"),
    )


def _make(
    name: str, environment: Mapping[str, str], settings: Mapping[str, str], version: str
) -> Contender:
    # With DOCKER_HOST set, moby's own Makefiles would mount no bundles; this one always does.
    script = f"make IMAGE=bench-{'podman' if settings else 'docker'}-make binary"
    cold = f"{script} BUILD_FLAGS=--no-cache"
    return Contender(name, script, cold, {**settings, **environment}, version)


def _alias(place: Path) -> Mapping[str, str]:
    directory = place / "alias"
    directory.mkdir()
    podman = shutil.which("podman")
    if podman is None:
        message = "podman is not installed"
        raise AssertionError(message)
    (directory / "docker").symlink_to(podman)
    return {"PATH": f"{directory}:{os.environ['PATH']}"}


def _import(argv: list[str], environment: Mapping[str, str]) -> None:
    subprocess.run(argv, env={**os.environ, **environment}, check=True, capture_output=True)


def _version(*argv: str) -> str:
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    done = subprocess.run(
        argv, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip().split(", build")[0]


@dataclass
class Results:
    """Seconds of every run, by scenario, number of files and contender."""

    seconds: dict[tuple[str, int, str], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )
    memory: dict[int, float] = field(default_factory=dict)

    def median(self, scenario: str, files: int, name: str) -> float:
        return statistics.median(self.seconds[scenario, files, name])


def measure(
    found: list[Contender], files: int, given: argparse.Namespace, place: Path, results: Results
) -> None:
    """The scenarios with all contenders, `given.rounds` times."""
    rounds: int = given.rounds
    shape = Shape(given.kilobytes, given.steps)
    projects = {
        c.name: Project.make(place / f"{n}-{files}", files, shape) for n, c in enumerate(found)
    }
    for contender in found:
        project = projects[contender.name]
        project.source()
        contender.run(project, "cold")
        _say(f"  {files} files: {contender.name} is ready")
    # What was written just now is not remembered by any index.
    time.sleep(RACY / 1e9)
    for number in range(rounds):
        for scenario in given.scenarios:
            for contender in found:
                if scenario not in contender.scenarios:
                    continue
                project = projects[contender.name]
                if scenario in {"source", "dockerfile"}:
                    getattr(project, scenario)()
                elif scenario == "nothing":
                    # As a user's: the one before has settled.
                    contender.run(project, "nothing")
                seconds = contender.run(project, scenario)
                results.seconds[scenario, files, contender.name].append(seconds)
            _prune(found)
        _say(f"  {files} files: round {number + 1} of {rounds}")
    for contender in found:
        if contender.name.startswith("rbuild"):
            results.memory[files] = _peak(contender, projects[contender.name])
            break
    for project in projects.values():
        shutil.rmtree(project.root)


def _prune(found: list[Contender]) -> None:
    """Images that have no name any more go: with hundreds of them all engines become slower, and
    the place full.
    """
    # rbuild works on the storage of the bare engines.
    bare = [contender for contender in found if not contender.name.startswith("rbuild")]
    engines = {"docker" if "dockerd" in each.name else "podman": each.environment for each in bare}
    for engine, environment in engines.items():
        subprocess.run(
            [engine, "image", "prune", "--force"],
            env={**os.environ, **environment},
            check=True,
            capture_output=True,
        )


def _peak(contender: Contender, project: Project) -> float:
    """MB of memory that rbuild itself takes at most in a run that changes nothing (VmHWM)."""
    with tempfile.NamedTemporaryFile("r") as file:
        script = contender.script.replace("-m rootless_build", f"-m tests.bench.peak {file.name}")
        here = str(Path(__file__).parents[2])
        environment = {**contender.environment, "PYTHONPATH": here}
        measured = Contender(contender.name, script, script, environment)
        measured.run(project, "nothing")
        return int(file.read()) / 1024


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def table(results: Results, found: list[Contender], sizes: list[int], rounds: int) -> Iterator[str]:
    """The medians as Markdown, with each one's ratio to the first contender's."""
    first = found[0].name
    yield f"Medians of {rounds} rounds in seconds, and how many times {first}'s."
    yield ""
    yield "| | files | " + " | ".join(contender.name for contender in found) + " |"
    yield "|---|---:" + "|---:" * len(found) + "|"
    for scenario, files in itertools.product(SCENARIOS, sizes):
        if (scenario, files, first) in results.seconds:
            ours = results.median(scenario, files, first)
            cells = []
            for contender in found:
                if scenario not in contender.scenarios:
                    cells.append("")
                    continue
                seconds = results.median(scenario, files, contender.name)
                ratio = "" if contender.name == first else f" ({seconds / ours:.1f}x)"
                cells.append(f"{seconds:.2f}{ratio}")
            yield f"| {SAID[scenario]} | {files:,} | " + " | ".join(cells) + " |"
    yield ""
    for files in sizes:
        peak = results.memory.get(files, 0)
        yield f"Memory of rbuild at {files:,} files, at most: {peak:.0f} MB."


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


def plot(results: Results, found: list[Contender], sizes: list[int], file: Path) -> None:
    """Time against files, and the four scenarios, as SVG. Needs the extra `bench`."""
    import matplotlib as mpl  # noqa: PLC0415 - for this alone

    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2))
    for contender in found:
        times = [results.median("nothing", files, contender.name) for files in sizes]
        left.plot(sizes, times, marker="o", label=contender.name)
    left.set(xscale="log", yscale="log", xlabel="files", ylabel="seconds", title="Nothing changed")
    left.legend(fontsize=8)
    width = 0.8 / len(found)
    files = sizes[min(1, len(sizes) - 1)]
    measured = [s for s in SCENARIOS if (s, files, found[0].name) in results.seconds]
    for number, contender in enumerate(found):
        taken = [n for n, scenario in enumerate(measured) if scenario in contender.scenarios]
        times = [results.median(measured[n], files, contender.name) for n in taken]
        places = [n + number * width for n in taken]
        right.bar(places, times, width, label=contender.name)
    right.set(yscale="log", ylabel="seconds", title=f"{files:,} files")
    labels = [SAID[scenario].replace(" changed", "\nchanged") for scenario in measured]
    right.set_xticks([n + 0.4 - width / 2 for n in range(len(measured))], labels, fontsize=8)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def main() -> int:
    """Measure, print, plot."""
    names = (
        *("rbuild podman", "podman", _ALONE, "rbuild buildah", "buildah"),
        *("make, docker is podman", "make, dockerd classic"),
    )
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[1000, 10000], metavar="N")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--with", dest="names", nargs="+", default=names, choices=names)
    parser.add_argument("--scenarios", nargs="+", default=SCENARIOS, choices=SCENARIOS)
    parser.add_argument("--kilobytes", type=int, default=Shape.kilobytes, help="of each file")
    parser.add_argument("--steps", type=int, default=Shape.steps, help="RUN steps of the image")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    # A disk that others use too makes the same build take 2 s or 8. In memory overlay needs a
    # kernel whose tmpfs has extended attributes of users (6.6 and later).
    parser.add_argument("--place", default="/var/tmp", metavar="DIRECTORY")
    given = parser.parse_args()
    results = Results()
    with (
        tempfile.TemporaryDirectory(prefix="rbuild-bench-", dir=given.place) as place,
        contextlib.ExitStack() as stack,
    ):
        _own_storage(Path(place), stack)
        found = contenders(Path(place), tuple(given.names), stack)
        for files in given.files:
            measure(found, files, given, Path(place), results)
            # What takes long may be interrupted: each size's figures are shown when they are there.
            rows = table(results, found, [files], given.rounds)
            print("\n".join((*machine(found), "", *rows, "")), flush=True)
        if given.plot:
            # matplotlib keeps fonts in the place, too.
            plot(results, found, given.files, given.plot)
    return 0


def _own_storage(place: Path, stack: contextlib.ExitStack) -> None:
    """Nothing of the user's is read or changed."""
    for name in ("CONFIG", "DATA", "CACHE"):
        directory = place / name.lower()
        directory.mkdir()
        os.environ[f"XDG_{name}_HOME"] = str(directory)
    runtime = stack.enter_context(tempfile.TemporaryDirectory(prefix="rbuild-run-"))
    os.environ["XDG_RUNTIME_DIR"] = runtime
    stack.callback(_remove_storage, place / "data", Path(runtime))


def _remove_storage(data: Path, runtime: Path) -> None:
    """The process that holds podman's user namespace open ends, and files of other uids go."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int((runtime / "libpod/tmp/pause.pid").read_text()), signal.SIGKILL)
    argv = ["buildah", "unshare", "rm", "-rf", str(data)]
    subprocess.run(argv, check=False, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())

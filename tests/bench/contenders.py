"""Who builds: rbuild, and what people do without it, each with what they would type."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from rootless_build.host.engine_settings import engine_settings
from rootless_build.host.gathering import gather
from rootless_build.testing.base_root import write_base_root
from rootless_build.testing.rootless_dockerd import rootless_dockerd
from tests.bench.projects import WORK, Project
from tests.bench.record import OURS

BASE: Final = "docker.io/library/benchbase:latest"
ALONE: Final = "podman, the image alone"
IS_PODMAN: Final = "make, docker is podman"
CLASSIC: Final = "docker classic"
BUILDKIT: Final = "BuildKit"
NEWER: Final = "podman 5"
DOORS: Final = {BUILDKIT: "buildkit", NEWER: "podman5"}
"""Those that are in a root file system of another release, and what `contrib/bench` calls it."""
USUAL: Final = (*OURS, "podman", NEWER, "buildah", CLASSIC, BUILDKIT)
"""rbuild and the five that it is compared with."""
NAMES: Final = (*USUAL, ALONE, IS_PODMAN)
_WORK: Final = WORK.format("bundles") + " && cat /note > bundles/note"
_INFO: Final = {
    "podman": "podman info --format '{{.Store.GraphDriverName}} {{.Store.GraphRoot}} "
    '{{index .Store.GraphOptions "overlay.mount_program"}}\' 2>/dev/null',
    "docker": "docker info --format '{{.Driver}} {{.DockerRootDir}}' 2>/dev/null",
}
# A daemon's directory may be closed to others.
_PLACE: Final = """ | {
    read -r driver root more
    printf '%s\n' "$driver" "$root"
    stat -f -c %T "$root" 2>/dev/null || stat -f -c %T "$(dirname "$root")"
    echo "$more"
}"""
ONLY_COPIES: Final = (CLASSIC, IS_PODMAN, ALONE)
"""Those that take part in era A alone: the classic builder knows no mounts."""
_NUMBER: Final = re.compile(r"\d+\.\d+(\.\d+)?")
_RUN: Final = f"run --rm --network host -v $PWD/bundles:/src/bundles IMAGE sh -c '{_WORK}'"


class ContenderError(Exception):
    """A contender's run failed, or its bundle is not that of the sources; with its last words."""


@dataclass(frozen=True)
class Keeps:
    """Where a contender keeps images, by which driver, and on which file system."""

    driver: str = ""
    place: str = ""
    file_system: str = ""

    def __str__(self) -> str:
        return f"{self.driver} in {self.place} ({self.file_system})"


class Door:
    """A way into a root file system: `contrib/bench` runs what is written there in it, as root or
    as its account, and says the status.
    """

    def __init__(self, place: Path) -> None:
        self.place = place

    def run(self, script: str, directory: Path) -> subprocess.CompletedProcess[bytes]:
        (self.place / "script").write_text(script)
        with (self.place / "ask").open("w") as ask:
            ask.write(f"{directory}\n")
        status = int((self.place / "answer").read_text())
        said = (self.place / "said").read_bytes()
        return subprocess.CompletedProcess(script, status, said, said)

    def told(self, script: str) -> str:
        """What a command prints there. Raises ContenderError."""
        done = self.run(script, self.place)
        if done.returncode:
            raise ContenderError(done.stderr.decode(errors="replace"))
        return done.stdout.decode().strip()


@dataclass
class Contender:
    """`script` is what a person would type; `cold` the same with no cache. `scenarios` are those
    that it takes part in, all without any. `prune` has images without a name removed, `clear` all
    that a project left in its storage.
    """

    name: str
    script: str
    cold: str
    environment: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    """It, with its release."""
    runs_as: str = "an ordinary user"
    scenarios: tuple[str, ...] = ()
    keeps: Keeps = Keeps()
    prune: str = ""
    clear: str = ""
    door: Door | None = None

    def takes_part(self, scenario: str) -> bool:
        return not self.scenarios or scenario in self.scenarios

    def run(self, project: Project, scenario: str) -> float:
        script = self.cold if scenario == "cold" else self.script
        start = time.perf_counter()
        done = self.do(script, project.root)
        seconds = time.perf_counter() - start
        if done.returncode:
            said = done.stderr.decode(errors="replace")[-2000:]
            message = f"status {done.returncode}\n{said}"
            raise ContenderError(message)
        if wrong := project.wrong():
            raise ContenderError(wrong)
        return seconds

    def do(self, script: str, directory: Path) -> subprocess.CompletedProcess[bytes]:
        if self.door is not None:
            given = self.environment.items()
            exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in given)
            return self.door.run(exports + script, directory)
        return subprocess.run(
            ["sh", "-ec", script],
            cwd=directory,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )


def contenders(
    place: Path,
    wanted: tuple[str, ...],
    eras: tuple[str, ...],
    doors: Path | None,
    stack: contextlib.ExitStack,
) -> dict[str, list[Contender]]:
    """Those of the names, ready to run, for each era, with the base image in their storage."""
    bare = dict(stack.enter_context(engine_settings()).environment)
    # What bare engines have to be rid of by hand, rbuild needs: the image before.
    places = own_storage(place / "ours", stack)
    ours = dict(stack.enter_context(engine_settings(gather({**os.environ, **places}))).environment)
    base = place / "base.tar"
    write_base_root(base)
    ways = {name: Door(doors / DOORS[name]) for name in wanted if name in DOORS and doors}
    daemon = stack.enter_context(rootless_dockerd(place)) if CLASSIC in wanted else ""
    alias = _alias(place)
    found: dict[str, list[Contender]] = {}
    for era in eras:
        made = _all(era, bare, {**ours, **places}, alias, daemon, ways)
        found[era] = [make() for name, make in made.items() if name in wanted]
    _import(found, base)
    for listed in found.values():
        for number, one in enumerate(listed):
            listed[number] = replace(one, keeps=_keeps(one))
            if one.name in OURS:
                # It finds these settings by itself.
                listed[number].environment = places
    return found


def own_storage(place: Path, stack: contextlib.ExitStack) -> dict[str, str]:
    """Variables that name places of which nothing is the user's."""
    variables = {}
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        directory = place / name.lower()
        directory.mkdir(parents=True)
        variables[f"XDG_{name}_HOME"] = str(directory)
    runtime = stack.enter_context(tempfile.TemporaryDirectory(prefix="rbuild-run-"))
    variables["XDG_RUNTIME_DIR"] = runtime
    stack.callback(_remove_storage, place / "data", Path(runtime))
    return variables


def _remove_storage(data: Path, runtime: Path) -> None:
    """The process that holds podman's user namespace open ends, and files of other uids go."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int((runtime / "libpod/tmp/pause.pid").read_text()), signal.SIGKILL)
    argv = ["buildah", "unshare", "rm", "-rf", str(data)]
    subprocess.run(argv, check=False, capture_output=True)


def _all(
    era: str,
    bare: Mapping[str, str],
    ours: Mapping[str, str],
    alias: Mapping[str, str],
    daemon: str,
    doors: Mapping[str, Door],
) -> dict[str, Callable[[], Contender]]:
    podman = f"podman {_release('podman', '--version')}"
    made: dict[str, Callable[[], Contender]] = {
        "rbuild podman": lambda: _rbuild("podman", era, ours),
        "podman": lambda: _podman("podman", era, bare, podman),
        "rbuild buildah": lambda: _rbuild("buildah", era, ours),
        "buildah": lambda: _buildah(era, bare),
        BUILDKIT: lambda: _buildkit(era, doors[BUILDKIT]),
        NEWER: lambda: _newer(era, doors[NEWER]),
    }
    if era == "A":
        classic = {"DOCKER_HOST": daemon, "DOCKER_BUILDKIT": "0"}
        made[ALONE] = lambda: _alone(_podman(ALONE, era, bare, podman))
        made[IS_PODMAN] = lambda: _make(IS_PODMAN, {**bare, **alias}, f"make, {podman}")
        label = f"docker {_release('dockerd', '--version')}, classic"
        made[CLASSIC] = lambda: _make(CLASSIC, classic, label, "dockerd of an ordinary user")
    return {name: made[name] for name in NAMES if name in made}


def _rbuild(backend: str, era: str, environment: Mapping[str, str]) -> Contender:
    image = f" IMAGE=bench-{backend}-rbuild" if era == "A" else ""
    command = f"{shlex.quote(sys.executable)} -m rootless_build"
    script = f"{command} --network host --backend {backend}{image} binary"
    return Contender(
        f"rbuild {backend}",
        script,
        script.replace(" binary", " --no-cache --fresh binary"),
        environment,
        f"rbuild with {backend}",
        clear=f"{command} clean --all",
    )


def _built(build: str, era: str, run: str) -> str:
    """A build, and what has its results in the bundles."""
    if era == "A":
        return f"{build} -t bench . && {run}"
    return f"{build} --target binary --output type=local,dest=bundles ."


def _podman(name: str, era: str, environment: Mapping[str, str], label: str) -> Contender:
    run = f"podman {_RUN.replace('IMAGE', 'bench')}"
    return Contender(
        name,
        _built("podman build --layers --network host", era, run),
        _built("podman build --layers --network host --no-cache", era, run),
        environment,
        label,
        prune="podman image prune --force",
        clear="podman rmi --force bench 2>/dev/null || :; podman image prune --force",
    )


def _newer(era: str, door: Door) -> Contender:
    label = f"podman {_number(door.told('podman --version'))}"
    # Its account's home is on a disk.
    environment = {"XDG_DATA_HOME": str(door.place / "data")}
    return replace(_podman(NEWER, era, environment, label), door=door)


def _alone(contender: Contender) -> Contender:
    """Only as far as the image, which is there."""
    build = contender.script.partition(" && ")[0]
    label = f"{contender.label}, the image alone"
    return replace(contender, script=build, scenarios=("nothing",), label=label)


def _buildah(era: str, environment: Mapping[str, str]) -> Contender:
    run = (
        "container=$(buildah from --pull-never bench-buildah) && "
        "buildah run --network host -v $PWD/bundles:/src/bundles $container -- "
        f"sh -c '{_WORK}' && buildah rm $container"
    )
    build = "buildah build --network host --layers"
    script, cold = (
        _built(f"{build}{more}", era, run).replace("-t bench ", "-t bench-buildah ")
        for more in ("", " --no-cache")
    )
    return Contender(
        "buildah",
        script,
        cold,
        environment,
        f"buildah {_release('buildah', '--version')}",
        clear="buildah rmi --force bench-buildah 2>/dev/null || :; buildah rmi --prune",
    )


def _buildkit(era: str, door: Door) -> Contender:
    run = f"docker {_RUN.replace('IMAGE', 'bench')}"
    bake = "docker buildx bake --allow network.host"
    build = bake if era == "E" else "docker build --network host"
    script, cold = (
        (f"{build}{more} binary" if era == "E" else _built(f"{build}{more}", era, run))
        for more in ("", " --no-cache")
    )
    return Contender(
        BUILDKIT,
        script,
        cold,
        {},
        f"docker {_number(door.told('docker version --format {{.Server.Version}}'))}, BuildKit",
        "dockerd of root",
        prune="docker image prune --force",
        clear="docker rmi --force bench >/dev/null 2>&1 || :; docker builder prune --all --force",
        door=door,
    )


def _make(
    name: str, environment: Mapping[str, str], label: str, runs_as: str = Contender.runs_as
) -> Contender:
    # With DOCKER_HOST set, moby's own Makefiles would mount no bundles; this one always does.
    image = f"bench-{'docker' if name == CLASSIC else 'podman'}-make"
    script = f"make IMAGE={image} binary"
    prune = "docker image prune --force"
    return Contender(
        name,
        script,
        f"{script} BUILD_FLAGS=--no-cache",
        environment,
        label,
        runs_as,
        prune=prune,
        clear=f"docker rmi --force {image} >/dev/null 2>&1 || :; {prune}",
    )


def _alias(place: Path) -> Mapping[str, str]:
    directory = place / "alias"
    directory.mkdir()
    podman = shutil.which("podman")
    if podman is None:
        raise ContenderError("podman is not installed")
    (directory / "docker").symlink_to(podman)
    return {"PATH": f"{directory}:{os.environ['PATH']}"}


def _import(found: Mapping[str, list[Contender]], base: Path) -> None:
    """The base image, once into each storage."""
    done: set[str] = set()
    for contender in (one for listed in found.values() for one in listed):
        program, name = "podman", BASE
        if contender.name in {CLASSIC, BUILDKIT}:
            program, name = "docker", "benchbase:latest"
        storage = _storage(contender)
        if storage not in done:
            done.add(storage)
            script = f"{program} import {shlex.quote(str(base))} {name}"
            taken = contender.do(script, base.parent)
            if taken.returncode:
                raise ContenderError(f"{contender.name}: {taken.stderr.decode(errors='replace')}")


def _storage(contender: Contender) -> str:
    """What tells it from the storage of others."""
    if contender.name in OURS:
        return "ours"
    return contender.name if contender.name in {CLASSIC, *DOORS} else "bare"


def _keeps(contender: Contender) -> Keeps:
    """As its engine says."""
    engine = "docker" if contender.name in {CLASSIC, BUILDKIT} else "podman"
    done = contender.do(_INFO[engine] + _PLACE, Path("/"))
    said = done.stdout.decode(errors="replace").strip().splitlines()
    if done.returncode or len(said) < 3:
        raise ContenderError(f"{contender.name}: {done.stderr.decode(errors='replace')}")
    driver = "fuse-overlayfs" if "fuse-overlayfs" in "".join(said[3:]) else said[0]
    return Keeps(driver, said[1], said[2])


def prune(found: list[Contender]) -> Iterator[str]:
    """Images that have no name any more go: with hundreds of them all engines become slower, and
    the place full.
    """
    done: set[str] = set()
    for contender in found:
        storage = _storage(contender)
        if contender.prune and storage not in done:
            done.add(storage)
            ended = contender.do(contender.prune, Path("/"))
            if ended.returncode:
                yield ended.stderr.decode(errors="replace")


def _release(*argv: str) -> str:
    """What a program says of itself, the number alone."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    done = subprocess.run(
        argv, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True
    )
    return _number(done.stdout)


def _number(said: str) -> str:
    """`podman version 4.3.1` is 4.3.1. Raises ContenderError where no number is in it."""
    found = _NUMBER.search(said)
    if found is None:
        raise ContenderError(f"no release in {said!r}")
    return found[0]

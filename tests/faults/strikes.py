"""The faults: which processes are hit by which signals."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rootless_build.process import proc

BOTH = frozenset({"podman", "buildah"})
PODMAN = frozenset({"podman"})
BUILDAH = frozenset({"buildah"})
KILL = signal.SIGKILL
ENGINES = frozenset({"conmon", "podman", "buildah", "runc", "crun", "slirp4netns"})

Find = Callable[[int, str], list[int]]
"""From rbuild's process id and the storage's path to those who are hit."""


@dataclass(frozen=True)
class Strike:
    """`signals` go to each that `find` finds, one after the other."""

    name: str
    find: Find
    signals: tuple[signal.Signals, ...] = (signal.SIGKILL,)
    backends: frozenset[str] = BOTH
    phase: str = "any"
    """`build` or `container`: where those who are hit can be at all."""

    def hit(self, rbuild: int, storage: str) -> bool:
        """Whether anybody was hit."""
        found = self.find(rbuild, storage)
        for pid in found:
            for number in self.signals:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        return bool(found)


def _rbuild(rbuild: int, storage: str) -> list[int]:
    return [rbuild]


def _programs(*words: str) -> Find:
    """The engine's programs for this storage with those words in their command line."""

    def find(rbuild: int, storage: str) -> list[int]:
        return [
            pid
            for pid, argv, environment in _processes()
            # conmon has hardly any environment.
            if (f"XDG_DATA_HOME={storage}/data" in environment or _names(argv, storage))
            and all(any(word in part for part in argv) for word in words)
            and not _is_pause(argv)
        ]

    return find


def _inside(rbuild: int, storage: str) -> list[int]:
    """Processes whose root is a container's."""
    found = []
    for pid, _, _ in _processes():
        with contextlib.suppress(OSError):
            table = Path(f"/proc/{pid}/mountinfo").read_text(errors="replace")
            if any(line.split(" ")[4] == "/" and storage in line for line in table.splitlines()):
                found.append(pid)
    return found


def _first_inside(rbuild: int, storage: str) -> list[int]:
    return sorted(_inside(rbuild, storage))[:1]


def _everything(rbuild: int, storage: str) -> list[int]:
    """All processes of a run, the container's too, as when the machine stops."""
    return [
        rbuild,
        *(
            pid
            for pid, argv, environment in _processes()
            if not _is_pause(argv)
            and (
                _names(argv, storage)
                or (
                    f"XDG_DATA_HOME={storage}/data" in environment
                    and any(word.startswith("CONTAINERS_CONF=") for word in environment)
                )
            )
        ),
        *_inside(rbuild, storage),
    ]


def _processes() -> Iterator[tuple[int, list[str], list[str]]]:
    for process in proc.processes():
        with contextlib.suppress(OSError):
            words, variables = proc.command_line(process), proc.environment(process)
            yield (
                process,
                [word.decode(errors="replace") for word in words] or [""],
                [variable.decode(errors="replace") for variable in variables],
            )


def _names(argv: list[str], storage: str) -> bool:
    """Whether it is an engine's program whose arguments name the storage."""
    return Path(argv[0]).name in ENGINES and any(storage in word for word in argv)


def _is_pause(argv: list[str]) -> bool:
    return argv[:2] in (["catatonit", "-P"], ["podman", "pause"]) or argv[0].startswith("/proc/")


STRIKES = (
    Strike("kill rbuild", _rbuild),
    Strike("terminate rbuild", _rbuild, (signal.SIGTERM,)),
    Strike("interrupt rbuild", _rbuild, (signal.SIGINT,)),
    Strike("hang up", _rbuild, (signal.SIGHUP,)),
    Strike("interrupt rbuild twice", _rbuild, (signal.SIGINT, signal.SIGINT)),
    Strike("kill rbuild and all it started", _everything),
    Strike("kill the service", _programs("system", "service"), backends=PODMAN),
    Strike("kill the image build", _programs("build", "--layers"), phase="build"),
    Strike("kill the client", _programs("start", "--attach"), (KILL,), PODMAN, "container"),
    Strike("kill conmon", _programs("conmon"), (KILL,), PODMAN, "container"),
    Strike("kill buildah run", _programs("buildah", "run"), (KILL,), BUILDAH, "container"),
    Strike("kill the reaper", _programs("reaper.py"), (KILL,), BUILDAH),
    Strike("kill process 1 of the container", _first_inside),
    Strike("kill all in the container", _inside),
)

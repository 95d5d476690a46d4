"""Runs a program of a project in a sandbox, and says what it was denied there."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypedDict, cast

from rootless_build.model.errors import HostError
from rootless_build.model.shared_directories import IN_MEMORY, LASTING, TEMPORARY
from rootless_build.model.structs import replace
from rootless_build.process import mount_table, mute_terminal, programs
from rootless_build.process.programs import Completed, Environment
from rootless_build.process.sandbox.inside import enter
from rootless_build.process.sandbox.mounts import Box

_PRIVATE: Final = (TEMPORARY, LASTING, IN_MEMORY, "/run/user")
_OWN: Final = ("XDG_RUNTIME_DIR", "TMPDIR")
"""Variables whose directories are private as well."""
_WITHOUT: Final = "--no-sandbox does without, as a build does"
_ENDED: Final = b'{"ended": "it was ended from outside"}'
_WORDS: Final = {
    "network": "it tried to reach the network ({})",
    "addresses": "it asked for network addresses, and saw none of this host's",
    "socket": "it tried to reach a socket ({})",
    "write": "it tried to write {}",
    "left": "it wrote {}, which is gone now",
    "program": "it tried to run {} with the rights of its owner",
}


class _NoSandboxError(Exception):
    """The sandbox can't be made, and nothing was run."""


class _Report(TypedDict, total=False):
    failed: str
    refused: str
    ended: str
    status: int
    denied: list[tuple[str, str]]


class Sandbox:
    """Runs programs of a project for a command that only looks at it.

    `environment` and `variables` are what they are given: paths in them can be read.
    """

    def __init__(
        self,
        project: Path,
        environment: Mapping[str, str],
        variables: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._project = project
        own = {name: os.path.realpath(environment.get(name) or "/") for name in _OWN}
        around = f"{project}/", f"{os.path.realpath(environment.get('HOME') or '/')}/"
        own = {name: place for name, place in own.items() if not _holds(place, around)}
        self._private = (*_PRIVATE, *own.values())
        named = _paths(project, (*environment.values(), *(v for _, v in variables)))
        self._named = tuple(path for path in named if path not in own.values())
        self._overlaid, self._ran, self._why = True, False, ""
        self._denied: dict[tuple[str, str], None] = {}
        self.problem = ""
        """Why there is no sandbox on this host; empty where there is one."""

    @property
    def denials(self) -> tuple[str, ...]:
        """What the programs were denied, a sentence each; nothing where there is no sandbox."""
        kinds: dict[str, list[str]] = {}
        for kind, what in self._denied:
            kinds.setdefault(kind, []).append(what)
        return tuple(_describe(kind, found) for kind, found in kinds.items())

    def why_not(self) -> str:
        """Why this host has no sandbox; empty where it has one. Nothing of the project's is run."""
        self.run(("true",), environment={}, directory=self._project)
        return self.problem

    def run(
        self,
        argv: Sequence[str],
        *,
        environment: Environment,
        directory: Path,
        kept: Sequence[Path] = (),
        shown: Sequence[Path] = (),
    ) -> Completed:
        """Run a program in the sandbox, or without where this host has none. `kept` are directories
        that it may write, and `shown` others that it may read wherever they are. Its standard input
        is a terminal where rbuild's is, but not the same, and nothing comes from it.
        """
        box = self._box(directory, kept, shown)
        while not self.problem:
            try:
                done = self._inside(argv, environment, box)
            except _NoSandboxError as error:
                if self._ran:
                    # The project may have a part in that.
                    raise _ended_error(str(error)) from error
                if box.overlaid:
                    # Not every file system can be the lower one of an overlay.
                    self._why, box = str(error), replace(box, overlaid=False)
                    self._overlaid = False
                else:
                    self.problem = self._why or str(error)
            else:
                self._ran = True
                return done
        return programs.run_inheriting_input(argv, environment=environment, directory=directory)

    def _box(self, directory: Path, kept: Sequence[Path], seen: Sequence[Path]) -> Box:
        checkout = str(self._project)
        private = [
            place
            for place in dict.fromkeys(map(os.path.realpath, self._private))
            if os.path.isdir(place) and place not in {checkout, "/"}
        ]
        inside = [_top(checkout, place) for place in private]
        wanted = (*inside, *self._named, *map(os.path.realpath, seen))
        shown = [path for path in wanted if path and _is_below(path, private)]
        return Box(
            str(directory),
            checkout,
            tuple(os.path.realpath(path) for path in kept),
            tuple(dict.fromkeys(path for path in shown if path != checkout)),
            tuple(private),
            tuple(_mounts_below(checkout)),
            self._overlaid and checkout != "/",
        )

    def _inside(self, argv: Sequence[str], environment: Environment, box: Box) -> Completed:
        """Raises _NoSandboxError where there is none, and HostError where it can't run in it, or
        ended.
        """
        out, err = bytearray(), bytearray()
        reader, writer = os.pipe()
        try:
            with mute_terminal.standard_input() as stdin, warnings.catch_warnings():
                # The other threads of a test runner are none of those that look.
                warnings.simplefilter("ignore", DeprecationWarning)
                programs.stream(
                    argv,
                    lambda data, name: (out if name == "stdout" else err).extend(data),
                    environment=environment,
                    directory=Path(box.directory),
                    stdin=stdin,
                    enter=lambda: enter(box, writer),
                )
        finally:
            os.close(writer)
            with open(reader, "rb") as pipe:
                said = pipe.read()
        report = cast("_Report", json.loads(said.partition(b"\n")[0] or _ENDED))
        if "failed" in report:
            raise _NoSandboxError(report["failed"])
        if "ended" in report:
            raise _ended_error(report["ended"])
        if "refused" in report:
            words = f"{argv[0]} can't start in the sandbox: {report['refused']}"
            raise HostError(words, finding="no-sandbox", hint=_WITHOUT)
        self._denied |= dict.fromkeys((kind, what) for kind, what in report["denied"])
        return Completed(report["status"], bytes(out), bytes(err))


def _ended_error(why: str) -> HostError:
    words = f"the sandbox in which the project is looked at ended: {why}"
    return HostError(words, finding="no-sandbox", hint=_WITHOUT)


def _describe(kind: str, found: Sequence[str]) -> str:
    known = [what for what in found if what]
    shown = ", ".join(known[:3]) + (f" and {len(known) - 3} more" if len(known) > 3 else "")
    return _WORDS[kind].format(shown).replace(" ()", "")


def _paths(project: Path, values: Sequence[str]) -> Iterator[str]:
    """The files and directories that are named, and those of the checkout's git elsewhere."""
    for value in values:
        yield from (os.path.realpath(word) for word in value.split(":") if word.startswith("/"))
    try:
        text = (project / ".git").read_text(errors="surrogateescape")
    except OSError:
        return
    if text.startswith("gitdir: "):
        place = text.removeprefix("gitdir: ").strip()
        common = Path(os.path.realpath(project / place)).parent.parent
        yield str(common)


def _holds(place: str, others: Sequence[str]) -> bool:
    return any(other.startswith(f"{place}/") for other in others)


def _is_below(path: str, private: Sequence[str]) -> bool:
    """Whether a path is a directory, and would be hidden."""
    return any(path.startswith(f"{place}/") for place in private) and os.path.isdir(path)


def _top(path: str, place: str) -> str:
    """What of a directory has to be shown, so that the path and what is around it is there."""
    inner = path.removeprefix(f"{place}/")
    return "" if inner == path else f"{place}/{inner.partition('/')[0]}"


def _mounts_below(directory: str) -> Iterator[str]:
    for mount in mount_table.mounts():
        # What can't be reached can't be shown.
        if mount.point.startswith(f"{directory}/") and os.path.exists(mount.point):
            yield mount.point

"""Asks GNU make what it would run, with a stand-in for docker first on PATH.

One `make --dry-run --trace`: the printed recipe lines with the place each comes from, and the
environment that make would give them. GNU make remakes included makefiles even in a dry run (its
manual, "Remaking Makefiles"), with its recipe environment: a second makefile includes one that
does not exist, and the rule for it writes that environment down. The goals stay the user's own.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rootless_build import process
from rootless_build.errors import RecipeError
from rootless_build.recipes import stub
from rootless_build.recipes.request import Request

NAMES: Final = ("GNUmakefile", "makefile", "Makefile")
"""The names make looks for, in its order."""
_MADE_BY_MAKE: Final = ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MAKE_TERMOUT")
_PROBE: Final = """\
-include {missing}
{missing}:
\t@env -0 > "$$RBUILD_PROBE_FILE"
"""
_TRACE: Final = re.compile(
    r"(?P<file>.+):(?P<line>\d+): "
    r"(?:target '.*' does not exist|update target '.*' due to: .*)"
)
_MAKE_ITSELF: Final = re.compile(r"g?make(\[\d+\])?: (?P<text>.*)")
_ENTERING: Final = re.compile(r"Entering directory '(?P<directory>.*)'")
_LEAVING: Final = re.compile(r"Leaving directory '.*'")


@dataclass(frozen=True, slots=True)
class RecipeLine:
    """One command of a recipe as make printed it, its continuation lines included.

    `file` is absolute; `line` is where the rule's recipe begins. `index` counts the commands that
    were printed for that rule, from 0.
    """

    file: Path
    line: int
    index: int
    directory: Path
    text: str


@dataclass(frozen=True, slots=True)
class MakeRun:
    """What make would run, in which environment, what it said while it read the project, and what
    the stand-in for docker was told meanwhile.
    """

    lines: tuple[RecipeLine, ...]
    environment: Mapping[str, str]
    messages: tuple[str, ...]
    docker_calls: tuple[tuple[str, ...], ...]


def makefile_of(project: Path) -> Path | None:
    """The project's Makefile, by the names make looks for."""
    return next((project / name for name in NAMES if (project / name).is_file()), None)


def ask(request: Request, makefile: Path) -> MakeRun:
    """Run make.

    Raises RecipeError with make's own words, and process.ProgramNotFoundError without make.
    """
    with tempfile.TemporaryDirectory(prefix="rbuild-make-") as name:
        place = Path(name)
        docker = stub.install(place)
        probe, environment_file = place / "probe.mk", place / "environment"
        probe.write_text(_PROBE.format(missing=place / "never.mk"))
        # Messages must be make's own English ones to be told from recipe lines.
        environment = {
            **docker.variables,
            "RBUILD_PROBE_FILE": str(environment_file),
            "PATH": f"{docker.directory}:{request.environment.get('PATH', '')}",
            "LC_ALL": "C",
            **dict.fromkeys(_MADE_BY_MAKE),
        }
        argv = ["make", "--dry-run", "--trace", "-w", "-f", makefile.name, "-f", str(probe)]
        argv += [f"{name}={value}" for name, value in request.variables]
        argv += ["--", *request.targets]
        done = process.run_inheriting_input(
            argv, environment=environment, directory=request.project
        )
        if done.status != 0:
            raise _refused(request, makefile, done)
        given = _environment(environment_file, request, (*environment, *_MADE_BY_MAKE))
        lines, messages = _read(done.text, request.project, probe)
        return MakeRun(lines, given, messages, docker.calls())


def _environment(file: Path, request: Request, ours: tuple[str, ...]) -> Mapping[str, str]:
    if not file.exists():
        raise RecipeError(
            "make did not say which environment it gives to recipes",
            hint="rbuild needs GNU make 4.0 or newer, and `env -0` (GNU coreutils or busybox)",
        )
    text = file.read_bytes().decode(errors="surrogateescape")
    given = dict(pair.partition("=")[::2] for pair in text.split("\0") if pair)
    for name in ours:
        given.pop(name, None)
    kept = {name: request.environment[name] for name in ours if name in request.environment}
    for name in _MADE_BY_MAKE:
        kept.pop(name, None)
    return given | kept


def _read(
    output: str, project: Path, probe: Path
) -> tuple[tuple[RecipeLine, ...], tuple[str, ...]]:
    """make's output: messages up to the probe's own recipe, then traced recipe lines."""
    lines: list[RecipeLine] = []
    messages: list[str] = []
    directories = [project]
    origin: tuple[Path, int] | None = None
    index = 0
    for text in _joined(output):
        own = _MAKE_ITSELF.fullmatch(text)
        trace = _TRACE.fullmatch(text)
        if own:
            entering = _ENTERING.fullmatch(own["text"])
            if entering:
                directories.append(Path(entering["directory"]))
                origin = None
            elif _LEAVING.fullmatch(own["text"]) and len(directories) > 1:
                directories.pop()
        elif trace:
            origin = (directories[-1] / trace["file"], int(trace["line"]))
            index = 0
        elif origin is None:
            messages.append(text)
        elif origin[0] != probe:
            # The probe is no makefile of the project's: `help` targets print their list of these.
            script = text.replace(f" {probe}", "")
            lines.append(RecipeLine(*origin, index, directories[-1], script))
            index += 1
    return tuple(lines), tuple(message for message in messages if message.strip())


def _joined(output: str) -> Iterator[str]:
    """Lines, with those that end in a backslash joined to the next, as the shell reads them."""
    held: list[str] = []
    for line in output.splitlines():
        held.append(line)
        if (len(line) - len(line.rstrip("\\"))) % 2 == 0:
            yield "\n".join(held)
            held = []
    if held:
        yield "\n".join(held)


def _refused(request: Request, makefile: Path, done: process.Completed) -> RecipeError:
    words = [line for line in done.words.splitlines() if "rbuild: docker is not run" not in line]
    said = next((line for line in words if "***" in line), "")
    missing = re.search(r"No rule to make target '(.*?)'\.", said)
    if missing and missing[1] in request.targets:
        return RecipeError(
            f"{makefile.name} has no target {missing[1]}", hint=_near(missing[1], makefile)
        )
    text = said.partition("*** ")[2] or f"make failed with status {done.status}"
    what = " ".join(request.targets) or "the default goal"
    old = any("unrecognized option" in line for line in words)
    return RecipeError(
        f"{makefile.name} can't make {what}: {text}",
        hint="rbuild needs GNU make 4.0 or newer" if old else "",
        engine_words="\n".join(words),
    )


def _near(target: str, makefile: Path) -> str:
    # Only a typing mistake needs it.
    import difflib  # noqa: PLC0415

    text = makefile.read_text(errors="replace")
    names = re.findall(r"^([A-Za-z0-9][\w./-]*)\s*:(?!=)", text, re.MULTILINE)
    near = difflib.get_close_matches(target, names, 3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"its targets are {', '.join(dict.fromkeys(names))}" if names else ""

"""The project's Makefile becomes a plan: what make would run, with docker's lines as steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from rootless_build import process
from rootless_build.errors import HostError, RecipeError
from rootless_build.plan import (
    BindMount,
    BuildImage,
    Bundles,
    HostCommand,
    Origin,
    Plan,
    RemoveVolume,
    RunContainer,
    Step,
    VolumeMount,
)
from rootless_build.recipes import docker_argv, make_run, shell_line
from rootless_build.recipes.make_run import MakeRun, RecipeLine
from rootless_build.recipes.request import Request
from rootless_build.recipes.shell_line import NotSimpleError

_BUNDLES = "bundles"


def read(request: Request, makefile: Path) -> Plan:
    """The plan of the request's targets.

    Raises RecipeError, quoting the line, for what can't be understood; HostError without make.
    """
    try:
        run = make_run.ask(request, makefile)
    except process.ProgramNotFoundError as error:
        raise HostError(
            "make is not installed, and the project's Makefile can't be read without it",
            finding="no-make",
            hint="apt-get install make, or describe the build in an rbuild.toml",
        ) from error
    steps: list[Step] = list(_removed_volumes(run))
    notes = list(run.messages)
    for line in run.lines:
        made, said = _step(line, run.environment, request.project)
        steps += made
        notes += said
    return Plan(
        project=request.project,
        steps=tuple(_once(steps)),
        bundles=_bundles(steps, request.project),
        targets=request.targets,
        recipe=makefile.name,
        notes=tuple(dict.fromkeys(notes)),
    )


def _removed_volumes(run: MakeRun) -> list[Step]:
    """`docker volume rm` that the Makefile does itself, by `$(shell …)`, while it is read."""
    names = [
        word
        for call in run.docker_calls
        if call[:2] in {("volume", "rm"), ("volume", "remove")}
        for word in call[2:]
        if not word.startswith("-")
    ]
    return [RemoveVolume(tuple(names))] if names else []


def _step(
    line: RecipeLine, environment: Mapping[str, str], project: Path
) -> tuple[list[Step], Sequence[str]]:
    file = line.file.relative_to(project) if line.file.is_relative_to(project) else line.file
    origin = Origin(str(file), line.line, line.text)
    try:
        simple = shell_line.docker_command(line.text)
        if simple is None:
            return _host_command(line, environment, origin), ()
        words, assigned = shell_line.expanded(simple, line.directory, environment)
    except NotSimpleError as error:
        raise RecipeError(
            f"{origin}: this line can't be turned into a step: {error}",
            hint="a docker command must stand on a line of its own; an rbuild.toml can take the "
            "Makefile's place",
            engine_words=line.text,
        ) from error
    if PurePosixPath(words[0]).name == "docker-buildx":
        words = (words[0], "buildx", *words[1:])
    context = docker_argv.Context(line.directory, {**environment, **assigned}, origin)
    step, notes = docker_argv.parse(words[1:], context)
    if _ignores_errors(line) and not isinstance(step, RemoveVolume):
        notes = (
            *notes,
            f"{origin}: the `-` before this line has no effect: a failure ends the run",
        )
    return [step], notes


def _host_command(line: RecipeLine, environment: Mapping[str, str], origin: Origin) -> list[Step]:
    text = line.text.strip()
    if not text or text.startswith("#") or _is_make(text):
        return []
    pairs = tuple(environment.items())
    return [HostCommand(line.text, line.directory, pairs, _ignores_errors(line), origin)]


def _is_make(text: str) -> bool:
    """A recursive make: a dry run runs it, and what it would do has been printed too."""
    return PurePosixPath(text.split(maxsplit=1)[0]).name in {"make", "gmake"}


def _ignores_errors(line: RecipeLine) -> bool:
    """Whether the recipe line has make's `-` prefix, which a dry run does not print.

    The line is found by its place only where the rule's commands are written out one by one.
    """
    try:
        text = line.file.read_text(errors="replace").splitlines()
    except OSError:
        return False
    commands: list[str] = []
    continued = False
    for row in text[line.line - 1 :]:
        if not continued and not row.startswith("\t"):
            break
        if not continued and row.strip():
            commands.append(row)
        continued = row.endswith("\\")
    if line.index >= len(commands):
        return False
    prefix = commands[line.index].lstrip("\t @+")
    return prefix.startswith("-")


def _once(steps: Sequence[Step]) -> list[Step]:
    """The steps without the repetition of an image build by a second target's recipe."""
    found: list[Step] = []
    for step in steps:
        same = dataclasses.replace(step, origin=None)
        built = isinstance(step, BuildImage)
        if built and any(dataclasses.replace(seen, origin=None) == same for seen in found):
            continue
        found.append(step)
    return found


def _bundles(steps: Sequence[Step], project: Path) -> Bundles | None:
    """Where the results go: `--output`, a mounted bundles directory, or one in the container."""
    for step in steps:
        if isinstance(step, BuildImage):
            for output in step.outputs:
                destination = dict(output.attributes).get("dest", "")
                if output.type == "local" and Path(destination).name == _BUNDLES:
                    return Bundles(Path(destination))
    containers = [step for step in steps if isinstance(step, RunContainer)]
    for step in containers:
        for mount in step.mounts:
            if isinstance(mount, BindMount) and _BUNDLES in (
                mount.source.name,
                PurePosixPath(mount.target).name,
            ):
                return Bundles(mount.source)
    for step in containers:
        for mount in step.mounts:
            if isinstance(mount, VolumeMount) and PurePosixPath(mount.target).name == _BUNDLES:
                return Bundles(project / _BUNDLES, mount.target)
            if isinstance(mount, BindMount) and mount.source == project and not mount.read_only:
                return Bundles(project / _BUNDLES)
    return None

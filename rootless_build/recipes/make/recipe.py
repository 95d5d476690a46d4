"""The project's Makefile becomes a plan: what make would run, with docker's lines as steps."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rootless_build.model import references
from rootless_build.model.errors import HostError, NotPlannedError, RecipeError
from rootless_build.model.mounts import real_path
from rootless_build.model.plan import (
    BindMount,
    BuildImage,
    HostCommand,
    Origin,
    Plan,
    PullImage,
    RemoveVolume,
    RunContainer,
    Step,
    TagImage,
    Unexpanded,
)
from rootless_build.model.structs import replace
from rootless_build.process import programs
from rootless_build.recipes import bundles_place
from rootless_build.recipes.docker import argv
from rootless_build.recipes.make import asked_images, expansion
from rootless_build.recipes.make import makefile as makefiles
from rootless_build.recipes.make import run as make_run
from rootless_build.recipes.make.lines import MakeRun, RecipeLine
from rootless_build.recipes.request import Request
from rootless_build.recipes.shell import line as shell_line
from rootless_build.recipes.shell.parts import AsOtherUserError, NotSimpleError, Part

if TYPE_CHECKING:
    from rootless_build.process.sandbox.running import Sandbox

_RUN_ANYWAY = "make runs a line with $(MAKE) in it even while it is only asked what it would do"
_READS_ENVIRONMENT = re.compile(r"\s(?:bake|compose|--env-file)\b")
"""A docker command that may take any variable of the environment, as its files say."""
_VOLUME_REMOVE = {("volume", "rm"), ("volume", "remove")}


def read(request: Request, makefile: Path) -> Plan:
    """The plan of the request's targets.

    Raises RecipeError, quoting the line, for what can't be understood; HostError without make.
    """
    try:
        run = make_run.ask(request, makefile)
    except programs.ProgramNotFoundError as error:
        raise HostError(
            "make is not installed, and the project's Makefile can't be read without it",
            finding="no-make",
            hint="apt-get install make, or describe the build in an rbuild.toml",
        ) from error
    name = makefiles.name_of(makefile, request.project)
    notes = [*run.messages, *_asked(run)]
    if request.environment.get("MAKEFLAGS") and "MAKELEVEL" not in request.environment:
        notes.append("MAKEFLAGS has no effect: it holds options of make, not of rbuild")
    begun = _Begun(_removed_volumes(run), request.looking)
    for number, line in enumerate(run.lines, 1):
        try:
            notes += _add_steps(line, run.make, request.project, begun)
        except NotPlannedError:
            # The whole target would be made as it runs.
            _refuse_as_other_user(run.lines[number:], request.project, begun)
            raise
    steps = begun.steps
    if any(call.builds for call in run.docker_calls):
        recipes = {
            (begun.name_of(line.file, request.project), line.line): line.recipe
            for line in run.lines
        }
        steps, said = asked_images.add_builds(steps, run.docker_calls, name, recipes)
        notes += said
    _refuse_unknown_sources(steps)
    return Plan(
        project=request.project,
        steps=tuple(_once(steps)),
        bundles=bundles_place.of(steps, request.project),
        targets=request.targets,
        recipe=name,
        notes=tuple(dict.fromkeys(notes)),
    )


def with_expanded(plan: Plan, step: Unexpanded, made: Sequence[Step], notes: Sequence[str]) -> Plan:
    """The plan with steps in the place of the first that is so unexpanded. Raises RecipeError."""
    place = plan.steps.index(step)
    steps = [*plan.steps[:place], *made, *plan.steps[place + 1 :]]
    _refuse_unknown_sources(steps)
    return replace(
        plan,
        steps=tuple(_once(steps)),
        bundles=bundles_place.of(steps, plan.project),
        notes=tuple(dict.fromkeys((*plan.notes, *notes))),
    )


def _refuse_unknown_sources(steps: Sequence[Step]) -> None:
    """What `docker tag` names has to be an image of this plan: another's may be anything."""
    known: set[str] = set()
    for step in steps:
        match step:
            case BuildImage():
                known |= {references.canonical(tag) for tag in step.tags}
            case PullImage():
                known.add(references.canonical(step.image))
            case TagImage():
                if (
                    not references.is_id(step.image)
                    and references.canonical(step.image) not in known
                ):
                    assert step.origin is not None  # it stands in a recipe
                    raise _refused(
                        step.origin,
                        f"it tags {step.image}, which no step before it builds or pulls",
                        f"build {step.image} in the same run, with a target that does",
                    )
                known.add(references.canonical(step.name))
            case Unexpanded():
                # It is looked at again when more is known.
                return
            case _:
                pass


def _removed_volumes(run: MakeRun) -> list[Step]:
    """`docker volume rm` that the Makefile does itself, by `$(shell …)`, while it is read."""
    names = [
        word
        for call in run.docker_calls
        if call.words[:2] in _VOLUME_REMOVE
        for word in call.words[2:]
        if not word.startswith("-")
    ]
    return [RemoveVolume(tuple(names))] if names else []


def _asked(run: MakeRun) -> list[str]:
    """What the Makefile ran docker for while it was read, in vain."""
    return [
        f"while it is read, the Makefile runs `{call.line}`, to which rbuild has no answer: it "
        "fails, as it does without a daemon"
        for call in run.docker_calls
        if not call.answered
    ]


def _add_steps(line: RecipeLine, make: str, project: Path, begun: _Begun) -> list[str]:
    """Add what the line does to the steps before it; returns what is to be said of it."""
    text = line.text.strip()
    # The path that stands for $(MAKE) while the Makefile is read is nothing to a reader.
    name = begun.name_of(line.file, project)
    origin = Origin(name, line.line, line.text.replace(make, "make"), line.target)
    if line.ran:
        _refuse_unless_recursive(line, origin, begun)
        return []
    if origin.text != line.text:
        line = replace(line, text=origin.text)
    if not text or text.startswith("#"):
        return []
    if line.doubt:
        raise _refused(origin, line.doubt, "write out what the command needs")
    if line.always_runs:
        raise _refused(origin, "`+` makes it run even while make is only asked what it would do")
    used = next((name for name in line.unknown if _uses(line.text, name)), None)
    if used is not None:
        raise _unknown(origin, used, line.unknown[used])
    try:
        setting = line.setting
        parts = shell_line.parts(line.text, line.directory, setting.environment, setting.shell)
        if make in text and not all(part.docker for part in parts):
            raise _refused(origin, _RUN_ANYWAY)
        first = len(begun.steps)
        notes: list[str] = []
        if not parts:
            notes.append(f"{origin}: left out: it looks for docker, in whose place rbuild is")
        for part in parts:
            handed = [name for name in line.unknown if part.docker and _hands_on(part.text, name)]
            if handed:
                raise _unknown(origin, handed[0], line.unknown[handed[0]])
            _refuse_what_changes(part, line.directory, begun)
            made, said = _step(line, part, origin, project, begun)
            begun.steps += made
            notes += said
    except NotSimpleError as error:
        raise _refused_for(error, origin) from error
    if line.ignores_errors and len(begun.steps) > first + 1:
        raise _refused(origin, "a failure of its first command skips the others (`-`)")
    return notes


def _refuse_as_other_user(lines: Sequence[RecipeLine], project: Path, begun: _Begun) -> None:
    """Refuse what can't be done as it runs either."""
    for line in lines:
        setting = line.setting
        try:
            shell_line.parts(line.text, line.directory, setting.environment, setting.shell)
        except AsOtherUserError as error:
            name = begun.name_of(line.file, project)
            origin = Origin(name, line.line, line.text, line.target)
            raise _refused_for(error, origin) from error
        except NotSimpleError:
            continue


def _uses(text: str, variable: str) -> bool:
    """Whether the shell's line takes the value of a variable of the environment."""
    return re.search(rf"\$(?:\{{[#!]?)?{re.escape(variable)}(?!\w)", text) is not None


def _hands_on(text: str, variable: str) -> bool:
    """Whether docker is told to hand a variable of the environment on (`-e NAME`)."""
    option = r"(?:(?:^|\s)-[a-zA-Z]*e[\s=]*|--(?:env|build-arg)[\s=]+|\benv=)"
    return re.search(rf"{option}['\"]?{re.escape(variable)}(?![\w=])", text) is not None


def _unknown(origin: Origin, variable: str, made_of: str) -> NotPlannedError:
    return _refused(
        origin,
        f"it takes {variable} from the environment, which is made of {made_of}: rbuild can't ask "
        "make for that",
        "write the value into the line itself, where make puts it in",
    )


def _refused(origin: Origin, why: str, hint: str = "") -> NotPlannedError:
    return NotPlannedError(
        f"{origin}: this line can't be turned into a step: {why}",
        hint=f"{hint or 'a docker command must stand on a line of its own'}; an rbuild.toml can "
        "take the Makefile's place",
        engine_words=origin.text,
    )


def _refused_for(error: NotSimpleError, origin: Origin) -> RecipeError:
    refused = _refused(origin, str(error), error.hint)
    if isinstance(error, AsOtherUserError):
        # Nor can it be done as it runs.
        return RecipeError(refused.message, hint=refused.hint, engine_words=refused.engine_words)
    return refused


def _step(
    line: RecipeLine, part: Part, origin: Origin, project: Path, before: _Begun
) -> tuple[list[Step], list[str]]:
    setting = line.setting
    environment = {**setting.environment, **({"PWD": part.logical} if part.logical else {})}
    if part.docker is None:
        pairs = tuple(environment.items())
        command = HostCommand(
            part.text, part.directory, pairs, line.ignores_errors, setting.shell, origin
        )
        return [command], [*_own_make(part.text, origin), *_not_given(line)]
    entered: list[Step] = []
    logical = None
    place = part.directory
    missing = part.logical and not part.directory.is_dir() and before.changing() is not None
    if part.logical and missing:
        # A step makes it. That it is there is looked at when its turn comes.
        script = f"cd {shlex.quote(part.logical)}"
        pairs = tuple(setting.environment.items())
        entered.append(
            HostCommand(script, line.directory, pairs, shell=setting.shell, origin=origin)
        )
        place, logical = line.directory, part.logical
    why = _only_then(part, environment, project, before)
    if why:
        unexpanded = expansion.plan_command(part, environment, setting.shell, why, origin, project)
        return [*entered, unexpanded], _without_effect(line, part, origin, [unexpanded])
    words, assigned = shell_line.expand(
        part.docker, place, environment, setting.shell, logical, before.looking
    )
    context = argv.Context(part.directory, {**environment, **assigned}, origin)
    steps, said = argv.steps(argv.of_program(words), context)
    notes = list(said)
    if _READS_ENVIRONMENT.search(part.text):
        notes += _not_given(line)
    return [*entered, *steps], [*notes, *_without_effect(line, part, origin, steps)]


def _without_effect(
    line: RecipeLine, part: Part, origin: Origin, steps: Sequence[Step]
) -> list[str]:
    notes: list[str] = []
    removes = all(isinstance(step, RemoveVolume) for step in steps)
    if part.remark and not removes:
        notes.append(f"{origin}: {part.remark}")
    if line.ignores_errors and not removes:
        notes.append(f"{origin}: the `-` before this line has no effect: a failure ends the run")
    return notes


def _only_then(part: Part, environment: Mapping[str, str], project: Path, before: _Begun) -> str:
    """What in docker's words is known only when their turn comes; empty where all of it is now."""
    assert part.docker is not None  # only docker's words are asked for
    docker = part.docker
    if docker.of_then:
        return docker.of_then[0]
    own = shell_line.of_project(docker, part.directory, environment, project)
    if own:
        return f"{own[0]}, a program of the project"
    if docker.of_files and before.changing() is not None:
        return docker.of_files[0]
    missing = bool(part.logical) and not part.directory.is_dir()
    if missing and docker.asks:
        return docker.asks[0]
    words = argv.of_program((docker.program, *docker.known[1:]))
    read = argv.read_while_planned(words, part.directory)
    return next((written for written, file in read if before.may_write(file)), "")


def _refuse_what_changes(part: Part, directory: Path, before: _Begun) -> None:
    """Raises NotSimpleError for a directory that the steps before it may make another."""
    if part.docker is None:
        return
    if part.logical:
        link = _link_on_the_way(Path(part.logical), directory)
        step = before.changing() if link else None
        if step is not None:
            raise NotSimpleError(
                f"{link} is a link, where it leads to is asked before any step is done, and "
                f"{step.origin} may change it",
                "name the directory that it leads to",
            )


def _link_on_the_way(place: Path, directory: Path) -> Path | None:
    ways = [place, *place.parents]
    return next((p for p in ways if p.is_relative_to(directory) and p.is_symlink()), None)


class _Begun:
    """The steps so far. Whether one may change files is looked at once, however many follow."""

    def __init__(self, steps: Sequence[Step], looking: Sandbox | None = None) -> None:
        self.steps = list(steps)
        self.looking = looking
        self._looked: tuple[int, Step | None] = (0, None)
        self._written: dict[Path, tuple[int, bool]] = {}
        self._names: dict[Path, str] = {}

    def name_of(self, file: Path, project: Path) -> str:
        """What a reader calls the makefile that a line stands in."""
        if file not in self._names:
            below = file.is_relative_to(project)
            self._names[file] = str(file.relative_to(project) if below else file)
        return self._names[file]

    def changing(self) -> Step | None:
        """The last of them that may change files."""
        at, last = self._looked
        new = reversed(self.steps[at:])
        last = next((step for step in new if _may_change(step)), last)
        self._looked = (len(self.steps), last)
        return last

    def may_write(self, file: Path) -> bool:
        """Whether one of the steps begun may change what is in a file."""
        at, found = self._written.get(file, (0, False))
        found = found or any(_may_write(step, file) for step in self.steps[at:])
        self._written[file] = (len(self.steps), found)
        return found


def _may_write(step: Step, file: Path) -> bool:
    """Whether a step may change what is in a file, or in one of a directory's own files."""
    match step:
        case HostCommand():
            return shell_line.may_change(step.script, step.shell, content=True)
        case Unexpanded():
            return True
        case RunContainer():
            places = [
                mount.source
                for mount in step.mounts
                if isinstance(mount, BindMount) and not mount.read_only
            ]
            return any(map(real_path(file).is_relative_to, map(real_path, places)))
        case BuildImage():
            given = (dict(output.attributes).get("dest") for output in step.outputs)
            places = [Path(place) for place in given if place]
            written = step.image_id_file and real_path(step.image_id_file)
            return (written is not None and real_path(file) in {written, written.parent}) or any(
                map(real_path(file).is_relative_to, map(real_path, places))
            )
        case _:
            return False


def _may_change(step: Step) -> bool:
    match step:
        case HostCommand():
            return shell_line.may_change(step.script, step.shell)
        case Unexpanded():
            return True
        case RunContainer():
            return any(isinstance(m, BindMount) and not m.read_only for m in step.mounts)
        case BuildImage():
            dest = any(name == "dest" for output in step.outputs for name, _ in output.attributes)
            return dest or step.image_id_file is not None
        case _:
            return False


def _not_given(line: RecipeLine) -> list[str]:
    return [
        f"{name} is not exported to commands of the Makefile: it is made of {made_of}, which "
        "rbuild can't ask make for"
        for name, made_of in line.unknown.items()
    ]


def _refuse_unless_recursive(line: RecipeLine, origin: Origin, before: _Begun) -> None:
    """A line with which make has started make: what that would do has been printed too."""
    if not shell_line.only_starts_make(line.text):
        raise _refused(origin, "it does more than start make")
    step = before.changing() if shell_line.tests_files(line.text) else None
    if step is not None:
        raise _refused(
            origin,
            "its condition looks at files, which make has done before any step of the plan, and "
            f"{step.origin} may change them",
            "let the condition be make's own, or on variables alone",
        )


def _own_make(text: str, origin: Origin) -> list[str]:
    if not shell_line.starts_make(text):
        return []
    what = "this line starts a make of its own, whose docker commands are not planned"
    return [f"{origin}: {what}: they are done as it runs, and planned if it is written $(MAKE)"]


def _once(steps: Sequence[Step]) -> list[Step]:
    """The steps without the repetition of an image build by a second target's recipe."""
    found: list[Step] = []
    built: set[Step] = set()
    for step in steps:
        if isinstance(step, BuildImage):
            same = replace(step, origin=None)
            if same in built:
                continue
            built.add(same)
        found.append(step)
    return found

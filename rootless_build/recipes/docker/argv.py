"""A docker command line becomes a step, by the table in `flags` and pflag's rules.

Source of the rules: github.com/spf13/pflag (`-it`, `-vX`, `-v=X`, `--name=x`, `--`), and docker's
own that the flags of `docker run` end at the image.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, TypeVar

from msgspec import Struct

from rootless_build.model import outputs, plan, platforms, references
from rootless_build.model.errors import NotPlannedError, RecipeError, UnknownTargetError
from rootless_build.model.nearest import USUAL, nearest
from rootless_build.model.plan import (
    BuildImage,
    BuildOutput,
    CheckContainerfile,
    HostCommand,
    Origin,
    PullImage,
    RemoveVolume,
    RunContainer,
    Step,
    TagImage,
)
from rootless_build.model.structs import replace
from rootless_build.recipes import bake, source_date_epoch
from rootless_build.recipes.bake.source import BakeError
from rootless_build.recipes.docker import draft as drafts
from rootless_build.recipes.docker import flags
from rootless_build.recipes.docker.draft import Draft
from rootless_build.recipes.docker.flags import Flag, Table
from rootless_build.recipes.docker.values import (
    BadValueError,
    DockersOwnError,
    Surroundings,
    boolean,
    volume_name,
)

_BUILD: Final = {
    ("build",),
    ("image", "build"),
    ("builder", "build"),
    ("buildx", "build"),
    ("buildx", "b"),
}
_RUN: Final = {("run",), ("container", "run")}
_BAKE: Final = {("buildx", "bake"), ("buildx", "f"), ("bake",)}
_VOLUME_REMOVE: Final = {("volume", "rm"), ("volume", "remove")}
_TAG: Final = {("tag",), ("image", "tag")}
_PULL: Final = {("pull",), ("image", "pull")}
_GROUPS: Final = {"image", "builder", "buildx", "container", "volume"}
_Word = TypeVar("_Word", str, str | None)
_Made = TypeVar("_Made")
_REMOTE: Final = re.compile(r"\w+://|[\w.-]+@[\w.-]+:|github\.com/")


class Context(Struct, frozen=True):
    """Where a docker command line stands: its directory and environment, and the recipe's line.

    `called`: a script calls it now, and gets what it reads and writes (`rootless_build.live`).
    """

    directory: Path
    environment: Mapping[str, str]
    origin: Origin
    called: bool = False


class Called(Struct, frozen=True):
    """What a docker command is that a script calls: its steps, and what concerns the caller alone.

    `reads` is what the caller's standard input holds; the step then has the caller's directory for
    a context, and the place of a file there for a containerfile. `attached` are the streams of a
    container that the caller has, none for all; `volumes_from` names containers. `exposed` are
    ports, which it `publishes_all` with those of its image. `pushed`: the image goes to where its
    names say. `metadata_file` gets what is known of the images. `printed` is all that is asked for.
    """

    command: tuple[str, ...]
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    reads: Literal["", "context", "containerfile"] = ""
    quiet: bool = False
    forced: bool = False
    detached: bool = False
    container_id_file: Path | None = None
    metadata_file: Path | None = None
    attached: tuple[str, ...] = ()
    volumes_from: tuple[str, ...] = ()
    network_aliases: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    publishes_all: bool = False
    pushed: bool = False
    printed: str = ""


class _Line(Struct):
    """A command line that is being read."""

    words: Sequence[str]
    context: Context
    draft: Draft
    reads_context: bool = False

    def refused(self, message: str, hint: str = "") -> RecipeError:
        return RecipeError(f"{self.context.origin}: {message}", hint=hint, engine_words=self._text)

    def not_planned(self, message: str, hint: str = "") -> NotPlannedError:
        """For what can be done where it is called, and not be foreseen."""
        text = f"{self.context.origin}: {message}"
        return NotPlannedError(text, hint=hint, engine_words=self._text)

    @property
    def _text(self) -> str:
        return self.context.origin.text or shlex.join(["docker", *self.words])


def _line(words: Sequence[str], context: Context) -> _Line:
    around = Surroundings(context.directory, context.environment, context.called)
    return _Line(words, context, Draft(around))


def steps(words: Sequence[str], context: Context) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """The steps of a docker command, and notes: a bake's are those of its targets, and a build of
    several platforms is one for each.
    """
    line = _line(words, context)
    command, rest = _command(line)
    if command in _BAKE:
        return _bake(line, _flags(line, "docker buildx bake", rest, flags.BAKE))
    try:
        step, notes = parse(words, context)
    except _DockersOwnError as error:
        return (_failing(error.said, context),), ()
    if isinstance(step, BuildImage) and len(step.platforms) > 1:
        return _for_platforms(line, step, notes)
    return (step,), notes


def called(words: Sequence[str], context: Context) -> Called:
    """What a script calls docker for. Raises RecipeError for what can't be understood or honoured,
    and for a command that is no step.
    """
    line = _line(words, context)
    command, rest = command_of(line.words, context)
    if command in _BAKE:
        targets = _flags(line, "docker buildx bake", rest, flags.BAKE)
        if line.draft.value(drafts.PRINTED):
            asked = _asked(line, targets)
            return Called(command, (), printed=_baking(line, lambda: bake.recipe.printed(asked)))
        made, notes = _bake(line, targets)
        file = line.draft.value(drafts.METADATA_FILE)
        return Called(command, made, notes, metadata_file=file)
    step, notes = _parse(line)
    draft = line.draft
    steps: tuple[Step, ...] = (step,)
    if isinstance(step, BuildImage):
        step = _named(step)
        steps = (step,)
        if len(step.platforms) > 1:
            steps, notes = _for_platforms(line, step, notes)
    elif isinstance(step, RunContainer):
        if draft.value(drafts.HEALTH) and draft.value(drafts.DETACHED):
            # Who waits for it to be healthy would wait for ever.
            raise line.refused("docker run: the health of a container that stays is not looked at")
        steps = (replace(step, remove=draft.value(drafts.REMOVED), always=True),)
        _check_id_file(draft.value(drafts.CONTAINER_ID_FILE), context)
    return Called(
        command,
        steps,
        notes,
        reads=_read_from_input(line),
        quiet=draft.value(drafts.QUIET),
        forced=draft.value(drafts.FORCED),
        pushed=draft.value(drafts.PUSHED),
        detached=draft.value(drafts.DETACHED),
        container_id_file=draft.value(drafts.CONTAINER_ID_FILE),
        metadata_file=draft.value(drafts.METADATA_FILE),
        attached=draft.all(drafts.ATTACHED),
        volumes_from=draft.all(drafts.VOLUMES_FROM),
        network_aliases=draft.all(drafts.NETWORK_ALIASES),
        exposed=draft.all(drafts.EXPOSED),
        publishes_all=draft.value(drafts.PUBLISHES_ALL),
    )


def _check_id_file(file: Path | None, context: Context) -> None:
    """What another container's id is in is not written over."""
    if file is not None and file.exists():
        inside = file.is_relative_to(context.directory)
        shown = file.relative_to(context.directory) if inside else file
        raise RecipeError(
            "container ID file found, make sure the other container isn't running or"
            f" delete {shown}"
        )


def _named(step: BuildImage) -> BuildImage:
    """The build with a name for its image, by which the caller's id of it stays an image's."""
    if step.tags or not outputs.keeps_image(step):
        return step
    place = plan.digest(replace(step, origin=None, image_id_file=None))[:12]
    return replace(step, tags=(f"{references.OWN}built/{place}",))


def _read_from_input(line: _Line) -> Literal["", "context", "containerfile"]:
    if line.reads_context:
        return "context"
    given = line.draft.value(drafts.CONTAINERFILE)
    return "containerfile" if given == line.draft.around.path("-") else ""


def command_of(words: Sequence[str], context: Context) -> tuple[tuple[str, ...], list[str]]:
    """The name of a docker command, of one word or of two, and the words after it. Raises
    RecipeError for options of docker's own that can't be honoured.
    """
    return _command(_line(words, context))


def of_program(words: Sequence[_Word]) -> tuple[str | _Word, ...]:
    """The words of a docker command, without the program's own."""
    program, *others = words
    is_buildx = program is not None and program.rpartition("/")[2] == "docker-buildx"
    return ("buildx", *others) if is_buildx else tuple(others)


class _DockersOwnError(RecipeError):
    """A line that docker ends with a message of its own: what stands before it is done first."""

    def __init__(self, error: RecipeError, said: str) -> None:
        super().__init__(error.message, hint=error.hint, engine_words=error.engine_words)
        self.said = said


def does(words: Sequence[str | None]) -> Literal["build", "run", "other", "unknown"]:
    """What a docker command is, of whose words only some are known."""
    first, second = (*words, None, None)[:2]
    if first is None or first.startswith("-") or (first in _GROUPS and second is None):
        return "unknown"
    command = (first, second or "") if first in _GROUPS else (first,)
    if command in _BUILD or command in _BAKE:
        return "build"
    return "run" if command in _RUN else "other"


def read_while_planned(
    words: Sequence[str | None], directory: Path
) -> tuple[tuple[str, Path], ...]:
    """What a docker command reads to become a step, as far as its words are known: each as it is
    written, and where it is.
    """
    command = does(words)
    if tuple(words[:1]) in _BAKE or tuple(words[:2]) in _BAKE:
        # The files that it names by themselves are looked for beside it.
        return (*_values(words, directory, "--file", "-f"), ("bake", directory))
    if command == "run":
        return tuple(_values(words, directory, "--env-file", "--label-file"))
    return ()


def _values(
    words: Sequence[str | None], directory: Path, *options: str
) -> Iterator[tuple[str, Path]]:
    for word, following in zip(words, (*words[1:], None), strict=True):
        name, equals, value = (word or "").partition("=")
        if name in options and (equals or following):
            file = value if equals else following or ""
            yield f"{name} {file}", Path(os.path.normpath(directory / file))


def _failing(said: str, context: Context) -> HostCommand:
    """Fails as docker would: with its words, and the status that it has for its own mistakes."""
    script = f"echo {shlex.quote(f'docker: {said}')} >&2; exit 125"
    pairs = tuple(context.environment.items())
    return HostCommand(script, context.directory, pairs, origin=context.origin)


def _command(line: _Line) -> tuple[tuple[str, ...], list[str]]:
    rest = _flags(line, "docker", list(line.words), flags.GLOBAL, interspersed=False)
    size = 2 if rest and rest[0] in _GROUPS else 1
    return tuple(rest[:size]), rest[size:]


def parse(words: Sequence[str], context: Context) -> tuple[Step, tuple[str, ...]]:
    """The step that `docker WORDS…` stands for, and notes on flags that have no effect here.

    Raises RecipeError, which quotes the recipe's line, for what can't be understood or honoured.
    """
    return _parse(_line(words, context))


def _parse(line: _Line) -> tuple[Step, tuple[str, ...]]:
    command, rest = _command(line)
    context = line.context
    step: Step
    if command in _BUILD:
        name = " ".join(("docker", *command))
        rest = _flags(line, name, rest, flags.BUILD)
        step = _build(line, rest, with_buildkit=_has_buildkit(line, command))
        if (asked := line.draft.value(drafts.ASKED)) is not None:
            step = CheckContainerfile(
                step, context.origin, asked.call, asked.json, asked.ignores_status
            )
    elif command in _RUN:
        step = _run(line, _flags(line, "docker run", rest, flags.RUN, interspersed=False))
    elif command in _VOLUME_REMOVE:
        rest = _flags(line, "docker volume rm", rest, flags.VOLUME_REMOVE)
        if not rest:
            raise line.refused("docker volume rm names no volume")
        try:
            rest = list(map(volume_name, rest))
        except BadValueError as error:
            raise line.refused(f"docker volume rm: {error}") from error
        step = RemoveVolume(tuple(rest), origin=context.origin)
    elif command in _TAG:
        step = _tag(line, _flags(line, "docker tag", rest, flags.TAG))
    elif command in _PULL:
        step = _pull(line, _flags(line, "docker pull", rest, flags.PULL))
    else:
        name = " ".join(("docker", *command))
        raise line.not_planned(
            f"the recipe runs `{name}`, which is no build step that rbuild knows",
            "rbuild knows docker build, docker buildx build, docker buildx bake, docker run, "
            "docker tag, docker pull and docker volume rm",
        )
    return step, tuple(dict.fromkeys(line.draft.notes))


def _flags(
    line: _Line,
    command: str,
    words: list[str],
    table: Table,
    *,
    interspersed: bool = True,
) -> list[str]:
    """Read flags into the line's draft; returns the words that are none."""
    rest: list[str] = []
    while words:
        word = words.pop(0)
        if word == "--":
            return [*rest, *words]
        if not word.startswith("-") or word == "-":
            rest.append(word)
            if not interspersed:
                return [*rest, *words]
        elif word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            flag = table.by_name.get(name)
            if flag is None:
                raise _unknown(line, command, f"--{name}", table.by_name)
            _apply(line, command, flag, f"--{name}", value if equals else None, words)
        else:
            _cluster(line, command, word, table.by_letter, words)
    return rest


def _cluster(
    line: _Line, command: str, word: str, short: Mapping[str, Flag], words: list[str]
) -> None:
    """`-it`, `-vX`, `-v=X`, `-t=false`: bools may be followed by other flags."""
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        flag = short.get(letter)
        if flag is None:
            raise _unknown(line, command, f"-{letter}", {})
        if letters.startswith("="):
            value: str | None = letters[1:]
            letters = ""
        elif flag.takes and letters:
            value, letters = letters, ""
        else:
            value = None
        _apply(line, command, flag, f"-{letter}", value, words)


def _apply(
    line: _Line, command: str, flag: Flag, written: str, value: str | None, words: list[str]
) -> None:
    if value is None and flag.takes:
        if not words:
            raise line.refused(f"{command}: {written} needs a value")
        value = words.pop(0)
    text = "true" if value is None else value
    try:
        off = (
            not flag.takes and text != "true" and not boolean(text)
            if flag.name != "pull"
            else False
        )
        if flag.called is not None and line.context.called:
            flag.called(line.draft, text)
            return
        if flag.refused and not off:
            raise (line.refused if flag.called is None else line.not_planned)(
                f"{command}: {written} can't be honoured: {flag.refused}",
                "take it out, or build with docker itself",
            )
        if flag.fill is not None:
            flag.fill(line.draft, text)
        elif flag.ignored:
            line.draft.notes.append(f"{command} {written}: {flag.ignored}")
    except DockersOwnError as error:
        refused = line.refused(f"{command}: {written}: {error}")
        raise _DockersOwnError(refused, str(error)) from error
    except BadValueError as error:
        raise line.refused(f"{command}: {written}: {error}") from error


def _unknown(line: _Line, command: str, written: str, known: Mapping[str, Flag]) -> RecipeError:
    near = nearest(written.lstrip("-"), known, USUAL)
    hint = f"did the recipe mean --{near}?" if near else ""
    return line.refused(f"{command} has no flag {written} that rbuild knows", hint)


def _has_buildkit(line: _Line, command: tuple[str, ...]) -> bool:
    """Whether a docker of today would build with BuildKit, and not with the classic builder."""
    wanted = line.context.environment.get("DOCKER_BUILDKIT", "")
    if command[0] == "buildx" or not wanted:
        return True
    try:
        return boolean(wanted)
    except BadValueError as error:
        raise line.refused(f"DOCKER_BUILDKIT: {error}") from error


def _build(line: _Line, rest: list[str], *, with_buildkit: bool) -> BuildImage:
    if len(rest) != 1:
        given = f"there are {len(rest)}: {shlex.join(rest)}" if rest else "none is given"
        raise line.refused(f"docker build takes one build context, and {given}")
    context = rest[0]
    if context == "-" and line.context.called:
        line.reads_context, context = True, "."
    if not context or context == "-" or _REMOTE.match(context):
        raise (line.not_planned if context == "-" else line.refused)(
            f"the build context {context!r} is not a directory",
            "only a directory of this host can be a build context",
        )
    draft = line.draft
    from_input = draft.value(drafts.CONTAINERFILE) == draft.around.path("-")
    if from_input and (line.reads_context or not line.context.called):
        message = "a containerfile on standard input can't be read"
        raise line.not_planned(message, "name a file with -f")
    step = drafts.build_image(draft, draft.around.path(context), line.context.origin)
    step = replace(step, outputs=tuple(outputs.named(each, step.tags) for each in step.outputs))
    if step.image_id_file is not None and not step.tags and outputs.keeps_image(step):
        # By the name it is found again, and not built again.
        place = hashlib.sha256(os.fsencode(step.image_id_file)).hexdigest()[:12]
        step = replace(step, tags=(f"{references.OWN}built/{place}",))
    if not with_buildkit:
        return step
    try:
        arguments = source_date_epoch.handed_on(step.build_args, line.context.environment)
    except source_date_epoch.BadEpochError as error:
        raise line.refused(str(error), "give it as `date +%s` does, or unset it") from error
    return replace(step, build_args=arguments)


def _for_platforms(
    line: _Line, step: BuildImage, notes: tuple[str, ...]
) -> tuple[tuple[BuildImage, ...], tuple[str, ...]]:
    """One image of several platforms, an archive of them, and for directories a build of each."""
    of_images, of_files = outputs.by_kind(step)
    for output in of_files:
        if output.type == "docker":
            raise line.refused(outputs.NO_LISTS, "write --output type=oci,dest=FILE")
    if outputs.keeps_image(step) and step.tags:
        image = (replace(step, outputs=of_images),)
        files = replace(step, outputs=of_files, tags=(), image_id_file=None)
        return (*image, *(_by_platform(files) if of_files else ())), notes
    if not of_files:
        # As where no output is named to a builder of BuildKit's own.
        step = replace(step, outputs=(BuildOutput("cacheonly"),), tags=(), image_id_file=None)
        return tuple(replace(step, platforms=(platform,)) for platform in step.platforms), (
            *notes,
            f"{line.context.origin}: no image is kept: it has no tag",
        )
    return tuple(_by_platform(replace(step, outputs=of_files))), notes


def _by_platform(step: BuildImage) -> Iterator[BuildImage]:
    """One build for the archives, and one a platform: its files have a directory of their own."""
    directories = tuple(output for output in step.outputs if output.type == "local")
    archives = tuple(output for output in step.outputs if output.type != "local")
    if archives:
        yield replace(step, outputs=archives, tags=(), image_id_file=None)
    for platform in step.platforms if directories else ():
        made = []
        for output in directories:
            attributes = dict(output.attributes)
            if attributes.pop("platform-split", "true") == "true":
                attributes["dest"] += f"/{platforms.directory(platform)}"
            made.append(BuildOutput("local", tuple(attributes.items())))
        yield replace(step, platforms=(platform,), outputs=tuple(made))


def _bake(line: _Line, targets: list[str]) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    made = _baking(line, lambda: bake.recipe.steps(_asked(line, targets)))
    notes = (*line.draft.notes, *made.notes)
    return made.steps, tuple(dict.fromkeys(notes))


def _asked(line: _Line, targets: list[str]) -> bake.recipe.Bake:
    context, draft = line.context, line.draft
    return bake.recipe.Bake(
        context.directory,
        context.environment,
        tuple(targets),
        files=draft.all(drafts.FILES),
        overrides=draft.all(drafts.OVERRIDES),
        variables=dict(draft.all(drafts.VARIABLES)),
    )


def _baking(line: _Line, make: Callable[[], _Made]) -> _Made:
    """What is made of a bake file, with this line in what is wrong with it."""
    context = line.context
    try:
        return make()
    except BakeError as error:
        # The place in the bake file is in the message; this is the line that reads it.
        error.hint = error.hint or f"{context.origin} runs {context.origin.text.strip()}"
        raise
    except UnknownTargetError as error:
        # Who calls docker hears docker's words.
        words = f"failed to find target {error.target}" if context.called else error.message
        raise line.refused(words, error.hint) from error
    except RecipeError as error:
        raise line.refused(error.message, error.hint) from error


def _tag(line: _Line, rest: list[str]) -> TagImage:
    if len(rest) != 2:
        raise line.refused(f"docker tag takes an image and its new name, not {len(rest)} words")
    image, name = (_check_name(line, word) for word in rest)
    if "@" in name:
        raise line.refused(f"docker tag: {name} has a digest, which nobody can give an image")
    return TagImage(image, name, origin=line.context.origin)


def _pull(line: _Line, rest: list[str]) -> PullImage:
    if len(rest) != 1:
        raise line.refused(f"docker pull takes one image, and there are {len(rest)}")
    return PullImage(_check_name(line, rest[0]), origin=line.context.origin)


def _check_name(line: _Line, name: str) -> str:
    try:
        references.check(name)
    except RecipeError as error:
        raise line.refused(error.message, error.hint) from error
    return name


def _run(line: _Line, rest: list[str]) -> RunContainer:
    if not rest:
        raise line.refused("docker run names no image")
    return drafts.run_container(line.draft, rest[0], tuple(rest[1:]), line.context.origin)

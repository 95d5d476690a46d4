"""The stages of one build: each is built when the first one needs it, and put into storage."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from rootless_build.images import configuration as configurations
from rootless_build.images.configuration import Configuration
from rootless_build.images.containerfile import grammar
from rootless_build.images.containerfile.mounts import Mount
from rootless_build.images.containerfile.parser import parse
from rootless_build.images.containerfile.patterns import Patterns
from rootless_build.images.containerfile.stages import (
    DEFAULT_SHELL,
    SCRATCH,
    Given,
    Scope,
    Scopes,
    Stage,
    earlier,
    sources,
)
from rootless_build.images.containerfile.syntax import Containerfile, Instruction
from rootless_build.images.containerfile.words import expand
from rootless_build.images.layers.request import Copying, Directory, ImageFiles, Source
from rootless_build.images.rewrite.build_context import BuildContext
from rootless_build.images.rewrite.state import abbreviate
from rootless_build.images.segments.bases import Images
from rootless_build.images.segments.context_images import ContextImages, Seen
from rootless_build.images.segments.copying import CopyError, Sources
from rootless_build.images.segments.progress import Progress, stage_name
from rootless_build.images.segments.remote import Remote
from rootless_build.images.segments.scopes import inherit
from rootless_build.images.segments.sources import Contexts
from rootless_build.images.segments.stage import StageBuild, Tools
from rootless_build.images.segments.steps import Files, LayerOfError, Mounted, State, Steps
from rootless_build.model import platforms
from rootless_build.model.errors import ContainerfileError, RecipeError
from rootless_build.model.events import StepReporter
from rootless_build.model.references import canonical
from rootless_build.model.structs import replace
from rootless_build.process import stops

MOUNTED: Final = "/mounted"
"""Where an image has what is mounted of a build context: a directory, or a file."""


class Plan(Struct, frozen=True):
    """A containerfile that is built in segments: its stages, and those that are needed. `target` is
    the platform that was asked for, None for none.
    """

    file: Containerfile
    shown: str
    stages: tuple[Stage, ...]
    needed: tuple[int, ...]
    heading: dict[str, str]
    given: Given
    stage_platforms: tuple[str | None, ...]
    target: str | None = None

    def naming(self, full: str) -> Instruction | None:
        """The first of its instructions that names an image or a build context, in full; the FROM
        of a stage whose place the context takes.
        """
        for number in self.needed:
            stage = self.stages[number]
            if stage.base and canonical(stage.base) == full:
                return stage.begin
            for each in stage.instructions:
                if full in map(canonical, sources(each)):
                    return each
        named = (each.begin for each in self.stages if each.name and canonical(each.name) == full)
        return next(named, None)

    def platform(self, number: int) -> str:
        """The platform of the stage of that number."""
        return self.stage_platforms[number] or platforms.host()

    def asked_platform(self, number: int) -> str | None:
        """The platform that somebody asked for of the image which that stage starts from; without
        a word for it a stage takes one of any platform that is in storage (docker 29).
        """
        asked = self.target or self.stages[number].begin.flag("platform")
        return self.stage_platforms[number] if asked else None

    def images(self, context_of: Callable[[str], str | None]) -> tuple[tuple[str, str | None], ...]:
        """The names of images that the needed stages start from or take files of, each with the
        platform that is wanted of it; None for any.

        `context_of` gives the build context that a name stands for, which is no image to be read
        before it is asked for.
        """
        found: dict[tuple[str, str | None], None] = {}
        for number in self.needed:
            stage = self.stages[number]
            own = self.asked_platform(number)
            others = ((name, self.target, True) for name in stage.others)
            for name, platform, numbers in ((stage.base or "", own, False), *others):
                known = earlier(name, self.stages, number, numbers=numbers) is not None
                other = not name or "$" in name or name == SCRATCH or (numbers and name.isdecimal())
                if not known and not other and context_of(name) is None:
                    found[name, platform] = None
        return tuple(found)


class Places(Struct, frozen=True):
    """Where files come from: build contexts, and what `fetch` has from elsewhere. `images` are made
    of what RUNs mount of the build context; None: each as a whole.
    """

    contexts: Contexts
    fetch: Callable[[Remote], Source]
    images: ContextImages | None = None


class Stages:
    """Builds the stages of one containerfile.

    Raises ContainerfileError for what docker refuses, and an engine's errors.
    """

    def __init__(
        self,
        plan: Plan,
        places: Places,
        steps: Steps,
        images: Images,
        reporter: StepReporter,
    ) -> None:
        self._plan = plan
        self._places = places
        self._steps = steps
        self._images = images
        self._reporter = reporter
        self._done: dict[int, State] = {}
        self._mounting = threading.Lock()
        self._of_contexts: dict[tuple[Directory, str], Mounted] = {}

    def last(self) -> State:
        """The end of the stage that is wanted; the others are in storage then."""
        *before, last = self._plan.needed
        for number in before:
            self._result(number, last)
        return self._build(last)

    def _result(self, number: int, _of: int) -> State:
        """The end of a stage, which the stage `of` needs. One that only a trigger of a base image
        names was not built yet.
        """
        if number not in self._done:
            self._done[number] = self._stored(number)
        return self._done[number]

    def _stored(self, number: int) -> State:
        """Build a stage and put it into storage."""
        return self._steps.intermediate(self._build(number), self._reporter_of(number))

    def _reporter_of(self, _number: int) -> StepReporter:
        return self._reporter

    def _build(self, number: int) -> State:
        stage = self._plan.stages[number]
        name = stage_name(stage, number) if len(self._plan.stages) > 1 else None
        instructions = (stage.begin, *stage.instructions)
        progress = Progress(self._reporter_of(number), instructions, name)
        state, triggers = self._begin(number, stage)
        progress.begin(stage.begin)
        places = self._places
        build = StageBuild(
            state,
            Tools(
                self._steps,
                Scopes(self._plan.heading, self._plan.given, lambda _: None),
                Sources(places.contexts.at, self._elsewhere(number), places.fetch),
                progress,
                lambda run, mount, scope: self._mounted(number, run, mount, scope),
                self._refuse,
            ),
        )
        build.do((*triggers, *stage.instructions))
        return build.end()

    def _begin(self, number: int, stage: Stage) -> tuple[State, tuple[Instruction, ...]]:
        """What the stage starts from, and the triggers of its base."""
        name = stage.base or ""
        index, context = self._meaning(name, number, numbers=False)
        if index is not None:
            done = self._result(index, number)
            configuration = configurations.stage_upon(done.configuration)
            state = State(
                done.files, configuration, inherit(done.scope), done.begun, done.arguments
            )
            return state, _triggers(done.configuration, stage)
        if name == SCRATCH:
            context = None  # one of that name takes the place of nothing (docker 29)
        directory = self._places.contexts.of_name(context, "/") if context else None
        if name == SCRATCH or directory is not None:
            configuration = configurations.scratch(platforms.parse(self._plan.platform(number)))
            state = State(Files(), configuration, _scope(configuration))
            return (self._with_files(state, directory, stage) if directory else state), ()
        image = self._images.find(context or name, self._plan.asked_platform(number))
        base = self._steps.configuration_of(image)
        configuration = configurations.stage_upon(base)
        files = self._steps.files_of(image)
        state = State(files, configuration, _scope(configuration), begun=files)
        return state, _triggers(base, stage)

    def _with_files(self, state: State, directory: Directory, stage: Stage) -> State:
        """A stage that starts from a build context has its files."""
        copied = Copying((directory,), "/")
        return self._steps.copy(state, [(stage.begin, copied)])[0]

    def _meaning(self, name: str, number: int, *, numbers: bool) -> tuple[int | None, str | None]:
        """What a name means in the stage of that number: an earlier stage, else the full name of a
        build context, else an image. A context with the name of a stage takes its place.
        """
        index = earlier(name, self._plan.stages, number, numbers=numbers)
        if index is None:
            return None, self._images.context_of(name)
        own = self._plan.stages[index].name
        context = self._images.context_of(own.lower()) if own else None
        return (index, None) if context is None else (None, context)

    def _elsewhere(self, number: int) -> Callable[[str, str], Source]:
        def source(name: str, path: str) -> Source:
            _, context = self._meaning(name, number, numbers=True)
            directory = self._places.contexts.of_name(context, path) if context else None
            return directory or ImageFiles(self._files(number, name).directories, path)

        return source

    def _files(self, number: int, name: str) -> Files:
        """The files of a stage or an image that the stage of that number names."""
        index, context = self._meaning(name, number, numbers=True)
        if index is not None:
            return self._result(index, number).files
        if name == SCRATCH:
            return Files()
        if name.isdecimal():
            raise CopyError(f"--from={name}: there is no stage {name} before this one")
        try:
            image = self._images.find(context or name, self._plan.target)
        except RecipeError as wrong:
            raise CopyError(wrong.message, wrong.hint) from wrong
        return self._steps.files_of(image)

    def _mounted(self, number: int, run: Instruction, mount: Mount, scope: Scope) -> Mounted | None:
        """The image that a mount is of. None for a build context that the engine itself shows, and
        for what is of no files.
        """
        path = expand(mount.source or "/", scope.variables).text
        if mount.origin:
            _, context = self._meaning(mount.origin, number, numbers=True)
            directory = self._places.contexts.of_name(context, path) if context else None
            if directory is None:
                image = self._files(number, mount.origin).image
                return Mounted(image.id) if image else None
        elif mount.type == "cache":
            return None
        else:
            directory = self._places.contexts.at(path)
        writable = bool(mount.writable)
        if mount.type not in {"bind", "cache"}:
            return None
        # A cache is filled from an image, whatever the engine shows.
        if mount.type == "bind" and self._steps.shows(directory, writable=writable):
            return None
        wanted = (directory, self._plan.platform(number))
        # Files are looked at once in a build, however many RUNs mount them, as with BuildKit.
        with stops.held(self._mounting):
            if wanted not in self._of_contexts:
                images = None if mount.origin else self._places.images
                seen = images.look(directory) if images is not None else None
                # A RUN is not done again for times, which are another's in each checkout.
                key = seen.digest(directory) if seen is not None else None
                if key is None:
                    seen = None
                    key = BuildContext(directory.root, Patterns(directory.ignored)).digest(path)
                made = self._image_of(directory, number, run, seen)
                self._of_contexts[wanted] = Mounted(made, MOUNTED, key)
            return self._of_contexts[wanted]

    def _image_of(
        self, directory: Directory, number: int, run: Instruction, seen: Seen | None
    ) -> str:
        """The id of an image that has what is at a path of a build context, as MOUNTED. It is made
        of an earlier one where the files were `seen`.
        """
        configuration = configurations.scratch(platforms.parse(self._plan.platform(number)))
        empty = State(Files(), configuration, _scope(configuration), last=run)
        copying, reporter = Copying((directory,), MOUNTED), self._reporter_of(number)
        kept = self._places.images if seen is not None else None
        state = kept.changed(seen, empty, copying, reporter) if kept and seen else None
        whole = None
        if state is None:
            try:
                state, _ = self._steps.copy(empty, [(run, copying)])
            except LayerOfError as wrong:
                raise self._refuse(run, str(wrong), "") from wrong
            whole = state
        image = self._steps.intermediate(state, reporter).files.image
        if image is None:
            return ""
        if whole is not None and kept and seen:
            kept.keep(seen, whole, copying, image.id)
        return image.id

    def _refuse(self, instruction: Instruction, message: str, hint: str) -> ContainerfileError:
        words = f"{abbreviate(instruction)}: {message}"
        return grammar.error(self._plan.file, instruction, words, 0, hint)


def _scope(configuration: Configuration) -> Scope:
    environment = dict(configuration.environment)
    return Scope(
        dict(environment),
        configuration.working_directory or "/",
        configuration.shell or DEFAULT_SHELL,
        environment=environment,
    )


def _triggers(configuration: Configuration, stage: Stage) -> tuple[Instruction, ...]:
    """What ONBUILD of the base adds to the stage; for messages they stand at its FROM."""
    if not configuration.triggers:
        return ()
    text = "".join(f"{trigger}\n" for trigger in configuration.triggers)
    file = parse(text, f"ONBUILD of {stage.base}")
    for each in file.instructions:
        if each.keyword in {"FROM", "ONBUILD"}:
            raise grammar.error(file, each, f"{each.keyword} can't be the trigger of ONBUILD")
        grammar.check_instruction(file, each)
    line = stage.begin.line
    return tuple(replace(each, line=line, segments=()) for each in file.instructions)

"""The build of an image in segments: what COPY, ADD and WORKDIR make are layers of rbuild's.

The engine does FROM and RUN. What is between them rbuild makes as BuildKit would, whichever engine
it is, and hands over as an image (`images.layers`). Stages that nothing needs are not built.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Final

from rootless_build.backend.api import (
    Engine,
    Image,
    ImageStore,
    UserNamespace,
    image_store,
    saved_images,
)
from rootless_build.backend.build_files import existing_containerfile
from rootless_build.files import plain
from rootless_build.files.private_directories import large_directory
from rootless_build.images import configuration as configurations
from rootless_build.images.asking.answers import Bases
from rootless_build.images.configuration import Configuration
from rootless_build.images.containerfile import file as containerfile
from rootless_build.images.containerfile import grammar
from rootless_build.images.containerfile.escapes import with_backslash
from rootless_build.images.containerfile.names import check_names
from rootless_build.images.containerfile.parser import parse
from rootless_build.images.containerfile.stage_platforms import platforms_of
from rootless_build.images.containerfile.stages import (
    Given,
    Stage,
    declared_arguments,
    heading_variables,
    needed_stages,
    sources,
    split,
)
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.foreign_stages import is_of
from rootless_build.images.layers import handover
from rootless_build.images.layers.client import LayerMaker
from rootless_build.images.rewrite import features
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.images.rewrite.session import check_inside
from rootless_build.images.rewrite.state import abbreviate
from rootless_build.images.segments.bases import Images
from rootless_build.images.segments.context_images import ContextImages
from rootless_build.images.segments.engine_steps import PROXIES, EngineSteps
from rootless_build.images.segments.finishing import finished
from rootless_build.images.segments.limits import check
from rootless_build.images.segments.moments import epoch_of
from rootless_build.images.segments.readings import ImagesTold, Readings
from rootless_build.images.segments.rehearsal import rehearse
from rootless_build.images.segments.remote import Fetching
from rootless_build.images.segments.remote_contexts import with_fetched
from rootless_build.images.segments.sources import ContextFiles
from rootless_build.images.segments.squashing import squashed
from rootless_build.images.segments.stages import Places, Plan, Stages
from rootless_build.images.segments.stages_side_by_side import Limited, StagesSideBySide
from rootless_build.images.segments.steps import State
from rootless_build.images.segments.stopping import Stop, stage_of
from rootless_build.model import platforms, references
from rootless_build.model.errors import ContainerfileError, ImageNotFoundError, RecipeError
from rootless_build.model.events import Level, StepReporter
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace

_MOST_LAYERS: Final = 100
"""What overlayfs takes of one image with room for the layers of a build (128 in podman 4.3.1)."""
_OWN: Final = ("BUILDKIT_", "SOURCE_DATE_EPOCH")
"""What arguments begin with that are for the builder, and need no ARG."""


def stores(engine: Engine) -> Iterator[ImageStore]:
    """The ways to read an engine's images, the best one first."""
    own = image_store(engine)
    if own is not None and _namespace(engine, own) is not None:
        yield own
    if own is None or not own.archives:
        saved = saved_images(engine)
        if saved is not None:
            yield saved


def _namespace(engine: Engine, store: ImageStore) -> UserNamespace | None:
    """Where layers are read; archives are the user's own."""
    return UserNamespace(()) if store.archives else engine.user_namespace


def plan(step: BuildImage, builder: str) -> Plan | None:
    """How the step is built in segments; None where the engine has to do all of it. `builder` is
    the engine's name and version.

    Raises ContainerfileError for what docker would refuse.
    """
    path = existing_containerfile(step)
    known = features.of(builder)
    if path is None or known is None:
        return None
    check_inside(path, step)
    shown = containerfile.display(step, path)
    # Lines of heredocs keep the ends that they have.
    file = parse(plain.content(path).decode(errors="surrogateescape"), shown)
    grammar.check(file)
    if file.escape != "\\":
        file = with_backslash(file)
    target = step.platforms[0] if len(step.platforms) == 1 else None
    given = Given.of(file, step, target)
    contexts = _contexts(step)
    others = contexts | {references.canonical(name) for name, _ in step.substitutes}
    check_names(file, given, step.target, lambda name: references.canonical(name) in others)
    heading, stages = split(file, given)
    variables = heading_variables(heading, given, file.escape)
    needed = _needed(stages, step.target, contexts)
    stage_platforms = platforms_of(stages, variables, target)
    wanted = [stages[number] for number in needed]
    own = [stage_platforms[number] for number in needed]
    check(step, file, wanted, own, classic=known.is_classic)
    return Plan(file, shown, stages, needed, variables, given, stage_platforms, target)


def ending_at(plan: Plan, stop: Stop, step: BuildImage) -> Plan:
    """The plan of a build that ends at one of its RUNs. Raises RecipeError where it has no such."""
    number = stage_of(stop, plan.stages)
    if number is None:
        message = f"{plan.shown} has changed: what failed at line {stop.line} is not there any more"
        raise RecipeError(message, hint="build again, and debug what fails then")
    needed = _needed(plan.stages[: number + 1], None, _contexts(step))
    return replace(plan, needed=needed)


def _contexts(step: BuildImage) -> frozenset[str]:
    """The full names of its build contexts."""
    return frozenset(references.canonical(name) for name, _ in step.build_contexts)


def _needed(
    stages: tuple[Stage, ...], target: str | None, contexts: Collection[str]
) -> tuple[int, ...]:
    names = (stage.name.lower() for stage in stages if stage.name)
    replaced = frozenset(name for name in names if references.canonical(name) in contexts)
    return tuple(sorted(needed_stages(stages, target, replaced)))


def why_unreadable(plan: Plan, images: Images, store: ImageStore) -> str | None:
    """Why an image that the build starts from, or takes files of, can't be read in that way; None
    where each can.

    Raises ImageNotFoundError for one that is nowhere to be had.
    """
    for name, wanted in plan.images(images.context_of):
        try:
            image = images.find(name, wanted)
        except RecipeError:
            continue  # the rehearsal says where it stands
        except ImageNotFoundError as error:
            if (place := _where(plan, name)) is not None:
                error.at(place)
            if names := ", ".join(stage.name for stage in plan.stages if stage.name):
                error.add_note(f"the stages are called {names}")
            raise
        content = store.content(image)
        if content is None:
            return f"{name} is not all in a storage that rbuild can read"
        if len(content.layers) > _MOST_LAYERS and not store.archives:
            return f"{name} has {len(content.layers)} layers"
    return None


def bases_of(plan: Plan, images: Images, store: ImageStore) -> Bases:
    """What an engine is asked for of the images from outside, all of which can be read."""
    triggers: list[Instruction] = []
    own: list[str] = []
    for name, wanted in plan.images(images.context_of):
        with suppress(RecipeError):  # the rehearsal says where it stands
            image = images.find(name, wanted)
            content = store.content(image)
            triggers += _triggers(configurations.read(content.configuration)) if content else ()
            own += [image.id] if is_of(image, platforms.host()) else []
    return Bases(tuple(triggers), tuple(own))


def _triggers(configuration: Configuration) -> Sequence[Instruction]:
    """Those of an image; none where one is wrong, which ends the build."""
    if not configuration.triggers:
        return ()
    with suppress(ContainerfileError):
        file = parse("".join(f"{trigger}\n" for trigger in configuration.triggers))
        for each in file.instructions:
            grammar.check_instruction(file, each)
        return file.instructions
    return ()


def build(
    plan: Plan,
    step: BuildImage,
    engine: Engine,
    store: ImageStore,
    images: Images,
    reporter: StepReporter,
    options: RewriteOptions,
    ahead: LayerMaker | None = None,
) -> Image:
    """Build and tag with one of `stores`; `ahead` is a maker of the engine's that has begun.

    Raises ContainerfileError, RecipeError, LayersUnreadableError, and an engine's errors.
    """
    epoch_of(step)  # before anything is done
    namespace = _namespace(engine, store)
    if namespace is None:
        message = "the images are another user's"
        raise ValueError(message)
    with (
        large_directory() as place,
        nullcontext(ahead) if ahead else LayerMaker(namespace, store.mount_program) as maker,
    ):
        fetching = Fetching(place / "fetched", options.data)
        step, fetched = with_fetched(step, plan, fetching)
        # Of archives nobody knows beforehand which ones a later build finds.
        readings = Readings(options.full) if options.full and not store.archives else None
        reporter = told = ImagesTold(reporter)
        own = replace(options, shown=plan.shown)
        steps = EngineSteps(step, engine, store, maker, own, place, readings)
        _tell_unused(plan, step, reporter)
        _tell_of_caches(step, reporter)
        contexts = rehearse(plan, ContextFiles.of(step, options.own, fetched), steps, images)
        mounted = _mounted(step, store, maker, options, place)
        places = Places(contexts, fetching.fetch, mounted)
        several = len(plan.needed) > 1 and options.stop is None
        kind = StagesSideBySide if several else Stages
        limited = Limited(steps, options.at_once)
        state = kind(plan, places, limited, images, reporter).last()
        if step.squash:
            begin = plan.stages[plan.needed[-1]].begin
            state = squashed(state, steps, begin, reporter)
        # What watches the files of a build waits for its label.
        for name, value in step.labels:
            reporter.instruction(1, 1, f"LABEL {name}={value}")
        whole = finished(state.configuration, step, options.data)
        made = _store(state, whole, step, engine, steps, told)
        if readings is not None and not step.squash:
            readings.keep(state.configuration, made, told.images, place)
        return made


def _mounted(
    step: BuildImage, store: ImageStore, maker: LayerMaker, options: RewriteOptions, place: Path
) -> ContextImages | None:
    """What makes images of what RUNs mount of the build context; None: each is made as a whole."""
    if options.contexts is None or store.archives or options.repeated is not None:
        return None
    level = Level.INFO if options.explain else Level.DETAIL
    return ContextImages(options.contexts, store, maker, place, epoch_of(step), level)


def _store(
    state: State,
    whole: Configuration,
    step: BuildImage,
    engine: Engine,
    steps: EngineSteps,
    reporter: StepReporter,
) -> Image:
    # Put down before it is there: an image of which nobody knows would stay for ever.
    reporter.image(handover.image_id(whole))
    made = steps.store(state, whole)
    for tag in step.tags:
        engine.tag_image(made, tag)
    return made


def _tell_unused(plan: Plan, step: BuildImage, reporter: StepReporter) -> None:
    """Say which arguments no ARG declares: mostly one that is misspelt."""
    known = {name for each in plan.file.instructions for name in _declared(each)}
    unused = [
        name
        for name, _ in step.build_args
        if name not in known
        and name.lower() not in PROXIES
        and name not in platforms.ARGUMENTS
        and not name.startswith(_OWN)
    ]
    if unused:
        text = f"no ARG takes the build argument {', '.join(sorted(unused))}"
        reporter.notice("unused-arguments", text, Level.WARNING)


def _tell_of_caches(step: BuildImage, reporter: StepReporter) -> None:
    """An engine finds a RUN in another storage by the image that it is upon, and those are ours."""
    if step.cache_from:
        names = ", ".join(step.cache_from)
        text = f"--cache-from {names} has no effect: RUNs are looked up in this host's storage"
        reporter.notice("cache-from", text)


def _where(plan: Plan, name: str) -> str | None:
    """Where the containerfile names an image: it may be a stage whose name is misspelt."""
    for stage in (plan.stages[number] for number in plan.needed):
        takers = (each for each in stage.instructions if name in sources(each))
        taker = stage.begin if stage.base == name else next(takers, None)
        if taker is not None:
            return f"{plan.shown}:{taker.line}: {abbreviate(taker)}"
    return None


def _declared(instruction: Instruction) -> set[str]:
    if instruction.keyword != "ARG":
        return set()
    return {name for name, _ in declared_arguments(instruction)}

"""The build of an image: in segments where rbuild knows the engine's builder, else by the engine
alone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from msgspec import Struct

from rootless_build.backend.api import Engine, Image
from rootless_build.backend.build_files import existing_containerfile
from rootless_build.images import foreign_stages
from rootless_build.images.asking.answers import Bases, answers_for
from rootless_build.images.checks.checking import refuse_violations
from rootless_build.images.containerfile.file import text_of
from rootless_build.images.engine_alone import left_alone
from rootless_build.images.layers.client import LayerMaker, LayersUnreadableError
from rootless_build.images.rewrite import features, session
from rootless_build.images.rewrite.features import NO_ANSWERS, Answers
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.images.rewrite.state import Rewrite
from rootless_build.images.segments import build as segments
from rootless_build.images.segments.bases import Images
from rootless_build.images.segments.finishing import without_label
from rootless_build.images.segments.stages import Plan
from rootless_build.model.errors import ImageBuildError, UnsupportedError
from rootless_build.model.events import Level, StepReporter
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace

Watch = Callable[[StepReporter], AbstractContextManager[StepReporter]]
"""Gives the reporter to be talked to while an image is built, and watches the build's files."""


class Explanation(Struct, frozen=True):
    """How a containerfile would be built: what of it is rewritten, and whether in segments."""

    rewrites: tuple[Rewrite, ...]
    in_segments: bool


def build_image(
    step: BuildImage,
    engine: Engine,
    reporter: StepReporter,
    options: RewriteOptions,
    watch: Watch = nullcontext,
    ahead: LayerMaker | None = None,
) -> Image:
    """Build and tag an image; the step has no outputs. `ahead`: see `images.layers.ahead`.

    Raises ContainerfileError for what docker would refuse or can't be done exactly,
    UnsupportedError, and an engine's errors in the words of the containerfile.
    """
    if older := features.older_buildkit(options.builder):
        reporter.notice("older-buildkit", older, Level.DETAIL)
    plan = segments.plan(step, options.builder)
    if options.stop is not None:
        if plan is None:
            message = "this engine builds the whole file by itself, and stops nowhere in it"
            raise UnsupportedError(message, hint="use --backend podman or --backend buildah")
        plan = segments.ending_at(plan, options.stop, step)
    if plan is not None:
        return _in_segments(plan, step, engine, reporter, options, watch, ahead)
    at_once = options.at_once
    with (
        left_alone(step, options.own) as known,
        watch(reporter) as watched,
        at_once.locking() if _locks_caches(known) else nullcontext(),
        at_once.run(known),
    ):
        return _of_its_platform(known, engine, watched)


def _locks_caches(step: BuildImage) -> bool:
    """Whether a RUN of the build may lock a cache: it has the word for it."""
    return "locked" in text_of(step).lower()


def _in_segments(
    plan: Plan,
    step: BuildImage,
    engine: Engine,
    reporter: StepReporter,
    options: RewriteOptions,
    watch: Watch,
    ahead: LayerMaker | None,
) -> Image:
    why, images = "it takes no layers", Images(step, engine, reporter, options.at_once)
    refuse_violations(step, images.find)
    for store in segments.stores(engine):
        unreadable = segments.why_unreadable(plan, images, store)
        if unreadable is None:
            bases = segments.bases_of(plan, images, store)
            asked = _with_answers(options, step, engine, reporter, bases)
            own = None if store.archives else ahead
            try:
                with watch(without_label(reporter)) as watched:
                    return segments.build(plan, step, engine, store, images, watched, asked, own)
            except LayersUnreadableError as error:
                unreadable = error.message
        why = unreadable
        reporter.notice("layers-unreadable", f"layers can't be read where they lie: {why}")
    raise UnsupportedError(
        f"COPY and ADD can't be done with this engine: {why}",
        hint="use podman 4.3 or newer, buildah 1.28 or newer, or docker with BuildKit",
    )


def _with_answers(
    options: RewriteOptions,
    step: BuildImage,
    engine: Engine,
    reporter: StepReporter,
    bases: Bases,
) -> RewriteOptions:
    """The options with what the engine has shown."""
    if options.memory is None:
        return options
    level = Level.INFO if options.explain else Level.DETAIL
    with options.at_once.asking():
        answers = answers_for(step, engine, reporter, options.memory(), bases, level)
    return replace(options, answers=answers)


def _of_its_platform(step: BuildImage, engine: Engine, reporter: StepReporter) -> Image:
    """The image that the engine makes, of the platform that was asked for.

    Raises ImageBuildError, ImageNotFoundError.
    """
    stages = foreign_stages.needed(step)
    wanted = stages[-1].platform if stages and len(step.platforms) < 2 else None
    if foreign_stages.is_foreign(step):
        foreign_stages.check_stand_ins(step, stages, engine)
    image = engine.build_image(step, reporter)
    # Without a word for it a build is of the platform that its base has.
    if step.platforms and wanted is not None and not foreign_stages.is_of(image, wanted):
        message = f"the engine made an image for {image.platform}, and {wanted} was asked for"
        raise ImageBuildError(message, hint="is there a base image of that platform?")
    return image


def explain(step: BuildImage, builder: str, answers: Answers = NO_ANSWERS) -> Explanation:
    """How the step would be built by that builder. `answers` are those that it gave; it is asked
    nothing.

    Nothing is fetched or written. Raises ContainerfileError for what is wrong in the file.
    """
    known = features.of(builder)
    if known is None or existing_containerfile(step) is None:
        return Explanation((), in_segments=False)
    if not known.is_classic:
        # What that can't do is among what is explained.
        segments.plan(step, builder)
    return Explanation(session.explain(step, builder, answers), in_segments=True)

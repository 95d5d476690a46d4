"""The steps of a plan that make images, name them and fetch them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, assert_never

from rootless_build import runner as package
from rootless_build.backend.api import Image, ImageLabel, manifest_lists
from rootless_build.freshness.verdict import Dirty, Verdict
from rootless_build.images.bases import substitutes as bases
from rootless_build.images.own_files import OwnFiles
from rootless_build.model import outputs, references
from rootless_build.model.errors import ImageNotFoundError, UnsupportedError
from rootless_build.model.events import Level, StepReporter, Stopwatch
from rootless_build.model.plan import (
    BuildImage,
    CheckContainerfile,
    PullImage,
    PullPolicy,
    TagImage,
)
from rootless_build.model.structs import replace
from rootless_build.process import stops
from rootless_build.runner import exports, failures, image_ids
from rootless_build.runner.context import Context, Outcome
from rootless_build.runner.explaining import explain
from rootless_build.runner.image_files import export_files
from rootless_build.runner.limits import possible_limits
from rootless_build.runner.preparation import Preparation
from rootless_build.runner.publishing import Publisher
from rootless_build.runner.shared_work import SharedWork
from rootless_build.runner.superseded_images import SupersededImages

if TYPE_CHECKING:
    from rootless_build.freshness.image_builds import ImageBuild
    from rootless_build.images.layers.client import LayerMaker


class ImageSteps:
    """Does them: an image is built unless the one of its name was made of the same inputs."""

    def __init__(
        self,
        context: Context,
        preparation: Preparation,
        publisher: Publisher,
        superseded: SupersededImages,
        shared: SharedWork | None = None,
    ) -> None:
        self._context = context
        self._preparation = preparation
        self._publisher = publisher
        self._superseded = superseded
        self._shared = shared or SharedWork()

    def do(
        self,
        step: BuildImage | TagImage | PullImage | CheckContainerfile,
        reporter: StepReporter,
    ) -> Outcome:
        """Do one of them. Raises an RbuildError."""
        match step:
            case BuildImage():
                return self._build(step, reporter)
            case TagImage():
                return self._tag(step)
            case PullImage():
                return self._pull(step, reporter)
            case CheckContainerfile():
                return self._check(step, reporter)
        assert_never(step)

    def _check(self, step: CheckContainerfile, reporter: StepReporter) -> Outcome:
        """Tell what is asked about a build."""
        failures.check_containerfile(step.build)
        package.build_checks.check(step, self._context.engine, reporter)
        return Outcome(done=True)

    # --- builds ---------------------------------------------------------------------------------

    def _build(self, step: BuildImage, reporter: StepReporter) -> Outcome:
        project = self._context.plan.now.project
        image_ids.clear(step, project)
        if outputs.archives(step):
            package.archive_outputs.check(step, self._context.engine)
        outcome = (
            self._build_platforms(step, reporter)
            or self._find_fresh(step, reporter)
            or self._build_anew(step, reporter)
        )
        if outputs.keeps_image(step) and step.tags:
            image_ids.write(step, self._context.images.get(step.tags[0]), project)
        return outcome

    def _build_platforms(self, step: BuildImage, reporter: StepReporter) -> Outcome | None:
        """What a build for several platforms comes to; None for one that an engine does at once."""
        if len(step.platforms) < 2:
            return None
        lists = manifest_lists(self._context.engine)
        if lists is None and step.tags:
            if step.platform_contexts:
                message = "this engine has the same build contexts for all platforms of an image"
                raise UnsupportedError(message, hint="use --backend podman or --backend buildah")
            return None
        images = package.platform_images.PlatformImages(
            self._context,
            self._preparation,
            self._superseded,
            self._find_fresh,
            self._build_anew,
            self._export,
        )
        return images.do(step, lists, reporter)

    def verdict(self, step: BuildImage) -> Verdict | None:
        """Whether a build has to be done; None where nobody looks."""
        context = self._context
        if context.freshness is None:
            return None
        with stops.held(self._shared.judging):
            return context.freshness.images.judge(step, context.engine)

    def _find_fresh(self, step: BuildImage, reporter: StepReporter) -> Outcome | None:
        """What a build comes to that need not be done; None for one that has to be."""
        context, verdict = self._context, self.verdict(step)
        if verdict is None:
            return None
        if isinstance(verdict, Dirty):
            explain(verdict, context, reporter)
            return None
        if verdict.image is not None:
            if verdict.moved:
                for tag in step.tags:
                    context.engine.tag_image(verdict.image, tag)
            context.images.add(step.tags, verdict.image)
            _tell_image(step, verdict.image, reporter)
        self._superseded.add_fresh(step)
        context.provenance.add_build(step, context.engine)
        return Outcome(saved=verdict.seconds)

    def _build_anew(self, step: BuildImage, reporter: StepReporter) -> Outcome:
        failures.check_containerfile(step)
        rewriting = self._context.options.images.rewriting
        with rewriting.at_once.build() if rewriting else nullcontext():
            return self._build_now(step, reporter)

    def _build_now(self, step: BuildImage, reporter: StepReporter) -> Outcome:
        context, results = self._context, self._context.options.results
        results.begin_build(context.engine)
        self._preparation.prepare(settled=False)
        watch, container_left = Stopwatch(), False
        try:
            with (
                exports.with_containerfile(outputs.image_only(step)) as plain,
                self._maker_ahead(plain) as ahead,
            ):
                image, building = self._build_recorded(step, plain, ahead, reporter)
        finally:
            context.provenance.settle()
        reporter.flush()
        context.images.add(plain.tags, image)
        try:
            container_left = self._export(step, {"": image}, reporter)
            results.take_image(image, context.labels, context.engine)
        finally:
            if not outputs.keeps_image(step):
                self._shared.discard(image, context.engine)
        if building and (changed := self._end(building, image, watch.seconds)):
            text = f"while the image was built {changed}; the next run builds it again"
            reporter.notice("changed-meanwhile", text, Level.WARNING)
        self._superseded.add_built(step, image)
        _tell_image(step, image, reporter)
        return Outcome(done=True, container_left=container_left)

    def _end(self, building: ImageBuild, image: Image, seconds: float) -> str:
        """Put a build down. Says what changed meanwhile."""
        changed = building.finish(image, seconds)
        if self._context.options.images.incremental:
            package.incremental_builds.end(building, changed=bool(changed))
        return changed

    def _export(
        self, step: BuildImage, images: Mapping[str, Image], reporter: StepReporter
    ) -> bool:
        """Write the outputs of a build whose images these are, by platform, to this host.

        Says whether a container that was made for it is still there.
        """
        if outputs.archives(step):
            package.archive_outputs.write(step, tuple(images.values()), self._context.engine)
        if not outputs.files(step):
            return False
        # Bundles are published as a whole.
        in_bundles = self._publisher.stages(step)
        with stops.held(self._shared.publishing) if in_bundles else nullcontext():
            return export_files(step, images, self._context, self._publisher, reporter)

    def _maker_ahead(self, step: BuildImage) -> AbstractContextManager[LayerMaker | None]:
        """What makes layers, begun before it is known what of: that takes a while."""
        if self._context.options.images.rewriting is None:
            return nullcontext()
        # A run that changes nothing makes none.
        from rootless_build.images.layers.ahead import maker_ahead  # noqa: PLC0415

        return maker_ahead(step, self._context.engine)

    def _build_recorded(
        self,
        step: BuildImage,
        plain: BuildImage,
        ahead: LayerMaker | None,
        reporter: StepReporter,
    ) -> tuple[Image, ImageBuild | None]:
        """The image of the `plain` step, which has no outputs, and what watched its files."""
        context = self._context
        with stops.held(self._shared.fetching):
            prepared = bases.substitute_bases(plain, context.engine, reporter)
        context.provenance.add_build(step, context.engine)
        building = (
            context.freshness.images.begin(step, context.engine) if context.freshness else None
        )
        with self._superseded.record(step, reporter) as journal:
            own = journal.reporter(reporter) if journal else reporter
            image = self._build_labelled(prepared, building, ahead, own)
            if journal:
                journal.note_result(image.id)
        return image, building

    def _build_labelled(
        self,
        step: BuildImage,
        building: ImageBuild | None,
        ahead: LayerMaker | None,
        reporter: StepReporter,
    ) -> Image:
        context, plan = self._context, self._context.plan.now
        label = ImageLabel(str(plan.project), building.fingerprint if building else "")
        limits = possible_limits(step.limits, context.engine, reporter)
        labels = (*step.labels, label.pair)
        step = replace(step, labels=labels, limits=limits, image_id_file=None)
        rewriting = context.options.images.rewriting
        if rewriting is None:
            with self._watch(building, reporter) as watched:
                return context.engine.build_image(step, watched)
        own = OwnFiles.of(plan, rewriting.own.whole)
        rewriting = replace(rewriting, own=own)
        if building and context.options.images.incremental:
            incremental = package.incremental_builds.IncrementalBuild(context, building)
            image = incremental.attempt(step, own, ahead, reporter)
            if image is not None:
                return image
            kept = incremental.contexts(own)
            rewriting = replace(rewriting, full=incremental.begin(), contexts=kept)
        # A run that changes nothing reads no containerfile: 20 ms.
        from rootless_build.images.building import build_image  # noqa: PLC0415

        return build_image(
            step,
            context.engine,
            reporter,
            rewriting,
            lambda inner: self._watch(building, inner),
            ahead,
        )

    def _watch(
        self, building: ImageBuild | None, reporter: StepReporter
    ) -> AbstractContextManager[StepReporter]:
        return building.watch(reporter) if building else nullcontext(reporter)

    # --- names ----------------------------------------------------------------------------------

    def _tag(self, step: TagImage) -> Outcome:
        context = self._context
        image = context.images.find(step.image, context.engine)
        if image is None:
            raise ImageNotFoundError(
                f"the image {step.image} is not in storage", reference=step.image
            )
        if (together := self._tag_list(step)) is not None:
            context.images.add((step.name,), image)
            return together
        before = context.engine.find_image(step.name)
        context.images.add((step.name,), image)
        new = before is None or before.id != image.id
        if new:
            self._preparation.prepare()
            context.engine.tag_image(image, step.name)
        self._superseded.record_name(image, step.name, new=new)
        return Outcome(done=new)

    def _tag_list(self, step: TagImage) -> Outcome | None:
        """Give the name to all of an image of several platforms; None for what is none."""
        lists = manifest_lists(self._context.engine)
        identity = lists.find(step.image) if lists else None
        if lists is None or identity is None:
            return None
        if lists.find(step.name) == identity:
            return Outcome()
        self._preparation.prepare()
        lists.name(identity, step.name)
        return Outcome(done=True)

    def _pull(self, step: PullImage, reporter: StepReporter) -> Outcome:
        engine = self._context.engine
        asks = step.pull is PullPolicy.ALWAYS
        if not asks and bases.in_storage(step.image, engine) is not None:
            return Outcome()
        self._preparation.prepare()
        bases.stand_in(step.image, step.pull, engine, reporter)
        return Outcome(done=True)


def _tell_image(step: BuildImage, image: Image, reporter: StepReporter) -> None:
    """Tell what image a build has, if one stays of it."""
    if not outputs.keeps_image(step):
        return
    names = [tag for tag in step.tags if not tag.startswith(references.OWN)]
    platform = step.platforms[0] if len(step.platforms) == 1 else ""
    reporter.image_ready(names, image.id, platform)

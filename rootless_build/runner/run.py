"""Executes a plan on an engine: order, labels, staging and publishing of bundles, clean-up.

It knows no engine, and prints nothing: what happens goes out as events.
"""

from __future__ import annotations

import os
import secrets
import shlex
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, assert_never

from msgspec import Struct, field

from rootless_build.backend import caller
from rootless_build.backend.api import (
    LABEL_BUILD,
    LABEL_PLAN,
    LABEL_PROCESS,
    LABEL_PROJECT,
    Container,
    Engine,
    Exit,
    Image,
    ImageLabel,
    Stdio,
)
from rootless_build.backend.cached import RememberingEngine
from rootless_build.files.private_directories import private_directory
from rootless_build.freshness.container_runs import ContainerRuns
from rootless_build.freshness.image_builds import ImageBuild
from rootless_build.freshness.plan_freshness import PlanFreshness
from rootless_build.freshness.verdict import Dirty, Verdict
from rootless_build.images.bases import substitutes as bases
from rootless_build.images.own_files import OwnFiles
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.model import errors, mounts, outputs, references, text
from rootless_build.model.errors import (
    BundlesError,
    ContainerLeftError,
    ImageNotFoundError,
    RbuildError,
    RecipeError,
    StepFailedError,
    UnsupportedError,
    reason,
)
from rootless_build.model.events import (
    BundlesPublished,
    Emit,
    Level,
    Notice,
    StepFinished,
    StepReporter,
    StepStarted,
    Stopwatch,
)
from rootless_build.model.plan import (
    BuildImage,
    HostCommand,
    Limits,
    Plan,
    PullImage,
    PullPolicy,
    RemoveVolume,
    RunContainer,
    Step,
    TagImage,
    Unexpanded,
    VolumeMount,
    digest,
)
from rootless_build.model.structs import replace
from rootless_build.process import identity, programs
from rootless_build.runner import (
    cache_volumes,
    exports,
    failures,
    image_ids,
    interactive,
    mount_points,
)
from rootless_build.runner.dind import without_dind
from rootless_build.runner.masking import Mask

if TYPE_CHECKING:
    from rootless_build.bundles import Staging
    from rootless_build.images.bases.executables import Substitute
    from rootless_build.images.image_records import ImageRecords, Journal
    from rootless_build.runner.host_power import Named, Rules
    from rootless_build.runner.provenance import Attestor
    from rootless_build.runner.reproduction import Reproduction


_INTERRUPTED: Final = 128 + signal.SIGINT


class Options(Struct, frozen=True):
    """`rootful` allows what has power over the host. `terminal` allows a
    container to take over rbuild's terminal (never with a JSON log). `own_command`: the container
    runs what the user asked for, not what the recipe says (`rbuild run`): Ctrl-C is its own, and it
    need not have written anything. `explain` says at every step why it is done. `fresh` gives
    containers no caches. `building` says how containerfiles are rewritten (None: not at all).
    `checksums`: binaries that the project makes none for get them.
    """

    rootful: bool = False
    attest: Callable[[], Attestor] | None = None
    """What makes the provenance of the bundles; None: they get none."""
    terminal: bool = True
    own_command: bool = False
    publishing: Callable[[], AbstractContextManager[bool]] = lambda: nullcontext(True)
    """Within it the bundles may be written to; gives whether nobody else has them mounted."""
    left: Path | None = None
    """Where it is kept what runs that were not alone leave for the last (`left_files`)."""
    failed: Path | None = None
    """Where the files are kept that a failed container wrote; None: nowhere."""
    explain: bool = False
    fresh: bool = False
    building: RewriteOptions | None = None
    checksums: bool = False
    reproduction: Reproduction | None = None
    """What new bundles and images are compared in, instead of being published and kept."""
    check: Callable[[RunContainer], object] = lambda _: None
    """Raises UnsupportedError for a container that the engine has no way to do."""
    foreseen: Callable[[], Mapping[str, Image | None]] = dict
    """What was found out of images before; it may take its time."""
    images: Callable[[], ImageRecords] | None = None
    """Where it is put down which images were built; None: nowhere."""
    bundles: Path | None = None
    """Where the project has bundles, be it that this plan makes none."""
    keep_images: int = 0
    """How many images that were replaced stay, of each step."""
    unprivileged: bool = False
    """Containers that were privileged are not: Docker's hack/dind is left out."""
    named: Callable[[], Named] | None = None
    """What the command line itself names of this host; None: nothing."""
    isolated: bool = True
    """Whether containers have namespaces of their own."""
    expand: Callable[[Unexpanded, programs.OnOutput], Plan] | None = None
    """Gives the plan with what such a step is now in its place."""
    foresee: Callable[[], Foreseen | None] = lambda: None
    """Gives the plan with what its containers are if nothing is done before them."""
    mask: Mask = field(default_factory=Mask)
    """What hides the secrets that steps give to containers and builds."""


class Foreseen(Struct, frozen=True):
    """A plan as it will be, if nothing is done in between; `keep` makes it the plan."""

    plan: Plan
    keep: Callable[[], None]


def needs_engine(plan: Plan) -> bool:
    """Whether a step of the plan is an engine's; a `help` target has none."""
    return not all(isinstance(step, HostCommand) for step in plan.steps)


class Summary(Struct, frozen=True):
    """What a run did. `done` says whether anything had to be; `saved` are the seconds that what
    was not done, or was found in a cache, took an earlier run. `container_left`: one that should
    be gone is there.
    """

    done: bool = False
    saved: float = 0.0
    container_left: bool = False


def run(
    plan: Plan,
    engine: Engine | None,
    options: Options,
    emit: Emit,
    freshness: PlanFreshness | None = None,
) -> Summary:
    """Do every step in order, but for those that `freshness` finds done; the first that fails ends
    it.

    `engine` may be None for a plan that needs none.

    Raises an RbuildError whose `where` names the step.
    """
    return _Run(plan, engine, options, emit, freshness).all()


class _Run:
    def __init__(
        self,
        plan: Plan,
        engine: Engine | None,
        options: Options,
        emit: Emit,
        freshness: PlanFreshness | None,
    ) -> None:
        self._plan = plan
        self._freshness = freshness
        self._skip: bool | None = None
        self._running: ContainerRuns | None = None
        self._containers_to_run = _containers(plan)
        self._in_containers = 0.0
        self._cached = False
        self._prepared = False
        self._published_any = False
        # Of the step that is done: what it wrote is published at its end, and has been.
        self._bundles_stay = False
        self._bundles_new = False
        self._attestor: Attestor | None = None
        self._substitutes: tuple[Substitute, ...] = ()
        self._found_built: list[BuildImage] = []
        self._summary = Summary()
        self._rules: Rules | None = None
        self._number = 0
        # What takes an engine's time is time in which files change, too.
        changed = freshness.forget if freshness else None
        self._given_engine = (
            RememberingEngine(engine, options.foreseen, changed) if engine else None
        )
        self._options = options
        self._emit = options.mask.emitting(emit)
        self._built: dict[str, Image] = {}
        self._made: set[str] = set()
        self._replacing: list[BuildImage] = []
        self._container_labels = (
            (LABEL_PROJECT, str(plan.project)),
            (LABEL_BUILD, secrets.token_hex(8)),
            (LABEL_PLAN, digest(plan)),
            (LABEL_PROCESS, identity.of_this()),
        )

    @property
    def _engine(self) -> RememberingEngine:
        assert self._given_engine is not None  # noqa: S101 - needs_engine() has said so
        return self._given_engine

    def all(self) -> Summary:
        self._rules = self._rules_here() if needs_engine(self._plan) else None
        self._refuse_power(None)
        number = 0
        while number < len(self._plan.steps):
            number += 1
            while isinstance(step := self._plan.steps[number - 1], Unexpanded):
                self._expand(step, number)
                if number > len(self._plan.steps):
                    # What it came to is done already, or is not wanted.
                    return self._summary
            self._number, of = number, len(self._plan.steps)
            last = self._last_naming()
            self._options.mask.learn(step)
            self._emit(StepStarted(number, of, step.kind, title(step)))
            watch = Stopwatch()
            self._bundles_stay = isinstance(step, BuildImage) or self._stages(step)
            self._bundles_new = False
            reporter = StepReporter(self._emit, number, self._options.mask.stream)
            try:
                self._refuse_power(number)
                done = self._step(step, reporter)
                if number == last or (number == of and self._published_any):
                    self._remove_replaced(reporter)
            except KeyboardInterrupt as interrupt:
                self._say_what_is_kept(interrupt, number)
                self._options.mask.error(interrupt)
                raise
            except RbuildError as error:
                if number <= last:
                    self._remove_replaced(reporter)
                error.step = error.step or number
                place = f"step {number} of {of}"
                failures.complete(error, step, title(step), place, watch.seconds)
                self._say_what_is_kept(error, number)
                self._options.mask.error(error)
                status = error.status if isinstance(error, StepFailedError) else None
                self._emit(StepFinished(number, of, step.kind, status or 1, watch.seconds))
                raise
            self._emit(StepFinished(number, of, step.kind, 0, watch.seconds, cached=not done))
            self._summary = replace(self._summary, done=self._summary.done or done)
        return self._summary

    def _rules_here(self) -> Rules | None:
        """What a plan may not do here; None for a user who has no power to give away."""
        rootless, root = self._engine.rootless, os.getuid() == 0
        if rootless and not root and not self._options.unprivileged:
            return None
        # Few users have a power to give away.
        from rootless_build.runner.host_power import Rules  # noqa: PLC0415

        options = self._options
        return Rules(rootless, root, options.rootful, options.unprivileged, options.isolated)

    def _refuse_power(self, number: int | None) -> None:
        """Of the whole plan before its first step; of a step when its turn comes, for one before it
        may have made a link of what it mounts.
        """
        rules = self._rules
        if rules is None or not rules.bind:
            return
        from rootless_build.runner import host_power  # noqa: PLC0415 - as above

        named = self._options.named() if self._options.named else host_power.Named()
        if number is None:
            asked = host_power.powers(self._plan, named, rules)
        else:
            asked = host_power.of_step(number, self._plan, named, rules)
        host_power.check(self._plan, asked, rules)

    def _last_naming(self) -> int:
        """The number of the last step that may give images names."""
        naming = (BuildImage, TagImage, Unexpanded)
        places = (n for n, step in enumerate(self._plan.steps, 1) if isinstance(step, naming))
        return max(places, default=0)

    def _expand(self, step: Unexpanded, number: int) -> None:
        """The plan has from now on what the step is."""
        self._bundles_stay, self._bundles_new = True, False
        watch = Stopwatch()
        of = len(self._plan.steps)
        reporter = StepReporter(self._emit, number, self._options.mask.stream)
        try:
            self._take(self._expanded(step, reporter), number - 1)
        except (RbuildError, KeyboardInterrupt) as error:
            self._emit(StepStarted(number, of, step.kind, title(step)))
            self._say_what_is_kept(error, number)
            self._remove_replaced(reporter)
            if isinstance(error, RbuildError):
                error.step = error.step or number
                place = f"step {number} of {of}"
                failures.complete(error, step, title(step), place, watch.seconds)
                status = error.status if isinstance(error, StepFailedError) else None
                self._emit(StepFinished(number, of, step.kind, status or 1, watch.seconds))
            self._options.mask.error(error)
            raise

    def _expanded(self, step: Unexpanded, reporter: StepReporter) -> Plan:
        assert self._options.expand is not None  # noqa: S101 - whoever plans such a step can do it
        try:
            return self._options.expand(step, reporter.output)
        except StepFailedError as error:
            reporter.flush()
            error.last_words = error.last_words or reporter.last_words or None
            raise
        finally:
            reporter.flush()
            if self._given_engine is not None:
                self._given_engine.forget()

    def _take(self, plan: Plan, done: int) -> None:
        """The plan is another one from now on, after the steps that are done."""
        if plan.steps[:done] != self._plan.steps[:done]:
            raise RecipeError(
                "what the line turns out to be changes what an option means for the steps before",
                hint="name the image that -f, --file is for: -f IMAGE=FILE",
            )
        before, self._plan = self._plan, plan
        self._containers_to_run += _containers(plan) - _containers(before)
        self._refuse_power(None)
        building = self._options.building
        if building is not None:
            own = OwnFiles.of(plan, building.own.whole)
            building = replace(building, own=own)
            self._options = replace(self._options, building=building)
        if self._freshness is not None:
            self._freshness.follow(plan)
        if self._attestor is not None:
            self._attestor.take(plan)
        if self._prepared:
            self._check_all()

    def _say_what_is_kept(self, error: BaseException, number: int) -> None:
        """Staged bundles are published when all is well; what a command of the host does is not
        known.
        """
        if self._bundles_new:
            error.add_note("the new bundles are published")
        elif self._plan.bundles is not None and self._bundles_stay and not _is_told(error):
            before = self._plan.steps[: number - 1]
            changed = self._published_any or any(map(_may_change_bundles, before))
            error.add_note(f"the bundles are as they were{' before this step' if changed else ''}")

    def _prepare(self) -> None:
        """Something will be done."""
        if not self._prepared:
            self._prepared = True
            # What can't be done is said before the image is built for it.
            self._check_containers()
            if self._containers_to_run:
                self._engine.warm_up()
            self._attestor = self._options.attest() if self._options.attest else None
            if self._attestor is not None:
                self._attestor.take(self._plan)
            for step in self._found_built:
                self._attest(step)
            self._check_bundles()

    def _check_all(self) -> None:
        self._check_containers()
        self._check_bundles()

    def _check_containers(self) -> None:
        for number, step in enumerate(self._plan.steps, 1):
            if isinstance(step, RunContainer):
                self._check(step, number)

    def _check(self, step: RunContainer, number: int) -> None:
        try:
            self._options.check(step)
        except UnsupportedError as error:
            place = f"step {number} of {len(self._plan.steps)}: {title(step)}"
            error.step = number
            error.where = f"{place} ({step.origin})" if step.origin else place
            raise

    def _check_bundles(self) -> None:
        """What would keep the results from being published is said before they are made."""
        wanted = self._plan.bundles
        if wanted and any(self._stages(step) for step in self._plan.steps):
            # A run that changes nothing makes no bundles: 20 ms.
            from rootless_build import bundles  # noqa: PLC0415

            bundles.check(wanted.directory)

    def _stages(self, step: Step, image: Image | None = None) -> bool:
        """Whether the step's bundles are published when it has ended, not written in place.

        `image` is the container's, where it is known: it may bring a shell to work in.
        """
        wanted = self._plan.bundles
        if isinstance(step, BuildImage):
            return outputs.in_bundles(step, wanted)
        if wanted is None or not isinstance(step, RunContainer):
            return False
        if not mounts.makes_bundles(step, wanted):
            return False
        if mounts.copied_from(step, wanted, remote=self._engine.remote) is not None:
            return True
        # What a person does in a shell is there at once.
        return self._options.own_command or not self._is_by_hand(step, image)

    def _is_by_hand(self, step: RunContainer, image: Image | None) -> bool:
        streams = interactive.stdio(step, terminal=self._options.terminal)
        return interactive.is_by_hand(step, image, streams)

    def _step(self, step: Step, reporter: StepReporter) -> bool:
        """Whether anything had to be done."""
        match step:
            case BuildImage():
                return self._build(step, reporter)
            case RunContainer():
                return self._run(step, reporter)
            case HostCommand():
                _host_command(step, reporter)
                if self._given_engine is not None:
                    self._given_engine.forget()
            case RemoveVolume():
                for name in step.names:
                    self._engine.remove_volume(name)
            case TagImage():
                return self._tag(step)
            case PullImage():
                return self._pull(step, reporter)
            case Unexpanded():
                raise AssertionError(step)
            case _:
                assert_never(step)
        return True

    def _is_done(self, verdict: Verdict, reporter: StepReporter) -> bool:
        if isinstance(verdict, Dirty):
            level = Level.INFO if self._options.explain else Level.DETAIL
            reporter.notice("explain", f"because: {verdict.reason}", level)
            return False
        self._saves(verdict.seconds)
        return True

    def _saves(self, seconds: float) -> None:
        self._summary = replace(self._summary, saved=self._summary.saved + seconds)

    def _build(self, step: BuildImage, reporter: StepReporter) -> bool:
        image_ids.clear(step, self._plan.project)
        done = self._build_image_of(step, reporter)
        if outputs.keeps_image(step) and step.tags:
            image_ids.write(step, self._built.get(step.tags[0]), self._plan.project)
        return done

    def _build_image_of(self, step: BuildImage, reporter: StepReporter) -> bool:
        if self._freshness is not None:
            verdict = self._freshness.images.judge(step, self._engine)
            if not isinstance(verdict, Dirty) and verdict.image is not None:
                self._built |= dict.fromkeys(step.tags, verdict.image)
            if self._is_done(verdict, reporter):
                self._found_built.append(step)
                self._attest(step)
                return False
        failures.check_containerfile(step)
        again = self._options.reproduction
        if again is not None:
            again.begins(self._engine)
        self._prepare()
        watch = Stopwatch()
        with exports.with_containerfile(outputs.image_only(step)) as plain:
            prepared = bases.substitute_bases(plain, self._engine, reporter)
            self._attest(step)
            building = self._freshness.images.begin(step, self._engine) if self._freshness else None
            with self._recorded(step, reporter) as journal:
                own = journal.reporter(reporter) if journal else reporter
                image = self._build_labelled(prepared, building, own)
                if journal:
                    journal.note_result(image.id)
        reporter.flush()
        for tag in plain.tags:
            self._built[tag] = image
        try:
            if outputs.files(step):
                self._export(step, image, reporter)
            if again is not None:
                again.built(image, self._container_labels, self._engine)
        finally:
            if not outputs.keeps_image(step):
                self._engine.discard_image(image)
        if building and (changed := building.finish(image, watch.seconds)):
            text = f"while the image was built {changed}; the next run builds it again"
            reporter.notice("changed-meanwhile", text, Level.WARNING)
        self._made.add(image.id.removeprefix("sha256:"))
        if again is None:
            self._replacing.append(step)
        return True

    def _remove_replaced(self, reporter: StepReporter) -> None:
        """The images before those of this run go; where they can't, all is done all the same.

        They may have names until the last step that gives one; what the bundles were made in stays
        for `rbuild reproduce`, until there are new ones.
        """
        # With new bundles nobody needs any more what those before were made in.
        steps = (*self._replacing, *(self._found_built if self._published_any else ()))
        if self._options.images is None or not steps:
            return
        try:
            needed = self._made | self._made_bundles()
            for step in steps:
                self._remove_replaced_by(step, self._options.images(), needed, reporter)
        except (RbuildError, OSError) as error:
            text = f"what was replaced stays for now: {reason(error)}"
            reporter.notice("not-removed", text, Level.DETAIL)

    def _made_bundles(self) -> set[str]:
        """The ids of the images that the bundles were made in."""
        # As above.
        from rootless_build.bundles import provenance  # noqa: PLC0415

        places = {self._options.bundles, self._plan.bundles and self._plan.bundles.directory}
        roots = [place.resolve() for place in places if place and place.is_dir()]
        return {image for root in roots for image in provenance.images(root).values()}

    def _remove_replaced_by(
        self, step: BuildImage, records: ImageRecords, needed: set[str], reporter: StepReporter
    ) -> None:
        # As above.
        from rootless_build.images import image_records, superseded  # noqa: PLC0415

        made = image_records.of_build(step, self._plan.project)
        keep = self._options.keep_images
        gone, stay = superseded.remove_superseded(records, made, self._engine, keep, needed)
        if gone:
            text = f"the image that was replaced is gone, and {gone - 1} of its instructions"
            reporter.notice("replaced", text if gone > 1 else text.partition(",")[0], Level.DETAIL)
        if stay:
            text = f"{stay} replaced images stay, for they are used; rbuild clean --images says why"
            reporter.notice("not-removed", text, Level.DETAIL)

    def _recorded(
        self, step: BuildImage, reporter: StepReporter
    ) -> AbstractContextManager[Journal | None]:
        """What the build makes comes on record."""
        if self._options.images is None:
            return nullcontext()
        # A run that changes nothing builds none.
        from rootless_build.images import image_records  # noqa: PLC0415

        made = image_records.of_build(step, self._plan.project)
        return image_records.record_build(self._options.images(), made, self._engine, reporter)

    def _tag(self, step: TagImage) -> bool:
        image = self._built.get(step.image) or bases.in_storage(step.image, self._engine)
        if image is None:
            raise ImageNotFoundError(
                f"the image {step.image} is not in storage", reference=step.image
            )
        before = self._engine.find_image(step.name)
        self._built[step.name] = image
        done = before is None or before.id != image.id
        if done:
            self._prepare()
            self._engine.tag_image(image, step.name)
        if self._options.images is not None and (
            done or image.id.removeprefix("sha256:") in self._made
        ):
            # What is not on record stays.
            with suppress(OSError, RbuildError):
                records = self._options.images()
                records.add_name(image.id, step.name, str(self._plan.project), self._engine)
        return done

    def _pull(self, step: PullImage, reporter: StepReporter) -> bool:
        asks = step.pull is PullPolicy.ALWAYS
        if not asks and bases.in_storage(step.image, self._engine) is not None:
            return False
        self._prepare()
        bases.stand_in(step.image, step.pull, self._engine, reporter)
        return True

    def _attest(self, step: BuildImage) -> None:
        if self._attestor is not None:
            self._attestor.builds(step, self._engine)

    def _export(self, step: BuildImage, image: Image, reporter: StepReporter) -> None:
        """Copy the image's files to every output; those in the bundles are staged together."""
        # As above.
        from rootless_build import bundles  # noqa: PLC0415

        wanted = self._plan.bundles if self._stages(step) else None
        made = outputs.files(step)
        with ExitStack() as stack:
            staging = stack.enter_context(bundles.stage(wanted.directory)) if wanted else None
            near = staging.path if staging else outputs.destination(made[0])
            copied = stack.enter_context(exports.place_near(near))
            if self._attestor is not None:
                self._attestor.runs(_name(step), image)
            with self._telling_what_stays(reporter):
                self._engine.copy_image(image, self._container_labels, copied)
            for output in made:
                if staging is None or wanted is None or not outputs.is_inside(output, wanted):
                    exports.write(copied, output)
                    continue
                staged = outputs.moved(output, wanted.directory, staging.path)
                if output.type == "tar":
                    staging.check_target(outputs.destination(staged))
                    exports.write(copied, staged)
                else:
                    staging.merge(copied, outputs.destination(staged))
            if staging is not None:
                self._published(staging)

    def _build_labelled(
        self, step: BuildImage, building: ImageBuild | None, reporter: StepReporter
    ) -> Image:
        label = ImageLabel(str(self._plan.project), building.fingerprint if building else "")
        limits = self._possible(step.limits, reporter)
        labels = (*step.labels, label.pair)
        step = replace(step, labels=labels, limits=limits, image_id_file=None)
        if self._options.building is None:
            return self._build_image(step, building, reporter)
        # A run that changes nothing reads no containerfile: 20 ms.
        from rootless_build.images.rewrite.session import rewrite_build  # noqa: PLC0415

        with rewrite_build(step, self._engine, reporter, self._options.building) as (known, own):
            return self._build_image(known, building, own)

    def _build_image(
        self, step: BuildImage, building: ImageBuild | None, reporter: StepReporter
    ) -> Image:
        if building is None:
            return self._engine.build_image(step, reporter)
        with building.watch(reporter) as watched:
            return self._engine.build_image(step, watched)

    def _run(self, step: RunContainer, reporter: StepReporter) -> bool:
        stdio = interactive.stdio(step, terminal=self._options.terminal)
        if self._freshness is not None and self._skip is None:
            self._skip = self._need_not_run(self._freshness, stdio, reporter)
        if self._skip:
            return False
        self._prepare()
        image = self._image(step, reporter)
        if self._attestor is not None:
            self._attestor.runs(step.image, image)
        if self._running is not None:
            self._running.start(step, image)
        watch = Stopwatch()
        self._run_in(step, image, stdio, reporter)
        self._in_containers += watch.seconds
        self._containers_to_run -= 1
        if self._running is not None:
            self._running.end(step, image, watch.seconds)
        if self._freshness is not None and not self._containers_to_run:
            if self._running is not None:
                self._running.finish()
            if not self._freshness.containers.waits():
                self._compare_with_cold(self._freshness)
        return True

    def _need_not_run(self, freshness: PlanFreshness, stdio: Stdio, reporter: StepReporter) -> bool:
        """Whether all containers would come to what is there."""
        if self._has_shell():
            return self._is_done(Dirty("somebody works in its container"), reporter)
        ahead = self._options.foresee() if freshness.containers.waits() else None
        if ahead is not None:
            freshness.follow(ahead.plan)
        verdict = freshness.containers.judge(self._in_storage, piped=stdio is Stdio.PIPED)
        if self._is_done(verdict, reporter):
            if ahead is not None:
                ahead.keep()
                self._take(ahead.plan, self._number - 1)
            return True
        freshness.follow(self._plan)
        self._running = freshness.containers.begin()
        return False

    def _has_shell(self) -> bool:
        """Whether somebody works in one of the containers."""
        steps = (step for step in self._plan.steps if isinstance(step, RunContainer))
        return any(
            self._is_by_hand(step, None if step.command else self._in_storage(step))
            for step in steps
            if step.interactive
        )

    def _in_storage(self, step: RunContainer) -> Image | None:
        if step.pull is PullPolicy.ALWAYS:
            return None
        return self._built.get(step.image) or bases.in_storage(step.image, self._engine)

    def _compare_with_cold(self, freshness: PlanFreshness) -> None:
        """What the caches saved: the first run of a target finds them empty."""
        cold = freshness.containers.cold_seconds()
        if not self._cached or not cold:
            freshness.containers.keep_cold_seconds(self._in_containers)
        elif not freshness.forced:
            self._saves(max(cold - self._in_containers, 0.0))

    def _run_in(
        self, step: RunContainer, image: Image, stdio: Stdio, reporter: StepReporter
    ) -> None:
        if self._options.unprivileged:
            step = without_dind(step, image)
        step = replace(step, limits=self._possible(step.limits, reporter))
        step = self._as_caller(step, image, reporter)
        kept: tuple[VolumeMount, ...] = ()
        if not self._options.fresh:
            kept = cache_volumes.volumes(step, image, self._plan.project)
            self._cached = self._cached or bool(kept)
        step = replace(
            step,
            labels=self._container_labels + step.labels,
            tty=stdio is Stdio.TERMINAL,
            mounts=step.mounts + kept,
        )
        # As above.
        from rootless_build import bundles  # noqa: PLC0415
        from rootless_build.images.bases import executables  # noqa: PLC0415
        from rootless_build.runner import (  # noqa: PLC0415
            git_settings,
            left_files,
        )

        with ExitStack() as stack:
            staging, copied_from = None, None
            wanted = self._plan.bundles
            staged = self._stages(step, image)
            self._bundles_stay = staged
            if wanted:
                mounts.refuse_links_out(step, wanted.directory)
            if wanted and staged:
                copied_from = mounts.copied_from(step, wanted, remote=self._engine.remote)
                if mounts.lie_in_a_mount(step, wanted.directory):
                    stack.enter_context(bundles.mount_point(wanted.directory))
                staging = stack.enter_context(bundles.stage(wanted.directory))
                stack.push(self._after_failure(staging, reporter))
                step = mounts.staged(step, wanted.directory, staging.path)
            if step.caller_ids is not None:
                mount_points.make_mount_points(step)
            if self._engine.remote:
                step = mounts.without_bundles(step, staging.path if staging else None)
            stack.enter_context(git_settings.changes_told(step, self._plan.project, reporter))
            stack.enter_context(self._telling_what_stays(reporter))
            container = stack.enter_context(self._engine.container(step, image))
            place = left_files.Place(
                self._plan.project, self._options.publishing, self._options.left
            )
            private = staging.path if staging else None
            with left_files.given_back(step, place, private, self._engine, reporter.notice):
                ended = self._ended(container, stdio, reporter, stays=staging is None)
            if ended.status:
                raise failures.of_container(step, ended, reporter.last_words)
            if staging is not None:
                self._substitutes = executables.read(image, container, staging.path.parent)
                self._publish(staging, container, copied_from)

    def _ended(
        self, container: Container, stdio: Stdio, reporter: StepReporter, *, stays: bool
    ) -> Exit:
        """Run the container to its end. `stays`: what it has written is there whatever follows."""
        if stdio is not Stdio.TERMINAL:
            ended = container.run(reporter, stdio)
            reporter.flush()
            return ended
        # Few runs have a terminal.
        from rootless_build.process.terminal import KeyboardReporter  # noqa: PLC0415

        own = self._options.own_command
        keyboard = KeyboardReporter(reporter, ends=not stays and not own)
        ended = container.run(keyboard, stdio)
        if keyboard.has_typed and self._running is not None:
            self._running.note_typed_keys()
        if ended.status == _INTERRUPTED and keyboard.pressed and not stays and not own:
            raise KeyboardInterrupt
        return ended

    @contextmanager
    def _telling_what_stays(self, reporter: StepReporter) -> Iterator[None]:
        """The step is done all the same."""
        try:
            yield
        except ContainerLeftError as error:
            self._summary = replace(self._summary, container_left=True)
            text = f"{error.message}, and it stays for now: {error.engine_words}".rstrip(": ")
            reporter.notice(error.code, text, Level.WARNING)

    def _possible(self, limits: Limits, reporter: StepReporter) -> Limits:
        """A daemon of root's own can give more than this process has."""
        if not limits.ulimits or self._engine.remote:
            return limits
        if os.getuid() != 0 and not self._engine.rootless:
            return limits
        # Few recipes set any.
        from rootless_build.model import ulimits  # noqa: PLC0415

        limits, lowered = ulimits.possible(limits)
        for words in lowered:
            reporter.notice("lowered", words)
        return limits

    def _as_caller(self, step: RunContainer, image: Image, reporter: StepReporter) -> RunContainer:
        step = caller.identified(step, image, self._engine, self._container_labels)
        size = self._engine.copy_size(step, image) if step.caller_ids else None
        if size is not None:
            megabytes = max(round(size / 1e6), 1)
            text = (
                f"user {step.user or image.user} of the container is you: its image is copied for "
                f"that, once, about {megabytes} MB"
            )
            reporter.notice("image-copied", text)
        return step

    def _after_failure(self, staging: Staging, reporter: StepReporter) -> Callable[..., None]:
        """What a failed container wrote is kept aside."""

        def leave(kind: type[BaseException] | None, *_: object) -> None:
            if kind is None:
                return
            # The failure is what is to be told. Files of subordinate uids would keep the staging
            # directory from being removed.
            with suppress(RbuildError, OSError):
                self._engine.give_back(staging.path)
            place = self._options.failed
            if place is not None and issubclass(kind, StepFailedError | BundlesError):
                self._keep(staging, place, reporter)

        return leave

    def _keep(self, staging: Staging, place: Path, reporter: StepReporter) -> None:
        # Only a failure needs it.
        from rootless_build.bundles import failed  # noqa: PLC0415

        try:
            kept = failed.keep(staging, place)
        except OSError as error:
            text = f"what the container wrote could not be kept: {error.strerror or error}"
            reporter.notice("not-kept", text, Level.WARNING)
            return
        if kept.paths:
            text = f"what the container wrote is kept in {place}: {_several(kept.paths)}"
            reporter.notice("kept", text)
        if kept.left_out:
            why = errors.reason(next(iter(kept.left_out.values())))
            text = f"could not be kept: {_several(tuple(kept.left_out))} ({why})"
            reporter.notice("not-kept", text, Level.WARNING)

    def _image(self, step: RunContainer, reporter: StepReporter) -> Image:
        if step.image in self._built:
            return self._built[step.image]
        references.check(step.image)
        found = self._engine.find_image(step.image)
        if found and step.pull is not PullPolicy.ALWAYS and not bases.stands_in(found):
            return found
        local = bases.stand_in(step.image, step.pull, self._engine, reporter)
        image = self._engine.find_image(local or step.image)
        if image is None:
            raise ImageNotFoundError(f"image {step.image} is not in storage", reference=step.image)
        return image

    def _publish(self, staging: Staging, container: Container, copied_from: str | None) -> None:
        if copied_from is not None:
            with private_directory(staging.path.parent, ".rbuild-out-") as out:
                if container.copy_out(copied_from, out):
                    staging.take(out)
        self._engine.give_back(staging.path)
        self._published(staging)

    def _published(self, staging: Staging) -> None:
        # Few runs that change something make no bundles.
        from rootless_build.files.tree import is_empty  # noqa: PLC0415

        if self._options.own_command and staging.is_untouched:
            return
        if self._options.checksums:
            staging.add_checksums()
        if self._options.reproduction is not None:
            self._options.reproduction.staged(staging)
            return
        # As above.
        from rootless_build.images.bases import executables  # noqa: PLC0415

        written = staging.written()
        if not written and self._running is not None:
            self._running.note_nothing_written()
        foreign = executables.among(self._substitutes, written)
        attestation = self._attestor.attestation(foreign) if self._attestor else None
        asked = asked_for(self._plan)
        with self._options.publishing() as alone:
            if alone and (not self._options.own_command or staging.is_current):
                published = staging.publish(attestation, asked)
            else:
                published = staging.publish_beside(attestation, asked)
        self._published_any = self._bundles_new = True
        for warning in published.warnings:
            self._emit(Notice(Level.WARNING, "bundles", warning))
        if published.files or not is_empty(staging.directory):
            self._emit(BundlesPublished(staging.directory, published.files, published.checked))
        if foreign:
            self._emit(Notice(Level.WARNING, "substitutes", executables.sentence(foreign)))


def _several(paths: Sequence[str]) -> str:
    """The first one, and how many more there are."""
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{text.shown(paths[0])}{more}"


def asked_for(plan: Plan) -> frozenset[str]:
    """The words that a bundle of the plan may be named after: targets, and what containers run."""
    steps = (step for step in plan.steps if isinstance(step, RunContainer))
    return frozenset((*plan.targets, *(word for step in steps for word in step.command)))


def _is_told(error: BaseException) -> bool:
    """Whether the error says itself what became of the bundles."""
    return isinstance(error, BundlesError)


def _containers(plan: Plan) -> int:
    return sum(isinstance(step, RunContainer) for step in plan.steps)


def _may_change_bundles(step: Step) -> bool:
    return isinstance(step, HostCommand) and not step.script.lstrip("@-").startswith("mkdir ")


def title(step: Step) -> str:
    """One line that tells a person what the step does."""
    match step:
        case BuildImage():
            return f"build {_built(step)}"
        case RunContainer():
            return f"run {shlex.join(step.command) or step.image}"
        case HostCommand() | Unexpanded():
            return step.script
        case TagImage():
            return f"tag {step.image} as {step.name}"
        case PullImage():
            return f"pull {step.image}"
        case RemoveVolume():
            return f"remove volumes {' '.join(step.names)}"
    assert_never(step)


def _built(step: BuildImage) -> str:
    """The target or the image, or the stage and where its files go."""
    name, bake = _name(step), step.origin is not None and step.origin.names_build
    platform = f" for {', '.join(step.platforms)}" if step.platforms else ""
    if outputs.keeps_image(step):
        tag = next((tag for tag in step.tags if not tag.startswith(references.OWN)), "")
        if bake and tag:
            return f"{name}, image {tag}{platform}"
        return f"image {tag or name}{platform}"
    places = ", ".join(str(outputs.destination(output)) for output in outputs.files(step))
    return f"{name}{platform} into {places or 'the cache'}"


def _name(step: BuildImage) -> str:
    """The build's own in a bake file, else the stage's or the directory's."""
    if step.origin is not None and step.origin.names_build:
        return step.origin.target
    return step.target or step.context.name


def _host_command(step: HostCommand, reporter: StepReporter) -> None:
    status = programs.stream(
        [*step.shell, step.script],
        reporter.output,
        environment=programs.exactly(dict(step.environment)),
        directory=step.directory,
    )
    reporter.flush()
    if status and not step.ignore_errors:
        raise failures.of_host_command(step, status, reporter.last_words)

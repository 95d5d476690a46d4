"""Which steps of a plan would come to what is there already, so that they need not be done.

An image build is not done when the image of its tag was made of the same inputs. The containers of
a plan are not run when each of them would get what it got in the last run of the same targets,
and the bundles are what that run left. Whatever can't be told for certain is done.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import Final

from rootless_build.backend.api import Engine, Image, ImageLabel
from rootless_build.files import plain
from rootless_build.freshness import fingerprints, traces
from rootless_build.freshness.fingerprints import Fingerprint, UnknownInputError
from rootless_build.freshness.records import Built, Made, Records
from rootless_build.freshness.snapshots import LookAfter, Looks
from rootless_build.images.bases.substitutes import choose
from rootless_build.model import mounts, references
from rootless_build.model.data import dataclass
from rootless_build.model.errors import RbuildError
from rootless_build.model.events import ForwardingReporter, StepReporter
from rootless_build.model.plan import (
    BuildImage,
    Pairs,
    Plan,
    PullPolicy,
    RemoveVolume,
    RunContainer,
    Unexpanded,
)

_NEVER_BUILT: Final = "it was not built yet"
_NOT_KNOWN: Final = "it is not known yet which containers follow"
_FORGOTTEN: Final = "nobody remembers what went into the image in storage"


class _NeededError(Exception):
    """A step has to be done; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`image` is the one that is there, for a build; `why` says for a person why the step has to be
    done, and is empty when it need not be. `seconds` is what doing it took last.
    """

    why: str = ""
    image: Image | None = None
    seconds: float = 0.0


class Unchanged:
    """The steps of one plan, on one engine.

    `about` are the parts of a fingerprint that stand for the engine; `cache` is the project's
    own directory. `builder` is what builds images (`rootless_build.backend.api.Probe`), where it is
    known. `force` does everything. `looks` are those that were made already.
    """

    def __init__(
        self,
        plan: Plan,
        about: Pairs,
        cache: Path,
        *,
        builder: str = "",
        force: str = "",
        looks: Looks | None = None,
    ) -> None:
        self._plan = plan
        self._about = about
        self._cache = cache
        self._classic = builder.startswith("docker-classic ")
        self._force = force
        self._looks = looks or Looks(plan, cache)
        self._records = Records.load(cache)

    @property
    def forced(self) -> bool:
        """Whether the user asked for everything to be done: then nothing is saved."""
        return bool(self._force)

    def take(self, plan: Plan) -> None:
        """The plan is another one: more of its steps are known."""
        self._plan = plan
        self._looks.take(plan)

    def forget(self) -> None:
        """Something was done in which files may have changed."""
        self._looks.forget()

    # --- images ---------------------------------------------------------------------------------

    def build(self, step: BuildImage, engine: Engine) -> Answer:
        """Whether an image has to be built."""
        try:
            self._refuse(_must_build(step) or self._copies_more(step))
            names = self._bases(step)
            # The engine looks for the images while the files are looked at.
            wanted = (*step.tags, *_spelled(names))
            self._records.ask(wanted)
            lookup = _Lookup(engine, wanted)
            with lookup:
                made = self._looks.of_build(step)
            made = made.plus((*_named(_ids(names, lookup.found)), *self._about))
            if step.outputs:
                return self._written(step, made)
            return self._compared(step, made, [lookup.found[tag] for tag in step.tags])
        except (_NeededError, UnknownInputError) as error:
            return Answer(str(error))

    def _copies_more(self, step: BuildImage) -> str:
        """Why nobody knows which files the classic builder copies; empty where one does."""
        own = fingerprints.own_ignore_file(step)
        if not self._classic or own is None:
            return ""
        return f"docker's classic builder reads no {own.name}, and copies what that leaves out"

    def _refuse(self, why: str) -> None:
        if self._force or why:
            raise _NeededError(self._force or why)

    def _before(self, step: BuildImage) -> Built | None:
        before = self._records.images.get(_image_key(step))
        if before is not None and before.mixed:
            raise _NeededError(
                "files changed while it was built" if before.id else "its last build did not end"
            )
        return before

    def _written(self, step: BuildImage, made: Fingerprint) -> Answer:
        """Of a build that writes into a directory."""
        before = self._before(step)
        if before is None:
            raise _NeededError(_NEVER_BUILT)
        self._refuse(made.differs(before.parts))
        if _outputs_digest(step, self._cache) != before.id:
            raise _NeededError("what it wrote is not there as it was")
        return Answer(seconds=before.seconds)

    def _compared(
        self, step: BuildImage, made: Fingerprint, found: Sequence[Image | None]
    ) -> Answer:
        before = self._before(step)
        image = found[0]
        if image is None or any(other is None or other.id != image.id for other in found):
            raise _NeededError("the image is not in storage" if before else _NEVER_BUILT)
        if before is not None and before.id != image.id:
            raise _NeededError("the image in storage is another one than rbuild made")
        label = ImageLabel.of(image.labels)
        if before is None and (label is None or label.project != str(self._plan.project)):
            raise _NeededError(_NEVER_BUILT)
        if label is not None and label.fingerprint == made.digest:
            if before is None:
                self._records.images[_image_key(step)] = Built(image.id, dict(made.parts), 0.0)
                self._records.save()
            return Answer(image=image, seconds=before.seconds if before else 0.0)
        if before is None:
            raise _NeededError(_FORGOTTEN)
        raise _NeededError(made.differs(before.parts) or _FORGOTTEN)

    def building(self, step: BuildImage, engine: Engine) -> ImageBuild | None:
        """Call it right before a build, when the base images are in storage; None when what goes
        into the build can't be told.
        """
        if not (step.tags or step.outputs) or _cannot_tell(step):
            return None
        try:
            names = self._bases(step)
            spelled = _spelled(names)
            found = dict(zip(spelled, engine.find_images(spelled), strict=True))
            more = (*_named(_ids(names, found)), *self._about)
            before = self._looks.of_build(step).plus(more)
        except (_NeededError, UnknownInputError):
            return None
        after = LookAfter(lambda: self._looks.anew(step).plus(more))
        return ImageBuild(step, _image_key(step), before, after, self._records, self._cache)

    def _bases(self, step: BuildImage) -> tuple[str, ...]:
        """The images it needs from outside."""
        try:
            text = plain.content(fingerprints.containerfile(step))
        except OSError as error:
            raise _NeededError("it has no containerfile that can be read") from error
        about = (step.build_args, step.target, step.platforms, step.build_contexts)
        key = hashlib.sha256(text + json.dumps([*about, step.substitutes]).encode()).hexdigest()
        if key not in self._records.bases:
            # The parser of containerfiles costs 20 ms.
            from rootless_build.images.external import external_images  # noqa: PLC0415

            found = external_images(step)
            self._records.bases[key] = found.names if found.complete else None
        names = self._records.bases[key]
        if names is None:
            raise _NeededError("only the engine can tell which base images it needs")
        return (*names, *fingerprints.stored_contexts(step))

    # --- containers -----------------------------------------------------------------------------

    def run(self, find: Callable[[RunContainer], Image | None], *, piped: bool) -> Answer:
        """Whether the containers of the plan have to be run: all of them, or none.

        `find` looks for an image in storage.
        """
        try:
            self._refuse(self._must_run(piped=piped))
            return self._as_before(find)
        except (_NeededError, UnknownInputError) as error:
            return Answer(str(error))

    def _as_before(self, find: Callable[[RunContainer], Image | None]) -> Answer:
        before = self._records.runs.get(_run_key(self._plan))
        if before is None:
            raise _NeededError("no earlier run is on record, or what it reads changed meanwhile")
        containers = _containers(self._plan)
        if len(before.parts) != len(containers):
            raise _NeededError("the recipe has other containers")
        for step, parts in zip(containers, before.parts, strict=True):
            image = find(step)
            if image is None:
                raise _NeededError(f"the image {step.image} is not in storage")
            self._refuse(self._of_run(step, image).differs(parts))
        if self._bundles() != before.bundles:
            raise _NeededError("the bundles are not as that run left them")
        return Answer(seconds=before.seconds)

    def must_run(self) -> str:
        """Why the containers are run whatever they would come to; empty where they are not."""
        return self._force or self._must_run(piped=False)

    def running(self) -> Running:
        """Call it before the first container is run."""
        known = _run_key(self._plan) in self._records.runs
        return Running(self._of_run, self._bundles, self._made, known)

    def cold(self, seconds: float | None = None) -> float:
        """The seconds that the containers took with empty caches; 0 when nobody knows."""
        key = _run_key(self._plan)
        if seconds is not None:
            self._records.cold[key] = seconds
            self._records.save()
        return self._records.cold.get(key, 0.0)

    def _must_run(self, *, piped: bool) -> str:
        containers = _containers(self._plan)
        always = [step for step in containers if step.always]
        if always:
            return f"{_called(always[0])} is always run"
        if piped and any(step.interactive for step in containers):
            return "it reads standard input"
        made = self._plan.bundles
        if made is None or not all(mounts.makes_bundles(step, made) for step in containers):
            return "it makes no bundles"
        places = [n for n, s in enumerate(self._plan.steps) if isinstance(s, RunContainer)]
        between = self._plan.steps[places[0] : places[-1]]
        if any(not isinstance(step, RunContainer) for step in between):
            return "the recipe does something else between its containers"
        return _unknown_or_lost(self._plan)

    def _of_run(self, step: RunContainer, image: Image) -> Fingerprint:
        assert self._plan.bundles is not None  # noqa: S101 - see _must_run
        made = fingerprints.of_run(step, image, self._cache, self._plan.bundles.directory)
        return made.plus(self._about)

    def _bundles(self) -> str:
        assert self._plan.bundles is not None  # noqa: S101 - see _must_run
        return fingerprints.of_bundles(self._plan.bundles.directory, self._cache)

    def _made(self, made: Made) -> None:
        self._records.runs.pop(_run_key(self._plan), None)
        self._records.runs[_run_key(self._plan)] = made
        self._records.save()

    def may_be_skipped(self) -> bool:
        """Whether a run of the containers is worth a record."""
        return not self._must_run(piped=False)

    def waits(self) -> bool:
        """Whether nothing but what is not known yet keeps it from telling."""
        return self._must_run(piped=False) == _NOT_KNOWN


class _LabelReporter(ForwardingReporter):
    """Calls `reached` when an engine comes to the instruction with a given text."""

    def __init__(self, inner: StepReporter, text: str, reached: Callable[[], None]) -> None:
        super().__init__(inner)
        self._text = text
        self._reached = reached

    def instruction(
        self, number: int, of: int, instruction: str, *, stage: str | None = None
    ) -> None:
        """The engine begins one."""
        if self._text in instruction:
            self._reached()
        super().instruction(number, of, instruction, stage=stage)


@dataclass(slots=True)
class ImageBuild:
    """An image build that is going on."""

    _step: BuildImage
    _key: str
    _before: Fingerprint
    _after: LookAfter
    _records: Records
    _cache: Path

    @property
    def fingerprint(self) -> str:
        """What the image has to carry (`ImageLabel`)."""
        return self._before.digest

    @contextmanager
    def watched(self, reporter: StepReporter) -> Iterator[StepReporter]:
        """What the engine is to talk to while it builds.

        rbuild's label is its last instruction, after which nothing reads the build context: files
        are looked at again from then on, while the engine ends.
        """
        known = self._records.images.get(self._key)
        # Until it ends, and where this process is killed, nobody knows what the image is made of.
        self._keep(Built("", dict(self._before.parts), 0.0, mixed=True))
        try:
            yield _LabelReporter(reporter, self.fingerprint, self._after.start)
        except RbuildError:
            # The engine made no image: the name is still that of the one before.
            if known is not None:
                self._keep(known)
            raise
        finally:
            self._after.end()

    def done(self, image: Image, seconds: float) -> str:
        """The build ended well. Says what changed meanwhile, so that it is done again."""
        made = image.id
        try:
            changed = self._after.result().differs(dict(self._before.parts))
            if self._step.outputs:
                made = _outputs_digest(self._step, self._cache)
        except UnknownInputError as error:
            changed = str(error)
        self._keep(Built(made, dict(self._before.parts), seconds, mixed=bool(changed)))
        return changed

    def _keep(self, built: Built) -> None:
        self._records.images.pop(self._key, None)
        self._records.images[self._key] = built
        self._records.save()


@dataclass(slots=True)
class Running:
    """The containers of a plan, while they run."""

    _look: Callable[[RunContainer, Image], Fingerprint]
    _bundles: Callable[[], str]
    _keep: Callable[[Made], None]
    _known: bool
    """They are on record: each has made bundles before."""
    _parts: list[Mapping[str, str]] = field(default_factory=list)
    _seconds: float = 0.0
    _certain: bool = True
    _before: Fingerprint | None = None
    _step: RunContainer | None = None
    _started: int = 0

    def starts(self, step: RunContainer, image: Image) -> None:
        """A container is about to run."""
        self._step, self._started = step, traces.now()
        try:
            self._before = self._look(step, image)
        except UnknownInputError:
            self._certain = False

    def ended(self, step: RunContainer, image: Image, seconds: float) -> None:
        """It ended well, and the bundles are published.

        What it could read must be as it was before: it may have read what was there in between.
        """
        self._seconds += seconds
        if self._before is None or not self._certain:
            return
        try:
            after = self._look(step, image)
        except UnknownInputError:
            self._certain = False
            return
        self._certain = after.digest == self._before.digest
        self._parts.append(dict(after.parts))

    def wrote_nothing(self) -> None:
        """The container that was started last wrote no bundles, although it could have."""
        if self._certain and not self._known and self._step is not None:
            self._certain = traces.has_written(self._step, self._started)

    def depends_on_more(self) -> None:
        """What the containers made depends on what nobody looks at: keys that were typed."""
        self._certain = False

    def all_ended(self) -> None:
        """So did the last one."""
        if self._certain:
            try:
                self._keep(Made(tuple(self._parts), self._bundles(), self._seconds))
            except UnknownInputError:
                return


class _Lookup:
    """Asks the engine for images in the background, while its context lasts."""

    def __init__(self, engine: Engine, names: tuple[str, ...]) -> None:
        self._engine = engine
        self._names = tuple(dict.fromkeys(names))
        self._error: RbuildError | None = None
        self._thread = threading.Thread(target=self._look, name="rbuild-find-images", daemon=True)
        self.found: Mapping[str, Image | None] = {}

    def _look(self) -> None:
        try:
            images = self._engine.find_images(self._names)
        except RbuildError as error:
            self._error = error
        else:
            self.found = dict(zip(self._names, images, strict=True))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._thread.join()
        if self._error is not None and error[0] is None:
            raise self._error


def _must_build(step: BuildImage) -> str:
    if step.no_cache:
        return "--no-cache builds every layer anew"
    if step.pull is PullPolicy.ALWAYS:
        return "--pull asks the registry for newer base images"
    if not step.tags and not step.outputs:
        return "the image has no name to be found by"
    return _cannot_tell(step)


def _cannot_tell(step: BuildImage) -> str:
    """Why nobody can say whether a build would come to the same; empty where one can."""
    if any(output.type != "local" for output in step.outputs):
        return "it writes something else than a directory"
    if step.containerfile_text is not None:
        return "its containerfile is written out in the recipe"
    return ""


def _spelled(names: Sequence[str]) -> tuple[str, ...]:
    """Where each base image may be: under its own name, or as a stand-in of `rbuild base`."""
    both = ((references.canonical(name), references.local(name)) for name in names)
    return tuple(dict.fromkeys(spelling for pair in both for spelling in pair))


def _ids(names: Sequence[str], found: Mapping[str, Image | None]) -> Pairs:
    """Each base image's id as a build would find it (`rootless_build.images.bases.substitutes`)."""
    ids = []
    for name in names:
        image = choose(found[references.canonical(name)], found[references.local(name)])
        if image is None:
            raise _NeededError(f"the base image {name} is not in storage")
        ids.append((name, image.id))
    return tuple(ids)


def _named(bases: Pairs) -> Pairs:
    return tuple((f"the base image {name}", identity) for name, identity in bases)


def _image_key(step: BuildImage) -> str:
    if step.outputs:
        about = [
            str(fingerprints.containerfile(step)),
            step.target,
            *(o.attributes for o in step.outputs),
        ]
        return json.dumps(about)
    return references.canonical(step.tags[0]) if step.tags else ""


def _outputs_digest(step: BuildImage, cache: Path) -> str:
    directories = [Path(dict(output.attributes)["dest"]) for output in step.outputs]
    return " ".join(fingerprints.of_bundles(directory, cache) for directory in directories)


def _run_key(plan: Plan) -> str:
    """`rbuild` and `rbuild binary` may be the same; other variables are a change of the same."""
    return json.dumps([plan.recipe, [(step.image, step.command) for step in _containers(plan)]])


def _unknown_or_lost(plan: Plan) -> str:
    """Why nobody can tell what containers would come to."""
    if any(isinstance(step, RemoveVolume) for step in plan.steps):
        return "the recipe removes volumes"
    if any(isinstance(step, Unexpanded) and step.may_run for step in plan.steps):
        return _NOT_KNOWN
    return ""


def _containers(plan: Plan) -> list[RunContainer]:
    return [step for step in plan.steps if isinstance(step, RunContainer)]


def _called(step: RunContainer) -> str:
    target = step.origin.target if step.origin else ""
    return f"the target {target}" if target else "it"

"""Whether an image has to be built, and the record of what it was built of."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.backend.api import (
    Engine,
    Image,
    ImageContent,
    ImageLabel,
    image_store,
)
from rootless_build.backend.build_files import containerfile, own_ignore_file
from rootless_build.backend.prefetch import ImageSearch
from rootless_build.files import plain
from rootless_build.freshness import fingerprints
from rootless_build.freshness.fingerprints import Fingerprint, Unknown
from rootless_build.freshness.records import Built, Records
from rootless_build.freshness.snapshots import LateSnapshot, Snapshots
from rootless_build.freshness.verdict import Dirty, Fresh, Verdict
from rootless_build.images.bases.substitutes import choose
from rootless_build.model import references
from rootless_build.model.errors import RbuildError
from rootless_build.model.events import ForwardingReporter, StepReporter
from rootless_build.model.plan import BuildImage, Pairs, PullPolicy

_NEVER_BUILT: Final = "it was not built yet"
_FORGOTTEN: Final = "nobody remembers what went into the image in storage"


class ImageFreshness:
    """The freshness of a project's image builds, on one engine
    (`rootless_build.freshness.plan_freshness`).
    """

    def __init__(
        self,
        project: Path,
        engine_parts: Pairs,
        records: Records,
        snapshots: Snapshots,
        *,
        builder: str = "",
        force: str = "",
    ) -> None:
        self._project = str(project)
        self._engine_parts = engine_parts
        self._records = records
        self._snapshots = snapshots
        self._classic = builder.startswith("docker-classic ")
        self._force = force

    def judge(self, step: BuildImage, engine: Engine) -> Verdict:
        """Whether an image has to be built."""
        reason = self._force or _why_always(step) or self._why_copies_unknown(step)
        if reason:
            return Dirty(reason)
        names = self._bases(step)
        looked = names if isinstance(names, Unknown) else self._look(step, names, engine)
        if isinstance(looked, Unknown):
            return Dirty(looked.reason)
        made, tagged = looked
        before = self._records.images.get(_record_key(step))
        if before is not None and before.mixed:
            return Dirty(
                "files changed while it was built" if before.id else "its last build did not end"
            )
        if step.outputs:
            return self._judge_files(step, made, before)
        if before is not None and len(step.platforms) < 2:
            moved = self._judge_moved(made, before, tagged, engine)
            if moved is not None:
                return moved
        return self._judge_image(step, made, before, tagged)

    def begin(self, step: BuildImage, engine: Engine) -> ImageBuild | None:
        """The record of a build that is about to begin, with the base images in storage; None when
        what goes into it can't be told.
        """
        if not (step.tags or step.outputs) or _why_not_told(step):
            return None
        names = self._bases(step)
        if isinstance(names, Unknown):
            return None
        spelled = _spellings(names)
        found = dict(zip(spelled, engine.find_images(spelled), strict=True))
        bases = _base_parts(names, found)
        if isinstance(bases, Unknown) or _have_more(found.values(), engine):
            return None
        more = (*bases, *self._engine_parts)
        before = self._snapshots.of_build(step)
        if isinstance(before, Unknown):
            return None

        def take() -> Fingerprint | Unknown:
            taken = self._snapshots.take(step)
            return taken if isinstance(taken, Unknown) else taken.plus(more)

        cache = self._snapshots.cache
        forced = bool(self._force or _why_always(step))
        late = LateSnapshot(take)
        return ImageBuild(step, before.plus(more), late, self._records, cache, take, forced)

    def _look(
        self, step: BuildImage, names: Sequence[str], engine: Engine
    ) -> tuple[Fingerprint, list[Image | None]] | Unknown:
        """What goes into a build from these base images, and the images that have its tags."""
        wanted = (*step.tags, *_spellings(names))
        self._records.ask(wanted)
        # The engine looks for the images while the files are looked at.
        with ImageSearch(engine, wanted) as search:
            taken = self._snapshots.of_build(step)
        if isinstance(taken, Unknown):
            return taken
        found = search.found()
        bases = _base_parts(names, found)
        if isinstance(bases, Unknown):
            return bases
        made = taken.plus((*bases, *self._engine_parts))
        return made, [found[tag] for tag in step.tags]

    def _why_copies_unknown(self, step: BuildImage) -> str:
        """Why nobody knows which files the classic builder copies; empty where one does."""
        own = own_ignore_file(containerfile(step))
        if not self._classic or not os.path.lexists(own):
            return ""
        return f"docker's classic builder reads no {own.name}, and copies what that leaves out"

    def _bases(self, step: BuildImage) -> tuple[str, ...] | Unknown:
        """The images that a build needs from outside."""
        try:
            text = plain.content(containerfile(step))
        except OSError:
            return Unknown("it has no containerfile that can be read")
        about = (step.build_args, step.target, step.platforms, step.build_contexts)
        key = hashlib.sha256(text + json.dumps([*about, step.substitutes]).encode()).hexdigest()
        if key not in self._records.bases:
            # The parser of containerfiles costs 20 ms.
            from rootless_build.images.external import external_images  # noqa: PLC0415

            found = external_images(step)
            self._records.bases[key] = found.names if found.complete else None
        names = self._records.bases[key]
        if names is None:
            return Unknown("only the engine can tell which base images it needs")
        return (*names, *fingerprints.stored_contexts(step))

    def _judge_files(self, step: BuildImage, made: Fingerprint, before: Built | None) -> Verdict:
        """The verdict on a build that writes into a directory."""
        if before is None:
            return Dirty(_NEVER_BUILT)
        changed = made.differs(before.parts)
        if changed:
            return Dirty(changed)
        written = _written_digest(step, self._snapshots.cache)
        if isinstance(written, Unknown):
            return Dirty(written.reason)
        if written != before.id:
            return Dirty("what it wrote is not there as it was")
        return Fresh(before.seconds)

    def _judge_moved(
        self,
        made: Fingerprint,
        before: Built,
        tagged: Sequence[Image | None],
        engine: Engine,
    ) -> Verdict | None:
        """The verdict on a build of which the image is there, and whose names another has: a build
        of another checkout, that calls its image so too. None for any other.
        """
        others = [each for each in tagged if each is None or each.id != before.id]
        if not others or made.differs(before.parts):
            return None
        if not all(each is not None and self._is_of_another(each) for each in others):
            return None
        image = engine.find_image(before.id)
        label = ImageLabel.of(image.labels) if image is not None else None
        if image is None or image.id != before.id or label is None:
            return None
        if (label.project, label.fingerprint) != (self._project, made.digest):
            return None
        return Fresh(before.seconds, image, moved=True)

    def _is_of_another(self, image: Image) -> bool:
        """Whether an image was built by rbuild in another checkout."""
        label = ImageLabel.of(image.labels)
        return label is not None and label.project != self._project

    def _judge_image(
        self,
        step: BuildImage,
        made: Fingerprint,
        before: Built | None,
        tagged: Sequence[Image | None],
    ) -> Verdict:
        """The verdict on a build of an image; `tagged` are those that have its tags."""
        image = tagged[0]
        if image is None or any(other is None or other.id != image.id for other in tagged):
            return Dirty("the image is not in storage" if before else _NEVER_BUILT)
        if before is not None and before.id != image.id:
            return Dirty("the image in storage is another one than rbuild made")
        label = ImageLabel.of(image.labels)
        if before is None and (label is None or label.project != self._project):
            return Dirty(_NEVER_BUILT)
        if label is None or label.fingerprint != made.digest:
            return Dirty((made.differs(before.parts) if before else "") or _FORGOTTEN)
        if before is None:
            self._records.keep_image(_record_key(step), Built(image.id, dict(made.parts), 0.0))
        return Fresh(before.seconds if before else 0.0, image)


class ImageBuild(Struct):
    """The record of an image build that is going on."""

    _step: BuildImage
    _before: Fingerprint
    _after: LateSnapshot
    _records: Records
    _cache: Path
    look: Callable[[], Fingerprint | Unknown]
    """Looks at all that goes into it, now."""
    forced: bool = False
    """Whether somebody asked for all of it to be done."""

    @property
    def made_of(self) -> Fingerprint:
        """What goes into it."""
        return self._before

    @property
    def full_place(self) -> Path | None:
        """Where it is kept what the last build of the step as a whole was made of; None for one
        that leaves no image. With another context of the same name it is another build.
        """
        return self._place_of("full")

    @property
    def contexts_place(self) -> Path | None:
        """What begins the names of directories for the images of what its RUNs mount of the build
        context (`freshness.context_images`); None for a build that leaves no image.
        """
        return self._place_of("contexts")

    def _place_of(self, kind: str) -> Path | None:
        step = self._step
        if not step.tags or step.outputs:
            return None
        contexts = [str(step.context), *step.build_contexts]
        about = json.dumps([_record_key(step), step.platforms, contexts])
        return self._cache / f"{kind}-{hashlib.sha256(os.fsencode(about)).hexdigest()[:16]}"

    @property
    def fingerprint(self) -> str:
        """What the image has to carry (`ImageLabel`)."""
        return self._before.digest

    @contextmanager
    def watch(self, reporter: StepReporter) -> Iterator[StepReporter]:
        """Give what the engine is to talk to while it builds.

        rbuild's label is its last instruction, after which nothing reads the build context: files
        are looked at again from then on, while the engine ends.
        """
        key = _record_key(self._step)
        known = self._records.images.get(key)
        # Until it ends, and where this process is killed, nobody knows what the image is made of.
        self._records.keep_image(key, Built("", dict(self._before.parts), 0.0, mixed=True))
        try:
            yield _LabelReporter(reporter, self.fingerprint, self._after.start)
        except RbuildError:
            # The engine made no image: the name is still that of the one before.
            if known is not None:
                self._records.keep_image(key, known)
            # What was looked at is no end of it: it may be done again.
            self._after.forget()
            raise
        finally:
            self._after.wait()

    def finish(self, image: Image, seconds: float) -> str:
        """Put down a build that ended well. Says what changed meanwhile, so that it is dirty."""
        made = image.id
        after = self._after.result()
        if isinstance(after, Unknown):
            changed = after.reason
        else:
            changed = after.differs(dict(self._before.parts))
        if self._step.outputs:
            written = _written_digest(self._step, self._cache)
            if isinstance(written, Unknown):
                changed = changed or written.reason
            else:
                made = written
        built = Built(made, dict(self._before.parts), seconds, mixed=bool(changed))
        self._records.keep_image(_record_key(self._step), built)
        return changed


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


def _why_always(step: BuildImage) -> str:
    """Why the step is done whatever it would come to; empty where it is not."""
    if step.no_cache:
        return "--no-cache builds every layer anew"
    if step.pull is PullPolicy.ALWAYS:
        return "--pull asks the registry for newer base images"
    if not step.tags and not step.outputs:
        return "the image has no name to be found by"
    return _why_not_told(step)


def _why_not_told(step: BuildImage) -> str:
    """Why nobody can say whether a build would come to the same; empty where one can."""
    if any(output.type != "local" for output in step.outputs):
        return "it writes something else than a directory"
    if step.containerfile_text is not None:
        return "its containerfile is written out in the recipe"
    return ""


def _spellings(names: Sequence[str]) -> tuple[str, ...]:
    """Where each base image may be: under its own name, or as a stand-in of `rbuild base`."""
    both = ((references.canonical(name), references.local(name)) for name in names)
    return tuple(dict.fromkeys(spelling for pair in both for spelling in pair))


def _base_parts(names: Sequence[str], found: Mapping[str, Image | None]) -> Pairs | Unknown:
    """The parts of a fingerprint that stand for the base images, each with its id as a build would
    find it (`rootless_build.images.bases.substitutes`).
    """
    parts = []
    for name in names:
        image = choose(found[references.canonical(name)], found[references.local(name)])
        if image is None:
            return Unknown(f"the base image {name} is not in storage")
        parts.append((f"the base image {name}", image.id))
    return tuple(parts)


def _have_more(found: Iterable[Image | None], engine: Engine) -> bool:
    """Whether base images have triggers that take files of others, which nobody looks for."""
    store = image_store(engine)
    if store is None or store.archives:
        return False
    contents = (store.content(image) for image in found if image is not None)
    # 20 ms of imports less than reading them as instructions.
    return any("from=" in trigger for each in contents if each for trigger in _triggers(each))


def _triggers(content: ImageContent) -> Iterator[str]:
    whole = json.loads(content.configuration)
    return map(str, (whole.get("config") or {}).get("OnBuild") or ())


def _record_key(step: BuildImage) -> str:
    """What a build is on record under."""
    if step.outputs:
        about = [
            str(containerfile(step)),
            step.target,
            *(o.attributes for o in step.outputs),
        ]
        return json.dumps(about)
    return references.canonical(step.tags[0]) if step.tags else ""


def _written_digest(step: BuildImage, cache: Path) -> str | Unknown:
    """What stands for the files that a build wrote into directories."""
    digests = []
    for output in step.outputs:
        digest = fingerprints.of_bundles(Path(dict(output.attributes)["dest"]), cache)
        if isinstance(digest, Unknown):
            return digest
        digests.append(digest)
    return " ".join(digests)

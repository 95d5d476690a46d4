"""Which images rbuild made: what may be removed without a question is on this record alone.

    STATE/images/       0700
        NAME.json       a build that ended: whose it is, of which step, and its images
        NAME.journal    a build that goes on, locked while its process lives, or that was killed:
                        what was in storage before, and a line for each image since

Every build has files of its own, so that nothing is read, changed and written back. NAME begins
with the time, and ends with the process.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct, ValidationError, convert, to_builtins

from rootless_build.backend.api import Engine
from rootless_build.files import plain
from rootless_build.files.replacing import replace_content
from rootless_build.images import image_journal
from rootless_build.images.image_journal import Journal
from rootless_build.model import references
from rootless_build.model.errors import RbuildError, reason
from rootless_build.model.events import Level, StepReporter
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.process import identities as identity

_VERSION: Final = 1
_RECORD: Final = ".json"
_JOURNAL: Final = ".journal"


class StepIdentity(Struct, frozen=True):
    """A step whose result takes the place of the last one: the same of a project, on one storage.

    `names` are those that the image gets. `base`: it is one of `rbuild base`.
    """

    project: str
    key: str
    names: tuple[str, ...] = ()
    base: bool = False

    def is_of(self, other: StepIdentity) -> bool:
        """Whether the other is the same step; its names may be others."""
        return (self.project, self.key) == (other.project, other.key)


class BuildRecord(Struct, frozen=True):
    """What one build left in storage. `ours` are the images that rbuild made, for this build or an
    earlier one; `used` are all that this one is made of. `image` is the result, empty where there
    is none. `backend` is the one that built it.
    """

    name: str
    storage: str
    backend: str
    step: StepIdentity
    image: str
    ours: frozenset[str]
    used: frozenset[str]


class _Stored(Struct, frozen=True):
    """A record as its file has it; the file's name is that of the build."""

    version: int
    storage: str
    backend: str
    project: str
    key: str
    names: tuple[str, ...]
    base: bool
    image: str
    ours: tuple[str, ...]
    used: tuple[str, ...]


def of_build(step: BuildImage, project: Path) -> StepIdentity:
    """What an image build of a plan makes, build after build."""
    names = tuple(dict.fromkeys(spelling for tag in step.tags for spelling in _spellings(tag)))
    key: list[object] = [references.canonical(tag) for tag in step.tags]
    if not step.tags:
        key = [str(step.context), str(step.containerfile), step.target, step.platforms]
        # Only its place tells such an image from others that are built here.
        places = [output.attributes for output in step.outputs]
        key = [*key, step.build_args, places, str(step.image_id_file)]
    return StepIdentity(str(project), json.dumps(key), names)


def of_base(local: str) -> StepIdentity:
    """A base image of that name; those with Go are made of another one."""
    return StepIdentity("", local, (local, f"{local}-root"), base=True)


def _spellings(tag: str) -> tuple[str, ...]:
    """podman and buildah put an image whose name has no registry below localhost."""
    full = references.canonical(tag)
    return (full, references.local(full)) if references.local(full) != full else (full,)


class ImageRecords:
    """The record of a user: `place` is its directory. `backend` is the one that builds now."""

    def __init__(self, place: Path, backend: str = "") -> None:
        self._place = place
        self._backend = backend

    def all(self) -> tuple[BuildRecord, ...]:
        """All builds that ended, the latest last; what can't be read counts as none."""
        files = sorted(self._place.glob(f"*{_RECORD}"))
        return tuple(built for file in files if (built := _read(file)) is not None)

    def forget(self, built: BuildRecord) -> None:
        """Drop the record of a build of which nothing is left."""
        self._file(built.name, _RECORD).unlink(missing_ok=True)

    def note(self, built: BuildRecord) -> None:
        """Write the record of a build, in place of one that it has. Raises OSError."""
        step = built.step
        stored = _Stored(
            _VERSION,
            built.storage,
            built.backend,
            step.project,
            step.key,
            step.names,
            step.base,
            built.image,
            tuple(sorted(built.ours)),
            tuple(sorted(built.used)),
        )
        self._place.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_content(self._file(built.name, _RECORD), json.dumps(to_builtins(stored)).encode())

    def add_name(self, image: str, name: str, project: str, engine: Engine) -> None:
        """Add a name that a step of the project gave to an image. Raises OSError."""
        identity = image.removeprefix("sha256:")
        for built in reversed(self.all()):
            same = (built.storage, built.step.project) == (engine.storage, project)
            if same and built.image == identity:
                names = tuple(dict.fromkeys((*built.step.names, *_spellings(name))))
                if names != built.step.names:
                    step = replace(built.step, names=names)
                    self.note(replace(built, step=step))
                return

    def needed_by_builds(self, engine: Engine) -> Mapping[str, str]:
        """What builds of other processes may take that go on in the storage of this engine, by
        their ids, and which build it is: all that was there when it began, and what it told since.

        An engine whose cached stages nothing holds (docker's classic builder) fails without them.
        """
        needed: dict[str, str] = {}
        for file in sorted(self._place.glob(f"*{_JOURNAL}")):
            if file.stem.partition("-")[2] == identity.of_this() or not image_journal.is_going_on(
                file
            ):
                continue
            journal = image_journal.read(file)
            there = engine.image_ids()
            if journal is None:
                # It just begins.
                needed |= dict.fromkeys(there, "rbuild begins to build an image")
            elif journal.head.storage == engine.storage:
                head = journal.head
                why = f"rbuild builds an image in {head.project or head.key} now"
                held = there.intersection(head.before) | journal.seen_among(there)
                needed |= dict.fromkeys(held, why)
        return needed

    @contextmanager
    def building(self, step: StepIdentity, engine: Engine) -> Iterator[Journal]:
        """A build, while it goes on; what it made is on record whether it ends well or not.

        Raises OSError or an RbuildError before the build where nothing can be recorded.
        """
        name = f"{time.time_ns():020}-{identity.of_this()}"
        head = image_journal.Head(
            engine.storage,
            self._backend,
            step.project,
            step.key,
            step.names,
            step.base,
            tuple(sorted(engine.image_ids())),
        )
        file = self._file(name, _JOURNAL)
        self._place.mkdir(mode=0o700, parents=True, exist_ok=True)
        with image_journal.begin(file, head) as journal:
            try:
                yield journal
            finally:
                # Where the engine does not answer now, or the disk is full, the next build does it.
                with contextlib.suppress(RbuildError, OSError):
                    self._settle(file, engine)

    def settle(self, engine: Engine) -> None:
        """Put on record what killed builds made in the storage of this engine.

        Raises an RbuildError where the engine does not answer, OSError on a full disk.
        """
        for file in sorted(self._place.glob(f"*{_JOURNAL}")):
            if not image_journal.is_going_on(file):
                self._settle(file, engine)

    def _settle(self, file: Path, engine: Engine) -> None:
        journal = image_journal.read(file)
        if journal is None:
            file.unlink(missing_ok=True)  # it was killed before it began to build
            return
        head = journal.head
        if head.storage != engine.storage:
            return
        there = engine.image_ids()
        used = journal.seen_among(there)
        step = StepIdentity(head.project, head.key, head.names, head.base)
        built = BuildRecord(
            name=file.stem,
            storage=head.storage,
            backend=head.backend,
            step=step,
            image=journal.image if journal.image in used else "",
            ours=frozenset(used.difference(head.before) | used & self._shared_images(step, engine)),
            used=frozenset(used),
        )
        if built.ours:
            self.note(built)
        self._drop_superseded(built, there)
        file.unlink(missing_ok=True)

    def _shared_images(self, step: StepIdentity, engine: Engine) -> set[str]:
        """What rbuild made for other builds, and may be of this one too: not their results."""
        known: set[str] = set()
        results: set[str] = set()
        for built in self.all():
            if built.storage != engine.storage:
                continue
            if built.step.base:
                results |= built.ours
            else:
                known |= built.ours
                if not built.step.is_of(step):
                    results.add(built.image)
        return known - results

    def _drop_superseded(self, latest: BuildRecord, there: frozenset[str]) -> None:
        """Forget earlier builds of a step that left nothing but what the latest has too."""
        for earlier in self.all():
            if earlier.storage == latest.storage and earlier.name < latest.name:
                same = earlier.step.is_of(latest.step)
                if not (earlier.ours & there) - (latest.ours if same else frozenset()):
                    self.forget(earlier)

    def _file(self, name: str, suffix: str) -> Path:
        return self._place / f"{name}{suffix}"


@contextmanager
def record_build(
    records: ImageRecords, step: StepIdentity, engine: Engine, reporter: StepReporter
) -> Iterator[Journal | None]:
    """Have the build in this context on record; where that can't be the user is told, no more."""
    with contextlib.ExitStack() as stack:
        journal = None
        try:
            journal = stack.enter_context(records.building(step, engine))
        except (RbuildError, OSError) as error:
            text = f"what is built is not on record, so rbuild clean leaves it: {reason(error)}"
            reporter.notice("not-recorded", text, Level.WARNING)
        yield journal


def _read(file: Path) -> BuildRecord | None:
    try:
        stored = convert(json.loads(plain.content(file)), _Stored)
    except (OSError, ValueError, ValidationError):
        return None
    if stored.version != _VERSION:
        return None
    return BuildRecord(
        name=file.stem,
        storage=stored.storage,
        backend=stored.backend,
        step=StepIdentity(stored.project, stored.key, stored.names, stored.base),
        image=stored.image,
        ours=frozenset(stored.ours),
        used=frozenset(stored.used),
    )

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
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from msgspec import Struct

from rootless_build.backend.api import Engine
from rootless_build.files import plain
from rootless_build.files.replacing import replace_content
from rootless_build.model import references
from rootless_build.model.errors import RbuildError, reason
from rootless_build.model.events import ForwardingReporter, Level, StepReporter
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.process import identity

_VERSION: Final = 1
_RECORD: Final = ".json"
_JOURNAL: Final = ".journal"
_SHORTEST: Final = 11
"""Digits that engines print of an id (podman 4.3.1)."""
_T = TypeVar("_T")


class StepIdentity(Struct, frozen=True):
    """A step whose result takes the place of the last one: the same of a project, on one storage.

    `names` are those that the image gets. `base`: it is one of `rbuild base`.
    """

    project: str
    key: str
    names: tuple[str, ...] = ()
    base: bool = False


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
        """Nothing of it is left."""
        self._file(built.name, _RECORD).unlink(missing_ok=True)

    def note(self, built: BuildRecord) -> None:
        """Write it down, or instead of what is written down of it. Raises OSError."""
        data = {
            "version": _VERSION,
            "storage": built.storage,
            "backend": built.backend,
            "project": built.step.project,
            "key": built.step.key,
            "names": built.step.names,
            "base": built.step.base,
            "image": built.image,
            "ours": sorted(built.ours),
            "used": sorted(built.used),
        }
        self._place.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_content(self._file(built.name, _RECORD), json.dumps(data).encode())

    def add_name(self, image: str, name: str, project: str, engine: Engine) -> None:
        """A step of the project gave an image that it had built one more name. Raises OSError."""
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
            if file.stem.partition("-")[2] == identity.of_this() or not self._is_going_on(file):
                continue
            head = _read_journal(file)
            there = engine.image_ids()
            if head is None:
                # It just begins.
                needed |= dict.fromkeys(there, "rbuild begins to build an image")
            elif head.storage == engine.storage:
                seen = {each for each in there if each.startswith(head.seen)}
                why = f"rbuild builds an image in {head.step.project or head.step.key} now"
                needed |= dict.fromkeys(there & head.before | seen, why)
        return needed

    @contextmanager
    def building(self, step: StepIdentity, engine: Engine) -> Iterator[Journal]:
        """A build, while it goes on; what it made is on record whether it ends well or not.

        Raises OSError or an RbuildError before the build where nothing can be recorded.
        """
        name = f"{time.time_ns():020}-{identity.of_this()}"
        head = {
            "storage": engine.storage,
            "backend": self._backend,
            "project": step.project,
            "key": step.key,
            "names": step.names,
            "base": step.base,
            "before": sorted(engine.image_ids()),
        }
        file = self._file(name, _JOURNAL)
        with contextlib.ExitStack() as stack:
            self._place.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            stack.callback(os.close, descriptor)
            with contextlib.suppress(OSError):  # not on NFS; the process in its name remains
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            journal = Journal(descriptor)
            journal.write(json.dumps(head))
            try:
                yield journal
            finally:
                # Where the engine does not answer now, or the disk is full, the next build does it.
                with contextlib.suppress(RbuildError, OSError):
                    self._settle(file, engine)

    def settle(self, engine: Engine) -> None:
        """What killed builds made in the storage of this engine comes on record.

        Raises an RbuildError where the engine does not answer, OSError on a full disk.
        """
        for file in sorted(self._place.glob(f"*{_JOURNAL}")):
            if not self._is_going_on(file):
                self._settle(file, engine)

    def _settle(self, file: Path, engine: Engine) -> None:
        head = _read_journal(file)
        if head is None:
            file.unlink(missing_ok=True)  # it was killed before it began to build
            return
        if head.storage != engine.storage:
            return
        there = engine.image_ids()
        used = {each for each in there if any(each.startswith(seen) for seen in head.seen)}
        known = self._shared_images(head)
        built = BuildRecord(
            name=file.stem,
            storage=head.storage,
            backend=head.backend,
            step=head.step,
            image=head.image if head.image in used else "",
            ours=frozenset(used - head.before | used & known),
            used=frozenset(used),
        )
        if built.ours:
            self.note(built)
        self._drop_superseded(built, there)
        file.unlink(missing_ok=True)

    def _shared_images(self, head: _Head) -> set[str]:
        """What rbuild made for other builds, and may be of this one too: not their results."""
        known: set[str] = set()
        results: set[str] = set()
        for built in self.all():
            if built.storage != head.storage:
                continue
            if built.step.base:
                results |= built.ours
            else:
                known |= built.ours
                if (built.step.project, built.step.key) != (head.step.project, head.step.key):
                    results.add(built.image)
        return known - results

    def _drop_superseded(self, latest: BuildRecord, there: frozenset[str]) -> None:
        """Earlier builds of a step of which nothing is there but what the latest has too."""
        for earlier in self.all():
            if earlier.storage == latest.storage and earlier.name < latest.name:
                same = earlier.step.project == latest.step.project
                same = same and earlier.step.key == latest.step.key
                if not (earlier.ours & there) - (latest.ours if same else frozenset()):
                    self.forget(earlier)

    def _is_going_on(self, file: Path) -> bool:
        if identity.lives(file.stem.partition("-")[2]):
            return True
        try:
            descriptor = os.open(file, os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return False

    def _file(self, name: str, suffix: str) -> Path:
        return self._place / f"{name}{suffix}"


@contextmanager
def record_build(
    records: ImageRecords, step: StepIdentity, engine: Engine, reporter: StepReporter
) -> Iterator[Journal | None]:
    """A build that goes on, on record; where that can't be it is built all the same, and said."""
    with contextlib.ExitStack() as stack:
        journal = None
        try:
            journal = stack.enter_context(records.building(step, engine))
        except (RbuildError, OSError) as error:
            text = f"what is built is not on record, so rbuild clean leaves it: {reason(error)}"
            reporter.notice("not-recorded", text, Level.WARNING)
        yield journal


class Journal:
    """The file of a build that goes on."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, line: str) -> None:
        """Add a line. Raises OSError on a full disk."""
        os.write(self._descriptor, f"{line}\n".encode())

    def reporter(self, inner: StepReporter) -> StepReporter:
        """What the engine is to talk to while it builds."""
        return _NotingReporter(inner, self._note_image)

    def note_result(self, image: str) -> None:
        """The build ended with this image."""
        if image:
            self._note_image(f"={image.removeprefix('sha256:')}")

    def _note_image(self, image: str) -> None:
        # A full disk is no failure of the build: what is not on record stays.
        with contextlib.suppress(OSError):
            self.write(image)


class _NotingReporter(ForwardingReporter):
    def __init__(self, inner: StepReporter, note: Callable[[str], None]) -> None:
        super().__init__(inner)
        self._note = note

    def image(self, identity: str) -> None:
        """The engine has an image for an instruction."""
        self._note(identity.removeprefix("sha256:"))
        super().image(identity)


class _Head(Struct, frozen=True):
    storage: str
    backend: str
    step: StepIdentity
    before: frozenset[str]
    seen: tuple[str, ...]
    image: str


def _read_journal(file: Path) -> _Head | None:
    """None for one that was cut off at once."""
    try:
        first, *lines = plain.text(file).split("\n")
        data = json.loads(first)
        whole = [line for line in lines[:-1] if line]
        results = [line[1:] for line in whole if line.startswith("=")]
        return _Head(
            storage=_of(data, "storage", str),
            backend=_of(data, "backend", str),
            step=_step(data),
            before=frozenset(_strings(data, "before")),
            seen=tuple(word for line in whole if len(word := line.removeprefix("=")) >= _SHORTEST),
            image=results[-1] if results else "",
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read(file: Path) -> BuildRecord | None:
    try:
        data = json.loads(plain.content(file))
        if data["version"] != _VERSION:
            return None
        return BuildRecord(
            name=file.stem,
            storage=_of(data, "storage", str),
            backend=_of(data, "backend", str),
            step=_step(data),
            image=_of(data, "image", str),
            ours=frozenset(_strings(data, "ours")),
            used=frozenset(_strings(data, "used")),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _step(data: Mapping[str, object]) -> StepIdentity:
    names = tuple(_strings(data, "names"))
    return StepIdentity(
        _of(data, "project", str), _of(data, "key", str), names, _of(data, "base", bool)
    )


def _of(data: Mapping[str, object], key: str, kind: type[_T]) -> _T:
    value = data[key]
    if not isinstance(value, kind):
        raise TypeError(key)
    return value


def _strings(data: Mapping[str, object], key: str) -> Sequence[str]:
    values = _of(data, key, list)
    if not all(isinstance(value, str) for value in values):
        raise TypeError(key)
    return values

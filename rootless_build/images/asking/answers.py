"""The answers of an engine for one build: those that are known, and those that it is asked for now.

Nothing is asked for a containerfile that has none of `questions.QUESTIONS`, and nothing twice.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Final

from msgspec import Struct

from rootless_build.backend.api import Engine, ImageLabel
from rootless_build.backend.build_files import existing_containerfile
from rootless_build.files import plain
from rootless_build.files.private_directories import private_directory
from rootless_build.images.asking.memory import Memory
from rootless_build.images.asking.program import APPLETS, put_shell
from rootless_build.images.asking.questions import (
    KEPT,
    MARK,
    MOUNTED,
    OWNED,
    QUESTIONS,
    are_unharmed,
    used,
)
from rootless_build.images.containerfile.parser import parse
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.passing_build import build_and_forget
from rootless_build.images.rewrite.features import Answer, Answers, Feature
from rootless_build.model.errors import RbuildError, reason
from rootless_build.model.events import Level, StepReporter
from rootless_build.model.plan import BuildImage, PullPolicy
from rootless_build.model.structs import replace

_KNOWS_NOT: Final = re.compile(
    r"unknown|invalid|unsupported|not supported|only supports|unrecognized", re.IGNORECASE
)
"""What engines say of a flag or an option that they do not have."""
_ROOT: Final = "root"
"""The directory of the build context that becomes the image's root."""
_HIDDEN: Final = "hidden"
_AGENT: Final = "agent"


class Bases(Struct, frozen=True):
    """The images that a build starts from: their triggers, and the ids of those that this host can
    run.
    """

    triggers: tuple[Instruction, ...] = ()
    images: tuple[str, ...] = ()


NO_BASES: Final = Bases()


def answers_for(
    step: BuildImage,
    engine: Engine,
    reporter: StepReporter,
    memory: Memory,
    bases: Bases = NO_BASES,
    level: Level = Level.DETAIL,
) -> Answers:
    """What the engine has shown of what the step's containerfile has, and its bases' triggers. How
    long it was asked is told at that level.

    Where it can't be asked, it has shown nothing, and is asked by the next build that needs it.
    """
    path = existing_containerfile(step)
    written = parse(plain.text(path, errors="surrogateescape")).instructions if path else ()
    wanted = used((*written, *bases.triggers))
    known = memory.answers()
    missing = [
        each
        for each in wanted
        if each not in known and (QUESTIONS[each].remote or not engine.remote)
    ]
    if not missing:
        return known
    asking = _Asking(step, engine, reporter, bases.images)
    began = time.monotonic()
    new = asking.ask(missing)
    took = f"the engine was asked for {time.monotonic() - began:.1f} s what it does; once"
    reporter.notice("engine-asked", took, level)
    memory.add({each: answer for each, answer in new.items() if each not in asking.passing})
    return {**known, **new}


class _Asking:
    def __init__(
        self,
        step: BuildImage,
        engine: Engine,
        reporter: StepReporter,
        images: Sequence[str],
    ) -> None:
        label = ImageLabel.of(step.labels)
        # Its project marks containers that are left.
        self._labels = (ImageLabel(label.project).pair,) if label else ()
        self._engine = engine
        self._reporter = reporter
        self._images = images
        self.passing: set[Feature] = set()
        """What failed for a reason that may pass: it is so for this build, and asked again."""

    def ask(self, features: Sequence[Feature]) -> Answers:
        """The answers. None where no build works, whatever is asked, or this host is why it does
        not: that says nothing of the engine.
        """
        try:
            found = self._ask(features)
        except OSError as error:
            self._tell(f"asked nothing: {reason(error)}")
            return {}
        if not found and self._try(()) is None:
            self._tell("asked nothing: the engine can't do a build of three lines now")
            return {}
        day = datetime.now(UTC).date().isoformat()
        answers = {each: Answer(found.get(each, False), day) for each in features}
        for each, answer in answers.items():
            self._tell(f"{each.value}: {'as' if answer.exact else 'otherwise than'} BuildKit does")
        return answers

    def _ask(self, features: Sequence[Feature]) -> dict[Feature, bool]:
        """Ask for all of them at once; where that fails, for each half. An engine that does not
        know a flag says so before it builds anything.
        """
        found = self._try(features)
        if found is not None or len(features) == 1:
            return found or {}
        middle = len(features) // 2
        return self._ask(features[:middle]) | self._ask(features[middle:])

    def _tell(self, text: str) -> None:
        self._reporter.notice("engine-asked", f"the engine was asked. {text}", Level.DETAIL)

    def _try(self, features: Sequence[Feature]) -> dict[Feature, bool] | None:
        """Whether each is exact; None where the build fails. Raises OSError where nothing can be
        prepared for it.
        """
        with private_directory() as place:
            step = _prepare(place, features, self._images)
            try:
                with _agent(place / _AGENT) if step.ssh else contextlib.nullcontext():
                    words = self._build(step)
            except RbuildError as error:
                if not _KNOWS_NOT.search(f"{error.message} {error.engine_words}"):
                    self.passing.update(features)
                return None
            self.passing.difference_update(features)
            unharmed = are_unharmed((step.context / MOUNTED, place / MOUNTED))
        return {
            each: (unharmed or not QUESTIONS[each].writes)
            and QUESTIONS[each].is_exact(_words_of(each, words))
            for each in features
        }

    def _build(self, step: BuildImage) -> list[str]:
        """The lines that the build prints after the mark. Raises RbuildError where it fails."""
        contexts = () if self._engine.remote else step.build_contexts
        step = replace(step, labels=self._labels, build_contexts=contexts)
        lines = build_and_forget(self._engine, step, self._reporter)
        return [line.removeprefix(MARK).strip() for line in lines if line.startswith(MARK)]


def _words_of(feature: Feature, lines: Iterable[str]) -> frozenset[str]:
    """What was printed for a feature, its name left out."""
    name = f"{feature.name} "
    return frozenset(line.removeprefix(name) for line in lines if line.startswith(name))


def _prepare(place: Path, features: Sequence[Feature], images: Sequence[str]) -> BuildImage:
    """What is built to ask for these; without any, a RUN. Raises OSError."""
    context, named = place / "context", place / MOUNTED
    base = _base(_made(context / _ROOT), images)
    for directory in (context / MOUNTED, named):
        for name, text in KEPT.items():
            (_made(directory) / name).write_text(text)
    lines = [line for each in features for line in QUESTIONS[each].lines] or ["RUN echo any"]
    owned = f"{OWNED}-{token_hex(4)}"
    text = "\n".join((*base, *lines, ""))
    (place / "Dockerfile").write_text(text.replace(OWNED, owned))
    (place / _HIDDEN).write_text("a secret of nobody's\n")
    asks_agent = Feature.MOUNT_AGENT_OWNER in features
    return BuildImage(
        context,
        place / "Dockerfile",
        no_cache=True,
        pull=PullPolicy.NEVER,
        secrets=(f"id={owned},src={place / _HIDDEN}",),
        ssh=(f"{owned}={place / _AGENT}",) if asks_agent else (),
        build_contexts=((MOUNTED, str(named)),),
        # Builds of other platforms may go on beside it.
        image_id_file=place / "image-id",
    )


def _base(root: Path, images: Sequence[str]) -> tuple[str, ...]:
    """What the questions are asked upon: this host's shell, else the first of the images, if it has
    one. Raises OSError where there is neither.
    """
    try:
        put_shell(root)
    except OSError as error:
        # A full disk is no reason to ask upon something else.
        if error.errno != errno.ENOENT or not images:
            raise
        return f"FROM {images[0]}", f"RUN command -v {' '.join(APPLETS)}"
    return "FROM scratch", f"COPY {_ROOT} /"


@contextlib.contextmanager
def _agent(path: Path) -> Iterator[None]:
    """A socket at which nobody answers: an engine that mounts it asks it nothing."""
    with socket.socket(socket.AF_UNIX) as listening:
        directory = os.open(path.parent, os.O_PATH | os.O_CLOEXEC)
        try:
            # A socket's path has 107 bytes at most, and TMPDIR may be longer.
            listening.bind(f"/proc/self/fd/{directory}/{path.name}")
        finally:
            os.close(directory)
        listening.listen()
        yield


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory

"""`rbuild debug`: somebody works where a command failed.

A RUN is done once more with another command in its place, on the image that it was done on, and so
has all that it had: mounts, caches, network, environment, user. That command never ends well, so
that no engine keeps anything of it. A container is made once more, with another command too.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from rootless_build.backend.api import Engine, Image, ImageLabel, Stdio, build_mounting
from rootless_build.files import plain
from rootless_build.files.private_directories import private_directory
from rootless_build.files.tree import walk
from rootless_build.images import image_records
from rootless_build.images.bases import substitutes as bases
from rootless_build.images.building import build_image
from rootless_build.images.containerfile.stages import DEFAULT_SHELL
from rootless_build.images.own_files import OwnFiles
from rootless_build.images.rewrite.state import abbreviate
from rootless_build.model import outputs
from rootless_build.model.errors import (
    FailedInstruction,
    ImageBuildError,
    RbuildError,
    StepFailedError,
    UnsupportedError,
)
from rootless_build.model.events import ForwardingReporter, StepReporter
from rootless_build.model.plan import BindMount, BuildImage, PullPolicy, RunContainer
from rootless_build.model.structs import replace
from rootless_build.process import named_streams, terminal
from rootless_build.runner import exports, failures
from rootless_build.runner.container_run import ContainerRun
from rootless_build.runner.limits import possible_limits
from rootless_build.runner.power_guard import PowerGuard
from rootless_build.runner.publishing import Publisher

if TYPE_CHECKING:
    from rootless_build.images.containerfile.syntax import Instruction
    from rootless_build.runner.context import Context
    from rootless_build.runner.results import NewBundles

PLACE: Final = "/rbuild-debug"
"""Where what rbuild brings is in the container."""
AGAIN: Final = f"{PLACE}/again"
"""The command that failed."""
_TERMINAL: Final = "/rbuild-debug-terminal"
_BEGUN: Final = "begun"
_STATUS: Final = "status"
_LARGEST_STATUS: Final = 255
_SHORT: Final = 64
"""Bytes; whoever is in the container may have put something else there."""
_SHELL: Final = ("/bin/sh", "-c", 'exec "$(command -v bash || echo sh)"')
_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "fish"})
_DIND: Final = "dind"
_ROOTS: Final = frozenset({"", "0", "root"})
"""Users of a container that are the user of this host to whom a terminal belongs."""

_IN_A_RUN: Final = """\
{streams}
: > {place}/{begun}
trap : INT QUIT
{attend}"$@"
echo $? > {place}/{status}
exit 1
"""
_ON_TERMINAL: Final = f"""\
exec 0<>{_TERMINAL} 1>&0 2>&0 || exit 1
export TERM={{term}}"""
_ATTENDED: Final = """\
if [ $$ -ne 1 ] && command -v setsid >/dev/null 2>&1; then set -- setsid -c "$@"; fi
"""
"""In a process namespace of its own the command's parent leads a session, whose terminal this is;
elsewhere (buildah's isolation chroot) it leads none, and the shell would have no job control."""
_ON_PIPES: Final = f"""\
exec 0<{{stdin}} 1>{PLACE}/{named_streams.OUT} 2>{PLACE}/{named_streams.ERR} || exit 1
echo > {PLACE}/{named_streams.OPENED}"""


class Wanted(Struct, frozen=True):
    """What is to be done there: a command; none is a shell. `stdio` are its standard streams."""

    command: tuple[str, ...]
    stdio: Stdio


class Discarding:
    """Gets new bundles, and lets them go (`runner.results.Results`)."""

    supersede: Final = False
    side_by_side: Final = False

    def begin_build(self, engine: Engine) -> None:
        """No build ends."""

    def take_image(self, image: Image, labels: object, engine: Engine) -> None:
        """No image is made."""

    def take_bundles(self, new: NewBundles) -> None:
        """What somebody tried is no result."""


class EndedError(Exception):
    """The command in a RUN's place has ended, with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


# --- in the place of a RUN ----------------------------------------------------------------------


class _InARun:
    """Ends a build at the RUN of that line (`images.segments.stopping.Stop`)."""

    def __init__(
        self,
        engine: Engine,
        failed: FailedInstruction,
        wanted: Wanted,
        reporter: StepReporter,
        tell: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._failed = failed
        self._line = int(failed.place.rpartition(":")[2])
        self._wanted = wanted
        self._reporter = reporter
        self._tell = tell
        self._again = ""
        self._script = ""
        self._is_root = False

    @property
    def line(self) -> int:
        """Where the containerfile has it."""
        return self._line

    def is_at(self, run: Instruction) -> bool:
        """Whether that is the RUN that failed."""
        return (
            run.line == self._line
            and run.keyword == "RUN"
            and is_same(self._failed.text, abbreviate(run))
        )

    def instead(self, run: Instruction, shell: Sequence[str], user: str) -> Sequence[str]:
        """What has its place."""
        self._is_root = user.partition(":")[0] in _ROOTS
        self._again = _again_of(run, shell)
        own = self._wanted.command or _shell_of(shell)
        on_terminal = self._wanted.stdio is Stdio.TERMINAL
        stdin = f"{PLACE}/{named_streams.IN}" if self._is_piped else "/dev/null"
        term = shlex.quote(os.environ.get("TERM") or "dumb")
        self._script = _IN_A_RUN.format(
            streams=(_ON_TERMINAL if on_terminal else _ON_PIPES).format(term=term, stdin=stdin),
            attend=_ATTENDED if on_terminal else "",
            place=PLACE,
            begun=_BEGUN,
            status=_STATUS,
        )
        return ("/bin/sh", "-c", self._script, "rbuild", *own)

    @property
    def _is_piped(self) -> bool:
        return self._wanted.stdio is Stdio.PIPED

    def build(self, step: BuildImage, reporter: StepReporter) -> Image:
        """Have it done. Raises EndedError, or what the engine has to say."""
        mounting = build_mounting(self._engine)
        if mounting is None:
            message = "this engine mounts nothing of rbuild's in a RUN"
            raise UnsupportedError(message, hint="use --backend podman or --backend buildah")
        self._tell()
        unheard = _Unheard(reporter)
        with _brought(self._again, is_written=True) as place, ExitStack() as stack:
            mounts = [(str(place), PLACE)]
            if self._wanted.stdio is Stdio.TERMINAL:
                lent = stack.enter_context(
                    terminal.lent(self._reporter, to_others=not self._is_root)
                )
                mounts.append((str(lent), _TERMINAL))
            else:
                streams = named_streams.carried(place, self._reporter, stdin=self._is_piped)
                stack.enter_context(streams)
            try:
                mounting(step, tuple(mounts), unheard)
            except ImageBuildError as error:
                stack.close()
                raise self._ended(place, error) from error
            finally:
                self._give_back(place)
        raise AssertionError(step)

    def _give_back(self, place: Path) -> None:
        """Let what the container's users left there go with the rest."""
        with suppress(RbuildError, OSError):
            own = os.geteuid()
            if any((place / each.path).lstat().st_uid != own for each in walk(place)):
                self._engine.give_back(place)

    def _ended(self, place: Path, error: ImageBuildError) -> Exception:
        status = written_status(place)
        if status is not None:
            return EndedError(status)
        if (place / _BEGUN).exists():
            # By a signal that ended all of it.
            return EndedError((error.failed.status if error.failed else None) or 1)
        return StepFailedError(
            f"{self._failed.place}: nothing could be started in the place of {self._failed.text}",
            hint="is there a /bin/sh in the image?",
            engine_words=error.engine_words.replace(self._script, "…"),
        )


class _Unheard(ForwardingReporter):
    """What the engine says of the command's end is no news."""

    def output(self, data: bytes, stream: object = "stdout") -> None:
        """It has none of its own."""


def written_status(place: Path) -> int | None:
    """The status that a command's script has written down; None where none can be told.

    Whatever runs there can write to the file: what no command ends with is none.
    """
    with suppress(OSError, ValueError):
        status = int(plain.text(place / _STATUS, _SHORT))
        return status if 0 <= status <= _LARGEST_STATUS else None
    return None


def is_same(failed: str, now: str) -> bool:
    """Whether an instruction that failed is the one that stands there; secrets are not compared."""
    one, other = (" ".join(text.split()) for text in (failed, now))
    return one == other or "***" in one


def in_a_run(
    step: BuildImage,
    failed: FailedInstruction,
    wanted: Wanted,
    context: Context,
    tell: Callable[[], None],
) -> int:
    """Have the command in the place of the RUN that failed; its status. `tell` is called when it is
    about to be started.

    The images that it takes to get there, and that were not there before, go again. Raises an
    RbuildError.
    """
    PowerGuard(context).check_plan()
    failures.check_containerfile(step)
    engine, options = context.engine, context.options
    reporter = options.reporter(context.emit, 1, options.mask.stream)
    stop = _InARun(engine, failed, wanted, reporter, tell)
    with exports.with_containerfile(outputs.image_only(step)) as plain:
        prepared = bases.substitute_bases(_as_cached(plain), engine, reporter)
        try:
            with _leaving_no_images(step, context, reporter) as noting:
                engine.discard_image(_build(prepared, stop, context, noting))
        except EndedError as ended:
            return ended.status
    message = f"{failed.place}: {failed.text} is not among what the build does now"
    raise StepFailedError(message, hint="build again, and debug what fails then")


def _as_cached(step: BuildImage) -> BuildImage:
    """The step as what it made the last time is found again, and which makes nothing."""
    pull = PullPolicy.MISSING if step.pull is PullPolicy.ALWAYS else step.pull
    return replace(step, tags=(), no_cache=False, pull=pull, image_id_file=None, squash=False)


def _build(step: BuildImage, stop: _InARun, context: Context, reporter: StepReporter) -> Image:
    plan, options = context.plan.now, context.options
    label = ImageLabel(str(plan.project))
    limits = possible_limits(step.limits, context.engine, reporter)
    step = replace(step, labels=(*step.labels, label.pair), limits=limits)
    rewriting = options.images.rewriting
    assert rewriting is not None  # image_options() gives it
    own = OwnFiles.of(plan, rewriting.own.whole)
    rewriting = replace(rewriting, own=own, full=None, contexts=None, stop=stop, allow_inexact=True)
    return build_image(step, context.engine, reporter, rewriting)


@contextmanager
def _leaving_no_images(
    step: BuildImage, context: Context, reporter: StepReporter
) -> Iterator[StepReporter]:
    """A context whose images go, but for those that were there. They are on record meanwhile."""
    engine, options = context.engine, context.options
    before, seen = engine.image_ids(), _Seen(reporter)
    with ExitStack() as stack:
        noting: StepReporter = seen
        if options.images.records is not None:
            made = image_records.of_build(step, context.plan.now.project)
            records = options.images.records()
            journal = stack.enter_context(
                image_records.record_build(records, made, engine, reporter)
            )
            noting = journal.reporter(seen) if journal else seen
        try:
            yield noting
        finally:
            new = tuple(seen.images)
            own = [
                image
                for image in (engine.stored_images().images if new else ())
                if image.id not in before and image.id.startswith(new) and not image.names
            ]
            if own:
                with suppress(RbuildError):
                    engine.remove_images(own)


class _Seen(ForwardingReporter):
    def __init__(self, inner: StepReporter) -> None:
        super().__init__(inner)
        self.images: dict[str, None] = {}

    def image(self, identity: str) -> None:
        """The engine has an image for an instruction."""
        self.images[identity.removeprefix("sha256:")] = None
        super().image(identity)


def _again_of(run: Instruction, shell: Sequence[str]) -> str:
    """A shell's script that does what the RUN does."""
    if run.json is not None:
        return f"exec {shlex.join(run.json)}\n"
    text = "".join(f"{part}\n" for part in (run.body, *_heredocs(run)))
    lone = run.heredocs[0] if len(run.heredocs) == 1 and run.body.startswith("<<") else None
    if lone is not None and not lone.text.startswith("#!"):
        text = lone.text
    return f"exec {shlex.join((*shell, text.removesuffix(chr(10))))}\n"


def _heredocs(run: Instruction) -> Iterator[str]:
    return (heredoc.content + heredoc.name for heredoc in run.heredocs)


def _shell_of(shell: Sequence[str]) -> Sequence[str]:
    """What a person works in: the shell that the RUN has, where it is one of its own."""
    is_own = tuple(shell) != DEFAULT_SHELL and PurePosixPath(shell[0]).name in _SHELLS
    return (shell[0],) if is_own else _SHELL


# --- in the place of a container ----------------------------------------------------------------


def in_a_container(
    step: RunContainer, image: Image, wanted: Wanted, context: Context, tell: Callable[[], None]
) -> int:
    """Have the command in a container such as the one that failed; its status.

    Its bundles are staged, and not published. Raises an RbuildError.
    """
    PowerGuard(context).check_plan()
    reporter = context.options.reporter(context.emit, 1, context.options.mask.stream)
    entrypoint = image.entrypoint if step.entrypoint is None else step.entrypoint
    own = step.command or image.command
    again = f"exec {shlex.join((*_without_dind(entrypoint), *own))}\n"
    kept = entrypoint[:1] if _without_dind(entrypoint) != entrypoint else ()
    tell()
    with _brought(again, is_written=False) as place:
        mount = BindMount(place, PLACE, read_only=True, create_source=False)
        there = replace(
            step,
            image=image.id,
            command=wanted.command or _SHELL,
            entrypoint=kept,
            mounts=(*step.mounts, mount),
            interactive=True,
            tty=True,
            remove=True,
            name=None,
            always=True,
        )
        try:
            ContainerRun(context, Publisher(context)).run(
                there, image, wanted.stdio, reporter, None
            )
        except StepFailedError as error:
            if error.status is None or error.engine_words:
                raise
            return error.status
    return 0


def _without_dind(entrypoint: tuple[str, ...]) -> tuple[str, ...]:
    """An entrypoint without hack/dind, which prepares the place of what it then starts."""
    is_dind = entrypoint and PurePosixPath(entrypoint[0]).name == _DIND
    return entrypoint[1:] if is_dind else entrypoint


# --- what is brought along ----------------------------------------------------------------------


@contextmanager
def _brought(again: str, *, is_written: bool) -> Iterator[Path]:
    """A directory for the container, with the command that failed. `is_written`: whoever it runs as
    may write there; nobody of this host comes there.
    """
    with private_directory() as private:
        place = private / "debug"
        place.mkdir()
        file = place / PurePosixPath(AGAIN).name
        file.write_text(f"#!/bin/sh\n{again}", errors="surrogateescape")
        file.chmod(0o755)
        place.chmod(stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO if is_written else 0o755)
        yield place

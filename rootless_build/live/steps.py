"""Calls of docker that are steps: build, bake, run, tag, pull and volume rm, done by the runner."""

from __future__ import annotations

import os
import secrets
import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from rootless_build.backend.api import docker_commands
from rootless_build.files.private_directories import private_directory
from rootless_build.live import callers_outputs, callers_secrets, contexts, places
from rootless_build.live.daemon import Daemon, DaemonError
from rootless_build.live.streams import (
    PASSED_ON,
    READER_GONE,
    BuildsOutput,
    ContainersOutput,
    MakeFilter,
    NoOutput,
    ReaderGoneError,
    put,
    say,
)
from rootless_build.live.surroundings import Work
from rootless_build.model import outputs, references
from rootless_build.model.errors import RbuildError, StepFailedError
from rootless_build.model.events import (
    Answer,
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
    Plan,
    PullImage,
    RemoveVolume,
    RunContainer,
    Step,
    to_dict,
)
from rootless_build.model.structs import replace
from rootless_build.process import identities
from rootless_build.recipes.docker import argv
from rootless_build.recipes.docker.argv import Called
from rootless_build.runner import power_guard
from rootless_build.runner import run as runner
from rootless_build.runner.options import MakeReporter, Options
from rootless_build.runner.titles import title

_ENGINE_FAILED: Final = 125
_NO_TERMINAL: Final = "the input device is not a TTY"


def do(work: Work) -> int:
    """Do what the call is, as the steps of a plan; docker's exit status."""
    return do_called(argv.called(work.call.words, work.call.context), work)


def do_called(called: Called, work: Work) -> int:
    """Do what was read of a call: what its words name may be a pipe, which is read once."""
    if called.printed:
        put(1, called.printed.encode())
        return 0
    runs = [step for step in called.steps if isinstance(step, RunContainer)]
    if any(step.tty and step.interactive for step in runs) and not os.isatty(0):
        say(_NO_TERMINAL)
        return 1
    with ExitStack() as stack:
        called = stack.enter_context(_with_input(called))
        called, written = stack.enter_context(callers_outputs.in_files(called))
        callers_secrets.hand_over(called, work)
        id_file = _quiet_id(called, stack)
        if id_file is not None:
            called = _with_id_file(called, id_file)
        status = run(called, work)
        if status == 0:
            _write_results(called, id_file, is_read=bool(written))
            callers_outputs.write(written)
    return status


@contextmanager
def _with_input(called: Called) -> Iterator[Called]:
    """The call with what its caller gives it on standard input in its place."""
    step = called.steps[0] if called.steps else None
    if not called.reads or not isinstance(step, BuildImage):
        yield called
        return
    # Nobody knows before it is read what it is an image of.
    if any(map(is_own, step.tags)):
        step = replace(step, tags=(f"{references.OWN}built/{secrets.token_hex(6)}",))
    with contexts.from_input(step, called.reads) as made:
        yield replace(called, steps=(made,))


def is_own(tag: str) -> bool:
    """Whether a name is rbuild's, of an image that the caller has given none."""
    return tag.startswith(f"{references.OWN}built/")


def _quiet_id(called: Called, stack: ExitStack) -> Path | None:
    """Where the id of an image goes that the caller is told."""
    first = called.steps[0] if called.steps else None
    if not called.quiet or not isinstance(first, BuildImage) or not outputs.keeps_image(first):
        return None
    if first.image_id_file is not None:
        return first.image_id_file
    return stack.enter_context(private_directory()) / "id"


def _leaves_files(step: Step) -> bool:
    return isinstance(step, BuildImage) and not outputs.keeps_image(step)


def _with_id_file(called: Called, file: Path) -> Called:
    first = called.steps[0]
    assert isinstance(first, BuildImage)  # `_quiet_id` has looked
    return replace(called, steps=(replace(first, image_id_file=file), *called.steps[1:]))


def _write_results(called: Called, id_file: Path | None, *, is_read: bool) -> None:
    """What docker writes to standard output of what has ended well. `is_read`: a file follows."""
    if id_file is not None:
        put(1, id_file.read_bytes() + b"\n")
    elif called.quiet and not is_read and any(map(_leaves_files, called.steps)):
        # The id of no image.
        put(1, b"\n")
    for step in called.steps:
        if isinstance(step, PullImage):
            name = references.canonical(step.image)
            if not called.quiet:
                put(1, f"Status: Image is up to date for {name}\n".encode())
            put(1, f"{name}\n".encode())


def run(
    called: Called, work: Work, shaped: Callable[[Options], Options] = lambda options: options
) -> int:
    """Do the steps, with options that are as one has `shaped` them; docker's exit status."""
    around = work.around
    plan = around.shape(places.plan_of(called, around.project))
    tell_call(work, plan)
    with around.begin(work.call.line) as run:
        options = around.options(plan, run)
        options = shaped(_for_caller(options, called, work))
        try:
            runner.run(plan, around.engine, options, work.emit, around.freshness(plan))
        except RbuildError as error:
            return _failed(error, work, plan)
    return 0


def check_power(called: Called, work: Work) -> None:
    """Raise HostError for a call that asks for a power over the host that is not to be had, and
    that is passed on whole.
    """
    around = work.around
    plan = around.shape(places.plan_of(called, around.project))
    with around.begin(work.call.line) as run:
        power_guard.check(plan, around.engine, around.options(plan, run))


def tell_call(work: Work, plan: Plan) -> None:
    """Tell the run what a call is done as, and by which process: containers are labelled so."""
    fields = {"line": work.call.line, "plan": to_dict(plan), "process": identities.of_this()}
    work.emit(Answer("call", fields))


def _for_caller(options: Options, called: Called, work: Work) -> Options:
    """The options, with the caller as who hears of the steps."""
    builds = any(isinstance(step, BuildImage) for step in called.steps)
    reads = any(isinstance(step, RunContainer) and step.interactive for step in called.steps)
    attached = called.attached

    def on_gone() -> None:
        if reads:
            # It gets no more input, as from docker's client that has ended.
            raise ReaderGoneError
        work.emit(Answer(READER_GONE, {}))

    def of_container(emit: Emit, step: int, stream_filter: MakeFilter) -> StepReporter:
        return ContainersOutput(emit, step, stream_filter, on_gone, attached)

    reporter: MakeReporter = of_container
    if builds or any(isinstance(step, PullImage) for step in called.steps):
        reporter = NoOutput if called.quiet else BuildsOutput
    containers = replace(
        options.containers,
        terminal=True,
        called=True,
        own_command=True,
        made=lambda identity: _begin(called, work, identity),
    )
    return replace(options, reporter=reporter, containers=containers)


def _begin(called: Called, work: Work, identity: str) -> None:
    """A container is there."""
    _write_id(called, identity)
    commands = docker_commands(work.around.engine)
    if called.detached or commands is None or commands.is_docker or not commands.keeps_containers:
        return
    container = Daemon(commands)

    def pass_on(number: int, _frame: object) -> None:
        # It may have ended.
        with suppress(DaemonError, RbuildError):
            container.of_container("POST", identity, "/kill", {"signal": str(number)})

    for number in PASSED_ON:
        signal.signal(number, pass_on)


def _write_id(called: Called, identity: str) -> None:
    if called.container_id_file is not None:
        called.container_id_file.write_text(identity, encoding="ascii")


def _failed(error: RbuildError, work: Work, plan: Plan) -> int:
    """Tell the caller, in docker's way, and the run; docker's exit status."""
    is_run = any(isinstance(step, RunContainer) for step in plan.steps)
    status = error.status if isinstance(error, StepFailedError) else None
    if is_run and status is not None and not error.engine_words:
        # It is the container's own.
        return status
    tell_failure(error, work)
    return (status or _ENGINE_FAILED) if is_run else 1


def tell_failure(error: RbuildError, work: Work) -> None:
    """Tell the caller what failed in docker's way, and the run what helps."""
    building = argv.does(work.call.words) == "build"
    head = "ERROR: failed to build: " if building else "docker: "
    say(head + error.message.removeprefix("docker: "))
    if error.engine_words and not building:
        say(error.engine_words)
    if error.hint:
        hint = error.hint.replace("\n", "; ")
        text = f"{work.call.line}: {error.message}; {hint}"
        work.emit(Notice(Level.WARNING, "call-failed", text))


def remove_volumes(work: Work) -> int:
    """`docker volume rm`: one that is not there is an error, unless `--force` is given."""
    called = argv.called(work.call.words, work.call.context)
    status = 0
    for step in called.steps:
        assert isinstance(step, RemoveVolume)  # it is what the command is
        work.emit(StepStarted(1, 1, step.kind, title(step)))
        watch = Stopwatch()
        for name in step.names:
            if work.around.engine.remove_volume(name) or called.forced:
                put(1, f"{name}\n".encode())
            else:
                say(f"Error response from daemon: get {shlex.quote(name)}: no such volume")
                status = 1
        work.emit(StepFinished(1, 1, step.kind, status, watch.seconds))
    return status

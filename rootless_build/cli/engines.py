"""The engine that the options ask for, chosen while the plan is made.

What a run needs later is not imported here: it is imported while the engine is asked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rootless_build.backend import discovery
from rootless_build.backend.answers import Answers
from rootless_build.backend.api import Engine, EngineSettings, Image, Probe, witness
from rootless_build.backend.discovery import Choice
from rootless_build.backend.prefetch import Foresight
from rootless_build.cli.backend_option import backend_name, check_backend
from rootless_build.cli.command import Command
from rootless_build.freshness import records
from rootless_build.host.diagnosis import cause
from rootless_build.host.engine_settings import engine_settings
from rootless_build.host.facts import Facts
from rootless_build.host.gathering import gather
from rootless_build.host.preflight import preflight
from rootless_build.model.errors import BackendUnavailableError, RbuildError, StepFailedError
from rootless_build.model.events import BackendChosen, Level, Notice
from rootless_build.model.structs import replace
from rootless_build.process import user_directories
from rootless_build.process.background import Background
from rootless_build.runner.journal import Run

if TYPE_CHECKING:
    from rootless_build.process.ssh import Connection


def cache_directory(project: Path, node: str = "") -> Path:
    """Where what is known about a project is kept for this user, and a node of that URL."""
    place = records.cache_directory(project, user_directories.cache())
    return place / "nodes" / sha256(node.encode()).hexdigest()[:16] if node else place


@contextmanager
def settings_for(command: Command, facts: Facts | None = None) -> Iterator[EngineSettings]:
    """The host's settings for the engines, announced to the view (at `-v`)."""
    with engine_settings(facts or gather(os.environ)) as settings:
        _announce(command, settings)
        yield settings


def _announce(command: Command, settings: EngineSettings) -> None:
    """The settings, at `-v` when they are not those that were shown last, and always at `-vv`."""
    rows = [str(row) for row in settings.adaptations]
    asked = command.count("verbose")
    if asked == 1 and not command.logs_json and not _are_new(command, rows):
        for row in rows:
            command.view.keep(Notice(Level.DETAIL, "host-setting", row))
        said = f"{len(rows)} settings of this host as before; -vv shows them"
        command.view(Notice(Level.DETAIL, "host-settings", said))
        return
    for row in rows:
        command.view(Notice(Level.DETAIL, "host-setting", row))


def _are_new(command: Command, rows: Sequence[str]) -> bool:
    """Whether the rows are others than those shown last for this project; they are shown now."""
    shown = cache_directory(command.project) / "settings-shown"
    text = "".join(f"{row}\n" for row in rows)
    try:
        if shown.read_text(errors="surrogateescape") == text:
            return False
    except OSError:
        pass
    with suppress(OSError):
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.write_text(text, errors="surrogateescape")
    return True


class EngineToCome:
    """A context in which the backend is chosen in the background, while the plan is made.

    `asked` are images that will most likely be looked for. `why` is why it is the one that the
    options name, where nobody asked for it.
    """

    def __init__(self, command: Command, asked: Sequence[str] = (), why: str = "") -> None:
        self._asked = asked
        self._why = why
        self._command = command
        self._name = backend_name(command)
        self._node = command.option("on")
        self._resources = ExitStack()
        self._facts: Facts | None = None
        self._choice: Choice | None = None
        self._answers: Answers | None = None
        self._foresight: Foresight | None = None
        self._error: Exception | None = None
        self._connection: Connection | None = None
        self._choosing = Background(self._choose, "rbuild-choose")

    def _choose(self) -> None:
        try:
            check_backend(self._command)
            self._facts = gather(os.environ)
            if self._node:
                # Few runs go to another machine.
                from rootless_build.cli.node_option import choose_on_node  # noqa: PLC0415

                chosen = choose_on_node(self._command, self._facts, self._resources)
                self._choice, self._connection = chosen
                return
            settings = self._resources.enter_context(engine_settings(self._facts))
            expected = discovery.expected(self._name)
            self._answers = self._earlier(expected, settings)
            self._foresight = Foresight(self._name, settings, self._asked, self._answers)
            probe = self._answers.probe if self._answers is not None else None
            choice = discovery.choose(self._name, settings, {expected: probe} if probe else {})
            preflight(self._facts, choice.backend.name)
            if self._why:
                reason = choice.reason.replace(discovery.ASKED_FOR, self._why, 1)
                choice = replace(choice, reason=reason)
            self._choice = choice
        except Exception as error:
            self._error = error

    def _earlier(self, backend: str, settings: EngineSettings) -> Answers | None:
        """What that backend answered before; None where there is no such."""
        try:
            asked = discovery.load(backend)
        except (RbuildError, ImportError):
            return None
        file = cache_directory(self._command.project) / f"answers-{backend}.json"
        return Answers(file, witness(asked, settings))

    def __enter__(self) -> Self:
        self._choosing.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not issubclass(kind, Exception):
            # Who asked rbuild to stop does not wait for an engine's answers.
            self._choosing.abandon()
            if self._foresight is not None:
                self._foresight.abandon()
        self._choosing.wait()
        if self._foresight is not None:
            self._foresight.end()
        if self._answers is not None and self._choice is not None:
            self._answers.keep(Probe(self._choice.version, builder=self._choice.reads))
        self._resources.close()

    @contextmanager
    def open(self, run: Run | None = None) -> Iterator[tuple[Engine, Choice]]:
        """The chosen backend's engine; on the record of the run before it is open.

        Errors that this host is to blame for say so.
        """
        self._choosing.wait()
        with self._explained():
            if self._error is not None:
                raise self._error
            assert self._choice is not None  # the thread leaves one of them
            choice = self._choice
            _announce(self._command, choice.settings)
            self._command.view(BackendChosen(choice.backend.name, choice.version, choice.reason))
            if run is not None:
                directory = choice.settings.runtime_directory
                node = choice.settings.node
                run.note(
                    backend=choice.backend.name,
                    runtime_directory=directory,
                    node=node.url if node else "",
                )
            with choice.backend.open(choice.settings) as engine:
                yield engine, choice

    def _explained(self) -> AbstractContextManager[None]:
        """A context in which errors are told by their cause: of a node's this host knows none."""
        if not self._node:
            return _host_explains(self._command, self._facts)
        return self._lost_explains()

    @contextmanager
    def _lost_explains(self) -> Iterator[None]:
        try:
            yield
        except RbuildError as error:
            from rootless_build.cli.node_option import why_lost  # noqa: PLC0415 - as above

            lost = why_lost(self._connection, error) if self._connection is not None else None
            if lost is None:
                raise
            raise lost from error

    def foreseen(self) -> Mapping[str, Image | None]:
        """What is known of `asked` in the chosen backend's storage; waits for the answer."""
        if self._foresight is None or self._choice is None:
            return {}
        return self._foresight.found(self._choice)


@contextmanager
def engine_for(command: Command) -> Iterator[tuple[Engine, Choice]]:
    """The chosen backend's engine, open. Errors that this host is to blame for say so."""
    with EngineToCome(command) as engine_to_come, engine_to_come.open() as opened:
        yield opened


@contextmanager
def _host_explains(command: Command, facts: Facts | None) -> Iterator[None]:
    try:
        yield
    except (BackendUnavailableError, StepFailedError) as error:
        # Only a run that fails pays for the look at the host.
        from rootless_build.cli.host import findings  # noqa: PLC0415

        better = cause(error, lambda: findings(command, facts or gather(os.environ)))
        if better is None:
            raise
        raise better from error

"""Containers that an engine can't remove at the end of a step that is done all the same."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rootless_build.model.errors import ContainerLeftError
from rootless_build.model.events import Level, StepReporter


class ContainerMayStay:
    """A context in which a container that can't be removed is told, and fails nothing.

    `stays` says afterwards whether there is one.
    """

    def __init__(self, reporter: StepReporter) -> None:
        self._reporter = reporter
        self.stays = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, ContainerLeftError):
            return False
        self.stays = True
        text = f"{error.message}, and it stays for now: {error.engine_words}".rstrip(": ")
        self._reporter.notice(error.code, text, Level.WARNING)
        return True

"""A view whose reader may go away: `rbuild | head`, a terminal that is closed, a full disk."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable
from typing import Protocol

from rootless_build.model.errors import OutputClosedError, RbuildError
from rootless_build.model.events import Event

_GONE = frozenset({errno.EPIPE, errno.EIO, errno.EBADF})


class Listener(Protocol):
    """A reader of events, and of the error that ends a run."""

    def __call__(self, event: Event) -> None:
        """Take one event."""

    def error(self, error: RbuildError) -> None:
        """Take what ended the run."""


class View(Listener, Protocol):
    """A reader that shows them, and is there while a run is stopped."""

    def stopping(self) -> None:
        """A signal ends the run. Called in the middle of anything, this view's work included."""

    def close(self) -> None:
        """Nothing more is shown, however the run has ended: no thread writes any more."""


class Hiding(Protocol):
    """Takes secrets out of what is said (`rootless_build.runner.masking.Mask`)."""

    def event(self, event: Event) -> Event:
        """The event without them."""

    def error(self, error: BaseException) -> None:
        """Take them out of all that an error says."""


class MaskedView:
    """Passes on to a view what has no secrets in it; they are known as the run goes on."""

    def __init__(self, view: View, mask: Callable[[], Hiding | None]) -> None:
        self._view = view
        self._mask = mask
        self._listeners: list[Listener] = []

    def also(self, listener: Listener) -> None:
        """From now on tell another reader too, first."""
        self._listeners.append(listener)

    def __call__(self, event: Event) -> None:
        """Show one event."""
        self._view(self._told_others(event))

    def keep(self, event: Event) -> None:
        """Tell the other readers alone: the view is shown something shorter."""
        self._told_others(event)

    def _told_others(self, event: Event) -> Event:
        mask = self._mask()
        masked = mask.event(event) if mask else event
        for listener in self._listeners:
            listener(masked)
        return masked

    def stopping(self) -> None:
        """A signal ends the run."""
        self._view.stopping()

    def close(self) -> None:
        """Nothing more is shown."""
        self._view.close()

    def error(self, error: RbuildError) -> None:
        """Show what ended the run."""
        mask = self._mask()
        if mask:
            mask.error(error)
        for listener in self._listeners:
            listener.error(error)
        self._view.error(error)


class ClosingView:
    """Passes on to a view; when that can't write any more, the run is to end, once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._closed = False

    def __call__(self, event: Event) -> None:
        """Show one event. Raises OutputClosedError the first time that it can't be shown."""
        if self._closed:
            return
        try:
            self._view(event)
        except (OSError, ValueError) as error:  # ValueError: Python's own streams, once closed
            if isinstance(error, ValueError) and "closed file" not in str(error):
                raise
            self._closed = True
            number = error.errno if isinstance(error, OSError) else errno.EPIPE
            if number in _GONE:
                raise OutputClosedError("the output was closed; stopped") from error
            raise OutputClosedError(f"the output can't be written; stopped: {error}") from error

    def stopping(self) -> None:
        """A signal ends the run; nobody need be there to see that."""
        with contextlib.suppress(OSError):
            self._view.stopping()

    def close(self) -> None:
        """Nothing more is shown."""
        with contextlib.suppress(OSError):
            self._view.close()

    def error(self, error: RbuildError) -> None:
        """Show what ended the run, if anybody is there to see it."""
        try:
            self._view.error(error)
        except (OSError, ValueError):
            self._closed = True

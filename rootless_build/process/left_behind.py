"""Work that can't be interrupted, in a thread of its own, so that who waits for it can be."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from rootless_build.process import stops

T = TypeVar("T")


def leave_behind(work: Callable[[], T]) -> T:
    """The result of work that can't be interrupted; it goes on alone where this work is to stop."""
    if stops.patience() is None:
        return work()
    future: Future[T] = Future()

    def do() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # it is raised where the result is waited for
            future.set_exception(error)

    threading.Thread(target=do, daemon=True).start()
    return stops.wait_for(future)

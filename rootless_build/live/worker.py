"""A process of its own for one call: its standard streams are the caller's, signals end its work.

It is forked, so that it has the engine open and everything imported (3 ms).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from msgspec import Struct

from rootless_build.live import streams, told
from rootless_build.live.calls import Call
from rootless_build.live.dispatch import Do, refusal
from rootless_build.live.steps import tell_failure
from rootless_build.live.streams import ReaderGoneError, put
from rootless_build.live.surroundings import Surroundings, Work
from rootless_build.model.errors import RbuildError, RecipeError
from rootless_build.model.events import Event, Level, Notice
from rootless_build.model.structs import replace
from rootless_build.process.signals import signals_interrupt

_PARENT_DEATH: Final = 1
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SAME: Final = 1.0
"""Seconds in which Ctrl-C comes of the terminal, of the stand-in and of a run that ends."""
_FAILED: Final = 125
_INTERRUPTED: Final = 130
_READER_GONE: Final = 128 + signal.SIGPIPE
_HANDED_OVER: Final = re.compile(r"^(|.*=)/(?:dev|proc/self)/fd/([3-9]|\d\d+)$")


class Job(Struct, frozen=True):
    """What a worker is to do: `do` does the call. Events go into `pipe`."""

    do: Do
    call: Call
    streams: Sequence[int]
    pipe: int
    around: Surroundings

    def tell(self, event: Event) -> None:
        """Tell the run."""
        told.write(self.pipe, event)


def fork(job: Job, forget: Callable[[], None]) -> int:
    """Start the work; returns the process. `forget` closes there what is the run's alone."""
    # Until the worker has handlers of its own no signal may be taken for the run's.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        pid = os.fork()
        if pid == 0:
            _work(job, forget)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _work(job: Job, forget: Callable[[], None]) -> NoReturn:
    status = _FAILED
    try:
        _begin(job.streams, forget)
        _join(job.call.process)
        status = _done(job.do, Work(job.call, job.around, job.tell))
    except KeyboardInterrupt:
        status = _INTERRUPTED
    except BaseException:
        _tell_bug(job)
    finally:
        # Nothing of the run's own is to be ended here.
        os._exit(status)


def _begin(streams: Sequence[int], forget: Callable[[], None]) -> None:
    parent = os.getppid()
    signal.set_wakeup_fd(-1)
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in (*_ENDING, signal.SIGALRM, signal.SIGWINCH, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(_FAILED)
    forget()
    for standard, stream in enumerate(streams):
        os.dup2(stream, standard)
    for stream in streams:
        os.close(stream)
    sys.stdin = os.fdopen(0, closefd=False)


def _join(process: int) -> None:
    """Be of the caller's process group: where a shell has job control (`rbuild exec -- bash`) the
    terminal is that one's, and stops whoever else reads from it.
    """
    with contextlib.suppress(OSError):
        os.setpgid(0, os.getpgid(process))


def _with_files(work: Work) -> Work:
    """With descriptors of this process in the place of the caller's that its words name, as `<(…)`
    of a shell does.
    """
    process = work.call.process

    def taken(found: re.Match[str]) -> str:
        try:
            return f"{found[1]}/dev/fd/{os.open(f'/proc/{process}/fd/{found[2]}', os.O_RDONLY)}"
        except OSError:
            # Who opens it says so.
            return found[0]

    words = tuple(_HANDED_OVER.sub(taken, word) for word in work.call.words)
    return replace(work, call=replace(work.call, words=words))


def _done(do: Do, work: Work) -> int:
    with signals_interrupt(same=_SAME, more=streams.PASSED_ON) as interruption:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
        try:
            return do(_with_files(work))
        except ReaderGoneError:
            return _READER_GONE
        except KeyboardInterrupt:
            return 128 + interruption.number
        except RecipeError as error:
            answer = refusal(error, work.call.words)
            put(2, answer.err)
            _tell_refused(error, work)
            return answer.status
        except RbuildError as error:
            tell_failure(error, work)
            return _FAILED if work.call.words[:1] == ("run",) else 1


def _tell_refused(error: RecipeError, work: Work) -> None:
    hint = f"; {error.hint}".replace("\n", "; ") if error.hint else ""
    work.emit(Notice(Level.WARNING, "call-refused", f"{error.message}{hint}"))


def _tell_bug(job: Job) -> None:
    put(2, b"docker: rbuild failed at this; its own output says how\n")
    job.tell(Notice(Level.WARNING, "internal", traceback.format_exc()))

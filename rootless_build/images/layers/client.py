"""The maker of layers, asked from rbuild's own process: a worker in the engine's user namespace."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Final, Self, cast

from rootless_build.backend.api import UserNamespace
from rootless_build.images.layers.request import (
    Changed,
    Failed,
    Layer,
    LayersRequest,
    Made,
    NoOverlay,
    Refused,
    Uncertain,
    read_answer,
    request_line,
)
from rootless_build.model.errors import RbuildError
from rootless_build.model.text import shown
from rootless_build.process import programs, stops

_WORKER: Final = """
import sys
sys.path.insert(0, sys.argv[1])
import rootless_build
del sys.path[0]
from rootless_build.images.layers.worker import main
main()
"""
"""This very package, be it installed or in a checkout, and nothing else of the directory it is in.
"""
_PLACE: Final = Path(__file__).parents[3]


class LayerRefusedError(RbuildError):
    """An operation, counted from 0, that BuildKit would refuse too; `message` says why."""

    code = "layer-refused"

    def __init__(self, operation: int, message: str) -> None:
        super().__init__(message)
        self.operation = operation


class SourceChangedError(RbuildError):
    """A file of a source changed while an operation, counted from 0, read it."""

    code = "source-changed"

    def __init__(self, operation: int, path: str) -> None:
        super().__init__(f"{shown(path)} changed while it was copied", hint="build again")
        self.operation = operation
        self.path = path


class LayerFailedError(RbuildError):
    """An operation, counted from 0, was not done: the host would not, or it can't be done."""

    code = "layer-failed"

    def __init__(self, operation: int, message: str) -> None:
        super().__init__(f"the layer could not be made: {message}")
        self.operation = operation


class LayersUnreadableError(RbuildError):
    """The layers of an image can't be read on this host: the engine may build all the same, in its
    own way.
    """

    code = "layers-unreadable"


class UncertainDeltaError(RbuildError):
    """A layer of what changed alone can't be made for certain: all of it is to be made."""

    code = "delta-uncertain"


class LayerMaker:
    """A context with a process that makes layers; it starts with the first request,
    if not before (`start`).

    Several threads may ask: one request is made after the other. The process is the child of a
    thread that lives as long as the context, since it gets a signal when that ends.
    `mount_program` is that of `backend.ImageStore`.
    """

    def __init__(self, namespace: UserNamespace, mount_program: str = "") -> None:
        self._namespace = namespace
        self._mount_program = mount_program
        self._asking = ThreadPoolExecutor(1, "layers")
        self._worker: _Worker | None = None
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        if self._worker is not None:
            self._worker.end()
        self._asking.shutdown(cancel_futures=True)
        if self._worker is not None:
            self._worker.close()

    def make(self, request: LayersRequest) -> tuple[Layer, ...]:
        """The layers of a request: see `answer`."""
        return self.answer(request).layers

    def answer(self, request: LayersRequest) -> Made:
        """The answer to a request, the tars of its layers in its output.

        Raises LayerRefusedError, SourceChangedError, LayerFailedError, LayersUnreadableError,
        UncertainDeltaError, and RbuildError where the process ends.
        """
        line = stops.wait_for(self._asking.submit(self._ask, request_line(request)))
        match read_answer(line):
            case Made() as made:
                return made
            case Refused(operation, message):
                raise LayerRefusedError(operation, message)
            case Changed(operation, path):
                raise SourceChangedError(operation, path)
            case Failed(operation, message):
                raise LayerFailedError(operation, message)
            case NoOverlay(message):
                raise LayersUnreadableError(message)
            case Uncertain(message):
                raise UncertainDeltaError(message)

    def start(self) -> None:
        """Start the process, and do not wait; where it can't be started `make` says so."""
        self._asking.submit(self._begun)

    def _begun(self) -> _Worker:
        if self._worker is None:
            self._worker = _Worker(self._namespace, self._mount_program)
            if self._ended:
                self._worker.end()
        return self._worker

    def _ask(self, line: bytes) -> bytes:
        return self._begun().ask(line)


class _Worker:
    """The process: a line of JSON in, a line of JSON out. What else it says is kept in a file."""

    def __init__(self, namespace: UserNamespace, mount_program: str) -> None:
        # -P: the directory that rbuild was started in is a project's, and has no modules of ours.
        python = (sys.executable, "-P", "-c", _WORKER)
        worker = (*python, str(_PLACE), mount_program)
        if namespace.process is None:
            argv = [*namespace.command, *worker, ""]
        else:
            argv = [*worker, str(namespace.process), *namespace.command]
        with contextlib.ExitStack() as opened:
            self._errors = opened.enter_context(tempfile.TemporaryFile())
            self._process = cast(
                "subprocess.Popen[bytes]",
                programs.start(
                    argv,
                    environment=dict(namespace.environment),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._errors,
                ),
            )
            opened.pop_all()
        # Both were asked for.
        self._input = cast("IO[bytes]", self._process.stdin)
        self._output = cast("IO[bytes]", self._process.stdout)

    def ask(self, line: bytes) -> bytes:
        try:
            self._input.write(line)
            self._input.flush()
            answer = self._output.readline()
        except BrokenPipeError:
            answer = b""
        if not answer.endswith(b"\n"):
            raise self._died()
        return answer

    def _died(self) -> RbuildError:
        self._process.wait()
        status = self._process.returncode
        self._errors.seek(0)
        words = self._errors.read().decode(errors="replace")
        how = f"signal {-status}" if status < 0 else f"status {status}"
        message = f"the process that makes layers ended with {how}"
        return RbuildError(message, engine_words=words)

    def end(self) -> None:
        """It ends by itself when nobody can ask any more; one that is at work is stopped."""
        programs.end(self._process)

    def close(self) -> None:
        """Nobody asks any more."""
        with contextlib.suppress(BrokenPipeError):
            self._input.close()
        self._output.close()
        self._errors.close()

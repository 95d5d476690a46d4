"""One connection to another machine by ssh, over which programs are started there.

The connection is a program of this host that ends with rbuild, however that ends
(`programs.start`). What is kept on the other machine is kept by a shell of the connection's own,
which reads from it: when it ends, that shell learns so, and clears up. Whose key the machine has is
ssh's to check, by the user's own known_hosts; nobody is asked anything (BatchMode).
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, Self

from rootless_build.model.errors import BackendUnavailableError
from rootless_build.model.nodes import NodeAddress
from rootless_build.process import programs

_PROGRAM: Final = "ssh"
_ALWAYS: Final = (
    *("-o", "BatchMode=yes"),
    *("-o", "RequestTTY=no"),
    *("-o", "RemoteCommand=none"),
    *("-o", "PermitLocalCommand=no"),
    *("-o", "ForwardAgent=no"),
    *("-o", "ForwardX11=no"),
)
_MASTER: Final = (
    *("-o", "ControlMaster=yes"),
    *("-o", "ControlPersist=no"),
    *("-o", "ClearAllForwardings=yes"),
    *("-o", "ConnectTimeout=15"),
    # A machine that vanishes is missed after a minute.
    *("-o", "ServerAliveInterval=15"),
    *("-o", "ServerAliveCountMax=4"),
)
_SLAVE: Final = (
    *("-o", "ControlMaster=no"),
    # Without the connection there is none: ssh would make another, which nobody has checked.
    *("-o", "ProxyJump=none"),
    *("-o", "ProxyCommand=false"),
)
_ANSWER: Final = 60.0
"""Seconds that the other machine's shell has to answer, ssh's own attempts included."""
_LOST: Final = 255
"""ssh's own status."""


class Connection:
    """A context manager: the connection to a node, and what is done over it.

    `private` is a directory of this run's alone, with a path short enough for a socket. `keeper` is
    what a shell there does as long as the connection lasts: it writes a line when it is ready, and
    reads lines from here (`tell`) until there are no more.
    """

    def __init__(self, address: NodeAddress, private: Path, keeper: str, *words: str) -> None:
        self._address = address
        self._control = private / "ssh"
        self._log = private / "ssh.log"
        self._keeper = (keeper, words)
        self._resources = contextlib.ExitStack()
        self._master: programs.Running | None = None
        self._input = -1
        self.ready = ""

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as opening:
            opening.callback(self._resources.close)
            self._open()
            opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def _open(self) -> None:
        """Connect. Raises BackendUnavailableError with ssh's own words."""
        if programs.which(_PROGRAM) is None:
            raise programs.ProgramNotFoundError(_PROGRAM)
        given, self._input = os.pipe()
        answers, said = os.pipe()
        script, words = self._keeper
        argv = [*self._words(_MASTER), *self._there(), _shell(script, words)]
        try:
            # It gets a signal when the thread ends that it is a child of: that is to be this run's.
            thread = self._resources.enter_context(ThreadPoolExecutor(1, "rbuild-ssh"))
            with self._log.open("wb") as log:
                start = partial(programs.start, argv, stdin=given, stdout=said, stderr=log.fileno())
                self._master = thread.submit(start).result()
        except BaseException:
            os.close(self._input)
            os.close(answers)
            raise
        finally:
            os.close(given)
            os.close(said)
        self._resources.callback(self._end, self._master)
        try:
            self.ready = self._first_line(answers)
        finally:
            os.close(answers)

    def _first_line(self, answers: int) -> str:
        """What the keeper says when it is ready."""
        said, deadline = b"", time.monotonic() + _ANSWER
        with selectors.DefaultSelector() as selector:
            selector.register(answers, selectors.EVENT_READ)
            while not said.endswith(b"\n") and selector.select(deadline - time.monotonic()):
                data = os.read(answers, 1)
                if not data:
                    break
                said += data
        if not said.endswith(b"\n"):
            raise self._unreachable(said)
        return said.decode(errors="replace").strip()

    def _unreachable(self, said: bytes) -> BackendUnavailableError:
        if self._master is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._master.wait(1.0)
        words = self._log.read_text(errors="replace").strip() or said.decode(errors="replace")
        last = words.rpartition("\n")[2].strip() or f"it said nothing for {_ANSWER:.0f} s"
        name = self._address.name
        hint = f"try it by hand: {shlex.join([*self._by_hand(), 'true'])}"
        if "host key verification failed" in words.lower():
            by_hand = shlex.join(self._by_hand())
            hint = f"rbuild takes no key that ssh does not know; compare it by hand: {by_hand}"
        return BackendUnavailableError(
            f"the node {name} can't be reached: {last}",
            finding="node-unreachable",
            hint=hint,
            engine_words=words if words != last else "",
        )

    def _by_hand(self) -> Sequence[str]:
        port = () if self._address.port is None else ("-p", str(self._address.port))
        return (_PROGRAM, *port, self._address.destination)

    def _words(self, options: Sequence[str]) -> Sequence[str]:
        return (_PROGRAM, *_ALWAYS, *options, "-o", f"ControlPath={self._control}")

    def _there(self) -> Sequence[str]:
        port = () if self._address.port is None else ("-p", str(self._address.port))
        return (*port, "--", self._address.destination)

    def _end(self, master: programs.Running) -> None:
        """The keeper learns that there is nothing more to read, and has its time to clear up."""
        with contextlib.suppress(OSError):
            os.close(self._input)
        with contextlib.suppress(subprocess.TimeoutExpired):
            master.wait(programs.GRACE)
        programs.end(master)

    @property
    def is_open(self) -> bool:
        """Whether the connection still stands."""
        return self._master is not None and self._master.poll() is None

    def lost(self) -> BackendUnavailableError:
        """The error of whoever finds that it does not."""
        words = self._log.read_text(errors="replace").strip()
        return BackendUnavailableError(
            f"the connection to the node {self._address.name} was lost",
            finding="node-lost",
            hint="the bundles are as they were; run it again when the node answers",
            engine_words=words,
        )

    def tell(self, line: str) -> None:
        """Give the keeper a line. Raises BackendUnavailableError."""
        try:
            os.write(self._input, f"{line}\n".encode())
        except OSError as error:
            raise self.lost() from error

    def run(
        self, script: str, *words: str, stdin: bytes = b"", timeout: float | None = _ANSWER
    ) -> programs.Completed:
        """Run a script of sh there, to its end. Raises BackendUnavailableError."""
        argv = [*self._words(_SLAVE), *self._there(), _shell(script, words)]
        try:
            done = programs.capture(argv, stdin=stdin, timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise self.lost() from error
        if done.status == _LOST and not self.is_open:
            raise self.lost()
        return done

    def forward(self, here: Path, there: str) -> None:
        """Have a socket here lead to one there. Raises BackendUnavailableError."""
        forward = ("-O", "forward", "-L", f"{here}:{there}")
        done = programs.capture([*self._words(_SLAVE), *forward, *self._there()], timeout=_ANSWER)
        if done.status != 0:
            raise BackendUnavailableError(
                f"the node {self._address.name} forwards no sockets: {done.words}",
                finding="node-unreachable",
                hint="sshd_config(5) there: AllowStreamLocalForwarding yes",
            )


def _shell(script: str, words: Sequence[str]) -> str:
    """The command line for whatever shell the user has there: sh does it."""
    return f"exec {shlex.join(('sh', '-c', script, 'sh', *words))}"

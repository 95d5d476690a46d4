"""The way to podman: its command line, and the API of a service that this run starts and ends.

There are three ways to ask, each for one kind of question:

- a command (`Connection.command`) for what takes long or has streams: builds, pulls, attaching; for
  what is asked before the service is there; and where only this host's own podman knows;
- podman-py's objects (`client.images`, `volumes`, `containers`) for everything else that they can
  say: one thing asked for, made or removed;
- its bare requests (`client.api`) where an object would drop what is asked, ask for more or not
  bear the answer; each such place says which.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import importlib
import os
import socket
import threading
import time
import tomllib
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from msgspec import Struct

from rbuild_containers import go
from rbuild_podman.pause import pause_process
from rootless_build.backend import (
    BackendUnavailableError,
    EngineSettings,
    UserNamespace,
    programs,
)

if TYPE_CHECKING:
    from podman import PodmanClient

ENDPOINT_VARIABLE = "CONTAINER_HOST"
"""Names the service to use instead of this host's podman (podman(1))."""
CONNECTION_VARIABLE = "CONTAINER_CONNECTION"
"""Names one of the user's connections; beside ENDPOINT_VARIABLE it has no effect (podman 4.3.1)."""
KEY_VARIABLE = "CONTAINER_SSHKEY"
"""The key for an endpoint that is reached by ssh."""

ANSWER = 120.0
"""Seconds that the service may be silent. What takes long (a build, a container) is a command."""
_PATIENCE = 15.0
"""Seconds the private service has to answer; it needs 0.12 s on an idle machine."""


def variable() -> str | None:
    """The variable of the environment that names a podman; an empty value names none."""
    named = (name for name in (ENDPOINT_VARIABLE, CONNECTION_VARIABLE) if os.environ.get(name))
    return next(named, None)


class Endpoint(Struct, frozen=True):
    """A podman service: its `address`, and the file of a key (ssh alone)."""

    address: str
    key: str = ""


def endpoint() -> Endpoint | None:
    """The service that the environment names.

    Raises BackendUnavailableError when it is named by a connection that there is none of.
    """
    match variable():
        case None:
            return None
        case name if name == ENDPOINT_VARIABLE:
            return Endpoint(os.environ[name], os.environ.get(KEY_VARIABLE, ""))
        case _:
            return _connection(os.environ[CONNECTION_VARIABLE])


def _connection(wanted: str) -> Endpoint:
    # This run's own settings have nothing of the user's connections.
    template = "{{.Name}}\t{{.URI}}\t{{.Identity}}"
    answer = programs.capture(["podman", "system", "connection", "list", "--format", template])
    names = []
    for row in answer.text.splitlines():
        name, _, rest = row.partition("\t")
        if name == wanted:
            address, _, key = rest.partition("\t")
            return Endpoint(address, key)
        names.append(name)
    there = f"podman has {', '.join(names)}" if names else "podman has none"
    raise BackendUnavailableError(
        f"{CONNECTION_VARIABLE} names a connection, and there is no connection {wanted!r}: {there}",
        finding="engine-unreachable",
        hint=f"`podman system connection add`, or unset {CONNECTION_VARIABLE}",
    )


def environment(settings: EngineSettings) -> programs.Environment:
    """What every podman command gets. podman 4.3.1 takes an empty CONTAINER_HOST for an address,
    and any CONTAINER_CONNECTION for a wish to be a client.
    """
    named = settings.node is None and variable() == ENDPOINT_VARIABLE
    own = {} if named else {ENDPOINT_VARIABLE: None}
    return {**go.environment(), **dict(settings.environment), **own, CONNECTION_VARIABLE: None}


class Connection:
    """A context manager. The private service is started by `start`, which does not wait for it,
    or by the first use of `client`.

    `environment` is what every podman command gets. `remote` is true for an endpoint that is
    not a unix socket: its files are not this host's.
    """

    def __init__(self, settings: EngineSettings) -> None:
        node = settings.node
        named = Endpoint(f"unix://{node.socket}") if node is not None else endpoint()
        key = {KEY_VARIABLE: named.key} if named is not None and named.key else {}
        self.environment = {**environment(settings), **key}
        self._node = node
        self._endpoint = named.address if named is not None else None
        self._key = named.key if named is not None else ""
        self._socket = settings.runtime_directory / "podman.sock"
        self._log = settings.runtime_directory / "podman-service.log"
        self._service: programs.Running | None = None
        self._starting = threading.Lock()
        self._starter = 0
        self._client: PodmanClient | None = None
        self._client_of = 0
        self._import: threading.Thread | None = None
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def start(self) -> None:
        """Start the service, if it is not there yet: it is ready in about 0.12 s."""
        if self._endpoint is not None or self._service is not None:
            return
        if threading.current_thread() is threading.main_thread():
            self._start()
            return
        with self._starting:
            if self._service is None:
                # It gets a signal when the thread ends that it is a child of.
                threads = concurrent.futures.ThreadPoolExecutor(1, "podman-service")
                keeper = self._resources.enter_context(threads)
                keeper.submit(self._start).result()

    def _start(self) -> None:
        self._starter = os.getpid()
        self._service = self._resources.enter_context(
            programs.service(
                ["podman", "system", "service", "--time", "0", f"unix://{self._socket}"],
                self._log,
                environment=self.environment,
            )
        )

    def import_client(self) -> None:
        """If the service was started, import podman-py, which takes 0.09 s, in the background: for
        a moment in which this process has nothing to do.
        """
        if self._service is not None and self._import is None:
            self._import = threading.Thread(
                target=importlib.import_module, args=("podman",), daemon=True
            )
            self._import.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._resources.close()

    @property
    def endpoint(self) -> str | None:
        """The address of the service that the environment names, None for this run's own."""
        return self._endpoint

    @property
    def place(self) -> str:
        """What the engine's host is called: a node, or where the service is."""
        if self._node is not None:
            return self._node.url
        return self._endpoint or ""

    @property
    def named_by(self) -> str:
        """What names the engine: an option, or a variable."""
        return "--on" if self._node is not None else str(variable())

    @property
    def user_namespace(self) -> UserNamespace:
        """The user namespace of this user's own podman."""
        # With it `unshare` would be asked of a service, which does not know it.
        environment = {**self.environment, ENDPOINT_VARIABLE: None}
        own = tuple(environment.items())
        return UserNamespace(("podman", "unshare"), own, pause_process(environment))

    @property
    def remote(self) -> bool:
        """Whether the engine may be on another host."""
        if self._node is not None:
            return True
        return self._endpoint is not None and not self._endpoint.startswith("unix:")

    def command(self, *arguments: str) -> list[str]:
        """The argument list of a podman command that works on the same storage as the API."""
        if self._endpoint is None:
            return ["podman", *arguments]
        return ["podman", "--remote", "--url", self._endpoint, *arguments]

    @functools.cached_property
    def default_ulimits(self) -> tuple[str, ...]:
        """`default_ulimits` of this run's containers.conf.

        podman 4.3.1 applies it on the command line only; through the API, real root without
        CAP_SYS_RESOURCE could start no container.
        """
        file = self.environment.get("CONTAINERS_CONF")
        if file is None or self._endpoint is not None:
            return ()
        configuration = tomllib.loads(Path(file).read_text())
        return tuple(configuration.get("containers", {}).get("default_ulimits", ()))

    @property
    def client(self) -> PodmanClient:
        """podman-py's client; the first use waits for the service.

        Raises BackendUnavailableError when the service does not come up.
        """
        # A process that was forked since has connections of its own (`rootless_build.live`).
        if self._client is not None and self._client_of == os.getpid():
            return self._client
        self.start()
        # A run that only builds does not need it.
        from podman import PodmanClient  # noqa: PLC0415

        self._wait_for_service()
        address = self._endpoint or f"unix://{self._socket}"
        # Of several threads that come here each may make one; the last stays.
        made = PodmanClient(base_url=address, identity=self._key or None, timeout=ANSWER)
        self._resources.callback(made.close)
        self._client, self._client_of = made, os.getpid()
        return made

    @property
    def ready(self) -> bool:
        """Whether `client` answers at once: a question is 0.01 s with it, 0.05 s without."""
        if self._client is not None:
            return True
        imported = self._import is not None and not self._import.is_alive()
        return imported and self._accepts()

    def _accepts(self) -> bool:
        """Whether the service can be connected to. Its socket is there before it listens."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._socket))
            except OSError:
                return False
        return True

    def answering_socket(self) -> Path:
        """The socket of the service, which answers. Raises BackendUnavailableError."""
        if self._endpoint is None:
            self.start()
            self._wait_for_service()
            return self._socket
        if self._node is not None or not self._endpoint.startswith("unix://"):
            raise BackendUnavailableError(
                f"docker's commands are not done over {self.place}", finding="podman-service"
            )
        return Path(self._endpoint.removeprefix("unix://"))

    def _wait_for_service(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while self._service is not None and not self._accepts():
            # A process that was forked since then (`rootless_build.live`) can't wait for it.
            own = self._starter == os.getpid()
            ended = own and self._service.poll() is not None
            if ended or time.monotonic() > deadline:
                raise BackendUnavailableError(
                    "the podman service of this run did not start",
                    finding="podman-service",
                    hint="`rbuild doctor` looks for the cause",
                    engine_words=self._log.read_text(errors="replace"),
                )
            time.sleep(0.005)


def engine_errors(what: str, *, status: int | None = None) -> AbstractContextManager[None]:
    """Turn what podman-py raises into a StepFailedError: `what` failed, and the engine's words."""
    # As in `Connection.client`.
    from rbuild_podman.service_errors import told  # noqa: PLC0415

    return told(what, status)

"""Docker's commands that are no steps, done by podman: its command line, and its service.

The service is asked without podman-py: each call of docker is a process of its own, which would
import it for 0.09 s.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from rbuild_podman.connection import Connection
from rootless_build.backend import BackendUnavailableError, Image, Json, RunContainer

if TYPE_CHECKING:
    from rbuild_podman.container import Containers

_VERSION: Final = "/v4.0.0"
_OWN: Final = "/libpod/"


class _Service(http.client.HTTPConnection):
    """A connection to a service's socket. What takes long (`wait`) may."""

    def __init__(self, place: Path) -> None:
        super().__init__("podman")
        self._place = place

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self._place))


class PodmanCommands:
    """See `rootless_build.backend.api.DockerCommands`."""

    keeps_containers: Final = True
    is_docker: Final = False

    def __init__(self, connection: Connection, containers: Callable[[], Containers]) -> None:
        self._connection = connection
        self._containers = containers

    def command(self, words: Sequence[str]) -> tuple[Sequence[str], Mapping[str, str | None]]:
        """podman's command line."""
        return self._connection.command(*words), self._connection.environment

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Json = None,
    ) -> tuple[int, Json]:
        """What the service says."""
        place = self._connection.answering_socket()
        target = f"{_VERSION}{path}" if path.startswith(_OWN) else path
        if query:
            target += f"?{urlencode(query)}"
        data = None if body is None else json.dumps(body)
        headers = {} if data is None else {"Content-Type": "application/json"}
        service = _Service(place)
        try:
            service.request(method, target, data, headers)
            answer = service.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise BackendUnavailableError(
                f"podman's service does not answer: {error}", finding="podman-service"
            ) from error
        finally:
            service.close()
        return answer.status, _read(text)

    def create(self, step: RunContainer, image: Image) -> str:
        """Make a container that stays."""
        return self._containers().create(step, image)


def _read(text: bytes) -> Json:
    """One document; the last of several (podman 4.3.1 sends some one after the other)."""
    try:
        found: Json = json.loads(text)
    except ValueError:
        lines = text.strip().splitlines()
        found = json.loads(lines[-1]) if len(lines) > 1 else text.decode(errors="replace").strip()
    return found

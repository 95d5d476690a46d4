"""Engines that the environment names, instead of this host's own: whether somebody is there.

Who names an engine of another host expects builds to go there; where nobody answers, a build on
this host by another engine is not what was asked for. A socket of this host in DOCKER_HOST is no
wish for a build by docker: rootless docker and podman's service have it set in many a profile, for
all that speaks docker's API. An empty value counts as none.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from rootless_build.files import plain
from rootless_build.process import user_directories

NAMING: Final = (
    ("CONTAINER_HOST", "podman"),
    ("CONTAINER_CONNECTION", "podman"),
    ("DOCKER_HOST", "docker"),
    ("DOCKER_CONTEXT", "docker"),
)
"""Variables, and the backend whose engine each names (podman(1), docker(1)). Of an engine's two the
first one counts."""
_BY_NAME: Final = frozenset({"CONTAINER_CONNECTION", "DOCKER_CONTEXT"})
"""Variables with the name of an address that only the engine's client knows."""
_OWN_CONTEXT: Final = "default"
_PATIENCE: Final = 5.0
"""Seconds for an answer."""
_PING: Final = b"GET /_ping HTTP/1.0\r\nHost: localhost\r\n\r\n"
"""Of docker's API, which podman's service has too."""
_PORT: Final = 2375


class NamedEngine(Struct, frozen=True):
    """`variable` has the value `address`, which means an engine of the backend `backend`."""

    variable: str
    address: str
    backend: str

    @property
    def is_wanted(self) -> bool:
        """Whether builds are meant to go there and nowhere else."""
        return self.backend == "podman" or not (self._url or "").startswith(("unix:", "/"))

    @property
    def _url(self) -> str | None:
        """The address itself; None where only the engine's client knows it."""
        if self.variable not in _BY_NAME:
            return self.address
        return _endpoint(self.address) if self.variable == "DOCKER_CONTEXT" else None

    def silence(self) -> str | None:
        """Why nobody answers at the address, empty where somebody does.

        None where only the engine's own client can tell: ssh, names of connections.
        """
        known = self._url
        if known is None:
            return None
        try:
            url = urlsplit(known if "://" in known else f"tcp://{known}")
            match url.scheme:
                case "unix":
                    ping_socket(url.netloc + url.path)
                case "tcp" | "http" | "https":
                    # Who wants TLS has nothing to say to a ping.
                    address = (url.hostname or "localhost", url.port or _PORT)
                    socket.create_connection(address, _PATIENCE).close()
                case _:
                    return None
        except (OSError, ValueError) as error:
            return getattr(error, "strerror", None) or str(error)
        return ""


def named(environment: Mapping[str, str] = os.environ) -> Iterator[NamedEngine]:
    """The engines that the environment names, one for a backend."""
    seen = set()
    for variable, backend in NAMING:
        address = environment.get(variable)
        if not address or backend in seen:
            continue
        if (variable, address) != ("DOCKER_CONTEXT", _OWN_CONTEXT):
            seen.add(backend)
            yield NamedEngine(variable, address, backend)


def _endpoint(context: str) -> str | None:
    """The address that a context of docker's client has (29.1; docker context inspect)."""
    directory = hashlib.sha256(os.fsencode(context)).hexdigest()
    file = user_directories.docker_config() / "contexts/meta" / directory / "meta.json"
    try:
        return str(json.loads(plain.text(file))["Endpoints"]["docker"]["Host"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # the client will say what is wrong


def ping_socket(path: str) -> None:
    """Raises OSError when nobody answers."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(_PATIENCE)
        client.connect(path)
        client.sendall(_PING)
        if not client.recv(1):
            raise ConnectionResetError(0, "the connection was closed without an answer")

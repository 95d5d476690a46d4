"""Docker's commands done by docker itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rbuild_docker.client import Client
from rootless_build.backend import Image, Json, RunContainer, UnsupportedError


class DockerItself:
    """See `rootless_build.backend.api.DockerCommands`: all of it is passed on."""

    keeps_containers: Final = True
    is_docker: Final = True

    def __init__(self, client: Client) -> None:
        self._client = client

    def command(self, words: Sequence[str]) -> tuple[Sequence[str], Mapping[str, str | None]]:
        """Docker's command line."""
        return ("docker", *words), self._client.environment

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Json = None,
    ) -> tuple[int, Json]:
        """Nothing is asked: docker's own client does."""
        raise UnsupportedError(f"docker's client asks for itself: {method} {path} {query} {body}")

    def create(self, step: RunContainer, image: Image) -> str:
        """Never: docker's client makes what stays."""
        raise UnsupportedError(f"docker's client makes {step.name or image.id}")

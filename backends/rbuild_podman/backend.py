"""What the registry finds: whether podman can run here, how to open it, a step as commands."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from typing import ClassVar

from rbuild_containers.versions import version_in
from rbuild_containers.witness import StorageWitness, witness
from rbuild_podman.connection import Connection, endpoint, environment, variable
from rbuild_podman.engine import PodmanEngine
from rootless_build.backend import (
    BackendUnavailableError,
    Engine,
    EngineSettings,
    Probe,
    Step,
    programs,
)

_OLDEST = (4, 3)
"""The first that is known to take an image of layers that it has and of others: 4.3.1. 3.4.4
(Ubuntu 22.04) speaks another version of the API too.
"""
_PATIENCE = 20.0
"""Seconds an engine has to say its version."""


class PodmanBackend:
    """Podman on this host, or the one that the environment names."""

    name: ClassVar[str] = "podman"

    def probe(self, settings: EngineSettings) -> Probe:
        """See `rootless_build.backend.api.Backend.probe`."""
        if programs.which("podman") is None:
            return Probe(
                None,
                "podman is not installed",
                "install it with your package manager, for example: apt-get install podman",
            )
        if settings.node is not None:
            return _version(f"unix://{settings.node.socket}", settings)
        try:
            named = endpoint()
        except BackendUnavailableError as error:
            return Probe("", error.message, error.hint)
        address = named.address if named is not None else None
        if settings.isolation == "chroot" and not address:
            return Probe(
                "",
                "podman has no OCI runtime that can start a container here",
                "install runc, or crun where control groups are not hybrid; buildah needs neither",
            )
        return _version(address, settings)

    def witness(self, settings: EngineSettings) -> StorageWitness | None:
        """See `rootless_build.backend.api.witness`; a service may have any storage."""
        is_own = variable() is None and settings.node is None
        return witness("podman", settings) if is_own else None

    @contextlib.contextmanager
    def open(self, settings: EngineSettings) -> Iterator[Engine]:
        """See `rootless_build.backend.api.Backend.open`."""
        with contextlib.ExitStack() as opened:
            connection = opened.enter_context(Connection(settings))
            yield PodmanEngine(connection, settings, opened)

    def commands(self, step: Step, settings: EngineSettings) -> tuple[tuple[str, ...], ...]:
        """See `rootless_build.backend.api.Backend.commands`."""
        # Only `rbuild plan` shows commands.
        from rbuild_podman.commands import commands  # noqa: PLC0415

        return commands(step, settings)


def answered(version: str) -> Probe:
    """What is said of a podman that answers with its version."""
    numbers = version_in(version)
    if numbers and numbers < _OLDEST:
        return Probe(
            version,
            f"podman {version} is too old: the oldest that rbuild can use is 4.3",
            "install podman of a newer release, or use docker, or buildah from 1.28",
        )
    return Probe(version)


def _version(address: str | None, settings: EngineSettings) -> Probe:
    version = ["podman", "version", "--format", "{{.Client.Version}}"]
    if address:
        version = [
            *("podman", "--remote", "--url", address),
            *("version", "--format", "{{.Server.Version}}"),
        ]
    try:
        answer = programs.capture(version, environment=environment(settings), timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        who = f"the podman service at {address}" if address else "podman"
        return Probe("", f"{who} did not answer within {_PATIENCE:.0f} s")
    if answer.status == 0:
        return answered(answer.text.strip())
    words = answer.words.rpartition("\n")[2].removeprefix("Error: ")
    if settings.node is not None:
        return Probe("", f"podman on the node {settings.node.name} does not answer: {words}")
    if address:
        return Probe(
            "",
            f"the podman service at {address} does not answer: {words}",
            f"start it, or unset {variable()} to use the podman of this host",
        )
    return Probe("", f"podman does not start: {words}")

"""What the registry finds: whether docker can run here, how to open it, a step as commands."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from typing import ClassVar

from rbuild_docker.build_arguments import Builder, build_arguments
from rbuild_docker.client import PATIENCE, Client
from rbuild_docker.engine import DockerEngine
from rbuild_docker.image_builds import builder_of
from rbuild_docker.run_arguments import run_arguments
from rootless_build.backend import (
    BuildImage,
    CheckContainerfile,
    Engine,
    EngineSettings,
    HostCommand,
    Probe,
    PullImage,
    RemoveVolume,
    RunContainer,
    Step,
    TagImage,
    Unexpanded,
    programs,
)


class DockerBackend:
    """The daemon that DOCKER_HOST, the current docker context or the default socket names."""

    name: ClassVar[str] = "docker"

    def probe(self, settings: EngineSettings) -> Probe:
        """See `rootless_build.backend.api.Backend.probe`."""
        if programs.which("docker") is None:
            return Probe(
                None,
                "docker is not installed",
                "install its client and a daemon, for example: apt-get install docker.io",
            )
        client = Client(settings)
        try:
            done = client.capture("version", "--format", "{{json .}}", timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            silence = client.silence()
            return Probe("", silence.problem, silence.hint)
        try:
            version = json.loads(done.text)
            server = version.get("Server")
            own = str(version["Client"]["Version"])
        except (ValueError, KeyError, AttributeError, TypeError):
            return Probe("", f"docker does not start: {done.words or done.text.strip()}")
        if done.status == 0 and server:
            found = str(server["Version"])
            classic = builder_of(client) is Builder.CLASSIC
            return Probe(found, builder=f"docker-classic {found}" if classic else f"docker {found}")
        if done.status == 0:
            # The package podman-docker: podman under docker's name.
            return Probe(
                "", "the docker on PATH is not Docker's", "use it as what it is: --backend podman"
            )
        why = client.diagnosis(done.words)
        return Probe(own, why.problem, why.hint)

    @contextlib.contextmanager
    def open(self, settings: EngineSettings) -> Iterator[Engine]:
        """See `rootless_build.backend.api.Backend.open`."""
        with contextlib.ExitStack() as stack:
            engine = DockerEngine(Client(settings), settings, stack)
            engine.connect()
            yield engine

    def commands(self, step: Step, settings: EngineSettings) -> tuple[tuple[str, ...], ...]:
        """See `rootless_build.backend.api.Backend.commands`."""
        match step:
            case BuildImage():
                build = build_arguments(step, settings.network, Builder.BUILDX)
                return (
                    *(("docker", "tag", local, wanted) for wanted, local in step.substitutes),
                    ("docker", "build", *build),
                    *(("docker", "image", "rm", wanted) for wanted, _ in step.substitutes),
                )
            case RunContainer():
                return (("docker", "run", *run_arguments(step, settings.network)),)
            case RemoveVolume():
                return (("docker", "volume", "rm", "--force", *step.names),)
            case TagImage():
                return (("docker", "tag", step.image, step.name),)
            case PullImage():
                return (("docker", "pull", step.image),)
            case HostCommand() | Unexpanded() | CheckContainerfile():
                return ()

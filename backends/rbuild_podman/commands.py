"""The steps of a plan as podman's command lines, which `rbuild plan` shows."""

from __future__ import annotations

from rbuild_containers.build import build_arguments, build_commands
from rbuild_podman.run_arguments import run_arguments
from rootless_build.backend import (
    BuildImage,
    CheckContainerfile,
    EngineSettings,
    HostCommand,
    PullImage,
    RemoveVolume,
    RunContainer,
    Step,
    TagImage,
    Unexpanded,
)


def commands(step: Step, settings: EngineSettings) -> tuple[tuple[str, ...], ...]:
    """See `rootless_build.backend.api.Backend.commands`."""
    match step:
        case BuildImage():
            return build_commands(
                step,
                "podman",
                lambda one: ("podman", "build", *build_arguments(one, settings)),
            )
        case RunContainer():
            return (("podman", "run", *run_arguments(step, settings)),)
        case RemoveVolume():
            return (("podman", "volume", "rm", *step.names),)
        case TagImage():
            return (("podman", "tag", step.image, step.name),)
        case PullImage():
            return (("podman", "pull", step.image),)
        case HostCommand() | Unexpanded() | CheckContainerfile():
            return ()

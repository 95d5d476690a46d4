"""Where a RUN that mounts an SSH agent looks for it where nobody gave one: docker names the socket
all the same, and engines name none.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from rootless_build.images.containerfile import mounts
from rootless_build.images.containerfile.mounts import Mount
from rootless_build.images.containerfile.stages import Scope
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.containerfile.words import expand
from rootless_build.model.structs import replace

SOCKET: Final = "/run/buildkit/ssh_agent.0"
"""Where BuildKit puts the first agent of a RUN that says no place for it."""
_VARIABLE: Final = "SSH_AUTH_SOCK"
_USUAL: Final = "default"


def mounts_agent(run: Instruction) -> bool:
    """Whether a RUN mounts an agent, given or not."""
    return any(mount.type == "ssh" for mount in _mounts(run))


def naming_absent(run: Instruction, scope: Scope, given: Collection[str]) -> Scope:
    """The scope in which a RUN that mounts none but agents that nobody gave is told of the first.
    `given` are those of the step (`ID[=PATH…]`). Raises WordError.
    """
    known = {each.partition("=")[0] for each in given}
    agents = [mount for mount in _mounts(run) if mount.type == "ssh"]
    if not agents or _VARIABLE in scope.variables:
        return scope
    if any(expand(each.id or _USUAL, scope.variables).text in known for each in agents):
        return scope
    place = expand(agents[0].target or "", scope.variables).text or SOCKET
    return replace(scope, variables={**scope.variables, _VARIABLE: place})


def _mounts(run: Instruction) -> list[Mount]:
    return [mounts.parse(flag.value or "") for flag in run.flags if flag.name == "mount"]

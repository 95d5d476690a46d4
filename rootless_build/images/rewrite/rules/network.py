"""`RUN --network`."""

from __future__ import annotations

from rootless_build.images.containerfile.edit import without
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.rewrite.state import Site


def network(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """Take the flag away: the build of the RUN's segment has that network."""
    wanted = instruction.value("network")
    if wanted is None:
        return None
    at.note("network", f"--network={wanted} left out, all of the engine's build has it")
    return (without(instruction, "network"),)

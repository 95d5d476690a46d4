"""`RUN --network`."""

from __future__ import annotations

from rootless_build.images.containerfile.edit import without
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.state import Site


def network(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """Take the flag away where the whole build has that network anyway."""
    wanted = instruction.value("network")
    if wanted is None:
        return None
    feature = Feature.NETWORK_NONE if wanted == "none" else Feature.NETWORK_HOST
    if wanted in {"default", at.work.network}:
        at.note("network", f"--network={wanted} left out, the build has it anyway")
    elif at.has(feature):
        return None
    else:
        differs = f"the step has the network of the build, not --network={wanted}"
        at.inexact("network", feature, differs)
    return (without(instruction, "network"),)

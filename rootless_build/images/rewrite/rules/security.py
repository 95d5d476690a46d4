"""`RUN --security` and `RUN --device`."""

from __future__ import annotations

from rootless_build.images.containerfile.edit import without
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.state import Site


def security(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """`sandbox` is what every step has; `insecure` is what no step here can have."""
    wanted = instruction.value("security")
    if wanted is None:
        return None
    if wanted == "sandbox":
        why = at.work.builder.why(Feature.RUN_SECURITY)
        at.note("security", f"--security=sandbox left out, it is the default: {why}")
    else:
        differs = "the step runs with the capabilities and devices of any other step"
        at.inexact("security", Feature.RUN_SECURITY, differs)
    return (without(instruction, "security"),)


def device(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """A device that is not there can only be gone without."""
    if instruction.flag("device") is None:
        return None
    at.inexact("device", Feature.RUN_DEVICE, "the step has no such device")
    return (without(instruction, "device"),)

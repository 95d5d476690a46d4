"""`COPY --chmod`."""

from __future__ import annotations

from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.containerfile.words import expand
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.state import Site


def chmod(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """Refuse what the engine does not know; nothing can stand for it."""
    value = instruction.value("chmod")
    if value is None:
        return None
    if not at.has(Feature.CHMOD):
        at.refuse("chmod", Feature.CHMOD, "--chmod can't be done")
    mode = expand(value, at.scope.variables).text
    if not mode.isdigit():
        hint = "write the mode as an octal number"
        at.refuse("chmod", Feature.CHMOD_SYMBOLIC, f"--chmod={mode} can't be done", hint)
    return None

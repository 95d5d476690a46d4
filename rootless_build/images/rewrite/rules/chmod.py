"""`COPY --chmod`."""

from __future__ import annotations

from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.containerfile.words import expanded
from rootless_build.images.rewrite.context import At
from rootless_build.images.rewrite.features import Feature


def chmod(instruction: Instruction, at: At) -> tuple[Instruction, ...] | None:
    """Refuse what the engine does not know; nothing can stand for it."""
    value = instruction.value("chmod")
    if value is None:
        return None
    if not at.has(Feature.CHMOD):
        at.refuse("chmod", Feature.CHMOD, "--chmod can't be done")
    mode = expanded(value, at.scope.variables).text
    if not mode.isdigit() and not at.has(Feature.CHMOD_SYMBOLIC):
        hint = "write the mode as an octal number"
        at.refuse("chmod", Feature.CHMOD_SYMBOLIC, f"--chmod={mode} can't be done", hint)
    return None

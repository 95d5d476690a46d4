"""`FROM stage-${ARG}`: engines that follow the name of an image or stage only as it is written."""

from __future__ import annotations

from rootless_build.images.containerfile.edit import with_body
from rootless_build.images.containerfile.parser import logical_words
from rootless_build.images.containerfile.stages import earlier
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.state import Site
from rootless_build.model.references import canonical


def from_argument(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """Write the name out, of a stage and of an image that comes from a build context."""
    written, *rest = logical_words(instruction.body)
    name = at.stages[at.number].base
    if "$" not in written or name is None:
        return None
    of_stage = earlier(name, at.stages, at.number, numbers=False) is not None
    if not of_stage and canonical(name) not in at.work.replaced:
        return None
    at.note("from-argument", f"{name}: {at.work.builder.why(Feature.FROM_ARGUMENT)}")
    return (with_body(instruction, " ".join([name, *rest])),)

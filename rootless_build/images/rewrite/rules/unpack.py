"""`ADD --unpack`: whether archives are unpacked."""

from __future__ import annotations

from rootless_build.images.containerfile.edit import copy, without
from rootless_build.images.containerfile.parser import logical_words
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.state import Site


def unpack(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """Take the flag away where it says what ADD does anyway, or make it a COPY."""
    flag = instruction.flag("unpack")
    if flag is None:
        return None
    wanted = (flag.value or "true").lower() == "true"
    words = instruction.json if instruction.json is not None else logical_words(instruction.body)
    remote = [word.startswith(("http://", "https://")) for word in words[:-1]]
    plain = without(instruction, "unpack")
    why = at.work.builder.why(Feature.UNPACK)
    if any(remote):
        if wanted:
            at.refuse("unpack", Feature.UNPACK, "archives from an URL can't be unpacked")
            return None
        if not all(remote):
            at.refuse("unpack", Feature.UNPACK, "files and URLs in one ADD --unpack=false")
            return None
    if wanted or any(remote):
        at.note("unpack", f"--unpack left out, it is the default here: {why}")
        return (plain,)
    at.note("unpack", f"ADD --unpack=false made a COPY: {why}")
    return (copy(plain, plain.flags, words[:-1], words[-1]),)

"""`FROM --platform`: short forms, arguments of the heading, platforms of one stage alone."""

from __future__ import annotations

from rootless_build.images.containerfile.edit import with_flags
from rootless_build.images.containerfile.stages import SCRATCH, earlier
from rootless_build.images.containerfile.syntax import Flag, Instruction
from rootless_build.images.containerfile.words import WordError, expand
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.state import Site
from rootless_build.model import platforms


def platform(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """Write the platform out in full, and name it where that of a stage before would hold."""
    written = instruction.value("platform")
    if written is None:
        return _keep_apart(instruction, at)
    try:
        value = expand(written, at.scope.variables).text
        full = platforms.normal(value)
    except WordError as wrong:
        raise at.error(str(wrong), "a platform is written linux/arm64") from wrong
    except platforms.BadPlatformError as wrong:
        raise at.error(str(wrong), wrong.hint) from wrong
    if full == written or not ("/" not in value or _needs_heading(written)):
        return None
    at.note("platform", f"--platform={written} is {full}: {at.work.builder.why(Feature.PLATFORM)}")
    others = tuple(flag for flag in instruction.flags if flag.name != "platform")
    return (with_flags(instruction, (Flag("platform", full), *others)),)


def _needs_heading(written: str) -> bool:
    """Whether a platform has other arguments than those that every engine sets."""
    found = expand(written, {}).substitutions
    return any(each.name not in platforms.ARGUMENTS for each in found)


def _keep_apart(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """A stage with a platform of its own must not give it to those after it."""
    if at.has(Feature.PLATFORM_OF_STAGE):
        return None
    before = at.stages[: at.number]
    if not any(stage.begin.flag("platform") for stage in before):
        return None
    base = at.stages[at.number].base
    if (
        base in {None, SCRATCH}
        or earlier(base or "", at.stages, at.number, numbers=False) is not None
    ):
        return None
    target = at.work.platform or platforms.host()
    why = at.work.builder.why(Feature.PLATFORM_OF_STAGE)
    at.note("platform", f"--platform={target} added, that of a stage before would hold: {why}")
    return (with_flags(instruction, (*instruction.flags, Flag("platform", target))),)

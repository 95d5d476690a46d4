"""The `--mount` flags of a RUN, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from rootless_build.images.containerfile import mounts
from rootless_build.images.containerfile.edit import with_flags
from rootless_build.images.containerfile.mounts import Mount
from rootless_build.images.containerfile.syntax import Flag, Instruction


def change_mounts(
    instruction: Instruction,
    change: Callable[[Mount], Mount],
    anew: Callable[[str], bool] = lambda _: False,
) -> tuple[Instruction, ...] | None:
    """The RUN with each mount changed; None if none was.

    `anew` says of a mount's text whether it is to be written anew although it is the same mount.
    """

    def change_flag(flag: Flag) -> Flag:
        text = flag.value or ""
        before = mounts.parse(text)
        after = change(before)
        if after == before and not anew(text):
            return flag
        return Flag("mount", str(after), flag.offset)

    flags = tuple(change_flag(flag) if flag.name == "mount" else flag for flag in instruction.flags)
    return None if flags == instruction.flags else (with_flags(instruction, flags),)

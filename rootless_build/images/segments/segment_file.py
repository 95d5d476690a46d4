"""The containerfile of a segment: FROM an image of ours, and the RUNs that follow each other.

What a RUN mounts of stages and images is a build context whose name tells what is in it: engines
look a RUN up by its text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from rootless_build.images.containerfile import mounts
from rootless_build.images.containerfile.edit import render, with_flags
from rootless_build.images.containerfile.stages import DEFAULT_SHELL
from rootless_build.images.containerfile.syntax import Flag, Instruction
from rootless_build.images.segments.progress import SEGMENT
from rootless_build.images.segments.steps import Mounted
from rootless_build.model.plan import Pairs
from rootless_build.model.structs import replace

_DIGITS: Final = 24


class SegmentFile(Struct, frozen=True):
    """The text, and the build contexts that it names: images, as engines have these written.

    `lines` are those that its instructions have in the project's own file.
    """

    text: str
    contexts: Pairs
    lines: tuple[int, ...]


def write_segment(
    image: str,
    runs: Sequence[Instruction],
    shell: Sequence[str],
    mounted: Callable[[Instruction, mounts.Mount], Mounted | None],
) -> SegmentFile:
    """A containerfile with the RUNs, on the image of that id.

    `mounted` gives what a mount is of; None for one that stays as it is.
    """
    contexts: dict[str, str] = {}
    text = f"FROM {image} AS {SEGMENT}\n"
    lines = [runs[0].line]
    if tuple(shell) != DEFAULT_SHELL:
        # An engine takes it from the image, and the rules for a heredoc read it here.
        text += f"SHELL {json.dumps(list(shell), ensure_ascii=False)}\n"
        lines.append(runs[0].line)
    for run in runs:
        text += render(_rename_origins(run, mounted, contexts))
        lines.append(run.line)
    return SegmentFile(text, tuple(contexts.items()), tuple(lines))


def _rename_origins(
    run: Instruction,
    mounted: Callable[[Instruction, mounts.Mount], Mounted | None],
    contexts: dict[str, str],
) -> Instruction:
    """The RUN with other names for what its mounts are of; `contexts` gets these."""

    def change(flag: Flag) -> Flag:
        if flag.name != "mount":
            return flag
        mount = mounts.parse(flag.value or "")
        found = mounted(run, mount)
        if found is None:
            return flag
        name = f"rbuild-{(found.key or found.image)[:_DIGITS]}"
        contexts[name] = f"container-image://{found.image}"
        changed = replace(mount, origin=name, source=found.source or mount.source)
        return Flag(flag.name, str(changed), flag.offset)

    flags = tuple(map(change, run.flags))
    return run if flags == run.flags else with_flags(run, flags)

"""Which platform each stage of a containerfile is of.

Facts: dockerfile2llb of moby/buildkit: `FROM --platform` names it, a stage upon a stage has that
one's, every other one is of the platform that is built for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rootless_build.images.containerfile.stages import Stage, earlier
from rootless_build.images.containerfile.words import WordError, expand
from rootless_build.model import platforms
from rootless_build.model.platforms import BadPlatformError


def platforms_of(
    stages: Sequence[Stage], variables: Mapping[str, str], target: str | None
) -> tuple[str | None, ...]:
    """The platform of each stage, in normal form; None where what is written can't be read.

    `variables` are those of the heading. `target` is the platform that is built for, None for this
    host's.
    """
    usual = platforms.normal(target) if target else platforms.host()
    found: list[str | None] = []
    for number, stage in enumerate(stages):
        below = earlier(stage.base or "", list(stages), number, numbers=False)
        found.append(found[below] if below is not None else _written(stage, variables, usual))
    return tuple(found)


def _written(stage: Stage, variables: Mapping[str, str], usual: str) -> str | None:
    written = stage.begin.value("platform")
    if written is None:
        return usual
    try:
        return platforms.normal(expand(written, variables).text)
    except (WordError, BadPlatformError):
        return None

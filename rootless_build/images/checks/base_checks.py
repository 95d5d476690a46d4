"""Checks of FROM: the arguments in its name, and its platform."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from rootless_build.images.checks.file_checks import warn
from rootless_build.images.checks.warning import CheckWarning, meant
from rootless_build.images.containerfile.parser import logical_words
from rootless_build.images.containerfile.stages import (
    Given,
    Stage,
    base_of,
    declared_arguments,
    heading_variables,
)
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.containerfile.words import expand
from rootless_build.model import platforms, references
from rootless_build.model.errors import RecipeError

_TARGET: Final = re.compile(r"\$(?:TARGETPLATFORM|\{TARGETPLATFORM\})")


def check_bases(
    heading: Sequence[Instruction], stages: Sequence[Stage], given: Given, escape: str
) -> Iterator[CheckWarning]:
    """What shows in each FROM, and in the ARGs before the first. Raises WordError."""
    usual = heading_variables(tuple(heading), Given({}, given.platform), escape)
    known = [name for each in heading for name, _ in declared_arguments(each, escape)]
    for begin in (stage.begin for stage in stages):
        written = logical_words(begin.body)[0]
        if not _is_reference(base_of(written, usual, escape)):
            detail = f"Default value for ARG {written} results in empty or invalid base image name"
            yield warn("InvalidDefaultArgInFrom", detail, begin)
    variables = {**dict.fromkeys(known, ""), **dict.fromkeys(given.platform, "")}
    for stage in stages:
        yield from _check_arguments(stage.begin, variables, escape)
        yield from _check_platform(stage)


def _is_reference(name: str | None) -> bool:
    try:
        references.check(name or "")
    except RecipeError:
        return False
    return bool(name)


def _check_arguments(
    begin: Instruction, known: dict[str, str], escape: str
) -> Iterator[CheckWarning]:
    for word in (logical_words(begin.body)[0], begin.value("platform") or ""):
        for name in expand(word, known, escape).unset:
            detail = f"FROM argument '{name}' is not declared{meant(name, known)}"
            yield warn("UndefinedArgInFrom", detail, begin)


def _check_platform(stage: Stage) -> Iterator[CheckWarning]:
    written = stage.begin.value("platform") or ""
    if _TARGET.fullmatch(written):
        detail = (
            f"Setting platform to predefined {written} in FROM is redundant as this is the"
            " default behavior"
        )
        yield warn("RedundantTargetPlatform", detail, stage.begin)
    elif written and "$" not in written and not _names_platform(stage.name or "", written):
        detail = f'FROM --platform flag should not use constant value "{written}"'
        yield warn("FromPlatformFlagConstDisallowed", detail, stage.begin)


def _names_platform(name: str, platform: str) -> bool:
    """Whether a stage's name says of which platform it is."""
    try:
        known = platforms.parse(platform)
    except platforms.BadPlatformError:
        return False
    parts: Collection[str] = (known.system, known.architecture)
    return any(part in name for part in parts)

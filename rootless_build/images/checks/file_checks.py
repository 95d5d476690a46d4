"""Checks of how a containerfile is written: letters, empty lines, comments, names of stages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from rootless_build.images.checks.warning import CheckWarning
from rootless_build.images.containerfile.parser import logical_words
from rootless_build.images.containerfile.stages import Stage, declared_arguments
from rootless_build.images.containerfile.syntax import SPACE, Containerfile, Instruction

_RESERVED: Final = ("context", "scratch")
_FROM_AS: Final = 3
"""Words of a FROM that names its stage."""
_DIRECTIVE: Final = re.compile(r"#\s*(?:syntax|escape|check)\s*=", re.IGNORECASE)


def warn(rule: str, detail: str, at: Instruction) -> CheckWarning:
    """What a check found in an instruction."""
    return CheckWarning(rule, detail, at.line, at.end_line)


def check_file(file: Containerfile, stages: Sequence[Stage], text: str) -> Iterator[CheckWarning]:
    """What shows in the text, in the order in which docker comes to it."""
    yield from _check_continuations(file)
    yield from _check_froms(stages)
    yield from (_deprecated(each) for each in file.instructions if each.keyword == "MAINTAINER")
    yield from _check_letters(file)
    yield from _check_names(stages)
    yield from _check_comments(file, text.splitlines())


def _check_continuations(file: Containerfile) -> Iterator[CheckWarning]:
    for each in file.instructions:
        lines = each.source.splitlines()
        ends = each.end_line - sum(heredoc.content.count("\n") + 1 for heredoc in each.heredocs)
        written = lines[: ends - each.line + 1]
        if any(not line.strip(SPACE) for line in written[1:]):
            yield CheckWarning("NoEmptyContinuation", "Empty continuation line", ends, ends)


def _check_froms(stages: Sequence[Stage]) -> Iterator[CheckWarning]:
    for begin in (stage.begin for stage in stages):
        words = logical_words(begin.body)
        if len(words) != _FROM_AS:
            continue
        _, joined, name = words
        if name != name.lower():
            yield warn("StageNameCasing", f"Stage name '{name}' should be lowercase", begin)
        written = _keyword(begin)
        same = (written.islower(), written.isupper()) == (joined.islower(), joined.isupper())
        if not same and (written.islower() or written.isupper()):
            detail = f"'{joined}' and '{written}' keywords' casing do not match"
            yield warn("FromAsCasing", detail, begin)


def _deprecated(maintainer: Instruction) -> CheckWarning:
    detail = "Maintainer instruction is deprecated in favor of using label"
    return warn("MaintainerDeprecated", detail, maintainer)


def _check_letters(file: Containerfile) -> Iterator[CheckWarning]:
    staged = [each for each in file.instructions if not _is_heading(each, file)]
    words = list(map(_keyword, staged))
    small = sum(word.islower() for word in words) > sum(word.isupper() for word in words)
    for each, word in zip(staged, words, strict=True):
        if word != (word.lower() if small else word.upper()):
            majority = "lowercase" if small else "uppercase"
            detail = f"Command '{word}' should match the case of the command majority ({majority})"
            yield warn("ConsistentInstructionCasing", detail, each)


def _check_names(stages: Sequence[Stage]) -> Iterator[CheckWarning]:
    seen: set[str] = set()
    for stage in stages:
        name = (stage.name or "").lower()
        if name in _RESERVED:
            detail = f'Stage name should not use the same name as reserved stage "{name}"'
            yield warn("ReservedStageName", detail, stage.begin)
        if name in seen:
            detail = f'Duplicate stage name "{name}", stage names should be unique'
            yield warn("DuplicateStageName", detail, stage.begin)
        seen.update({name} if name else ())


def _check_comments(file: Containerfile, lines: Sequence[str]) -> Iterator[CheckWarning]:
    for each in file.instructions:
        name = _described(each, file)
        comment = comment_above(each, lines)
        if name and comment and not any(line.startswith(f"{name} ") for line in comment):
            detail = (
                f"Comment for {each.keyword} should follow the format: `# {name} <description>`"
            )
            yield warn("InvalidDefinitionDescription", detail, each)


def _described(instruction: Instruction, file: Containerfile) -> str | None:
    """The name that a comment above an instruction is of."""
    if instruction.keyword == "FROM":
        words = logical_words(instruction.body)
        return words[-1] if len(words) == _FROM_AS else None
    if instruction.keyword == "ARG":
        return next((name for name, _ in declared_arguments(instruction, file.escape)), None)
    return None


def comment_above(instruction: Instruction, lines: Sequence[str]) -> list[str]:
    """The lines of the comment that stands right above an instruction, the last one first."""
    found: list[str] = []
    for line in reversed(lines[: instruction.line - 1]):
        bare = line.strip(SPACE)
        if not bare.startswith("#") or _DIRECTIVE.match(bare):
            break
        found.append(bare.removeprefix("#").strip(SPACE))
    return found


def _is_heading(instruction: Instruction, file: Containerfile) -> bool:
    """Whether it stands before the first FROM."""
    first = next(each for each in file.instructions if each.keyword == "FROM")
    return instruction.line < first.line


def _keyword(instruction: Instruction) -> str:
    """The name of an instruction as it is written."""
    return instruction.text[: len(instruction.keyword)]

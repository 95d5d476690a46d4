"""A containerfile whose escape character is a backtick, with the backslash instead."""

from __future__ import annotations

import json
import re
from typing import Final

from rootless_build.images.containerfile.edit import with_parts
from rootless_build.images.containerfile.syntax import Containerfile, Flag, Instruction
from rootless_build.model.structs import replace

_EXPANDED: Final = (
    *("ADD", "ARG", "COPY", "ENV", "EXPOSE", "FROM", "LABEL", "STOPSIGNAL", "USER", "VOLUME"),
    "WORKDIR",
)
"""Instructions whose arguments the engine reads as words; a shell reads the others."""
_WITH_PATTERN: Final = re.compile(r"\$\{\w+[#%/]")
_BRACES: Final = re.compile(r"`.|(\$\{)|(\})", re.DOTALL)


def with_backslash(file: Containerfile) -> Containerfile:
    """The file with the backslash as its escape character, and each instruction on one line."""
    return replace(file, escape="\\", instructions=tuple(map(_instruction, file.instructions)))


def _instruction(instruction: Instruction) -> Instruction:
    if instruction.inner is not None:
        inner = _instruction(instruction.inner)
        new = with_parts(instruction, (), inner.text, None)
        return replace(new, inner=inner)
    # A flag has been read already, but its value is a word.
    flags = tuple(
        Flag(flag.name, flag.value and _word(flag.value), flag.offset) for flag in instruction.flags
    )
    body, strings = instruction.body, instruction.json
    if instruction.keyword in _EXPANDED:
        if strings is None:
            body = _word(body)
        else:
            strings = tuple(map(_word, strings))
            body = json.dumps(strings, ensure_ascii=False)
    return with_parts(instruction, flags, body, strings)


def _word(text: str) -> str:
    result, quote, at = "", "", 0
    while at < len(text):
        character = text[at]
        if quote != "'" and _WITH_PATTERN.match(text, at):
            # In a pattern the backslash is an escape character already, and a backtick is itself.
            end = _end_of_substitution(text, at)
            result, at = result + text[at:end], end
            continue
        at += 1
        if quote == "'":
            quote = "" if character == "'" else quote
            result += character
        elif character == "\\":
            result += "\\\\"
        elif character == "`":
            following = text[at : at + 1]
            if quote and following not in {'"', "$", "`"}:
                result += character
            elif following:
                result += following if following == "`" else f"\\{following}"
                at += 1
        else:
            if character in "'\"":
                quote = "" if character == quote else quote or character
            result += character
    return result


def _end_of_substitution(text: str, begin: int) -> int:
    """Where the `${` that stands there ends; the end of the text where it never does."""
    depth = 0
    for match in _BRACES.finditer(text, begin):
        depth += bool(match[1]) - bool(match[2])
        if not depth:
            return match.end()
    return len(text)

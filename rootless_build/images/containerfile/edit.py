"""New instructions from old ones, each on one line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final

from rootless_build.images.containerfile.syntax import SPACE, Containerfile, Flag, Instruction
from rootless_build.model.structs import replace

_QUOTED: Final = "\\'\"" + SPACE


def with_flags(instruction: Instruction, flags: Iterable[Flag]) -> Instruction:
    """The instruction with other flags."""
    return with_parts(instruction, tuple(flags), instruction.body, instruction.json)


def without(instruction: Instruction, *names: str) -> Instruction:
    """The instruction without these flags."""
    return with_flags(instruction, (flag for flag in instruction.flags if flag.name not in names))


def exec_form(instruction: Instruction, strings: Iterable[str]) -> Instruction:
    """A RUN whose command is a JSON array; its heredocs are gone."""
    words = tuple(strings)
    new = with_parts(instruction, instruction.flags, json.dumps(words, ensure_ascii=False), words)
    return replace(new, heredocs=())


def with_parts(
    instruction: Instruction, flags: tuple[Flag, ...], body: str, strings: tuple[str, ...] | None
) -> Instruction:
    """The instruction with these flags and arguments; its text is written anew."""
    head = " ".join([instruction.keyword, *map(flag_text, flags)])
    text = f"{head} {body}" if body else head
    return replace(
        instruction,
        text=text,
        flags=flags,
        body=body,
        body_offset=len(text) - len(body),
        json=strings,
        source="",
        segments=(),
    )


def new(keyword: str, body: str, flags: tuple[Flag, ...] = ()) -> Instruction:
    """An instruction that no file has."""
    return with_parts(Instruction(keyword, ""), flags, body, None)


def flag_text(flag: Flag) -> str:
    """A flag as it stands in a file, with the backslash as escape."""
    return "".join(f"\\{each}" if each in _QUOTED else each for each in str(flag))


def render(instruction: Instruction) -> str:
    """The lines of the file: as they were, or the one that was made, and what heredocs it has."""
    if instruction.source:
        source = instruction.source
        return source if source.endswith("\n") else f"{source}\n"
    heredocs = (heredoc.content + heredoc.name for heredoc in instruction.heredocs)
    return "\n".join([instruction.text, *heredocs]) + "\n"


def at_lines(file: Containerfile, lines: Sequence[int]) -> Containerfile:
    """The file with its instructions, in their order, at other lines; without any it stays so."""
    if not lines:
        return file
    moved = tuple(_moved(each, line) for each, line in zip(file.instructions, lines, strict=True))
    return replace(file, instructions=moved)


def _moved(instruction: Instruction, line: int) -> Instruction:
    by = line - instruction.line
    return replace(
        instruction,
        line=line,
        end_line=instruction.end_line + by,
        heredocs=tuple(replace(each, line=each.line + by) for each in instruction.heredocs),
        segments=tuple(
            (offset, replace(place, line=place.line + by)) for offset, place in instruction.segments
        ),
    )

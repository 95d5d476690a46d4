"""`${X#pattern}` and its like, in arguments and flags, replaced by what they stand for."""

from __future__ import annotations

import json
from typing import Final

from rootless_build.images.containerfile.edit import with_parts
from rootless_build.images.containerfile.syntax import Flag, Instruction
from rootless_build.images.containerfile.words import WordError, expand, quoted, raw_spans
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.state import Site

_NO_ARGUMENTS: Final = ("RUN",)
"""Only their flags are expanded by an engine; the rest is the shell's."""


def substitutions(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """Evaluate those that the engine does not know. The rest stays as it is."""
    if "${" not in instruction.text:
        return None
    body, strings = instruction.body, instruction.json
    variables = dict(at.scope.variables)
    if instruction.keyword == "ARG":
        body = _arguments(body, variables, at)
    elif instruction.keyword not in _NO_ARGUMENTS:
        if strings is None:
            body = _evaluate(body, variables, at)
        else:
            strings = tuple(_evaluate(word, variables, at) for word in strings)
            body = json.dumps(strings, ensure_ascii=False) if strings != instruction.json else body
    flags = tuple(_flag(flag, variables, at) for flag in instruction.flags)
    if (body, flags) == (instruction.body, instruction.flags):
        return None
    at.note("substitutions", f"evaluated: {at.work.builder.why(Feature.PATTERNS)}")
    return (with_parts(instruction, flags, body, strings),)


def _flag(flag: Flag, variables: dict[str, str], at: Site) -> Flag:
    if flag.value is None:
        return flag
    return Flag(flag.name, _evaluate(flag.value, variables, at), flag.offset)


def _arguments(body: str, variables: dict[str, str], at: Site) -> str:
    """An ARG's words, each of which knows the ones before it."""
    pieces, before = [], 0
    for begin, end in raw_spans(body):
        word = body[begin:end]
        name, equals, default = word.partition("=")
        given = at.work.given.arguments.get(name)
        if equals and given is None:
            value = _evaluate(default, variables, at)
            word = f"{name}={value}"
            variables[name] = expand(value, variables).text
        elif equals and "${" in default:
            # The default is not used, but engines read it all the same.
            word = f"{name}="
            variables[name] = given or ""
        pieces += [body[before:begin], word]
        before = end
    return "".join([*pieces, body[before:]])


def _evaluate(text: str, variables: dict[str, str], at: Site) -> str:
    try:
        found = expand(text, variables)
    except WordError as wrong:
        raise at.error(str(wrong)) from wrong
    odd = [each for each in found.substitutions if each.odd]
    if odd and not at.scope.complete:
        for name in found.unset:
            reason = f"whether {name} is set can't be told without the base image"
            at.refuse(
                "substitutions", Feature.PATTERNS, reason, "pull or make the base image first"
            )
    for each in reversed(odd):
        text = text[: each.begin] + quoted(each.value, inside=each.quoted) + text[each.end :]
    return text

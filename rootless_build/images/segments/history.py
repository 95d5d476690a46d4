"""The history of an image, an entry for each instruction, in docker's words.

Facts: what docker 29.1.3 with BuildKit writes for each instruction, seen there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from rootless_build.images.configuration import BUILDKIT, LONG_AGO, Configuration, History
from rootless_build.images.containerfile.parser import heredoc_of, logical_words
from rootless_build.images.containerfile.stages import Scope, declared_arguments, pairs
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.containerfile.words import expand
from rootless_build.model.structs import replace

_MAKES_LAYER: Final = frozenset({"RUN", "COPY", "ADD", "WORKDIR"})


class After(Struct, frozen=True):
    """What holds after an instruction: its scope, the configuration, and the ARGs of the stage."""

    scope: Scope
    configuration: Configuration
    arguments: Mapping[str, str]


def entry_of(instruction: Instruction, after: After) -> History | None:
    """The entry of an instruction that was done; None for one that has none."""
    if instruction.keyword == "ONBUILD":
        return None
    text = _TEXTS.get(instruction.keyword, _words)(instruction, after)
    empty = instruction.keyword not in _MAKES_LAYER
    return History(LONG_AGO, text, comment=BUILDKIT, empty_layer=empty)


def of_layers(configuration: Configuration) -> Configuration:
    """The configuration with a history that tells of its layers alone: of two images with the same
    layers an engine is to find the same steps, whatever stands between them in a containerfile.
    """
    history = tuple(History(LONG_AGO, f"layer {digest}") for digest in configuration.layers)
    return replace(configuration, history=history)


# --- the words of each instruction --------------------------------------------------------------


def _words(instruction: Instruction, after: After) -> str:
    body = expand(instruction.body, after.scope.variables).text
    return f"{instruction.keyword} {body}"


def _argument(instruction: Instruction, after: After) -> str:
    words = []
    for name, default in declared_arguments(instruction):
        value = after.scope.variables.get(name, default)
        words.append(name if value is None else f"{name}={value}")
    return f"ARG {' '.join(words)}"


def _pairs(instruction: Instruction, after: After) -> str:
    known = dict(
        after.configuration.labels
        if instruction.keyword == "LABEL"
        else after.configuration.environment
    )
    names = (expand(name, after.scope.variables).text for name, _ in pairs(instruction))
    return " ".join([instruction.keyword, *(f"{name}={known.get(name, '')}" for name in names)])


def _run(instruction: Instruction, after: After) -> str:
    given = [f"{name}={value}" for name, value in after.arguments.items()]
    words = [f"|{len(given)}", *given] if given else []
    if instruction.json is not None:
        words += instruction.json
    else:
        words += [*after.scope.shell, _script(instruction)]
    return f"RUN {' '.join(words)} # buildkit"


def _script(instruction: Instruction) -> str:
    if not instruction.heredocs:
        return instruction.body
    if heredoc_of(instruction.body) is not None:
        return instruction.heredocs[0].text
    return "".join([instruction.body, *(f"\n{h.content}{h.name}" for h in instruction.heredocs)])


def _copy(instruction: Instruction, _: After) -> str:
    words = instruction.json if instruction.json is not None else logical_words(instruction.body)
    return f"{' '.join([instruction.keyword, *map(str, instruction.flags), *words])} # buildkit"


def _list(instruction: Instruction, after: After) -> str:
    now = after.configuration
    found: Sequence[str] = now.ports
    if instruction.keyword == "VOLUME":
        words = instruction.json if instruction.json is not None else instruction.body.split()
        found = [expand(word, after.scope.variables).text for word in words]
    return f"{instruction.keyword} [{' '.join(found)}]"


def _health(_: Instruction, after: After) -> str:
    check = after.configuration.healthcheck
    if check is None:
        return "HEALTHCHECK"
    test = " ".join(map(json.dumps, check.test))
    times = (check.interval, check.timeout, check.start_period, check.start_interval)
    shown = " ".join(f'"{_duration(time)}"' for time in times)
    return f"HEALTHCHECK &{{[{test}] {shown} '\\x{check.retries:02x}'}}"


def _duration(nanoseconds: int) -> str:
    """As Go writes it: `1h0m5s`, `1.5s`, `20ms`."""
    seconds = nanoseconds / 1e9
    if 0 < seconds < 1:
        return f"{nanoseconds / 1e6:g}ms"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return (
        (f"{hours}h" if hours else "")
        + (f"{minutes}m" if hours or minutes else "")
        + f"{seconds:g}s"
    )


def _argv(instruction: Instruction, after: After) -> str:
    now = after.configuration
    words = now.command if instruction.keyword == "CMD" else now.entrypoint
    return f"{instruction.keyword} [{' '.join(json.dumps(w, ensure_ascii=False) for w in words)}]"


_TEXTS: Final[Mapping[str, Callable[[Instruction, After], str]]] = {
    "ADD": _copy,
    "ARG": _argument,
    "CMD": _argv,
    "COPY": _copy,
    "ENTRYPOINT": _argv,
    "ENV": _pairs,
    "EXPOSE": _list,
    "HEALTHCHECK": _health,
    "LABEL": _pairs,
    "MAINTAINER": lambda instruction, _: f"MAINTAINER {instruction.body}",
    "RUN": _run,
    "SHELL": lambda _, after: f"SHELL [{' '.join(after.scope.shell)}]",
    "VOLUME": _list,
    "WORKDIR": lambda _, after: f"WORKDIR {after.configuration.working_directory}",
}

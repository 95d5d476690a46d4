"""Who does a call of docker: a table from docker's commands to what does them.

A row's function runs in a process of its own (`worker`): descriptors 0, 1 and 2 are the caller's,
and what it returns is docker's exit status. It may end by becoming another program (os.execvpe). An
RbuildError that it raises is told to the caller in docker's way.

What rbuild knows without an engine is a row of ANSWERS: its function gets the call in the run's own
process, must not wait for anything, and returns what is written and the status.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from rootless_build.live import steps
from rootless_build.live.calls import Call
from rootless_build.live.surroundings import Work
from rootless_build.model.errors import RbuildError, RecipeError
from rootless_build.recipes.docker import argv

REFUSED: Final = 125


class Answer(Struct, frozen=True):
    """What is written to the caller's standard output and standard error, and docker's status."""

    out: bytes = b""
    err: bytes = b""
    status: int = 0


Do = Callable[[Work], int]
Know = Callable[[Call, tuple[str, ...]], Answer]
"""Gets the call, and the words after the command's own."""

DOING: Final[Mapping[tuple[str, ...], Do]] = MappingProxyType(
    {
        ("volume", "rm"): steps.remove_volumes,
        ("volume", "remove"): steps.remove_volumes,
    }
)
"""By the words of a command: of two where the first is a group (`image ls`)."""
ANSWERS: Final[Mapping[tuple[str, ...], Know]] = MappingProxyType({})


def who_does(call: Call) -> Do | Answer:
    """Who does a call, or what is answered at once. What nobody does is refused by name."""
    try:
        command, rest = argv.command_of(call.words, call.context)
    except RbuildError as error:
        return refusal(error)
    if command in ANSWERS:
        return ANSWERS[command](call, tuple(rest))
    if command in DOING:
        return DOING[command]
    if argv.is_step(command):
        return steps.do
    name = shlex.join(("docker", *command))
    return refusal(RecipeError(f"rbuild does not do `{name}` in docker's place"))


def refusal(error: RbuildError) -> Answer:
    """What the caller hears of a command that is not done."""
    text = f"docker: {error.message.removeprefix('docker: ')}\n"
    return Answer(err=text.encode(errors="surrogateescape"), status=REFUSED)

"""Who does a call of docker, by its row of `rootless_build.docker_cli.commands`.

What does it runs in a process of its own (`worker`): descriptors 0, 1 and 2 are the caller's,
and what it returns is docker's exit status. It may end by becoming another program (os.execvpe). An
RbuildError that it raises is told to the caller in docker's way.

What rbuild knows without an engine is answered in the run's own process, and must not wait.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from rootless_build.docker_cli import reading
from rootless_build.docker_cli.row import Way
from rootless_build.docker_cli.told import Told
from rootless_build.live import commands, detached, known, steps, tags
from rootless_build.live.calls import Call
from rootless_build.live.streams import tell
from rootless_build.live.surroundings import Work
from rootless_build.model.errors import RbuildError
from rootless_build.recipes.docker import argv

REFUSED: Final = 125
_HELP: Final = "Run 'docker run --help' for more information\n"


class Answer(Struct, frozen=True):
    """What is written to the caller's standard output and standard error, and docker's status."""

    out: bytes = b""
    err: bytes = b""
    status: int = 0


Do = Callable[[Work], int]


_STEPS: Final[Mapping[str, Do]] = MappingProxyType(
    {
        "buildx bake": commands.bake,
        "buildx build": commands.build,
        "container run": detached.run,
        "volume rm": steps.remove_volumes,
    }
)
"""Who does a step, where that is not `steps.do`."""


def who_does(call: Call) -> Do | Answer:
    """Who does a call, or what is answered at once. What nobody does is refused by name."""
    read = reading.read(call.words)
    if isinstance(read, Told):
        return answer(read)
    if read.row.name in known.AT_ONCE:
        know = known.AT_ONCE[read.row.name]
        # Nobody knows how long a template takes.
        return answer(know(read)) if read.value("format") is None else lambda _: tell(know(read))
    if read.row.name == "image tag":
        return lambda work: tags.tag(read, work)
    if read.row.way is Way.STEP:
        return _STEPS.get(read.row.name, steps.do)
    return lambda work: commands.do(read, work)


def without_password(do: Do) -> Do:
    """The same, without the first line of its input: `sudo -S` takes it for a password."""

    def done(work: Work) -> int:
        if not os.isatty(0):
            with contextlib.suppress(OSError):
                while os.read(0, 1) not in {b"", b"\n"}:
                    pass
        return do(work)

    return done


def looks_on(call: Call) -> bool:
    """Whether a call does nothing but look at what a container writes, for as long as that runs."""
    read = reading.read(call.words)
    return not isinstance(read, Told) and read.row.name == "container logs" and read.has("follow")


def answer(told: Told) -> Answer:
    """What docker prints, as bytes."""
    out, err = (each.encode(errors="surrogateescape") for each in (told.out, told.err))
    return Answer(out, err, told.status)


def refusal(error: RbuildError, words: Sequence[str]) -> Answer:
    """What the caller hears of a command that is not done: docker's own words, where it would
    refuse it too.
    """
    told = reading.misuse(words)
    if told is not None:
        return answer(told)
    message = error.message.removeprefix("docker: ")
    if argv.does(words) == "build":
        head = "" if any(word in {"bake", "f"} for word in words[:2]) else "failed to build: "
        return answer(Told(err=f"ERROR: {head}{message}\n", status=1))
    more = f"\n{_HELP}" if argv.does(words) == "run" else ""
    return answer(Told(err=f"docker: {message}\n{more}", status=REFUSED))

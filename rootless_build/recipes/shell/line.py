"""A line of a recipe, as far as it must be understood: is it a docker command, and which words?

What is no docker command is left to the shell. What is one is handed over only where it is a
simple command (POSIX shell command language, 2.9.1), alone or joined to others by `&&`; anything
else with docker in it is refused. The grammar is loaded for lines that may have to do with docker
or make alone.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rootless_build.process import programs
from rootless_build.recipes import shell as package
from rootless_build.recipes.shell.names import ASK_INPUT, PROGRAMS, SHELLS, speaks_of_docker
from rootless_build.recipes.shell.parts import NotSimpleError, Part, Simple

if TYPE_CHECKING:
    from rootless_build.process.sandbox.running import Sandbox

_MAKE: Final = re.compile(r"\bg?make\b")
_LONGEST: Final = 131_071
"""Bytes of an argument (execve(2), MAX_ARG_STRLEN): make hands a line to its shell as one."""
_NONE: Final[Mapping[str, str]] = {}
_MARK: Final = "rbuild: the words"
_PLAIN_WORD: Final = r"(?:[\w@%+=:,./-]++|'[^'\n]*+'|\"[^\"$`\\\n]*+\")++"
"""A word that says itself what it is, to every shell."""
_PLAIN: Final = re.compile(
    rf"[ \t]*+(?:[\w./-]*/)?(?:docker|docker-buildx|podman)(?:[ \t]++{_PLAIN_WORD})++[ \t]*+",
    re.ASCII,
)
_PLAIN_WORDS: Final = re.compile(_PLAIN_WORD, re.ASCII)
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_USUAL_FLAG: Final = re.compile(r"-[ceux]+|-[eux]*o|pipefail")


def parts(
    text: str,
    directory: Path,
    environment: Mapping[str, str] = _NONE,
    shell: Sequence[str] = ("/bin/sh", "-c"),
) -> list[Part]:
    """The line as steps: itself, where it has no docker in it, else what `&&` joins.

    A `cd DIRECTORY &&` at the beginning moves the rest; nothing else that outlives a command of a
    shell line can be taken apart. No part at all is left of a line that only asks whether there is
    a docker, where there is none. Raises NotSimpleError.
    """
    if not speaks_of_docker(text, environment):
        return [Part(text, directory)]
    _refuse_other_than_shell(shell)
    if _PLAIN.fullmatch(text):
        return [Part(text.strip(), directory, _plain(text.strip()))]
    if len(os.fsencode(text)) > _LONGEST:
        raise NotSimpleError(f"it is longer than what a shell can be given ({_LONGEST:,} bytes)")
    return package.docker_commands.parts(text, directory, environment)


def _plain(text: str) -> Simple:
    """A docker command of which no word is expanded."""
    words = _PLAIN_WORDS.findall(text)
    bare = tuple(_QUOTED.sub(lambda found: found[0][1:-1], word) for word in words)
    program = bare[0] if bare[0] == words[0] else ""
    return Simple((), text, text, program=program, known=bare, words=bare)


def _is_usual(shell: Sequence[str]) -> bool:
    """Whether a shell is surely there, and would read a line."""
    program, *flags = shell
    return os.access(program, os.X_OK) and all(map(_USUAL_FLAG.fullmatch, flags))


def expand(
    simple: Simple,
    directory: Path,
    environment: Mapping[str, str],
    shell: Sequence[str],
    logical: str | None = None,
    looking: Sandbox | None = None,
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The words of a simple command and its assignments, as the shell expands them. `logical` is
    a directory that is not there yet, in whose place the shell is in another. The shell has the
    project's own environment, which can have it run anything: `looking` has it walled in.

    Raises NotSimpleError when the shell can't, or is none.
    """
    _refuse_other_than_shell(shell)
    if simple.words and directory.is_dir() and _is_usual(shell):
        return simple.words, {}
    names = [word.partition("=")[0] for word in simple.assignments]
    script = [f"PWD={shlex.quote(logical)}"] if logical else []
    script += [f"printf '%s\\0' '{_MARK}' {simple.text}"]
    for name, word in zip(names, simple.assignments, strict=True):
        script.append(f"{word}; printf '%s\\0' \"${name}\"")
    if not simple.line.endswith("\\"):
        # The shell of the recipe has to be able to read all of it: bash knows more than others.
        script.append(f"if false; then\n{simple.line}\nfi")
    if not directory.is_dir():
        raise NotSimpleError(f"the directory {directory} is not there")
    # Few ask whether there is a terminal: that it is rbuild's own matters to them.
    asks = bool(ASK_INPUT & set(simple.asks))
    argv = [*shell, "\n".join(script)]
    done = _run(argv, programs.exactly(environment), directory, looking, asks=asks)
    if done.status != 0:
        raise NotSimpleError(f"the shell can't expand it: {done.words}")
    values = done.text.partition(f"{_MARK}\0")[2].split("\0")[:-1]
    size = len(values) - len(names)
    words = tuple(values[:size])
    if not words or _name(words[0]) not in PROGRAMS:
        raise NotSimpleError(f"docker is run through {words[0] if words else ''!r}")
    return words, dict(zip(names, values[size:], strict=True))


def _run(
    argv: Sequence[str],
    environment: programs.Environment,
    directory: Path,
    looking: Sandbox | None,
    *,
    asks: bool,
) -> programs.Completed:
    if looking is not None:
        return looking.run(argv, environment=environment, directory=directory)
    run = programs.run_inheriting_input if asks else programs.capture
    return run(argv, environment=environment, directory=directory)


def of_project(
    simple: Simple, directory: Path, environment: Mapping[str, str], project: Path
) -> tuple[str, ...]:
    """The programs that the shell would start for the words and that lie in the project."""
    if not simple.asks:
        return ()
    places = [str(Path(directory, place)) for place in environment.get("PATH", "").split(":")]
    found = ((name, shutil.which(name, path=":".join(places))) for name in simple.asks)
    inside = project.resolve()
    return tuple(n for n, place in found if place and Path(place).resolve().is_relative_to(inside))


def starts_make(text: str) -> bool:
    """Whether one of the line's commands is make."""
    if not _MAKE.search(text):
        return False
    return package.docker_commands.starts_make(text)


def only_starts_make(text: str) -> bool:
    """Whether the line does nothing but start make: after a `cd`, under conditions, in a loop."""
    return package.docker_commands.only_starts_make(text)


def may_change(text: str, shell: Sequence[str], *, content: bool = False) -> bool:
    """Whether a step that is not docker's may change files; with `content`, what is in one."""
    try:
        _refuse_other_than_shell(shell)
    except NotSimpleError:
        return True
    if len(text) > _LONGEST:
        return True
    usual = package.effects.Effect.DIRECTORIES if content else package.effects.Effect.NOTHING
    return package.effects.effect(text) > usual


def may_call_docker(text: str, shell: Sequence[str]) -> bool:
    """Whether a line that is not docker's may start what calls docker: a script, another make."""
    try:
        _refuse_other_than_shell(shell)
    except NotSimpleError:
        return True
    return len(text) > _LONGEST or package.effects.starts_others(text)


def tests_files(text: str) -> bool:
    """Whether a condition in the line looks at files."""
    return package.effects.tests_files(text)


def _refuse_other_than_shell(shell: Sequence[str]) -> None:
    words = list(shell)
    if words and _name(words[0]) == "env":
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    if not words or _name(words[0]) not in SHELLS:
        raise NotSimpleError(f"the recipe's SHELL is {shlex.join(shell)}, and no shell")


def _name(program: str) -> str:
    return program.rpartition("/")[2]

"""A line of a recipe, as far as it must be understood: is it a docker command, and which words?

What is no docker command is left to the shell. What is one is handed over only where it is a
simple command (POSIX shell command language, 2.9.1); anything else with docker in it is refused.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from rootless_build import process
from rootless_build.data import dataclass

_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=", re.DOTALL)
_PROGRAMS: Final = frozenset({"docker", "docker-buildx", "podman"})
_PREFIXES: Final = frozenset(
    {"if", "then", "else", "elif", "while", "until", "do", "!", "{", "exec", "command", "time"}
)
_RUNNERS: Final = frozenset(
    {"sudo", "env", "nice", "nohup", "doas", "xargs", "timeout", "setsid", "stdbuf", "ionice"}
)
"""Programs that run another one, named somewhere after their own options."""
_MAKES: Final = frozenset({"make", "gmake"})
_CONTROL: Final = frozenset(
    {"", "cd", "for", "done", "fi", "exit", "set", "test", "[", ":", "true", "false"}
)
_SHELL_STATE: Final = frozenset(
    {".", "alias", "break", "cd", "continue", "eval", "exit", "export", "hash", "popd", "pushd"}
    | {"read", "readonly", "return", "set", "shift", "shopt", "source", "trap", "ulimit", "umask"}
    | {"unalias", "unset", "declare", "local", "typeset", "for", "case", "until", "while", "if"}
)
_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox"})
_SEQUENCES: Final = frozenset({"||", ";", ";;", "&", "(", ")", "\n"})
_SUBSTITUTED: Final = re.compile(r"(?:\$\(|`)\s*(?:sudo\s+)?(?:\S*/)?(?:docker|podman)\b")
_OPERATORS: Final = re.compile(r"&&|\|\||;;|[;&|<>()\n]|\d[<>]")


@dataclass(frozen=True, slots=True)
class Simple:
    """A simple docker command: `assignments` before it, and its words, all as written."""

    assignments: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a line that is a step of its own. `docker` None: `text` is left to the shell."""

    text: str
    directory: Path
    docker: Simple | None = None


class NotSimpleError(ValueError):
    """The line has docker in it and is not a simple command; the text says what it has more."""


def parts(text: str, directory: Path) -> list[Part]:
    """The line as steps: itself, where it has no docker in it, else what `&&` joins.

    A `cd DIRECTORY &&` at the beginning moves the rest; nothing else that outlives a command of a
    shell line can be taken apart. Raises NotSimpleError.
    """
    joined = _joined_by_and(text)
    if len(joined) == 1 or not any(_runs_docker(c) for c in _commands(_tokens(text))):
        return [Part(text, directory, docker_command(text))]
    found: list[Part] = []
    for number, piece in enumerate(joined):
        tokens = _tokens(piece)
        operators = [token.text for token in tokens if isinstance(token, _Operator)]
        commands = _commands(tokens)
        if not commands or any(text in _SEQUENCES for text in operators):
            raise NotSimpleError("it joins docker with more than `&&`")
        words = commands[0]
        if number == 0 and _plain(words[0]) == "cd" and not operators:
            directory = _moved(words, directory)
            continue
        docker = docker_command(piece)
        if docker is None and any(_outlives(command) for command in commands):
            raise NotSimpleError(f"{words[0]!r} changes what the commands after it do")
        found.append(Part(piece.strip(), directory, docker))
    return found


def docker_command(text: str) -> Simple | None:
    """The docker command a line is, None when it has nothing to do with docker.

    Raises NotSimpleError for a line that does more than run docker.
    """
    tokens = _tokens(text)
    commands = _commands(tokens)
    of_docker = [command for command in commands if _runs_docker(command)]
    if not of_docker:
        if _SUBSTITUTED.search(text):
            raise NotSimpleError("it takes the output of docker")
        return None
    operators = [token for token in tokens if isinstance(token, _Operator)]
    if operators:
        raise NotSimpleError(f"it is joined with other commands by {operators[0].text!r}")
    words = list(of_docker[0])
    assignments = []
    while words and _ASSIGNMENT.match(words[0]):
        assignments.append(words.pop(0))
    if _plain(words[0]) in _RUNNERS | _PREFIXES:
        raise NotSimpleError(f"docker is run through {words[0]!r}")
    if _SUBSTITUTED.search(text):
        raise NotSimpleError("it takes the output of docker")
    return Simple(tuple(assignments), tuple(words))


def expanded(
    simple: Simple, directory: Path, environment: Mapping[str, str], shell: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The words of a simple command and its assignments, as the shell expands them.

    Raises NotSimpleError when the shell can't, or is none.
    """
    program = next((word for word in reversed(shell) if not word.startswith("-")), "")
    if PurePosixPath(program).name not in _SHELLS:
        raise NotSimpleError(f"the recipe's SHELL is {shlex.join(shell)}, and no shell")
    names = [word.partition("=")[0] for word in simple.assignments]
    script = [f"printf '%s\\0' {' '.join(simple.words)}"]
    for name, word in zip(names, simple.assignments, strict=True):
        script.append(f"{word}; printf '%s\\0' \"${name}\"")
    done = process.capture(
        [*shell, "\n".join(script)], environment=process.exactly(environment), directory=directory
    )
    if done.status != 0:
        raise NotSimpleError(f"the shell can't expand it: {done.words}")
    values = done.text.split("\0")[:-1]
    size = len(values) - len(names)
    return tuple(values[:size]), dict(zip(names, values[size:], strict=True))


def starts_make(text: str) -> bool:
    """Whether one of the line's commands is make."""
    return any(_program(command) in _MAKES for command in _commands(_tokens(text)))


def only_starts_make(text: str) -> bool:
    """Whether the line does nothing but start make: after a `cd`, under conditions, in a loop."""
    commands = _commands(_tokens(text))
    return all(_program(command) in _MAKES | _CONTROL for command in commands)


def _program(command: Sequence[str]) -> str:
    words = [word for word in command if not _ASSIGNMENT.match(word)]
    while len(words) > 1 and _plain(words[0]) in _PREFIXES:
        words = words[1:]
    return _plain(words[0]).rpartition("/")[2] if words else ""


def _moved(words: Sequence[str], directory: Path) -> Path:
    plain = [_plain(word) for word in words[1:]]
    if len(plain) != 1 or re.search(r"[$`*?~\[]|^-", plain[0]):
        raise NotSimpleError(f"rbuild can't tell where {' '.join(words)!r} leads to")
    # As the shell does it: `..` in docker's own paths is the directory above the real one.
    return Path(os.path.realpath(directory / plain[0]))


def _outlives(command: Sequence[str]) -> bool:
    """Whether the command changes the shell that the rest of the line runs in."""
    return all(map(_ASSIGNMENT.match, command)) or _program(command) in _SHELL_STATE


# --- words --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Operator:
    text: str


_Token = str | _Operator


def _tokens(text: str) -> list[_Token]:
    """Words as written, and operators outside quotes. A comment ends the line."""
    found: list[_Token] = []
    word, at = "", 0
    while at < len(text):
        char = text[at]
        piece = _quoted(text, at)
        if piece:
            word += piece
            at += len(piece)
        elif char.isspace() and char != "\n":
            found, word = _with(found, word), ""
            at += 1
        elif char == "#" and not word:
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif operator := _OPERATORS.match(text, at):
            found, word = _with(found, word), ""
            found.append(_Operator(operator[0]))
            at = operator.end()
        else:
            word += char
            at += 1
    return _with(found, word)


def _with(found: list[_Token], word: str) -> list[_Token]:
    return [*found, word] if word else found


def _quoted(text: str, at: int) -> str:
    """The quoted or substituted piece that begins here; empty where none does."""
    char = text[at]
    if char == "\\":
        return text[at : at + 2]
    if char == "'":
        end = text.find("'", at + 1)
        return text[at:] if end < 0 else text[at : end + 1]
    if char in '"`':
        end = at + 1
        while end < len(text) and text[end] != char:
            end += len(_quoted(text, end)) if text[end] in "\\$" and _quoted(text, end) else 1
        return text[at : end + 1]
    if text.startswith("$(", at):
        end, depth = at + 2, 1
        while end < len(text) and depth:
            piece = _quoted(text, end) if text[end] in "\\'\"`" else ""
            depth += {"(": 1, ")": -1}.get(text[end], 0) if not piece else 0
            end += len(piece) or 1
        return text[at:end]
    if text.startswith("${", at):
        end = text.find("}", at)
        return text[at:] if end < 0 else text[at : end + 1]
    return ""


def _commands(tokens: Sequence[_Token]) -> list[list[str]]:
    commands: list[list[str]] = [[]]
    for token in tokens:
        if isinstance(token, str):
            commands[-1].append(token)
        elif token.text[-1] not in "<>":
            commands.append([])
    return [command for command in commands if command]


def _joined_by_and(text: str) -> list[str]:
    """The line, cut at each `&&` outside quotes."""
    found, start, at = [], 0, 0
    word = False
    while at < len(text):
        piece = _quoted(text, at)
        if piece:
            at, word = at + len(piece), True
        elif text[at] == "#" and not word:
            # What a comment says is neither joined nor run.
            break
        elif text.startswith("&&", at):
            found.append(text[start:at])
            at += 2
            start, word = at, False
        else:
            word = not text[at].isspace() and text[at] not in ";&|<>()"
            at += 1
    return [*found, text[start:]]


def _runs_docker(command: Sequence[str]) -> bool:
    through = False
    for word in command:
        plain = _plain(word)
        if PurePosixPath(plain).name in _PROGRAMS:
            return True
        through = through or PurePosixPath(plain).name in _RUNNERS
        passed = through or plain in _PREFIXES or plain.startswith("-")
        if not passed and not _ASSIGNMENT.match(word):
            return False
    return False


def _plain(word: str) -> str:
    return re.sub(r"[\"'\\]", "", word)

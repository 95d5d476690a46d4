"""What the last word of a command line can be."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal

from msgspec import Struct, field

from rootless_build.cli import completion
from rootless_build.cli.completion import table
from rootless_build.cli.completion.table import KnownCommand, Option, Table

Kind = Literal["words", "files", "directories", "programs"]

_PATHS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "FILE": "files",
        "[IMAGE=]FILE": "files",
        "FILE|DIR": "files",
        "SOCKET": "files",
        "PUBLIC": "files",
        "DIR": "directories",
    }
)
"""By what `--help` calls the value of an option."""
_NO_PATHS: Final = frozenset({"--cache-volume"})
"""Options whose value is a path in a container."""
_NETWORKS: Final = ("host", "none", "slirp4netns", "pasta")
_WORDS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "base": dict.fromkeys(("debian:bookworm", "debian:trixie", "ubuntu:noble"), ""),
    }
)
"""What may stand after the name of a command and is not in its usage."""


class Answer(Struct, frozen=True):
    """What the word can be: `words` with what is said of each, or what the shell itself finds."""

    kind: Kind = "words"
    words: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class _Line(Struct):
    """A command line as far as it is read: the command, what is given of its options and words."""

    name: str = ""
    given: list[Option] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    waiting: Option | None = None
    after_dashes: int | None = None
    """How many words there are after `--`, where that is."""


def main(words: Sequence[str]) -> int:
    """Print the answer for a shell: the kind, then a line for each word that it can be, with what
    is said of it after a tab.
    """
    known = table.kept()
    if known is None:
        known = completion.parser.table()
        table.keep(known)
    answer = answer_for(words, known)
    lines = (
        f"{word}\t{_on_a_line(said)}" for word, said in answer.words.items() if word.isprintable()
    )
    sys.stdout.write("\n".join((answer.kind, *lines)) + "\n")
    sys.stdout.flush()
    return 0


def _on_a_line(said: str) -> str:
    """What the project says, so that it does nothing to a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())


def answer_for(words: Sequence[str], known: Table) -> Answer:
    """What the last of the words can be."""
    *before, current = words or ("",)
    line = _read(before, known)
    command = known.commands[line.name]
    if line.waiting is not None:
        return _begun(_values(line.waiting, words), current)
    if line.after_dashes is None and current.startswith("-"):
        name, equals, value = current.partition("=")
        option = command.option(name) if equals else None
        if option is None:
            return _begun(_options(command, line.given), current)
        answer = _begun(_values(option, words), value)
        return Answer(answer.kind, {f"{name}={word}": said for word, said in answer.words.items()})
    return _begun(_words(line, known, words), current)


def _begun(answer: Answer, current: str) -> Answer:
    found = {word: said for word, said in answer.words.items() if word.startswith(current)}
    return Answer(answer.kind, found)


def _read(words: Sequence[str], known: Table) -> _Line:
    line = _Line()
    for word in words:
        if line.after_dashes is not None:
            line.after_dashes += 1
        elif line.waiting is not None:
            line.waiting = None
        elif word == "--":
            line.after_dashes = 0
        elif word.startswith("-"):
            name, equals, _ = word.partition("=")
            option = known.commands[line.name].option(name)
            if option is not None:
                line.given.append(option)
                line.waiting = option if option.argument and not equals else None
        elif not line.name and not line.words and word in known.commands:
            line.name = word
        else:
            line.words.append(word)
    return line


def _options(command: KnownCommand, given: Sequence[Option]) -> Answer:
    """Those that may still be given."""
    names = {name for option in given for name in option.names}
    without = {name for option in given for name in option.excludes}
    found: dict[str, str] = {}
    for option in command.options:
        once = not option.repeats and not names.isdisjoint(option.names)
        if not once and without.isdisjoint(option.names) and names.isdisjoint(option.excludes):
            found.update((name, option.does) for name in option.names if name.startswith("--"))
    return Answer(words=found)


def _values(option: Option, words: Sequence[str]) -> Answer:
    match option.names[-1]:
        case _ if option.values:
            return _of(option.values)
        case "--backend":
            return _of(completion.backends.names())
        case "--explain":
            return _of(completion.findings.names())
        case "--target":
            return Answer(words=completion.targets.names(words))
        case "--network":
            return _of(_NETWORKS)
        case _:
            pass
    is_path = option.argument in _PATHS and option.names[-1] not in _NO_PATHS
    return Answer(_PATHS[option.argument] if is_path else "words")


def _of(words: Iterable[str]) -> Answer:
    return Answer(words=dict.fromkeys(words, ""))


def _words(line: _Line, known: Table, words: Sequence[str]) -> Answer:
    """What may stand where no option does: what the usage of the command has there."""
    usage = known.commands[line.name].usage
    if line.after_dashes is not None and "-- COMMAND" in usage:
        # A container has other programs than this host.
        is_first = not line.after_dashes and line.name == "exec"
        return Answer("programs" if is_first else "files")
    commands = {name: each.does for name, each in known.commands.items() if name}
    found: dict[str, str] = {}
    if line.name == "" and line.after_dashes is None and not line.words:
        found.update(commands)
    if not line.words:
        found.update(_WORDS.get(line.name, {}))
        found.update(dict.fromkeys(_alternatives(usage), ""))
        if line.name == "help":
            found.update(commands)
    if "[TARGET...]" in usage:
        found = {**completion.targets.names(words), **found}
    if _takes_run(usage, line.words):
        found.update(completion.runs.names(words))
    return Answer(words=found)


def _alternatives(usage: str) -> Iterator[str]:
    """`list` and `verify` of `rbuild bundles [list|verify]`; `diff` of what has that second."""
    for first in usage.splitlines():
        after = re.sub(r"^\s*rbuild \S+", "", first).replace("[options]", "")
        choice = re.match(r"\s*\[?([a-z]+(?:\|[a-z]+)*)\b", after)
        yield from choice[1].split("|") if choice else ()


def _takes_run(usage: str, words: Sequence[str]) -> bool:
    """Whether a run may stand after these words, as one of the usage's lines has it."""
    for line in usage.splitlines():
        after = re.sub(r"^\s*rbuild \S+", "", line).replace("[options]", "")
        takes = re.findall(r"[A-Za-z]+", after)
        if (
            len(takes) > len(words)
            and takes[len(words)] == "RUN"
            and all(take in {"RUN", word} for take, word in zip(takes, words, strict=False))
        ):
            return True
    return False

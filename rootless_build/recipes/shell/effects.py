"""What a line takes from files while the Makefile is read, and what an earlier one does to files.

The words of a docker command, and the conditions around `$(MAKE)`, are the shell's before the first
step of the plan is done. An answer that a step before may change is the answer of another time.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tree_sitter import Node

from rootless_build.recipes.shell import questions
from rootless_build.recipes.shell.grammar import Tree, Word, above, within
from rootless_build.recipes.shell.runs import is_question

_GLOB: Final = re.compile(r"(?<!\\)(?:\\\\)*(?:[*?]|\[.*\])", re.DOTALL)
_NO_FILE: Final = re.compile(r"://|=")
"""No step makes files with such names: an address, `--set *.platform=…` of a bake."""
_OF_FILES: Final = frozenset({"realpath", "readlink", "which", "command"})
_HERE: Final = re.compile(r"\.{1,2}(?:/\.\.)*/?|-.*")
_SAY: Final = frozenset(
    {"[", "basename", "cat", "cd", "date", "dirname", "echo", "exit", "export", "false", "grep"}
    | {"hash", "head", "hostname", "id", "ls", "nproc", "printf", "pwd", "readlink", "realpath"}
    | {"set", "sleep", "tail", "test", "true", "tty", "type", "uname", "wc", "which", "whoami", ":"}
)
"""Programs that change no file."""
_NAMES: Final = frozenset({"chgrp", "chmod", "chown", "mkdir", "rmdir"})
"""Programs that change what there is, and the content of no file."""
_FILE_TEST: Final = re.compile(r"-(?:[b-hkprsuwxGLNOS]|nt|ot|ef|a|e)")


_ALONE: Final = _SAY | _NAMES
_ALONE_TOO: Final = frozenset(
    {"cmp", "comm", "cp", "cut", "diff", "du", "expr", "gunzip", "gzip", "install", "ln", "md5sum"}
    | {"mktemp", "mv", "od", "paste", "rm", "seq", "sha1sum", "sha256sum", "sort", "stat", "sync"}
    | {"tee", "touch", "tr", "truncate", "uniq", "unset", "xz"}
)
"""Programs that start no other, whatever they are told."""


def starts_others(text: str) -> bool:
    """Whether a shell's text may start a program that starts others."""
    tree = Tree(text)
    if not tree.is_whole:
        return True
    for node in tree.nodes("command"):
        words = tree.words(node, {}, frozenset())
        name = words[0].text if words else ""
        if name is None or (name and name not in _ALONE and name not in _ALONE_TOO):
            return True
    return False


class Effect(enum.IntEnum):
    """What a command may change: nothing that is asked for, directories alone, or anything."""

    NOTHING = 0
    DIRECTORIES = 1
    ANYTHING = 2


def effect(text: str) -> Effect:
    """What a shell's text may change."""
    tree = Tree(text)
    if not tree.is_whole or ".git" in text:
        return Effect.ANYTHING
    found = Effect.NOTHING
    for node in tree.nodes("command", "file_redirect"):
        if node.type == "command":
            done = _of_command(tree.words(node, {}, frozenset()))
        else:
            reads = tree.of(node).lstrip("0123456789").startswith("<")
            harmless = reads or questions.is_harmless(tree, node)
            done = Effect.NOTHING if harmless else Effect.ANYTHING
        found = max(found, done)
    return found


def _of_command(words: Sequence[Word]) -> Effect:
    name = words[0].text if words else ""
    if not words or name in _SAY or (name == "command" and is_question(words)):
        return Effect.NOTHING
    return Effect.DIRECTORIES if name in _NAMES else Effect.ANYTHING


def of_files(tree: Tree, command: Node, environment: Mapping[str, str]) -> tuple[str, ...]:
    """What the words of a command take from files: programs that look at them, and patterns."""
    asked = [
        tree.of(node)
        for node, words in _asked(tree, command)
        if words[0].name in _OF_FILES
        and not all(_HERE.fullmatch(word.text or "") for word in words[1:])
    ]
    return (*asked, *_patterns(tree, command, environment))


def tests_files(text: str) -> bool:
    """Whether a condition in the text looks at files."""
    tree = Tree(text)
    operators = [tree.of(node) for node in tree.nodes("test_operator")]
    for command in tree.nodes("command"):
        words = tree.words(command, {}, frozenset())
        if words and words[0].text in {"test", "["}:
            operators += [word.text or "" for word in words[1:]]
    reads = any(tree.nodes("command_substitution"))
    patterns = any(_patterns(tree, node, {}) for node in tree.nodes("for_statement"))
    return reads or patterns or any(map(_FILE_TEST.fullmatch, operators))


def _asked(tree: Tree, command: Node) -> Iterator[tuple[Node, list[Word]]]:
    for question in within(command):
        if question.type == "command" and question.id != command.id:
            words = tree.words(question, {}, frozenset())
            if words:
                yield question, words


def _patterns(tree: Tree, command: Node, environment: Mapping[str, str]) -> Iterator[str]:
    for node in within(command):
        if node.type not in {"word", "concatenation", "simple_expansion", "expansion"}:
            continue
        around = [parent.type for parent in _around(node, command)]
        if {"string", "variable_assignment", "concatenation", "do_group"} & set(around):
            continue
        text = tree.of(node)
        if any(map(_GLOB.search, _bare(tree, node, environment))) and not _NO_FILE.search(text):
            yield text


def _bare(tree: Tree, node: Node, environment: Mapping[str, str]) -> Iterator[str]:
    """The parts of a word that are under no quotes."""
    parts = node.children if node.type == "concatenation" else [node]
    # A bracket of a pattern is a word for itself.
    yield "".join(tree.of(part) for part in parts if part.type == "word")
    for part in parts:
        if part.type in {"simple_expansion", "expansion"}:
            names = [child for child in part.children if child.type == "variable_name"]
            yield from (environment.get(tree.of(name), "") for name in names)


def _around(node: Node, command: Node) -> Iterator[Node]:
    """What a word stands in, as far as quotes around it count."""
    for parent in above(node):
        if parent.type == "command_substitution" or parent.id == command.id:
            return
        yield parent

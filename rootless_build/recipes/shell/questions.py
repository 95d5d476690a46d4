"""What a docker command may ask the shell for, by `$(…)`, while the Makefile is only read.

Only programs whose answer is the same before and after the steps of the plan, and that run nothing
of the project's: not even git, where its configuration could name a program.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tree_sitter import Node

from rootless_build.recipes.shell.grammar import Tree, Word, within
from rootless_build.recipes.shell.names import ASK_INPUT

_ANY: Final = re.compile(r".*", re.DOTALL)
_ARGUMENTS: Final = {
    **dict.fromkeys(
        {"id", "pwd", "uname", "nproc", "whoami", "logname", "arch", "basename", "dirname"}
        | {"echo", "realpath", "readlink", "getconf", "getent", "tr", "true", "false", ":"},
        _ANY,
    ),
    "printf": re.compile(r"(?!-v).*", re.DOTALL),
    "test": re.compile(r"-t|[01]"),
    "tty": re.compile(r"-s|--silent|--quiet"),
    "hostname": re.compile(r"-[fsiIdA]+|--(fqdn|long|short|ip-address|all-ip-addresses|domain)"),
    "cut": re.compile(r"-[^-].*|--[a-z-]+=.*"),
    "date": re.compile(
        r"\+.*|-[uR]+|-I\w*|--(utc|universal|rfc-email)|--(date|iso-8601|rfc-3339)=.*"
    ),
    "rev-parse": re.compile(r"[^:]*"),
    "describe": re.compile(r"(?!--(d|b))[^:]*"),
    "branch": re.compile(r"--show-current"),
    "symbolic-ref": re.compile(r"-q|--quiet|--short|HEAD"),
}
"""What each word after the program, or the command of git, has to be."""
_VALUED: Final = {"cut": {"-d", "-f", "-c", "-b"}, "date": {"-d", "-ud"}}
"""Options whose value is the next word, whatever it is."""
_OF_GIT: Final = frozenset({"rev-parse", "describe", "branch", "symbolic-ref"})
_UNKNOWN_TAKEN: Final = frozenset(name for name, row in _ARGUMENTS.items() if row is _ANY)
_PLACES: Final = frozenset({"", "/bin", "/usr/bin"})
_LOOKS_UP: Final = frozenset({"command", "which"})
_HARMLESS: Final = frozenset({"/dev/null", "/dev/stderr", "/dev/stdout"})
_KINDS: Final = frozenset(
    {"command_substitution", "command", "command_name", "list", "pipeline", "file_redirect"}
    | {"redirected_statement", "word", "string", "string_content", "raw_string", "number"}
    | {"concatenation", "simple_expansion", "expansion", "variable_name", "file_descriptor"}
    | {"special_variable_name", "test_command", "unary_expression", "test_operator"}
)
_TERMINAL: Final = re.compile(r"\[\s+(?:!\s+)?-t\s+[01]\s+\]")
READ_INPUT: Final = frozenset({"tr", "cut"})


def programs(tree: Tree, question: Node) -> tuple[frozenset[str], str]:
    """The programs that a command substitution starts, and the first thing in it that rbuild does
    not let run while it plans; empty where there is none.
    """
    found: set[str] = set()
    for node in within(question):
        if node.type == "&" or (node.is_named and node.type not in _KINDS):
            return frozenset(), tree.of(question)
        if node.type == "file_redirect" and not is_harmless(tree, node):
            return frozenset(), tree.of(node)
        if node.type == "test_command":
            if not _TERMINAL.fullmatch(tree.of(node)):
                return frozenset(), tree.of(node)
            found.add("[")
        if node.type == "command":
            words = tree.words(node, {}, frozenset())
            if not words or not _may_run(words):
                return frozenset(), tree.of(node)
            found.add(words[0].name)
    return frozenset(found), ""


def is_harmless(tree: Tree, redirection: Node) -> bool:
    """Whether a redirection only hides what a command prints, or sends it where errors go."""
    # The words after the first are a command's.
    places = redirection.children_by_field_name("destination")
    end = places[0].end_byte if places else redirection.end_byte
    text = re.sub(r"\s+", "", tree.between(redirection.start_byte, end))
    if re.fullmatch(r"[12]?>&[12]", text):
        return True
    operator, _, place = text.rpartition(">")
    return operator in {"", "1", "2", ">", "1>", "2>"} and place in _HARMLESS


def _may_run(words: Sequence[Word]) -> bool:
    program, *others = words
    if program.text is None or program.text.rpartition("/")[0] not in _PLACES:
        return False
    name = program.name
    if name in _LOOKS_UP:
        return name == "which" or others[0].text == "-v" if others else False
    if name == "git":
        if len(others) > 1 and others[0].text == "-C":
            others = others[2:]
        name = others[0].text or "" if others else ""
        others = others[1:]
    if (name in _OF_GIT) != (program.name == "git") or name not in _ARGUMENTS:
        return False
    return name in _UNKNOWN_TAKEN or _are_taken(name, others)


def _are_taken(name: str, others: Sequence[Word]) -> bool:
    if name in ASK_INPUT and not others:
        return False
    wanted = _ARGUMENTS[name]
    valued = _VALUED.get(name, set())
    before = ""
    for word in others:
        if before in valued:
            before = ""
            continue
        taken = word.text is not None and (word.text in valued or wanted.fullmatch(word.text))
        if not taken:
            return False
        before = word.text or ""
    return True

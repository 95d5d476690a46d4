"""Shell text as a syntax tree: its commands, and the words they have as far as these are plain.

The grammar is tree-sitter's for bash. It says where commands begin and end and what they stand in;
what words expand to is the business of the shell itself.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Final

import tree_sitter
import tree_sitter_bash
from msgspec import Struct
from tree_sitter import Node

_KEPT: Final = frozenset(
    {"raw_string", "ansi_c_string", "string", "string_content", "translated_string", "comment"}
    | {"heredoc_body", "heredoc_content", "expansion", "arithmetic_expansion", "regex"}
)
"""In these a backslash before a newline is the shell's own affair, or none of its continuations."""
_REDIRECTIONS: Final = frozenset({"file_redirect", "herestring_redirect", "heredoc_redirect"})
_RESERVED: Final = frozenset(
    {"!", "{", "}", "case", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if"}
    | {"in", "then", "until", "while", "[[", "]]", "select"}
)
_ESCAPED_BLANK: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\[ \t\v\f\r]")
_DEEPEST: Final = 300
"""Nodes in one another: a chain of three hundred commands, which nobody writes on a line."""
_FEWEST_ASKED: Final = 500
_BYTES_ASKED: Final = 20
"""tree-sitter (0.26) asks once for 70 bytes of a script whether to go on. Where it tries many
readings side by side, which nobody's script makes it do, it asks for each two bytes.
"""
_RUNS: Final = re.compile(rb"\$\(|`|[<>]\(")
_COMMANDS: Final = frozenset({"command_substitution", "arithmetic_expansion"})
_NO_COMMANDS: Final = frozenset({"raw_string", "ansi_c_string", "comment", "heredoc_body"})
"""What stands in these is text to the shell, or looked at for itself (a heredoc)."""
_NESTED: Final = re.compile(r"`.*\\`", re.DOTALL)
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED_IN_STRING: Final = re.compile(r"\\([\"\\$`])")


class Word(Struct, frozen=True):
    """A word of a command. `text` is what it is to the shell, where that can be told; of another
    one `end` is how it ends, and `empty` says whether it may be no word at all.
    """

    text: str | None
    end: str = ""
    empty: bool = False

    @property
    def name(self) -> str:
        """The file name of a program that is called by this word; empty where it can't be told."""
        text = self.text if self.text is not None else self.end if "/" in self.end else ""
        return text.rpartition("/")[2]


class Tree:
    """A text, read. `text` has the continuation lines joined that stand between words."""

    def __init__(self, text: str) -> None:
        data = text.encode(errors="surrogateescape")
        root = _parse(data)
        joined = data if root is None else _without_continuations(data, root)
        self._data = joined
        again = root if joined == data else _parse(joined)
        self._is_given_up = again is None or (len(joined) > _DEEPEST and _is_too_deep(again))
        # What a node stands in is looked for from the top: in a deep tree that would take hours.
        self.root = _nothing() if again is None or self._is_given_up else again

    @property
    def is_whole(self) -> bool:
        """Whether all of it was understood."""
        if self._is_given_up:
            return False
        blanks = (found.start() for found in _ESCAPED_BLANK.finditer(self._data))
        misread = any(
            self._is_misread(node) or _begins_with_redirections(node) for node in within(self.root)
        )
        lost = misread or any(map(self._is_lost, blanks)) or self._hides_commands()
        return not (self.root.has_error or lost)

    def _hides_commands(self) -> bool:
        """Whether the shell runs something that the grammar takes for text: in `${X#$(…)}`."""
        return any(self._is_hidden(found.start()) for found in _RUNS.finditer(self._data))

    def _is_hidden(self, at: int) -> bool:
        before = self._data[:at]
        opens = self._data[at : at + 1]
        node = self.root.descendant_for_byte_range(at, at + 1)
        around = [] if node is None else [node, *above(node)]
        kinds = {inner.type for inner in around}
        if kinds & _NO_COMMANDS:
            return False
        if opens in b"<>":
            known = any(n.type == "process_substitution" and n.start_byte == at for n in around)
            return "expansion" in kinds and not known
        if (len(before) - len(before.rstrip(b"\\"))) % 2:
            return False
        return not any(
            inner.type in _COMMANDS
            and (inner.start_byte == at or (opens == b"`" and inner.end_byte == at + 1))
            for inner in around
        )

    def _is_misread(self, node: Node) -> bool:
        """Whether the grammar is known to be wrong about such a node."""
        match node.type:
            case "command_name":
                # It has lost its way where a reserved word is a command.
                misread = self.of(node) in _RESERVED
            case "``":
                # An end and a beginning of backquotes with blanks between them.
                misread = True
            case "expansion":
                # The value is read as a prompt, in which there may be anything.
                misread = self.of(node).endswith("@P}")
            case "word":
                misread = "\n" in self.of(node)
            case "program" | "list" | "command" | "redirected_statement":
                misread = self._leaves_out(node)
            case "command_substitution":
                # It takes backquotes in backquotes for text.
                misread = _NESTED.match(self.of(node)) is not None
            case _:
                misread = False
        return misread

    def _leaves_out(self, node: Node) -> bool:
        """Whether there is more than blanks between the parts of a node."""
        at = node.start_byte
        for child in node.children:
            if self._data[at : child.start_byte].strip():
                return True
            at = max(at, child.end_byte)
        return bool(self._data[at : node.end_byte].strip())

    def _is_lost(self, at: int) -> bool:
        """Whether the grammar takes an escaped blank, which is a word's, for one between words."""
        node = self.root.descendant_for_byte_range(at, at + 1)
        return node is None or (node.child_count > 0 and node.type not in _KEPT)

    @property
    def text(self) -> str:
        """All of the tree's text."""
        return _decoded(self._data)

    def between(self, start: int, end: int) -> str:
        """The text between two places, in bytes."""
        return _decoded(self._data[start:end])

    def of(self, node: Node) -> str:
        """The text of a node."""
        return self.between(node.start_byte, node.end_byte)

    def nodes(self, *kinds: str) -> Iterator[Node]:
        """Every node of these kinds, in order."""
        return (node for node in within(self.root) if node.type in kinds)

    def assigned(self) -> frozenset[str]:
        """Variables that the text itself gives values to."""
        names = set()
        for node in self.nodes("variable_assignment", "for_statement", "declaration_command"):
            names |= {self.of(child) for child in node.children if child.type == "variable_name"}
        for node in self.nodes("command"):
            words = self.words(node, {}, frozenset())
            if words and words[0].text in {"read", "mapfile", "readarray", "getopts", "printf"}:
                names |= {word.text for word in words[1:] if word.text}
        return frozenset(names)

    def words(
        self, command: Node, environment: Mapping[str, str], assigned: frozenset[str]
    ) -> list[Word]:
        """The words of a command, without the assignments before it and its redirections.

        A variable has the value from `environment`, unless it is one of those `assigned`.
        """
        found: list[Word] = []
        for child in [*command.children, *_words_after_redirections(command)]:
            if child.type in _REDIRECTIONS or child.type == "variable_assignment":
                continue
            node = child.children[0] if child.type == "command_name" and child.children else child
            plain = self._plain(node, environment, assigned)
            if plain is None:
                found.append(self._unknown(node, environment, assigned))
            elif node.type in {"simple_expansion", "expansion"}:
                found += [Word(piece) for piece in plain.split()]
            else:
                found.append(Word(plain))
        return found

    def _unknown(
        self, node: Node, environment: Mapping[str, str], assigned: frozenset[str]
    ) -> Word:
        end = ""
        if node.type in {"concatenation", "string"} and node.children:
            for child in reversed(node.children):
                plain = self._plain(child, environment, assigned) if child.is_named else ""
                if plain is None:
                    end = self._unknown(child, environment, assigned).end + end
                    break
                end = plain + end
        return Word(None, end, empty=node.type not in {"concatenation", "string"})

    def _plain(
        self, node: Node, environment: Mapping[str, str], assigned: frozenset[str]
    ) -> str | None:
        text = self.of(node)
        plain: str | None = None
        match node.type:
            case "word" | "number" | "variable_name" | "extglob_pattern":
                plain = _ESCAPED.sub(r"\1", text) if not node.named_children else None
            case "raw_string":
                plain = text[1:-1]
            case "string_content":
                plain = _ESCAPED_IN_STRING.sub(r"\1", text.replace("\\\n", ""))
            case "string" | "concatenation":
                plain = self._together(node, environment, assigned)
            case "simple_expansion" | "expansion":
                name = text.strip("${}")
                if text in {f"${name}", f"${{{name}}}"} and _NAME.fullmatch(name):
                    plain = environment.get(name, "") if name not in assigned else None
            case _:
                plain = text if not node.is_named and text != "$$" else None
        return plain

    def _together(
        self, node: Node, environment: Mapping[str, str], assigned: frozenset[str]
    ) -> str | None:
        """What the parts of a word are, with what the grammar leaves out between them."""
        found: list[str] = []
        quote = 1 if node.type == "string" else 0
        at = node.start_byte + quote
        for child in node.children:
            if quote and child.type == '"':
                continue
            plain = self._plain(child, environment, assigned)
            if plain is None:
                return None
            found += [self.between(at, child.start_byte), plain]
            at = child.end_byte
        found.append(self.between(at, node.end_byte - quote))
        return "".join(found)


def within(node: Node) -> Iterator[Node]:
    """The node and all below it, in order."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(node.children)


def _begins_with_redirections(node: Node) -> bool:
    """Whether a redirection comes first, and one of its kind there has words that are not its own.

    Asked of what they stand in: each one's own parent would be looked for from the top.
    """
    if not node.child_count:
        return False
    children = node.children
    return children[0].type == "file_redirect" and any(
        len(child.children_by_field_name("destination")) > 1
        for child in children
        if child.type == "file_redirect"
    )


def _is_too_deep(root: Node) -> bool:
    cursor = root.walk()
    deepest = 0
    while deepest <= _DEEPEST:
        deepest = max(deepest, cursor.depth)
        node = cursor.node
        if node is not None and node.type == "pipeline" and node.child_count > _DEEPEST:
            return True
        if cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return False
    return True


def above(node: Node) -> Iterator[Node]:
    """What the node stands in, from the inside out."""
    parent = node.parent
    while parent is not None:
        yield parent
        parent = parent.parent


def _words_after_redirections(command: Node) -> Iterator[Node]:
    """Words that the grammar counts to a redirection of the command, and the shell to itself."""
    node, parent = command, command.parent
    while parent is not None and parent.type in {"list", "negated_command", "redirected_statement"}:
        if parent.type == "redirected_statement":
            for redirection in parent.children[1:]:
                if redirection.type == "file_redirect":
                    yield from redirection.children_by_field_name("destination")[1:]
        elif node.id != parent.children[-1].id:
            return
        node, parent = parent, parent.parent


@functools.cache
def _parser() -> tree_sitter.Parser:
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


def _parse(data: bytes) -> Node | None:
    """The root of the text's tree; None for a text in which the grammar tries too many readings."""
    parser = _parser()
    most = _FEWEST_ASKED + len(data) // _BYTES_ASKED
    asked = 0

    def is_enough(*_: object) -> bool:
        nonlocal asked
        asked += 1
        return asked > most

    try:
        return parser.parse(lambda at, _: data[at:], progress_callback=is_enough).root_node
    except ValueError:
        # Else it would go on there with the next text.
        parser.reset()
        return None


def _nothing() -> Node:
    return _parser().parse(b"").root_node


def _without_continuations(data: bytes, root: Node) -> bytes:
    """The text less the backslashes and newlines that the shell takes out between words, where the
    grammar sees the end of a word.
    """
    kept: list[bytes] = []
    done = at = 0
    while (at := data.find(b"\\\n", at)) >= 0:
        before = data[:at]
        escaped = (len(before) - len(before.rstrip(b"\\"))) % 2
        node = root.descendant_for_byte_range(at, at + 1)
        if not escaped and (node is None or node.type not in _KEPT):
            kept.append(data[done:at])
            done = at + 2
        at += 2
    return b"".join([*kept, data[done:]])


def _decoded(data: bytes) -> str:
    return data.decode(errors="surrogateescape")

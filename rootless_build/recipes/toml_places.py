"""Where in a TOML file something stands: tomllib tells values alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import tree_sitter_toml
from tree_sitter import Language, Node, Parser

_TABLES: Final = frozenset({"table", "table_array_element"})
_INLINE: Final = "inline_table"
_KEYS: Final = frozenset({"bare_key", "quoted_key", "dotted_key"})


def line_of(text: str, keys: Sequence[str]) -> int:
    """The line, from 1, of the key, or of the nearest table above it that has a line of its own."""
    best, depth = 1, 0
    wanted = tuple(keys)
    for number, found in _named(text):
        shared = min(len(found), len(wanted))
        if found[:shared] == wanted[:shared] and shared > depth:
            best, depth = number, shared
    return best


def _named(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Every table and every key, in their order: its line, and its name in full."""
    parser = Parser(Language(tree_sitter_toml.language()))
    document = parser.parse(text.encode(errors="replace")).root_node
    pending: list[tuple[Node, tuple[str, ...]]] = [(document, ())]
    while pending:
        node, above = pending.pop()
        if node.type in _TABLES or node.type == "pair":
            key = next((child for child in node.children if child.type in _KEYS), None)
            if key is None:
                continue
            above += tuple(_parts(key))
            yield key.start_point[0] + 1, above
        elif node.type not in {"document", _INLINE}:
            continue
        pending.extend((child, above) for child in reversed(node.children))


def _parts(key: Node) -> Iterator[str]:
    pending = [key]
    while pending:
        node = pending.pop()
        if node.type == "dotted_key":
            pending.extend(child for child in reversed(node.children) if child.type in _KEYS)
        else:
            word = (node.text or b"").decode()
            yield word[1:-1] if node.type == "quoted_key" else word

"""Text as roff, in the macros of man(7)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_CODE: Final = re.compile(r"`([^`]+)`")


def escaped(text: str) -> str:
    """The text as it is: no escape, no request, and a dash that can be pasted."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"(?m)^(?=[.'])", "\\\\&", text)


def words(text: str) -> str:
    """A paragraph, with what stands in backquotes in bold."""
    parts = _CODE.split(" ".join(text.split()))
    marked = (f"\\fB{escaped(p)}\\fR" if i % 2 else escaped(p) for i, p in enumerate(parts))
    return re.sub(r"^(?=[.'])", "\\\\&", "".join(marked))


def title(name: str, section: int, date: str, source: str, what: str) -> str:
    """The head of a page."""
    return f'.TH {name} {section} "{date}" "{escaped(source)}" "{escaped(what)}"'


def heading(text: str) -> str:
    """The head of a section."""
    return f".SH {escaped(text.upper())}"


def subheading(text: str) -> str:
    """The head of a part of one."""
    return f".SS {escaped(text)}"


def paragraph(text: str) -> str:
    """Text of its own."""
    return f".PP\n{words(text)}"


def entry(term: str, text: str) -> str:
    """What something means, below its name."""
    return f".TP\n\\fB{escaped(term)}\\fR\n{words(text) or escaped('-')}"


def example(lines: Iterable[str]) -> str:
    """Lines as they are."""
    return "\n".join([".PP", ".nf", ".RS 4", *(escaped(line) for line in lines), ".RE", ".fi"])


def page(parts: Iterable[str]) -> str:
    """The whole. A head begins a paragraph by itself."""
    whole = "\n".join(parts) + "\n"
    return re.sub(r"(?m)^(\.S[HS] .*\n)\.PP\n", r"\1", whole)

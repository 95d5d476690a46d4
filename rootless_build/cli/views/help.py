"""The help text: usage, what it does, the commands, the options; one line each."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from plumbum.cli.switches import SwitchInfo

from rootless_build.cli import options

_LEFT: Final = 28
_WIDEST: Final = 79
"""Columns; longer lines are harder to read than more of them."""
_NARROWEST: Final = 50
_OWN: Final = "Switches"
_HELP: Final = "Meta-switches"
_GROUPS: Final = {
    _OWN: "Own options",
    **{group: group for group in options.GROUPS},
    _HELP: "Help",
}


def text(
    usage: str,
    description: str,
    commands: Mapping[str, str],
    switches: Mapping[str, SwitchInfo],
    columns: int,
    tables: Iterable[tuple[str, Sequence[tuple[str, str]]]] = (),
) -> str:
    """The whole help. `switches` are the options by name; a command's own come first. `columns` is
    the width of the terminal, 0 where there is none. `tables` come last, each with its title.
    """
    width = max(min(columns - 1, _WIDEST), _NARROWEST) if columns else _WIDEST
    parts = [f"Usage: {usage}", *(_paragraph(part, width) for part in description.split("\n\n"))]
    if commands:
        parts.append("\n".join(["Commands:", *_rows(commands.items(), width)]))
    named: dict[SwitchInfo, list[str]] = {}
    for name, option in switches.items():
        named.setdefault(option, []).append(name)
    for group, title in _GROUPS.items():
        rows = [
            (_left(names, option), _right(option))
            for option, names in named.items()
            if option.group == group
        ]
        if rows:
            parts.append("\n".join([f"{title}:", *_rows(rows, width)]))
    parts += ["\n".join([f"{title}:", *_rows(rows, width)]) for title, rows in tables]
    return "\n\n".join(parts)


def _left(names: Sequence[str], option: SwitchInfo) -> str:
    shown = ", ".join(
        f"-{name}" if len(name) == 1 else f"--{name}" for name in sorted(names, key=len)
    )
    return f"{shown} {option.argname}" if option.argtype else shown


def _right(option: SwitchInfo) -> str:
    if option.group == _HELP:
        return "show this help" if "help" in option.names else "show the version"
    return f"{option.help or ''} (may be repeated)" if option.list else option.help or ""


def _paragraph(text: str, width: int) -> str:
    """The text broken at words where that is needed, not where it is in the source. Lines that are
    indented stay lines.
    """
    lines = re.sub(r"(?<=\S)\n(?=\S)", " ", text).splitlines()
    return "\n".join(part for line in lines for part in textwrap.wrap(line, width) or [""])


def _rows(rows: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    for left, right in rows:
        head = f"  {left}".ljust(_LEFT)
        lines = textwrap.wrap(right, width - _LEFT) or [""]
        if not head.endswith(" "):
            yield head
            head = " " * _LEFT
        yield head + lines[0]
        yield from (" " * _LEFT + line for line in lines[1:])

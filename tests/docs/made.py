"""The parts of documents that are made: where they stand, and what makes each.

In a page they stand between `<!-- made by python -m tests.docs: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tests.docs import (
    docker_commands,
    events,
    exit_codes,
    findings,
    help_pages,
    manual,
    options,
    recipe_keys,
    speed,
)

ROOT: Final = Path(__file__).parents[2]
_BLOCK: Final = re.compile(
    r"(?P<head><!-- made by python -m tests\.docs: (?P<name>[\w-]+) -->\n)"
    r".*?(?P<end><!-- end -->\n)",
    re.DOTALL,
)
BLOCKS: Final[Mapping[str, Callable[[], str | None]]] = MappingProxyType(
    {
        "options": options.tables,
        "commands": options.commands,
        "exit-status": help_pages.statuses,
        "environment": help_pages.environment,
        "files": help_pages.files,
        "errors": exit_codes.error_table,
        "docker-commands": docker_commands.command_table,
        "events": events.event_table,
        "findings": findings.finding_table,
        "speed": speed.page,
        "speed-heart": speed.heart,
        **{f"keys-{name}": make for name, make in recipe_keys.TABLES.items()},
    }
)
WHOLE: Final[Mapping[str, Callable[[], str]]] = MappingProxyType(
    {"docs/man/rbuild.1": manual.program, "docs/man/rbuild.toml.5": manual.recipe}
)


def pages() -> Iterator[Path]:
    """The pages that have something in them that is made."""
    for page in (ROOT / "README.md", *sorted(ROOT.joinpath("docs").rglob("*.md"))):
        if _BLOCK.search(page.read_text(encoding="utf-8")):
            yield page


def names(text: str) -> list[str]:
    """What is made in a page."""
    return [block["name"] for block in _BLOCK.finditer(text)]


def renewed(text: str) -> str:
    """The page with what the code says now; what it says nothing of stays. Raises KeyError for a
    name that nothing makes.
    """

    def block(found: re.Match[str]) -> str:
        text = BLOCKS[found["name"]]()
        return found[0] if text is None else f"{found['head']}\n{text.strip()}\n\n{found['end']}"

    return _BLOCK.sub(block, text)


def changed() -> Iterator[tuple[Path, str]]:
    """The files that are not what the code says, with what they should be."""
    wanted = [(page, renewed(page.read_text(encoding="utf-8"))) for page in pages()]
    wanted += [(ROOT / name, make()) for name, make in WHOLE.items()]
    for file, text in wanted:
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            yield file, text


def write() -> list[Path]:
    """Write anew what differs; the files that did."""
    differing = list(changed())
    for file, text in differing:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return [file.relative_to(ROOT) for file, _ in differing]

"""What the documents and docstrings name is there."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
DOCUMENTS: Final = (
    "README.md",
    "CONTRIBUTING.md",
    "THREATS.md",
    *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md")),
)
SOURCES: Final = sorted(
    path for source in ("rootless_build", "backends") for path in (ROOT / source).rglob("*.py")
)
_PATH: Final = re.compile(r"`((?:rootless_build|backends|tests|contrib|docs)/[^\s`]*)`")
_DOTTED: Final = re.compile(r"`(rootless_build(?:\.\w+)+)`")
_ROW: Final = re.compile(
    r"^\| (?P<word>[a-z][^|]*) \| (?P<meaning>[^|]+) \| `(?P<where>[^`|]+)` \|$"
)


def glossary() -> dict[str, re.Match[str]]:
    """The rows of the glossary by their words."""
    lines = (ROOT / "docs/reference/glossary.md").read_text(encoding="utf-8").splitlines()
    rows = [row for line in lines if (row := _ROW.match(line))]
    return {row["word"]: row for row in rows if row["word"] != "word"}


QUESTIONS: Final = (
    *("a docker flag", "a heredoc", "the staging directory", "a finding of the doctor"),
    *('"why was this built again"', "the JSON log", "a secret", "a base image"),
    *("an engine's error words", "the lock of a checkout", "provenance", "install", "bake files"),
    *("HCL", "the sandbox", "`clean`"),
)
"""What a stranger asks, who has read CONTRIBUTING.md alone."""


@pytest.mark.parametrize("question", QUESTIONS)
def test_contributing_says_where_to_look(question: str) -> None:
    lines = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith(f"| {question}")]
    assert [_PATH.findall(row) for row in rows if _PATH.search(row)] != []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_a_document_names_is_there(document: str) -> None:
    named = set(_PATH.findall((ROOT / document).read_text(encoding="utf-8")))
    assert [path for path in sorted(named) if not any(ROOT.glob(path.rstrip("/")))] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_document_is_in_the_source_distribution(document: str) -> None:
    """Whose tests read them. Hatchling takes the README by itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert Path(document).parts[0] in (*included, project["project"]["readme"])


def test_every_module_that_the_glossary_names_is_there() -> None:
    rows = glossary()
    assert len(rows) >= 15
    assert [row["where"] for row in rows.values() if not (ROOT / row["where"]).is_file()] == []


def test_the_glossary_explains_in_a_sentence_or_two() -> None:
    long = [word for word, row in glossary().items() if len(re.findall(r"[.:;] ", row[2])) > 3]
    assert long == []


def is_there(name: str) -> bool:
    """Whether it is a module, or something in one."""
    module, _, attribute = name.rpartition(".")
    try:
        return find_spec(name) is not None or hasattr(import_module(module), attribute)
    except ModuleNotFoundError:
        return module.count(".") > 0 and is_there(module) and has(module, attribute)


def has(name: str, attribute: str) -> bool:
    """Whether a class has it: `module.Class.attribute`."""
    module, _, owner = name.rpartition(".")
    return hasattr(getattr(import_module(module), owner, None), attribute)


def named_in(path: Path) -> Iterator[str]:
    """The modules of rbuild that a file's docstrings name in full."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _DOTTED.findall(node.value)


def test_every_module_that_a_docstring_or_a_document_names_is_there() -> None:
    named = {name for path in SOURCES for name in named_in(path)}
    for document in DOCUMENTS:
        named |= set(_DOTTED.findall((ROOT / document).read_text(encoding="utf-8")))
    # A group of entry points has the form of a name.
    named -= {"rootless_build.backends", "rootless_build.executors"}
    assert [name for name in sorted(named) if not is_there(name)] == []

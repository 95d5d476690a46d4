"""The rooms of the code: CONTRIBUTING.md has the table of who imports whom."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = (ROOT / "rootless_build", ROOT / "backends")
_ROW: Final = re.compile(r"^\| `(?P<room>\w+)` \| [^|]+ \|(?P<imports>[^|]*)\|$", re.MULTILINE)
_OPEN: Final = frozenset({"", "__main__"})
"""The version, which all may read, and the program itself, which starts `cli`."""


def table() -> dict[str, frozenset[str]]:
    """The rooms that each room may import, as CONTRIBUTING.md has them."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = {m["room"]: frozenset(re.findall(r"`(\w+)`", m["imports"])) for m in _ROW.finditer(text)}
    assert len(rows) > 10, "the table has another form"
    return rows


ALLOWED: Final = table()


def name_of(path: Path) -> str:
    """The dotted name of a module."""
    base = next(parent for parent in (ROOT / "backends", ROOT) if path.is_relative_to(parent))
    parts = path.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES: Final = {name_of(path): path for source in SOURCES for path in source.rglob("*.py")}


def room_of(module: str) -> str:
    """The room of a module: a package of `rootless_build`, or a plug-in."""
    first, _, rest = module.partition(".")
    return rest.partition(".")[0] if first == "rootless_build" else first


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules of ours that a module, or a part of one, imports; also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole module"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found = whole if whole in MODULES else str(node.module)
                if found in MODULES:
                    yield found


def names_in(node: ast.AST) -> list[str]:
    """What an import statement names, modules and what is taken from them alike."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def forbidden(module: str, source: str) -> list[str]:
    """What the table does not allow of a module's imports."""
    room = room_of(module)
    if room in _OPEN:
        return []
    allowed = ALLOWED[room] | _OPEN | {room}
    return sorted(m for m in imported(ast.parse(source)) if room_of(m) not in allowed)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_what_the_table_allows_its_room(module: str) -> None:
    assert forbidden(module, MODULES[module].read_text(encoding="utf-8")) == []


def test_an_arrow_that_the_table_does_not_allow_is_found() -> None:
    inside = "def f():\n    from rootless_build.cli import app\n"
    assert forbidden("rootless_build.runner.new", inside) == ["rootless_build.cli.app"]
    assert forbidden("rootless_build.model.new", "import rootless_build.process.programs\n")
    assert forbidden("rbuild_podman.new", "from rootless_build.runner import run\n")
    assert forbidden("rbuild_podman.new", "import rbuild_docker\n") == ["rbuild_docker"]


def test_the_rooms_are_those_of_the_table() -> None:
    assert {room_of(module) for module in MODULES} - _OPEN == set(ALLOWED)


def test_no_test_module_imports_another() -> None:
    """What two of them need is in a helper module, which has no tests that would be collected."""
    tests = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "tests").rglob("*.py")
        if not path.is_relative_to(ROOT / "tests/data")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in names_in(node)
        if name.startswith("tests.") and not tests.isdisjoint(name.split("."))
    }
    assert found == set()


def test_no_room_imports_the_suite_for_backends() -> None:
    assert [room for room, imports in ALLOWED.items() if "testing" in imports] == []


def test_the_table_has_no_circle() -> None:
    assert set(TopologicalSorter(ALLOWED).static_order()) == set(ALLOWED)


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_a_room_says_what_it_is_for(room: str) -> None:
    package = "rootless_build." if (ROOT / "rootless_build" / room).is_dir() else ""
    text = MODULES[package + room].read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text))

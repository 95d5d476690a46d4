"""The rooms of the code: CONTRIBUTING.md has the table of who imports whom."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = (ROOT / "rootless_build", ROOT / "backends")
_ROW: Final = re.compile(r"^\| `(?P<room>\w+)` \| [^|]+ \|(?P<imports>[^|]*)\|$", re.MULTILINE)
_NAMED: Final = re.compile(r"rootless_build(?:[.:]\w+)*[.:]?")
_OUTSIDE: Final = {"": frozenset[str](), "__main__": frozenset({"cli"})}
"""What is in no room, and what it imports: the version, and the program, which starts `cli`."""


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


@cache
def tree_of(module: str) -> ast.Module:
    """A module of ours, parsed."""
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def room_of(module: str) -> str:
    """The room of a module: a package of `rootless_build`, or a plug-in."""
    first, _, rest = module.partition(".")
    return rest.partition(".")[0] if first == "rootless_build" else first


def module_of(name: str) -> str | None:
    """The module of ours that a dotted name is, or is in."""
    parts = re.split("[.:]", name)
    names = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    found = next((name for name in names if name in MODULES), None)
    # What 0.1.0 had is found through the path of the package.
    former = f"rootless_build.former.{parts[1]}" if len(parts) > 1 else ""
    return former if found == "rootless_build" and former in MODULES else found


def imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The modules of ours that statements import, or name in a string."""
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole module"
        elif isinstance(node, ast.JoinedStr) and node.values:
            first = node.values[0]
            computed = isinstance(first, ast.Constant) and first.value == "rootless_build."
            assert not computed, "a name of a module says its room as it stands"
        names = [*names_in(node), *names_of_modules(node)]
        yield from filter(None, map(module_of, names))


def names_of_modules(node: ast.AST) -> list[str]:
    """What a string begins with, where all of it is a name that begins with the package's."""
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        return []
    text = node.value
    named = text.startswith("rootless_build.") and _NAMED.fullmatch(text)
    return [text] if named else []


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
    allowed = (ALLOWED | _OUTSIDE)[room] | {"", room}
    found = imported(ast.walk(ast.parse(source)))
    return sorted(m for m in found if room_of(m) not in allowed)


def nodes_at_work(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those for a type checker alone."""
    yield node
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        children: Iterable[ast.AST] = node.orelse
    else:
        children = ast.iter_child_nodes(node)
    for child in children:
        yield from nodes_at_work(child)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_what_the_table_allows_its_room(module: str) -> None:
    assert forbidden(module, MODULES[module].read_text(encoding="utf-8")) == []


def test_an_arrow_that_the_table_does_not_allow_is_found() -> None:
    inside = "def f():\n    from rootless_build.cli import app\n"
    assert forbidden("rootless_build.runner.new", inside) == ["rootless_build.cli.app"]
    assert forbidden("rootless_build.model.new", "import rootless_build.process.programs\n")
    assert forbidden("rbuild_podman.new", "from rootless_build.runner import run\n")
    assert forbidden("rbuild_podman.new", "import rbuild_docker\n") == ["rbuild_docker"]
    program = "from rootless_build.__main__ import main\n"
    assert forbidden("rootless_build.cli.new", program) == ["rootless_build.__main__"]
    assert forbidden("rootless_build", "import rootless_build.model.plan\n")


@pytest.mark.parametrize(
    "said",
    [
        'importlib.import_module("rootless_build.runner.run")',
        '[sys.executable, "-m", "rootless_build.runner.run"]',
        'NAME = "rootless_build.runner.run:make"',
        'f"rootless_build.runner.{name}"',
        "import rootless_build.registry",
    ],
)
def test_a_module_that_is_named_elsewhere_is_found_as_well(said: str) -> None:
    assert len(forbidden("rootless_build.model.new", said)) == 1


def test_a_name_that_is_put_together_says_its_room() -> None:
    with pytest.raises(AssertionError, match="as it stands"):
        forbidden("rootless_build.model.new", 'f"rootless_build.{room}.{name}"')


def test_every_arrow_of_the_table_is_used() -> None:
    used: dict[str, set[str]] = {room: set() for room in ALLOWED | _OUTSIDE}
    for module in MODULES:
        found = imported(ast.walk(tree_of(module)))
        used[room_of(module)].update(room_of(name) for name in found)
    unused = {room: sorted(imports - used[room]) for room, imports in ALLOWED.items()}
    assert {room: rooms for room, rooms in unused.items() if rooms} == {}


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside functions count; those for a type checker alone do not."""
    graph = {module: set(imported(nodes_at_work(tree_of(module)))) - {module} for module in MODULES}
    assert set(TopologicalSorter(graph).static_order()) == set(MODULES)


def test_the_rooms_are_those_of_the_table() -> None:
    assert {room_of(module) for module in MODULES} - set(_OUTSIDE) == set(ALLOWED)


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

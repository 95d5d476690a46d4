"""Random edits of a tree: the first layer with that of what changed laid over it is the whole one.

Each edit is held against a layer made anew, all of it, and nothing of the first one's content is
read. RBUILD_EDITS sets how many trees are edited.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rootless_build.freshness.index import Index
from rootless_build.freshness.tree import scan
from rootless_build.images.layers.image_layers import ImageLayers
from rootless_build.images.layers.maker import answer
from rootless_build.images.layers.request import (
    INDEX,
    Answer,
    Copying,
    LayersRequest,
    Made,
    Refused,
    Since,
    Uncertain,
)
from rootless_build.model.structs import replace
from tests.edited_tree import EditedTree
from tests.unit.images.layers.made_trees import (
    Tree,
    answered,
    copying,
    lay_over,
    layers,
    paths,
    read,
)

EDITS = int(os.environ.get("RBUILD_EDITS", "30"))


def asked(request: LayersRequest) -> Answer:
    request.output.mkdir(exist_ok=True)
    opened = ImageLayers()
    try:
        return answer(request, opened)
    finally:
        opened.close()


def first(output: Path, operation: Copying, base: tuple[Path, ...] = ()) -> Tree:
    """The whole layer, with its index."""
    made = asked(LayersRequest(base, (operation,), output, index=True))
    assert isinstance(made, Made), made
    return read(output / "0.tar")


def since(
    earlier: Path,
    output: Path,
    operation: Copying,
    changed: tuple[str, ...],
    base: tuple[Path, ...] = (),
    share: float = 1e9,
) -> Answer:
    known = Since(earlier / INDEX, changed, share)
    return asked(LayersRequest(base, (operation,), output, since=known))


def applied(below: Tree, layer: Tree) -> Tree:
    """The tree with a layer over it, whose whiteouts take names away."""
    together = dict(below)
    marks = [path for path in layer if path.rpartition("/")[2].startswith(".wh.")]
    for mark in marks:
        above, _, name = mark.rpartition("/")
        gone = f"{above}/{name.removeprefix('.wh.')}".lstrip("/")
        assert gone in together, f"{gone} is taken away, and was not there"
        for path in [p for p in together if p == gone or p.startswith(f"{gone}/")]:
            del together[path]
    lay_over(together, {path: entry for path, entry in layer.items() if path not in marks})
    return together


def alone(tree: Tree) -> Tree:
    """Without which of a file's names is the first."""
    return {path: replace(entry, first="") for path, entry in tree.items()}


def groups(tree: Tree) -> dict[str, frozenset[str]]:
    """Which names are one file."""
    found: dict[str, list[str]] = {}
    for path, entry in tree.items():
        if entry.first:
            found.setdefault(entry.first, []).append(path)
    return {path: frozenset(names) for names in found.values() for path in names}


def changed_files(root: Path, index: Path) -> tuple[str, ...]:
    """What freshness says of the bytes of files, of all of them for certain."""
    before = {
        (os.fsdecode(directory), name): digest
        for directory in Index.load(index).known
        if (known := Index.load(index).get(directory))
        for name, (_, digest) in known.files().items()
    }
    scan(root, Index.load(index))
    after = Index.load(index)
    found = []
    for directory in after.known:
        known = after.get(directory)
        for name, (_, digest) in known.files().items() if known else ():
            if before.get((os.fsdecode(directory), name)) != digest:
                found.append(os.fsdecode(b"/".join(filter(None, (directory, name)))))
    return tuple(found)


OPTIONS: list[Callable[[Path], Copying]] = [
    lambda context: copying(context, ".", "/src/"),
    lambda context: copying(context, ".", "/src/", chown="1:2", chmod="a-x,u=rwX"),
    lambda context: copying(context, ".", "/src/", exclude=("**/b", "a/*")),
    lambda context: copying(context, ".", "/deep/er/src/", link=True),
]


@pytest.mark.parametrize("seed", range(EDITS))
def test_the_full_layer_and_what_changed_are_the_new_one(tmp_path: Path, seed: int) -> None:
    context = tmp_path / "context"
    edits = EditedTree(context, random.Random(seed))
    operation = OPTIONS[seed % len(OPTIONS)](context)
    index = tmp_path / "index"
    full = first(tmp_path / "full", operation)
    for number in range(8):
        changed_files(context, index)
        shutil.copy(index, tmp_path / "then") if number == 0 else None
        for _ in range(edits.random.randrange(1, 4)):
            edits.edit()
        shutil.copy(tmp_path / "then", index)
        changed = changed_files(context, index)
        output = tmp_path / f"delta{number}"
        made = since(tmp_path / "full", output, operation, changed)
        whole_output = tmp_path / "whole"
        if isinstance(made, Refused):  # as the whole is
            assert answered(whole_output, [operation]) == made
            continue
        assert isinstance(made, Made), made
        together = applied(full, read(output / "0.tar"))
        layers(whole_output, [operation])
        whole = read(whole_output / "0.tar")
        assert alone(together) == alone(whole)
        assert groups(together) == groups(whole)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A tree of a few files."""
    root = tmp_path / "context"
    for name in ("d/f", "d/g", "e"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def delta(tmp_path: Path, operation: Copying, *changed: str, base: Path | None = None) -> list[str]:
    """The names in the layer of what changed."""
    below = () if base is None else (base,)
    made = since(tmp_path / "full", tmp_path / "delta", operation, changed, below)
    assert isinstance(made, Made), made
    return paths(read(tmp_path / "delta" / "0.tar"))


def test_only_what_changed_and_the_way_to_it_is_in_it(tmp_path: Path, context: Path) -> None:
    operation = copying(context, ".", "/src/")
    first(tmp_path / "full", operation)
    assert delta(tmp_path, operation) == []
    (context / "e").write_text("new")
    assert delta(tmp_path, operation, "e") == ["src/", "src/e"]
    (context / "d" / "f").unlink()
    assert delta(tmp_path, operation, "e") == ["src/", "src/d/", "src/d/.wh.f", "src/e"]
    shutil.rmtree(context / "d")
    assert delta(tmp_path, operation, "e") == ["src/", "src/.wh.d", "src/e"]


def test_other_bytes_of_the_same_time_are_in_it_where_they_are_named(
    tmp_path: Path, context: Path
) -> None:
    operation = copying(context, ".", "/src/")
    first(tmp_path / "full", operation)
    status = (context / "e").stat()
    (context / "e").write_text("f")
    os.utime(context / "e", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert delta(tmp_path, operation, "e") == ["src/", "src/e"]


def uncertain(tmp_path: Path, operation: Copying, base: Path | None = None) -> str:
    """Why there is no layer of what changed."""
    below = () if base is None else (base,)
    made = since(tmp_path / "full", tmp_path / "delta", operation, (), below)
    assert isinstance(made, Uncertain), made
    return made.message


def test_what_the_image_below_has_comes_back_in_a_whole_layer_alone(
    tmp_path: Path, context: Path
) -> None:
    base = tmp_path / "base"
    (base / "src").mkdir(parents=True)
    (base / "src" / "e").write_text("of the base")
    operation = copying(context, ".", "/src/")
    first(tmp_path / "full", operation, (base,))
    (context / "e").unlink()
    assert "the image below has it" in uncertain(tmp_path, operation, base)


def test_a_directory_over_one_of_the_image_below_is_in_a_whole_layer_alone(
    tmp_path: Path, context: Path
) -> None:
    """Where a file hid that what is in it would come back."""
    base = tmp_path / "base"
    (base / "src" / "e").mkdir(parents=True)
    (base / "src" / "e" / "of the base").touch()
    operation = copying(context, ".", "/src/", link=True)
    first(tmp_path / "full", operation, (base,))
    (context / "e").unlink()
    (context / "e").mkdir()
    assert "becomes a directory" in uncertain(tmp_path, operation, base)


@pytest.mark.parametrize("name", [".wh.e", "n" * 253])
def test_names_that_no_whiteout_can_have(tmp_path: Path, context: Path, name: str) -> None:
    (context / name).touch()
    operation = copying(context, ".", "/src/")
    first(tmp_path / "full", operation)
    (context / name).unlink()
    assert "can't be taken away" in uncertain(tmp_path, operation)


def test_too_much_is_a_whole_layer(tmp_path: Path, context: Path) -> None:
    operation = copying(context, ".", "/src/")
    first(tmp_path / "full", operation)
    (context / "e").write_text("new and longer")
    for share, message in ((0.1, "of the files changed"), (0.3, "of the bytes changed")):
        made = since(tmp_path / "full", tmp_path / "delta", operation, ("e",), share=share)
        assert isinstance(made, Uncertain)
        assert message in made.message


def test_an_index_that_is_damaged(tmp_path: Path, context: Path) -> None:
    operation = copying(context, ".", "/src/")
    first(tmp_path / "full", operation)
    index = tmp_path / "full" / INDEX
    whole = index.read_bytes()
    for content in (b"", b"other", whole[:-4], whole[:60] + b"\xff" + whole[61:], whole[:-30]):
        index.write_bytes(content)
        assert "damaged" in uncertain(tmp_path, operation)


def test_archives_that_are_unpacked_have_no_index(tmp_path: Path, context: Path) -> None:
    shutil.make_archive(str(context / "archive"), "tar", context / "d")
    first(tmp_path / "full", copying(context, "archive.tar", "/src/", add=True))
    assert not (tmp_path / "full" / INDEX).exists()


def test_the_same_files_have_the_same_index(tmp_path: Path, context: Path) -> None:
    operation = copying(context, ".", "/src/")
    for output in ("full", "again"):
        first(tmp_path / output, operation)
    indexes = [(tmp_path / output / INDEX).read_bytes() for output in ("full", "again")]
    assert indexes[0] == indexes[1]

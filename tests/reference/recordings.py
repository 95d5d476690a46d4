"""What the reference made of each case, in tests/data/reference, and what differs from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypedDict

from tests.reference.case import TIME
from tests.reference.images import Configuration, Image, Row, Tree, is_made_of

DIRECTORY: Final = Path(__file__).parent.parent / "data" / "reference"
NOW: Final = "now"
"""The time of an entry that got the time of the build."""
_PROGRAM: Final = "bin/busybox"
GONE: Final[Row] = {"type": "gone"}
_USUAL: Final[Row] = {"owner": "0:0", "mtime": TIME // 10**9}
_MODES: Final = {"dir": "755", "file": "644"}
"""What a row in a file says nothing of is so."""


class Recording(TypedDict, total=False):
    """Of one case: either what came out, or that nothing did."""

    input: str
    """The digest of the case that was built."""
    on_base: bool
    """Whether `tree` is what differs from the tests' base image."""
    tree: Tree
    configuration: Configuration
    refused: int
    """The line of the containerfile at which the build ended, 0 where none was named."""


class Table(TypedDict):
    """The recordings of a family of cases, and the versions that made them."""

    docker: str
    buildkit: str
    cases: dict[str, Recording]


def read(family: str) -> Table:
    """The table of a family; an empty one where nothing has been recorded."""
    try:
        table: Table = json.loads((DIRECTORY / f"{family}.json").read_text())
    except FileNotFoundError:
        return {"docker": "", "buildkit": "", "cases": {}}
    for case in table["cases"].values():
        if "tree" in case:
            case["tree"] = {name: _whole(row) for name, row in case["tree"].items()}
    return table


def write(family: str, table: Table) -> None:
    """A line a file and a line a configuration, for people and git."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    lines = [
        f'"docker": {json.dumps(table["docker"])}',
        f'"buildkit": {json.dumps(table["buildkit"])}',
    ]
    cases = ",\n".join(
        f" {json.dumps(name)}: {_case(case)}" for name, case in table["cases"].items()
    )
    (DIRECTORY / f"{family}.json").write_text(
        "{" + ",\n".join(lines) + ',\n"cases": {\n' + cases + "\n}}\n"
    )


def _case(case: Recording) -> str:
    head = f'{{"input": {json.dumps(case["input"])}'
    if "refused" in case:
        return f'{head}, "refused": {case["refused"]}}}'
    rows = ",\n".join(
        f"   {json.dumps(name)}: {json.dumps(_short(row))}" for name, row in case["tree"].items()
    )
    configuration = json.dumps(case["configuration"])
    return (
        f'{head}, "on_base": {json.dumps(case["on_base"])},\n'
        f'  "configuration": {configuration},\n  "tree": {{\n{rows}}}}}'
    )


def made(image: Image, base: Image, began: float) -> Recording:
    """What is recorded of an image: a time since the build began is the build's.

    Of the files of its base only those are recorded that are not as they were; what is gone has
    the type `gone`.
    """
    on_base = is_made_of(image, base)
    before = base.tree if on_base else {}
    tree = {
        name: _timeless(row, began) for name, row in image.tree.items() if before.get(name) != row
    }
    gone: Tree = {name: dict(GONE) for name in before if name not in image.tree}
    return {
        "on_base": on_base,
        "configuration": image.configuration,
        "tree": {**tree, **gone},
    }


def differences(
    recording: Recording, image: Image | None, base: Image, line: int = 0
) -> Iterator[str]:
    """What of an image is not as recorded; the image None was refused at a line.

    The time of what got the build's is not compared: another build has another.
    """
    if "refused" in recording:
        if image is not None:
            yield f"built, and should be refused at line {recording['refused']}"
        elif recording["refused"] not in {0, line}:
            yield f"refused at line {line}, and should be at line {recording['refused']}"
    elif image is None:
        yield f"refused at line {line}, and should be built"
    else:
        yield from _configurations(recording["configuration"], image.configuration)
        before = base.tree if recording["on_base"] else {}
        wanted = {**before, **recording["tree"]}
        yield from _trees(_with_programs(wanted, image.tree, base.tree), image.tree)


def _with_programs(wanted: Tree, found: Tree, base: Tree) -> Tree:
    """What docker made, with the base's own programs where all of them were copied from it: another
    release's busybox has others than the one that was recorded.
    """
    own = base.get(_PROGRAM, GONE)
    if wanted.get(_PROGRAM, own) == own or found.get(_PROGRAM) != own:
        return wanted
    links = {name: row for name, row in base.items() if _is_program(row)}
    others = {name: row for name, row in wanted.items() if not _is_program(row)}
    return {**others, **links, _PROGRAM: own}


def _is_program(row: Row) -> bool:
    return row.get("target") == "busybox"


def _configurations(wanted: Configuration, found: Configuration) -> Iterator[str]:
    for key in sorted({*wanted, *found}):
        if wanted.get(key) != found.get(key):
            yield f"{key} is {found.get(key)!r}, and should be {wanted.get(key)!r}"


def _trees(wanted: Tree, found: Tree) -> Iterator[str]:
    for name in sorted({*wanted, *found}):
        expected, there = wanted.get(name, GONE), found.get(name, GONE)
        if expected.get("mtime") == NOW and there != GONE:
            there = {**there, "mtime": NOW}
        if expected != there:
            yield f"{name!r} is {there}, and should be {expected}"


def _usual(row: Row) -> Row:
    kind = str(row.get("type", "file"))
    if "same" in row or kind == GONE["type"]:
        return {}
    usual = {**_USUAL, "type": "file"}
    return {**usual, "mode": _MODES[kind]} if kind in _MODES else usual


def _short(row: Row) -> Row:
    usual = _usual(row)
    return {key: value for key, value in row.items() if usual.get(key) != value}


def _whole(row: Row) -> Row:
    whole = {**_usual(row), **row}
    # In the order in which images are read: a table that is written again does not change.
    first: Row = {key: whole[key] for key in ("type", "mode", "owner", "mtime") if key in whole}
    return {**first, **whole}


def _timeless(row: Row, began: float) -> Row:
    mtime = row.get("mtime")
    recent = isinstance(mtime, int) and mtime >= int(began)
    return {**row, "mtime": NOW} if recent else row

"""What docker made of each script, in tests/data/reference, and what differs from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final, TypedDict

from tests.reference.recordings import DIRECTORY
from tests.reference.scripts.running import Call, Outcome

_FILE: Final = DIRECTORY / "scripts.json"


class Recorded(Outcome):
    """What a script did, and the digest of the script that did it."""

    input: str


class Table(TypedDict):
    """All recordings, and the version that made them."""

    docker: str
    scripts: dict[str, Recorded]


def read() -> Table:
    """The table; an empty one where nothing has been recorded."""
    try:
        table: Table = json.loads(_FILE.read_text())
    except FileNotFoundError:
        return {"docker": "", "scripts": {}}
    return table


def write(table: Table) -> None:
    """A line a call and a line a file, for people and git."""
    scripts = ",\n".join(
        f" {json.dumps(name)}: {_script(script)}" for name, script in table["scripts"].items()
    )
    _FILE.write_text(
        f'{{"docker": {json.dumps(table["docker"])},\n"scripts": {{\n{scripts}\n}}}}\n'
    )


def _script(script: Recorded) -> str:
    calls = ",\n".join(f"   {json.dumps(call)}" for call in script["calls"])
    files = ",\n".join(f"   {json.dumps(n)}: {json.dumps(f)}" for n, f in script["files"].items())
    return (
        f'{{"input": {json.dumps(script["input"])},\n'
        f'  "calls": [\n{calls}],\n  "files": {{\n{files}}}}}'
    )


def differences(wanted: Outcome, found: Outcome) -> Iterator[tuple[str, str]]:
    """What is not as recorded: its name within the script, and what it is and should be."""
    for number, (expected, call) in enumerate(zip(wanted["calls"], found["calls"], strict=True), 1):
        yield from _of_call(number, expected, call)
    for name in sorted({*wanted["files"], *found["files"]}):
        expected_file, file = wanted["files"].get(name), found["files"].get(name)
        if expected_file != file:
            yield f"file {name}", f"is {file!r}, and should be {expected_file!r}"


def _of_call(number: int, wanted: Call, found: Call) -> Iterator[tuple[str, str]]:
    if wanted["status"] != found["status"]:
        yield f"{number} status", f"is {found['status']}, and should be {wanted['status']}"
    if wanted["out"] != found["out"]:
        yield f"{number} stdout", f"is {found['out']!r}, and should be {wanted['out']!r}"
    if wanted["err"] != found["err"]:
        yield f"{number} stderr", f"is {found['err']!r}, and should be {wanted['err']!r}"

"""Tests that failed beside others, made once more by themselves: `again RECORD SECOND`.

Those that passed then are no failures of the record any more, but are named in it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import cast

from tests.failures import without_group
from tests.matrix.cells import Record


def settle(first: Record, second: Record) -> Record:
    """The first record with what the second says of the tests that failed."""
    if second["status"] not in (0, 1):
        return first
    failed = {without_group(name) for cell in second["cells"] for name in cell["failed"]}
    for cell in first["cells"]:
        for name in [name for name in cell["failed"] if without_group(name) not in failed]:
            cell["passed"] += 1
            cell["unsteady"][name] = cell["failed"].pop(name)
    return first


def main(file: Path, again: Path) -> None:
    first, second = (cast("Record", json.loads(path.read_text())) for path in (file, again))
    file.write_text(json.dumps(settle(first, second), indent=1) + "\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

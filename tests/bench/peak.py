"""`python -m tests.bench.peak FILE WORDS…`: rbuild, and its greatest memory in KiB into FILE."""

from __future__ import annotations

import sys
from pathlib import Path

from rootless_build.__main__ import run
from rootless_build.process import proc


def _peak() -> str:
    return proc.status()["VmHWM"].split()[0]


if __name__ == "__main__":
    file = Path(sys.argv.pop(1))
    status = run()
    file.write_text(_peak())
    sys.exit(status)

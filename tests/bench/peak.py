"""`python -m tests.bench.peak FILE WORDS…`: rbuild, and its greatest memory in KiB into FILE."""

from __future__ import annotations

import sys
from pathlib import Path

from rootless_build.__main__ import run


def _peak() -> str:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    file = Path(sys.argv.pop(1))
    status = run()
    file.write_text(_peak())
    sys.exit(status)

"""The start of the process that makes layers: each build waits for it."""

from __future__ import annotations

import subprocess
import sys


def test_it_loads_nothing_that_starts_programs() -> None:
    text = "import sys, rootless_build.images.layers.worker; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "rootless_build.images.layers.maker" in loaded
    assert not loaded & {"plumbum", "subprocess", "rootless_build.process.programs"}

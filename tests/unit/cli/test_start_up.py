"""What a run imports before it knows whether anything has changed."""

from __future__ import annotations

import subprocess
import sys

_MODULES = "import sys, rootless_build.cli.session; print(*sys.modules)"


def test_a_run_begins_without_what_lists_and_verifies_bundles() -> None:
    run = subprocess.run(
        (sys.executable, "-c", _MODULES), capture_output=True, text=True, check=True
    )
    loaded = set(run.stdout.split())
    assert "rootless_build.cli.session" in loaded
    assert not {"rootless_build.bundles.listing", "rootless_build.bundles.verification"} & loaded

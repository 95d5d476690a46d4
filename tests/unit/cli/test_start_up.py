"""What a run imports before it knows whether anything has changed."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

_MODULES = "import sys, rootless_build.cli.session; print(*sys.modules)"


def test_a_run_begins_without_what_lists_and_verifies_bundles() -> None:
    run = subprocess.run(
        (sys.executable, "-c", _MODULES), capture_output=True, text=True, check=True
    )
    loaded = set(run.stdout.split())
    assert "rootless_build.cli.session" in loaded
    assert not {"rootless_build.bundles.listing", "rootless_build.bundles.verification"} & loaded


_INTERRUPTED = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "rootless_build.cli.misuse":
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, getattr(signal, sys.argv.pop()))
sys.meta_path.insert(0, Finder())
from rootless_build.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("how", "status"), [("default_int_handler", -signal.SIGINT), ("SIG_IGN", 0)]
)
def test_a_program_that_is_only_starting_is_ended_without_a_word(how: str, status: int) -> None:
    words = (sys.executable, "-c", _INTERRUPTED, "--version", how)
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (status, "")

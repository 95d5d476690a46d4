"""Namespaces that can't be entered; those of a worker's are entered in its own tests."""

from __future__ import annotations

import os
import subprocess

import pytest

from rootless_build.process import namespaces


def test_a_process_that_has_ended() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    with pytest.raises(OSError, match="No such process"):
        namespaces.enter(ended.pid)


def test_a_process_that_holds_no_namespace_of_ours() -> None:
    with pytest.raises(OSError, match="another process"):
        namespaces.enter(os.getpid())

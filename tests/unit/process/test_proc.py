"""What is read of /proc, held against what the system calls say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rootless_build.process import proc


def test_a_process_with_a_strange_name(tmp_path: Path) -> None:
    program = tmp_path / "a) Z 1 (b"
    program.symlink_to(sys.executable)
    words = (program, "-c", "input()", "", "ü")
    variables = {"A": "b=c", "PYTHONHOME": sys.base_prefix}
    with subprocess.Popen(words, stdin=subprocess.PIPE, env=variables) as running:
        assert running.pid in proc.processes()
        assert proc.stat(running.pid).parent == os.getpid()
        assert not proc.stat(running.pid).has_ended
        assert proc.owner(running.pid) == os.getuid()
        assert proc.command_line(running.pid)[1:] == (b"-c", b"input()", b"", "ü".encode())
        assert b"A=b=c" in proc.environment(running.pid)
        running.kill()
        os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
        assert proc.stat(running.pid).has_ended
        assert proc.command_line(running.pid) == ()
    with pytest.raises(OSError, match="No such"):
        proc.stat(running.pid)
    assert proc.status(running.pid) == {}


def test_this_process() -> None:
    assert proc.stat("self").parent == os.getppid()
    before = os.umask(0o027)
    try:
        assert proc.umask() == 0o027
    finally:
        os.umask(before)


def test_settings_of_the_kernel() -> None:
    assert proc.setting("kernel/osrelease") == os.uname().release
    assert proc.number("kernel/osrelease") is None
    assert proc.setting("kernel/no-such-setting") == ""
    assert (proc.number("kernel/pid_max") or 0) > 0

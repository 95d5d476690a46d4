"""Git repositories of tests, and a daemon that serves them to this host alone."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_DEADLINE: Final = 30.0
_AUTHOR: Final = {
    f"GIT_{role}_{name}": value
    for role in ("AUTHOR", "COMMITTER")
    for name, value in (
        ("NAME", "Tester"),
        ("EMAIL", "tester@example.com"),
        ("DATE", "2020-01-02T03:04:05Z"),
    )
}


def git(work: Path, *arguments: str) -> str:
    """What git prints there. Commits have one author and time: equal trees are equal commits."""
    done = subprocess.run(
        ["git", "-C", work, *arguments],
        env={**os.environ, **_AUTHOR},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


@contextlib.contextmanager
def served(directory: Path) -> Iterator[str]:
    """The URL of a daemon that serves each repository in the directory."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    daemon = subprocess.Popen(
        [
            *("git", "daemon", "--export-all", "--listen=127.0.0.1", f"--port={port}"),
            *("--reuseaddr", f"--base-path={directory}"),
        ],
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
    try:
        _await_answer(port)
        yield f"git://127.0.0.1:{port}"
    finally:
        daemon.terminate()
        daemon.wait()


def _await_answer(port: int) -> None:
    deadline = time.monotonic() + _DEADLINE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    message = "git daemon does not answer"
    raise TimeoutError(message)

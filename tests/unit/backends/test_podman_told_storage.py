"""What podman says of its storage in passing, as 4.3.1, 5.4.2 and 5.8.6 write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rbuild_containers.working import Storage
from rbuild_podman.told_storage import of_log

LOG = r"""
time="2026-11-30T22:30:42Z" level=info msg="podman filtering at log level debug"
time="2026-11-30T22:30:42Z" level=debug msg="Using conmon: \"/usr/bin/conmon\""
time="2026-11-30T22:30:42Z" level=debug msg="Initializing boltdb state at /s/libpod/bolt_state.db"
time="2026-11-30T22:30:42Z" level=debug msg="Using graph driver overlay"
time="2026-11-30T22:30:42Z" level=debug msg="Using graph root /home/u/storage"
time="2026-11-30T22:30:42Z" level=debug msg="Using run root /run/user/1000/containers"
time="2026-11-30T22:30:42Z" level=debug msg="Using static dir /home/u/storage/libpod"
time="2026-11-30T22:30:42Z" level=debug msg="[graphdriver] trying provided driver \"overlay\""
time="2026-11-30T22:30:42Z" level=debug msg="Using OCI runtime \"/usr/bin/runc\""
time="2026-11-30T22:30:42Z" level=info msg="Setting parallel job count to 7"
"""
OPTION = 'time="2026-11-30T22:30:42Z" level=debug msg="overlay: force_mask=shared"\n'


def test_the_storage_is_told() -> None:
    root, run_root = (
        Path("/home/u/storage"),
        Path("/run/user/1000/containers"),
    )
    assert of_log(LOG) == Storage(root, "overlay", run_root)


def test_the_last_word_counts() -> None:
    """podman starts itself anew in its user namespace, where it has read its own record."""
    first = LOG.replace("/home/u/storage", "/wanted")
    assert of_log(first + LOG) == of_log(LOG)


@pytest.mark.parametrize(
    "log",
    [
        "",
        "Error: something else",
        LOG.replace("graph driver overlay", "graph driver "),
        LOG.replace("run root", "new words for it"),
        LOG.replace("/home/u", r"/home/\"u\"/.local"),
        LOG + OPTION,
    ],
)
def test_where_it_is_not_all_said_podman_is_asked(log: str) -> None:
    assert of_log(log) is None

"""README's first command: Debian's docker.io built for real, through podman and through buildah.

Both have the same storage, as they have for a user, so the image is built once.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

QUICKSTART = Path(__file__).parents[2] / "contrib" / "quickstart"
pytestmark = [
    pytest.mark.timeout(2700),
    pytest.mark.parametrize("backend_name", ["podman"], indirect=True, ids=["podman+buildah"]),
    pytest.mark.xdist_group("docker.io"),
]


def quickstart(backend: str, environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        [QUICKSTART, backend],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    return done.stdout


def test_quickstart_builds_a_dockerd_that_runs_here(
    storage: Path, user_environment: Mapping[str, str]
) -> None:
    work = storage / "docker.io"
    environment = {
        **user_environment,
        "RBUILD_QUICKSTART": str(work),
        "SOURCE_DATE_EPOCH": "1700000000",
    }
    made = {}
    for backend in ("podman", "buildah"):
        said = quickstart(backend, environment)
        assert f"{backend} " in said
        assert "it runs on this host: Docker version 20.10.24" in said
        bundles = work / "source" / "bundles"
        daemon = bundles / "dynbinary-daemon" / "dockerd-20.10.24"
        digest = hashlib.sha256(daemon.read_bytes()).hexdigest()
        assert daemon.with_name(f"{daemon.name}.sha256").read_text() == f"{digest}  {daemon.name}\n"
        assert {path.lstat().st_uid for path in bundles.rglob("*")} == {os.getuid()}
        made[backend] = digest
    assert made["podman"] == made["buildah"]

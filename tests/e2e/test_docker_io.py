"""`contrib/quickstart`: Debian's docker.io built for real, through podman and through buildah.

Both have the same storage, as they have for a user, so the image is built once. CI leaves the
second to `run-tests tests/e2e/test_docker_io.py`: it takes four minutes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from rootless_build.testing.engines import end_pause_process

QUICKSTART = Path(__file__).parents[2] / "contrib" / "quickstart"
pytestmark = [
    pytest.mark.timeout(2700),
    pytest.mark.parametrize("backend_name", ["podman"], indirect=True),
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


@pytest.mark.parametrize(
    "backends",
    [("podman",), pytest.param(("podman", "buildah"), marks=pytest.mark.exhaustive)],
    ids="+".join,
)
def test_quickstart_builds_a_dockerd_that_runs_here(
    backends: tuple[str, ...],
    storage: Path,
    user_environment: Mapping[str, str],
    request: pytest.FixtureRequest,
) -> None:
    work = storage / "docker.io"
    # Other tests of this process have another debian:bookworm in their storage.
    data, runtime = storage / "docker.io-data", storage / "docker.io-run"
    shutil.rmtree(work, ignore_errors=True)
    data.mkdir(exist_ok=True)
    runtime.mkdir(mode=0o700, exist_ok=True)
    environment = {
        **user_environment,
        "RBUILD_QUICKSTART": str(work),
        "XDG_DATA_HOME": str(data),
        "XDG_RUNTIME_DIR": str(runtime),
        "SOURCE_DATE_EPOCH": "1700000000",
    }
    request.addfinalizer(lambda: end_pause_process(runtime))
    made = {}
    for backend in backends:
        said = quickstart(backend, environment)
        assert f"{backend} " in said
        assert "it runs on this host: Docker version 20.10.24" in said
        bundles = work / "source" / "bundles"
        daemon = bundles / "dynbinary-daemon" / "dockerd-20.10.24"
        digest = hashlib.sha256(daemon.read_bytes()).hexdigest()
        assert daemon.with_name(f"{daemon.name}.sha256").read_text() == f"{digest}  {daemon.name}\n"
        assert {path.lstat().st_uid for path in bundles.rglob("*")} == {os.getuid()}
        made[backend] = digest
        assert "nothing changed" in quickstart(backend, environment)
    assert len(set(made.values())) == 1

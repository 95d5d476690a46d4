"""Containers with docker's socket mounted, on hosts that have no daemon of root's."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from rootless_build.backend.named_engines import ping_socket
from tests.e2e.driver import Rbuild

pytestmark = pytest.mark.in_ci("podman", "docker")

NOWHERE = "/run/nobody-serves-this/docker.sock"
MAKEFILE = f"""\
binary:
	docker build --network host -t tool .
	docker run --rm --network host -v {NOWHERE}:/var/run/docker.sock \\
		--mount type=bind,source=$(CURDIR)/bundles,target=/b tool \\
		sh -c 'test -S /var/run/docker.sock && echo there > /b/made'
"""


@pytest.fixture
def project(
    tmp_path: Path, base: None, backend_name: str, rbuild_environment: Mapping[str, str]
) -> Rbuild:
    directory = tmp_path / "project"
    directory.mkdir()
    (directory / "Makefile").write_text(MAKEFILE)
    (directory / "Dockerfile").write_text("FROM debian:bookworm\n")
    (directory / "bundles").mkdir()
    return Rbuild(directory, backend_name, rbuild_environment)


@contextlib.contextmanager
def podman_service(environment: Mapping[str, str]) -> Iterator[Path]:
    """podman's own socket, served as its user unit does."""
    place = Path(environment["XDG_RUNTIME_DIR"], "podman")
    place.mkdir(exist_ok=True)
    path = place / "podman.sock"
    with subprocess.Popen(
        ["podman", "system", "service", "--time=0", f"unix://{path}"], env=environment
    ) as service:
        try:
            deadline = time.monotonic() + 60
            while service.poll() is None and time.monotonic() < deadline:
                with contextlib.suppress(OSError):
                    ping_socket(str(path))
                    break
                time.sleep(0.05)
            yield path
        finally:
            service.terminate()
    path.unlink(missing_ok=True)


@pytest.mark.parametrize("backend_name", ["podman", "buildah"], indirect=True, scope="session")
def test_nothing_is_done_where_nobody_answers(project: Rbuild) -> None:
    done = project("binary")
    assert done.returncode == 3
    assert f"docker's socket {NOWHERE} mounted (Makefile:3), and nobody answers" in done.stderr
    assert "==> " not in done.stderr
    assert "podman system service" in done.stderr
    assert f"docker's socket {NOWHERE}" in project("plan").stdout


def test_the_container_has_the_one_that_is_named(project: Rbuild) -> None:
    if project.backend == "docker":
        done = project("binary")
        assert "the socket that DOCKER_HOST names" in done.stderr
    else:
        with podman_service(project.environment) as socket:
            assert f"one of yours answers: --docker-socket {socket}" in project("binary").stderr
            done = project("--docker-socket", str(socket), "binary")
    assert (done.returncode, (project.bundles / "made").read_text()) == (0, "there\n"), done.stderr
    assert not Path(NOWHERE).parent.exists()

"""The service of a run with podman: when it is there, and what is said when it does not answer."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import pytest
from podman.errors import APIError

from rbuild_podman.connection import Connection, engine_errors
from rootless_build.backend.api import EngineSettings
from rootless_build.model.errors import BackendUnavailableError

DEADLINE = 30.0
DEAF = f"""\
#!{sys.executable}
# A service that makes its socket and ends before it listens.
import socket, sys
with socket.socket(socket.AF_UNIX) as service:
    service.bind(sys.argv[-1].removeprefix("unix://"))
sys.exit("no space left")
"""


def test_a_socket_is_no_service_before_something_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "podman"
    program.write_text(DEAF)
    program.chmod(0o755)
    monkeypatch.delenv("CONTAINER_HOST", raising=False)
    # The paths of sockets are short.
    with tempfile.TemporaryDirectory(prefix="rbuild-run-") as runtime:
        settings = EngineSettings(Path(runtime), tmp_path)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        with Connection(settings) as connection:
            connection.start()
            deadline = time.monotonic() + DEADLINE
            while not (Path(runtime) / "podman.sock").exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            with pytest.raises(BackendUnavailableError, match="did not start") as failed:
                _ = connection.client
    assert "no space left" in failed.value.engine_words


def test_no_answer_is_said_to_be_none() -> None:
    refused = ConnectionRefusedError(111, "Connection refused")
    with pytest.raises(BackendUnavailableError) as said, engine_errors("nothing was listed"):
        raise APIError("/images/json", explanation="GET operation failed") from refused
    assert said.value.message == "nothing was listed: the podman service does not answer"
    assert "Connection refused" in said.value.engine_words

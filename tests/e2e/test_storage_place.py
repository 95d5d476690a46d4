"""A home on a file server: engines are told of another place for their storage, and obey."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import tomli_w

from rootless_build.host import settings
from rootless_build.host.gathering import gather
from rootless_build.model.structs import replace

pytestmark = pytest.mark.in_ci("podman", "buildah")

QUESTIONS = {"podman": "{{.Store.GraphRoot}}", "buildah": "{{.store.GraphRoot}}"}


def test_the_engine_says_that_its_storage_is_there(
    tmp_path: Path, backend_name: str, rbuild_environment: Mapping[str, str]
) -> None:
    if backend_name not in QUESTIONS:
        pytest.skip("a daemon has its own")
    facts = replace(gather(rbuild_environment), storage_filesystem="nfs", own_scratch=tmp_path)
    rows = settings.storage_settings(facts, has_fuse_overlayfs=False)
    written, _ = settings.apply(rows, {})
    file = tmp_path / "storage.conf"
    file.write_text(tomli_w.dumps(written))
    told = subprocess.run(
        [backend_name, "info", "--format", QUESTIONS[backend_name]],
        env={**rbuild_environment, "CONTAINERS_STORAGE_CONF": str(file)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == str(settings.local_storage(facts))
    assert Path(told.stdout.strip()).is_relative_to(tmp_path)

"""By what the image of a build is found with docker: what its client writes into files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rbuild_docker import image_builds
from rbuild_docker.client import Client
from rootless_build.backend.api import EngineSettings
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage

CONFIGURATION, MANIFEST = "sha256:" + "1" * 64, "sha256:" + "2" * 64
DOCKER = f"""\
#!/bin/sh
[ "$1" = build ] || exit 0
[ "$BUILDX_NO_DEFAULT_ATTESTATIONS" = 1 ] || exit 9
for word; do
    case $word in
    --iidfile=*) printf %s {CONFIGURATION} > "${{word#*=}}" ;;
    --metadata-file=*) printf %s '{{metadata}}' > "${{word#*=}}" ;;
    esac
done
"""


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        (json.dumps({"containerimage.digest": MANIFEST}), (CONFIGURATION, MANIFEST)),
        (json.dumps({"buildx.build.ref": "default/default/x"}), (CONFIGURATION,)),
        ("cut off", (CONFIGURATION,)),
        ("[]", (CONFIGURATION,)),
    ],
)
def test_an_image_without_attestations_is_found_in_the_containerd_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metadata: str, found: tuple[str, ...]
) -> None:
    """Its id there is its manifest's digest; with docker's own storage, its configuration's."""
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER.replace("{metadata}", metadata))
    docker.chmod(0o755)
    monkeypatch.delenv("DOCKER_BUILDKIT", raising=False)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.setenv("PATH", f"{docker.parent}:/usr/bin:/bin")
    made = image_builds.build(
        Client(EngineSettings(tmp_path, tmp_path)),
        BuildImage(tmp_path),
        StepReporter(lambda _: None, 1),
        network=None,
        directory=tmp_path,
    )
    assert made == found

"""Bundles as a build leaves them, for those who attack them afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from rootless_build.bundles.provenance import Attestation
from rootless_build.bundles.staging import stage

ATTESTATION = Attestation(
    "https://slsa.dev/provenance/v1",
    {"buildDefinition": {"buildType": "t", "resolvedDependencies": []}, "runDetails": {}},
    None,
)


def build(bundles: Path, write: Callable[[Path], object], *, attested: bool = True) -> None:
    """A container that calls `write` with the staged copy, and the publishing of what it wrote."""
    with stage(bundles) as staging:
        write(staging.path)
        staging.publish(ATTESTATION if attested else None)


def program(file: Path, text: str = "", mode: int = 0o755, *, checksum: bool = False) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.write_text(text or f"#!/bin/sh\necho {file.name}\n")
    file.chmod(mode)
    if checksum:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        file.with_name(f"{file.name}.sha256").write_text(f"{digest}  {file.name}\n")
    return file


def docker(version: str = "1.12.6") -> Callable[[Path], None]:
    """What the scripts of Docker 1.12 leave: a directory of the version, and `latest`."""

    def write(root: Path) -> None:
        daemon, client = root / version / "binary-daemon", root / version / "binary-client"
        for name in ("dockerd", "docker-proxy"):
            program(daemon / f"{name}-{version}", checksum=True)
            (daemon / name).unlink(missing_ok=True)
            (daemon / name).symlink_to(f"{name}-{version}")
        program(client / f"docker-{version}", checksum=True)
        (client / "docker").unlink(missing_ok=True)
        (client / "docker").symlink_to(f"docker-{version}")
        (client / "LICENSE").write_text("free\n")
        (root / "latest").unlink(missing_ok=True)
        (root / "latest").symlink_to(version)

    return write

"""Image references in full, and where stand-ins for them are kept."""

from __future__ import annotations

import pytest

from rootless_build.reference import canonical, local


@pytest.mark.parametrize(
    ("written", "full", "stand_in"),
    [
        ("debian", "docker.io/library/debian:latest", "localhost/debian:latest"),
        ("debian:bookworm", "docker.io/library/debian:bookworm", "localhost/debian:bookworm"),
        ("docker.io/debian:12", "docker.io/library/debian:12", "localhost/debian:12"),
        ("docker.io/library/debian:12", "docker.io/library/debian:12", "localhost/debian:12"),
        ("me/tool:1", "docker.io/me/tool:1", "localhost/me/tool:1"),
        ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
        ("localhost:5000/x:1", "localhost:5000/x:1", "localhost/localhost-5000/x:1"),
        ("quay.example/a/b:1", "quay.example/a/b:1", "localhost/quay.example/a/b:1"),
        (
            "debian@sha256:0123",
            "docker.io/library/debian@sha256:0123",
            "localhost/debian@sha256:0123",
        ),
    ],
)
def test_short_names_are_completed(written: str, full: str, stand_in: str) -> None:
    assert canonical(written) == full
    assert local(written) == stand_in

"""RUN --security and --device."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model.errors import ContainerfileError
from tests.unit.images.rewrite.rewriting import last


def test_the_sandbox_is_the_default(tmp_path: Path) -> None:
    assert last(tmp_path, "RUN --security=sandbox a") == ["RUN a"]


@pytest.mark.parametrize(
    ("flag", "differs"),
    [("--security=insecure", "capabilities"), ("--device=vendor.com/gpu=0", "no such device")],
)
def test_more_power_needs_leave(tmp_path: Path, flag: str, differs: str) -> None:
    with pytest.raises(ContainerfileError, match=differs):
        last(tmp_path, f"RUN {flag} a", "buildah 1.44.0")
    assert last(tmp_path, f"RUN {flag} a", allow=True) == ["RUN a"]

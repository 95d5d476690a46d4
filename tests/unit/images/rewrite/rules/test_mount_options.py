"""Options of mounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model.errors import ContainerfileError
from tests.unit.images.rewrite.rewriting import last


@pytest.mark.parametrize(
    ("mount", "becomes"),
    [
        ("type=tmpfs,target=/t,size=2m", "type=tmpfs,target=/t,tmpfs-size=2097152"),
        ("type=tmpfs,target=/t,size=1.5KB", "type=tmpfs,target=/t,tmpfs-size=1536"),
        ("type=tmpfs,target=/t,size=10", "type=tmpfs,target=/t,tmpfs-size=10"),
        ("type=cache,target=/c,sharing=private", "type=cache,target=/c,sharing=locked"),
        ("type=cache,target=/c,ro=false", "type=cache,target=/c,rw"),
        ("type=cache,target=/c,readwrite=0", "type=cache,target=/c,ro"),
    ],
)
def test_they_are_what_the_engine_knows(tmp_path: Path, mount: str, becomes: str) -> None:
    assert last(tmp_path, f"RUN --mount={mount} a") == [f"RUN --mount={becomes} a"]


def test_a_size_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ContainerfileError, match="much is no size"):
        last(tmp_path, "RUN --mount=type=tmpfs,target=/t,size=much a")


def test_a_cache_that_starts_with_files_needs_leave(tmp_path: Path) -> None:
    line = "RUN --mount=type=cache,target=/c,from=base,source=/x a"
    with pytest.raises(ContainerfileError, match="without the files of base"):
        last(tmp_path, line)
    assert last(tmp_path, line, allow=True) == ["RUN --mount=type=cache,target=/c a"]

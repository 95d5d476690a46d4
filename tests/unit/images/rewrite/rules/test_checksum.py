"""ADD --checksum. Fetching is in tests/containerfiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model.errors import ContainerfileError
from tests.unit.images.rewrite.rewriting import Rewriting, last

LINE = "ADD --checksum=sha256:$S --chown=1 https://example.com/d/f-${V}.tar /d"


def test_the_file_comes_from_another_context(tmp_path: Path) -> None:
    made = Rewriting(tmp_path, f"FROM base\nARG V=1 S=abc\n{LINE}\n", explain=True)
    assert made.lines[-1] == "COPY --from=rbuild-files --chown=1 1/f-1.tar /d"


@pytest.mark.parametrize("sources", ["a", "https://example.com/a https://example.com/b"])
def test_it_is_for_one_url(tmp_path: Path, sources: str) -> None:
    with pytest.raises(ContainerfileError, match="for one source"):
        last(tmp_path, f"ADD --checksum=sha256:0 {sources} /d/")


@pytest.mark.parametrize("checksum", ["md5:abc", "sha256:XYZ", "abc"])
def test_what_is_no_checksum(tmp_path: Path, checksum: str) -> None:
    with pytest.raises(ContainerfileError, match="is no checksum"):
        last(tmp_path, f"ADD --checksum={checksum} https://example.com/a /")

"""ADD --unpack."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model.errors import ContainerfileError
from tests.unit.images.rewrite.rewriting import last


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("ADD --unpack=false a.tar /", "COPY a.tar /"),
        ("ADD --unpack a.tar /", "ADD a.tar /"),
        ("ADD --unpack=false https://x.invalid/a.tar /", "ADD https://x.invalid/a.tar /"),
    ],
)
def test_it_is_what_add_or_copy_do_anyway(tmp_path: Path, line: str, becomes: str) -> None:
    assert last(tmp_path, line) == [becomes]


def test_an_archive_of_an_url_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContainerfileError, match=r"Dockerfile:2:1: .*archives from an URL"):
        last(tmp_path, "ADD --unpack https://x.invalid/a.tar /")

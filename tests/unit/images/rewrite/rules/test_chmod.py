"""COPY --chmod."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model.errors import ContainerfileError
from tests.unit.images.rewrite.rewriting import last, same


def test_octal_modes_are_known(tmp_path: Path) -> None:
    assert same(tmp_path, "COPY --chmod=0644 a /")
    assert same(tmp_path, "ARG M=755\nCOPY --chmod=$M a /")


def test_letters_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ContainerfileError, match="--chmod=u\\+x can't be done") as refused:
        last(tmp_path, "COPY --chmod=u+x a /")
    assert "octal" in refused.value.hint


def test_the_classic_builder_knows_none(tmp_path: Path) -> None:
    with pytest.raises(ContainerfileError, match="classic builder"):
        last(tmp_path, "COPY --chmod=644 a /", "docker-classic 20.10.24")

"""Where the cases of the contract write."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def tmp_path(storage: Path) -> Iterator[Path]:
    """pytest's, but below the session's storage: files of subordinate uids go with that."""
    directory = Path(tempfile.mkdtemp(dir=storage))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)

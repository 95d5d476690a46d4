"""Which storage driver podman will keep to, before anything is stored."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from rootless_build.host import podman_database

PAGE = b"\0" * 900 + b"graph-driver-name%bgraph-root-name/home/me/.local/share" + b"\0" * 900
"""What podman 4.3.1 wrote into its database at `podman images`."""


@pytest.mark.parametrize("driver", ["vfs", "overlay"])
def test_the_driver_in_the_database_of_podman_4(tmp_path: Path, driver: str) -> None:
    (tmp_path / "libpod").mkdir()
    (tmp_path / "libpod/bolt_state.db").write_bytes(PAGE % driver.encode())
    assert podman_database.driver(tmp_path) == driver


def test_the_driver_in_the_database_of_podman_5(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "db.sql")) as database:
        database.execute("CREATE TABLE DBConfig (Id INTEGER, GraphDriver TEXT)")
        database.execute("INSERT INTO DBConfig VALUES (1, 'vfs')")
        database.commit()
    assert podman_database.driver(tmp_path) == "vfs"


@pytest.mark.parametrize("content", [None, b"", b"no database"])
@pytest.mark.parametrize("name", ["libpod/bolt_state.db", "db.sql"])
def test_without_a_database_there_is_none(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert podman_database.driver(tmp_path) is None

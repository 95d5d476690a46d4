"""What is mounted, under names that nobody would give, and in lines that are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rootless_build.process.mount_table import Mount, mounts


def row(point: bytes, source: bytes = b"tmpfs", tags: bytes = b"") -> bytes:
    return b"36 35 98:0 / " + point + b" rw,noatime " + tags + b"- tmpfs " + source + b" rw,a=b\n"


def read(tmp_path: Path, content: bytes) -> list[Mount]:
    table = tmp_path / "mountinfo"
    table.write_bytes(content)
    return list(mounts(table))


@pytest.mark.parametrize(
    ("written", "point"),
    [
        (b"/mnt/a", "/mnt/a"),
        (b"/mnt/a\\040b\\011c\\012d\\134e", "/mnt/a b\tc\nd\\e"),
        (b"/mnt/a\rb", "/mnt/a\rb"),
        (b"/mnt/a\vb\x1cc", "/mnt/a\vb\x1cc"),
        (b"/mnt/\xff\xc2\x85", os.fsdecode(b"/mnt/\xff\xc2\x85")),
    ],
)
def test_a_mount_point_may_have_any_name(tmp_path: Path, written: bytes, point: str) -> None:
    (found,) = read(tmp_path, row(written))
    assert found == Mount(point, "tmpfs", frozenset({"rw", "noatime"}), frozenset({"rw", "a=b"}))


@pytest.mark.parametrize("source", [b"", b"a\rb", b"-"])
@pytest.mark.parametrize("tags", [b"", b"shared:1 ", b"shared:1 master:2 "])
def test_what_is_mounted_may_have_any_name_too(tmp_path: Path, source: bytes, tags: bytes) -> None:
    (found,) = read(tmp_path, row(b"/mnt/a", source, tags))
    assert found == Mount("/mnt/a", "tmpfs", frozenset({"rw", "noatime"}), frozenset({"rw", "a=b"}))


@pytest.mark.parametrize(
    "line", [b"\n", b"36 35 98:0 /\n", b"36 35 98:0 / /mnt rw\n", b"36 35 98:0 / /mnt rw - tmpfs\n"]
)
def test_a_line_of_another_form_hides_no_other(tmp_path: Path, line: bytes) -> None:
    found = read(tmp_path, row(b"/mnt/a") + line + row(b"/mnt/b"))
    assert [mount.point for mount in found] == ["/mnt/a", "/mnt/b"]


def test_this_machine_has_a_root() -> None:
    assert "/" in {mount.point for mount in mounts()}

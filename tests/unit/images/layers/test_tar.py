"""The tar of a layer, as other programs read it."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from rootless_build.images.layers.contents import InMemory
from rootless_build.images.layers.nodes import Node
from rootless_build.images.layers.tar import Writer


def written(path: Path, **nodes: Node) -> Writer:
    with Writer(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)) as archive:
        for name, node in nodes.items():
            archive.add(name, node)
    return archive


def file(mode: int = 0o644, content: bytes = b"1", mtime: int = 0) -> Node:
    return Node(stat.S_IFREG | mode, 0, 0, mtime, InMemory(content))


def test_large_numbers_fit_in(tmp_path: Path) -> None:
    node = file(0o7777)
    node.uid, node.gid = 4_294_967_294, 2_097_152
    written(tmp_path / "tar", f=node)
    with tarfile.open(tmp_path / "tar") as tar:
        (member,) = tar.getmembers()
    assert (member.uid, member.gid, member.mode) == (4_294_967_294, 2_097_152, 0o7777)


@pytest.mark.parametrize(
    ("time", "text"),
    [(1, "0.000000001"), (-500_000_000, "-1.000000000"), (-2 * 10**9, "-2.000000000")],
)
def test_times_fit_in(tmp_path: Path, time: int, text: str) -> None:
    written(tmp_path / "tar", f=file(mtime=time))
    with tarfile.open(tmp_path / "tar") as tar:
        assert tar.getmembers()[0].pax_headers["mtime"] == text


def test_devices_have_their_numbers(tmp_path: Path) -> None:
    node = Node(stat.S_IFCHR | 0o666)
    node.rdev = os.makedev(10, 200)
    written(tmp_path / "tar", tun=node)
    with tarfile.open(tmp_path / "tar") as tar:
        (member,) = tar.getmembers()
    assert member.ischr()
    assert (member.devmajor, member.devminor) == (10, 200)


def test_a_second_whole_needs_no_more_than_a_header(tmp_path: Path) -> None:
    archive = written(tmp_path / "tar", f=file(mtime=10**9), g=file(content=bytes(513)))
    assert archive.size == 512 * (2 + 3 + 2)
    assert archive.entries == 2


def test_tar_itself_reads_it(tmp_path: Path) -> None:
    names = {f"{'n' * length}": file(mtime=length) for length in (1, 99, 100, 101, 240)}
    written(tmp_path / "tar", **names)
    listed = subprocess.run(
        ["tar", "--list", "--file", tmp_path / "tar"], stdout=-1, stderr=-1, check=True, text=True
    )
    assert listed.stdout.split() == list(names)
    assert listed.stderr == ""


def test_what_fails_on_the_way_leaves_no_end(tmp_path: Path) -> None:
    def fail() -> None:
        with Writer(os.open(tmp_path / "tar", os.O_WRONLY | os.O_CREAT)) as archive:
            archive.add("f", file())
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert (tmp_path / "tar").stat().st_size == 0


def test_a_large_archive_has_all_and_its_digest(tmp_path: Path) -> None:
    names = {f"f{number}": file(content=bytes([number]) * 700_000) for number in range(12)}
    archive = written(tmp_path / "tar", **names)
    content = (tmp_path / "tar").read_bytes()
    assert archive.size == len(content)
    assert archive.digest == hashlib.sha256(content).hexdigest()
    with tarfile.open(tmp_path / "tar") as tar:
        for number, name in enumerate(names):
            opened = tar.extractfile(name)
            assert opened is not None
            assert opened.read() == bytes([number]) * 700_000


def test_what_the_host_does_not_write_is_an_error_and_no_end() -> None:
    def write() -> None:
        with Writer(os.open("/dev/full", os.O_WRONLY)) as archive:
            for _ in range(20):
                archive.add("f", file(content=bytes(1024 * 1024)))

    with pytest.raises(OSError, match="No space left"):
        write()


def test_whatever_ends_the_writing_nobody_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_descriptor: int, _data: object) -> int:
        raise MemoryError("of a small host")

    def write() -> None:
        with Writer(os.open(tmp_path / "tar", os.O_WRONLY | os.O_CREAT)) as archive:
            for _ in range(20):
                archive.add("f", file(content=bytes(1024 * 1024)))

    monkeypatch.setattr(os, "write", refuse)
    with pytest.raises(MemoryError, match="of a small host"):
        write()

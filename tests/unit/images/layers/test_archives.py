"""ADD of archives: what is unpacked, and what is added as it is."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Unpack

import pytest

from rootless_build.images.layers.nodes import FIXED_TIME
from rootless_build.images.layers.request import Copying, Downloaded, Refused
from tests.unit.images.layers.made_trees import Flags, Tree, answered, copying, paths, tree

TIME = 1_600_000_000
Entries = list[tuple[tarfile.TarInfo, bytes]]


def info(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", **pax: str) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mtime = kind, link, TIME
    made.mode, made.uid, made.gid = 0o750, 7, 8
    made.pax_headers = {key.replace("_", "."): value for key, value in pax.items()}
    return made


def archive(*entries: tarfile.TarInfo, content: bytes = b"1") -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry in entries:
            entry.size = len(content) if entry.isreg() else 0
            tar.addfile(entry, io.BytesIO(content))
    return data.getvalue()


def zstd(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-q"], input=data, stdout=-1, check=True).stdout


def added(tmp_path: Path, data: bytes, destination: str = "/x", **flags: Unpack[Flags]) -> Tree:
    return tree(tmp_path / "out", [adding(tmp_path, data, destination, **flags)])


def adding(tmp_path: Path, data: bytes, destination: str = "/x", **flags: Unpack[Flags]) -> Copying:
    context = tmp_path / "context"
    context.mkdir(exist_ok=True)
    (context / "a").write_bytes(data)
    made: Flags = {"add": True, **flags}
    return copying(context, "a", destination, **made)


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd])
def test_an_archive_is_unpacked(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    if compress is zstd and shutil.which("zstd") is None:
        pytest.skip("zstd is not installed")
    data = archive(
        info("./", tarfile.DIRTYPE),
        info("d/", tarfile.DIRTYPE),
        info("d/f", SCHILY_xattr_user_a="b", SCHILY_xattr_security_capability="c\udcff"),
        info("l", tarfile.SYMTYPE, "/etc/passwd"),
        info("h", tarfile.LNKTYPE, "d/f"),
        info("p", tarfile.FIFOTYPE),
        info("new/f"),
    )
    made = added(tmp_path, compress(data))
    assert paths(made) == ["x/", "x/d/", "x/d/f", "x/h", "x/l", "x/new/", "x/new/f", "x/p"]
    assert {(made[name].uid, made[name].gid) for name in ("x/d", "x/d/f", "x/l")} == {(7, 8)}
    assert (made["x"].uid, made["x"].mode, made["x"].mtime) == (0, 0o755, FIXED_TIME)
    assert (made["x/new"].uid, made["x/new"].mode) == (0, 0o755)
    assert (made["x/d/f"].content, made["x/d/f"].mode) == (b"1", 0o750)
    assert made["x/d/f"].xattrs == (("security.capability", b"c\xff"),)
    assert made["x/h"].first == made["x/d/f"].first == "x/d/f"
    assert made["x/l"].link == "/etc/passwd"


def test_fractions_of_a_second_are_kept(tmp_path: Path) -> None:
    made = added(tmp_path, archive(info("f", mtime="1600000000.123456789")))
    assert made["x/f"].mtime == 1_600_000_000_123_456_789


def test_an_owner_that_is_given_is_that_of_all_and_a_mode_is_not(tmp_path: Path) -> None:
    made = added(tmp_path, archive(info("d", tarfile.DIRTYPE), info("d/f")), chown="3", chmod="7")
    assert {(e.uid, e.gid, e.mode) for e in made.values()} == {(3, 3, 0o755), (3, 3, 0o750)}


@pytest.mark.parametrize(
    "data",
    [b"", b"text", gzip.compress(b"text"), bytes(10240)],
    ids=["empty", "text", "compressed text", "the end alone"],
)
def test_what_is_no_archive_is_added_as_it_is(tmp_path: Path, data: bytes) -> None:
    made = added(tmp_path, data, "/x/")
    assert made["x/a"].content == data


def test_an_archive_stays_one_where_it_is_not_to_be_unpacked(tmp_path: Path) -> None:
    data = archive(info("f"))
    assert added(tmp_path, data, "/x/", unpack=False)["x/a"].content == data
    assert added(tmp_path, data, "/x/", add=False)["x/a"].content == data


def test_a_download_is_unpacked_only_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "download"
    file.write_bytes(archive(info("f")))
    source = Downloaded(file, "a.tar", TIME)
    made = tree(tmp_path / "one", [Copying((source,), "/x/", add=True)])["x/a.tar"]
    assert (made.mode, made.mtime, made.uid) == (0o600, TIME * 10**9, 0)
    made_of = tree(tmp_path / "two", [Copying((source,), "/x/", add=True, unpack=True)])
    assert paths(made_of) == ["x/", "x/f"]
    undated = Copying((Downloaded(file, "a", None),), "/a", add=True)
    assert tree(tmp_path / "three", [undated])["a"].mtime == 0


def test_nothing_leaves_the_destination(tmp_path: Path) -> None:
    data = archive(
        info("../../up"),
        info("/root"),
        info("out", tarfile.SYMTYPE, "../../.."),
        info("out/through"),
        info("in", tarfile.SYMTYPE, "/sub"),
        info("in/f"),
    )
    made = added(tmp_path, data)
    assert paths(made) == [
        *("x/", "x/in", "x/out", "x/root", "x/sub/", "x/sub/f", "x/through", "x/up")
    ]


def test_an_archive_replaces_files_and_joins_directories(tmp_path: Path) -> None:
    base = tmp_path / "base"
    (base / "x/d").mkdir(parents=True)
    (base / "x/d/old").touch()
    (base / "x/f").mkdir()
    (base / "x/l").symlink_to("d")
    data = archive(info("d", tarfile.DIRTYPE), info("d/f"), info("f"), info("l"))
    made = tree(tmp_path / "out", [adding(tmp_path, data)], (base,))
    assert {name: made[name].kind for name in made} == {
        "x": "directory",
        "x/d": "directory",
        "x/d/f": "file",
        "x/f": "file",
        "x/l": "file",
    }
    assert made["x/d"].mode == 0o750


@pytest.mark.parametrize(
    "data",
    [
        archive(info("f"), content=bytes(5000))[:3000],
        archive(info("f"))[:1024] + b"x" * 512 + bytes(1024),
        gzip.compress(archive(info("f"), content=b"0123456789" * 9999))[:-60],
        archive(info("h", tarfile.LNKTYPE, "nothing")),
        archive(info("f", tarfile.CONTTYPE)),
        archive(info("f"), info("f/g")),
    ],
    ids=["cut", "no header", "cut when compressed", "a link", "a type", "below a file"],
)
def test_a_broken_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    made = answered(tmp_path / "out", [adding(tmp_path, data)])
    assert isinstance(made, Refused)

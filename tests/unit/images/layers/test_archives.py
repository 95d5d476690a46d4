"""ADD of archives: what is unpacked, and what is added as it is."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Unpack

import pytest

from rootless_build.images.layers.nodes import FIXED_TIME
from rootless_build.images.layers.request import Copying, Downloaded, Failed, Made, Refused
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


def with_dictionary(data: bytes, code: int) -> bytes:
    """An xz file, which says that it has a dictionary of another size (.xz file format, 3.1 and
    5.3.1)."""
    packed = bytearray(lzma.compress(data, check=lzma.CHECK_CRC32))
    size = (packed[12] + 1) * 4
    assert packed[14] == 0x21  # LZMA2
    packed[16] = code
    crc = zlib.crc32(packed[12 : 12 + size - 4])
    packed[12 + size - 4 : 12 + size] = crc.to_bytes(4, "little")
    return bytes(packed)


def test_a_dictionary_takes_so_much_memory_and_no_more(tmp_path: Path) -> None:
    data = archive(info("f"))
    assert list(added(tmp_path, with_dictionary(data, 30))) == ["x", "x/f"]
    for code in (36, 40):  # 1 GiB, 4 GiB
        answer = answered(tmp_path / "out", [adding(tmp_path, with_dictionary(data, code))])
        assert answer == Refused(0, "the archive needs more than 512 MiB to be decompressed")


@pytest.mark.parametrize("between", [b"", bytes(8)])
def test_xz_streams_follow_each_other(tmp_path: Path, between: bytes) -> None:
    data = archive(info("f"), info("g"), content=b"1" * 200_000)
    parts = (data[:300], data[300:150_000], data[150_000:])
    packed = between.join(lzma.compress(part) for part in parts)
    assert list(added(tmp_path, packed + bytes(4))) == ["x", "x/f", "x/g"]


def test_an_xz_file_that_is_cut_off(tmp_path: Path) -> None:
    packed = lzma.compress(archive(info("f"), content=bytes(range(256)) * 4000))
    answer = answered(tmp_path / "out", [adding(tmp_path, packed[:-200])])
    assert isinstance(answer, Refused)
    assert "the archive is broken" in answer.message


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
        info("sub", tarfile.DIRTYPE),
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


LARGEST = 1024 * 1024


def header(kind: bytes, content: bytes, size: int | None = None) -> bytes:
    """A header of a kind, with what follows it."""
    made = tarfile.TarInfo("header")
    made.type = kind
    made.size = len(content) if size is None else size
    return made.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)


def record(key: str, value: str) -> bytes:
    rest = len(f" {key}={value}\n".encode())
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return f"{length} {key}={value}\n".encode()


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K"])
def test_a_header_has_a_largest_size(tmp_path: Path, kind: bytes) -> None:
    """As with Go's archive/tar. What it says is not even read."""
    start = archive(info("before"))[:1024]
    one = record("comment", "c" * (LARGEST - 18)) if kind in b"xg" else b"n" * 200
    assert len(one) <= LARGEST
    made = added(tmp_path, start + header(kind, one) + archive(info("f")))
    assert len(paths(made)) == 3
    data = start + header(kind, b"", 300 * LARGEST)
    refused = answered(tmp_path / "two", [adding(tmp_path, data)])
    assert isinstance(refused, Refused)
    assert "a header is larger than" in refused.message
    # The first one makes it no archive at all, and it is added as it is.
    data = header(kind, b"", 300 * LARGEST)
    assert added(tmp_path, data, "/x/")["x/a"].content == data


@pytest.mark.parametrize("count", [9, 2000])
def test_so_have_all_headers_of_one_entry(tmp_path: Path, count: int) -> None:
    size = LARGEST if count == 9 else 100
    long = header(b"x", record("comment", "c" * (size - 30)))
    start = archive(info("before"))[:1024]
    refused = answered(tmp_path / "out", [adding(tmp_path, start + long * count)])
    assert not isinstance(refused, Made)


def test_records_for_all_entries_are_few(tmp_path: Path) -> None:
    entry = archive(info("f"))[:1024]
    data = b"".join(header(b"g", record(f"k{number}", "1")) + entry for number in range(101))
    refused = answered(tmp_path / "out", [adding(tmp_path, data + bytes(1024))])
    assert isinstance(refused, Refused)
    assert "records" in refused.message


def with_holes(tmp_path: Path, *flags: str) -> bytes:
    """An archive of a file of a megabyte and more with holes in it."""
    with (tmp_path / "sparse").open("wb") as file:
        for place in range(0, LARGEST + 1, LARGEST // 8):
            file.seek(place)
            file.write(b"data")
    words = ["tar", "--create", "--sparse", "--owner=7", "--group=8", *flags, "sparse"]
    return subprocess.run(words, cwd=tmp_path, stdout=-1, check=True).stdout


@pytest.mark.parametrize("version", ["0.0", "0.1", "1.0"])
def test_files_with_holes_are_unpacked(tmp_path: Path, version: str) -> None:
    data = with_holes(tmp_path, "--format=pax", f"--sparse-version={version}")
    assert len(data) < LARGEST
    made = added(tmp_path, data)
    assert made["x/sparse"].content == (tmp_path / "sparse").read_bytes()
    assert made["x/sparse"].uid == 7


def test_holes_of_the_old_format_are_refused_as_with_docker(tmp_path: Path) -> None:
    data = with_holes(tmp_path, "--format=gnu")
    refused = answered(tmp_path / "out", [adding(tmp_path, data)])
    assert isinstance(refused, Refused)
    assert "--format=pax" in refused.message


def test_a_map_of_holes_is_not_larger_than_a_header(tmp_path: Path) -> None:
    start = archive(info("before"))[:1024]
    said = info(
        "f",
        GNU_sparse_major="1",
        GNU_sparse_minor="0",
        GNU_sparse_realsize="9",
        GNU_sparse_name="f",
    )
    map_of = (b"9999999\n" + b"1\n" * 5_000_000).ljust(5 * 2 * LARGEST, b"0")
    refused = answered(tmp_path / "out", [adding(tmp_path, start + archive(said, content=map_of))])
    assert isinstance(refused, Refused)
    assert "a header is larger than" in refused.message


def test_what_no_disk_has_room_for_is_not_unpacked(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1024**4)
    words = ["tar", "--create", "--sparse", "--format=pax", "sparse"]
    data = subprocess.run(words, cwd=tmp_path, stdout=-1, check=True).stdout
    made = answered(tmp_path / "out", [adding(tmp_path, data)])
    assert isinstance(made, Failed)
    assert "ADD to /x" in made.message
    assert f"{1024**4} for sparse alone" in made.message
    assert str(tmp_path / "out") in made.message


@pytest.mark.parametrize(
    "entry",
    [
        info("f", uid="4294967295"),
        info("f", gid="-1"),
        info("f", uid="9" * 5000),
        info("f", gid="x"),
        info("f", path="a\0b"),
        info("f", tarfile.SYMTYPE, "a", linkpath="\0"),
        info("n" * 256),
        info("n" * 256 + "/f"),
    ],
    ids=["nobody", "negative", "digits", "text", "NUL", "NUL of a link", "name", "directory"],
)
def test_what_no_file_can_have_is_refused(tmp_path: Path, entry: tarfile.TarInfo) -> None:
    first = archive(info("first"))[:1024]
    made = answered(tmp_path / "out", [adding(tmp_path, first + archive(entry))])
    assert isinstance(made, Refused), made


def test_an_owner_that_nobody_can_be_does_not_matter_where_another_is_given(tmp_path: Path) -> None:
    made = added(tmp_path, archive(info("f", uid="4294967295")), chown="3")
    assert made["x/f"].uid == 3


def test_a_device_has_a_number_that_the_kernel_has(tmp_path: Path) -> None:
    device = info("d", tarfile.CHRTYPE)
    device.devmajor, device.devminor = 4095, 2**20 - 1
    assert added(tmp_path, archive(device))["x/d"].device == (4095, 2**20 - 1)
    device.devmajor = 4096
    refused = answered(tmp_path / "two", [adding(tmp_path, archive(device))])
    assert isinstance(refused, Refused)


@pytest.mark.parametrize("time", ["1e999999", "1e99999999999", "9" * 5000, "nan", "-5", "x", ""])
def test_a_time_that_is_none_is_1970(tmp_path: Path, time: str) -> None:
    assert added(tmp_path, archive(info("f", mtime=time)))["x/f"].mtime == 0

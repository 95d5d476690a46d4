"""What `rbuild bundles list` knows about each file."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rootless_build.bundles.listing import BundleFile, Checksum, Kind, list_bundles

EM_386, EM_PPC64, EM_X86_64, EM_AARCH64 = 3, 21, 62, 183


def static_elf(machine: int = EM_X86_64) -> bytes:
    """A 64-bit little-endian executable with one segment to load and nothing else."""
    start = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0x400000, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 128, 128, 4096)
    return start + header + segment + b"code" * 2


def elf_of(*segments: bytes, tail: bytes = b"") -> bytes:
    """One with these segments; what is in them stands at 512."""
    start = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    count = len(segments)
    header = struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, count, 64, 0, 0)
    return (start + header + b"".join(segments)).ljust(512, b"\0") + tail


def segment(kind: int, size: int, place: int = 512) -> bytes:
    return struct.pack("<IIQQQQQQ", kind, 4, place, place, place, size, size, 8)


def dynamic(*tags: tuple[int, int]) -> bytes:
    return b"".join(struct.pack("<QQ", *tag) for tag in (*tags, (0, 0)))


LOAD, DYNAMIC, INTERP = 1, 2, 3
NEEDED, STRTAB, FLAGS = 1, 5, 30
LIBRARY = dynamic((STRTAB, 512), (NEEDED, 0))
STATIC_PIE = dynamic((STRTAB, 512), (FLAGS, 8))


@pytest.mark.parametrize(
    ("content", "linkage"),
    [
        (elf_of(segment(LOAD, 8), tail=b"12345678"), "static"),
        (elf_of(segment(LOAD, 48), segment(DYNAMIC, 48), tail=LIBRARY), "dynamic"),
        (elf_of(segment(LOAD, 48), segment(DYNAMIC, 48), tail=STATIC_PIE), "static"),
        (elf_of(segment(INTERP, 8), tail=b"/ld.so\0\0"), "dynamic"),
        (elf_of(*[segment(LOAD, 0)] * 8), "static"),
    ],
    ids=["static", "library", "static-pie", "interpreter", "empty"],
)
def test_what_needs_another_file_to_run_is_dynamic(
    tmp_path: Path, content: bytes, linkage: str
) -> None:
    (tmp_path / "dockerd").write_bytes(content)
    found = only(tmp_path)
    assert (found.kind, found.linkage) == (Kind.ELF, linkage)


@pytest.mark.parametrize(
    "content",
    [
        elf_of(segment(LOAD, 9), tail=b"12345678"),
        elf_of(segment(LOAD, 8), segment(LOAD, 1, 520), tail=b"12345678"),
        elf_of(segment(LOAD, 48), segment(DYNAMIC, 48), segment(DYNAMIC, 48), tail=LIBRARY),
    ],
    ids=["cut", "behind the end", "two dynamic segments"],
)
def test_a_binary_of_which_a_part_is_missing_or_there_twice_is_damaged(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "dockerd").write_bytes(content)
    found = only(tmp_path)
    assert (found.kind, found.architecture, found.linkage) == (Kind.DAMAGED_ELF, "amd64", "")


@pytest.mark.parametrize(
    ("size", "kind"), [(64 * 1024, Kind.ELF), (64 * 1024 + 16, Kind.DAMAGED_ELF)]
)
def test_a_dynamic_segment_is_at_most_so_large(tmp_path: Path, size: int, kind: Kind) -> None:
    content = elf_of(segment(LOAD, size), segment(DYNAMIC, size), tail=LIBRARY.ljust(size, b"\0"))
    (tmp_path / "dockerd").write_bytes(content)
    assert only(tmp_path).kind is kind


@pytest.mark.parametrize("segments", [64, 65])
def test_a_binary_of_more_segments_than_a_linker_makes_is_damaged(
    tmp_path: Path, segments: int
) -> None:
    start = elf_of(*[segment(LOAD, 0, 0)] * segments)
    (tmp_path / "dockerd").write_bytes(start)
    assert only(tmp_path).kind is (Kind.ELF if segments == 64 else Kind.DAMAGED_ELF)


@pytest.mark.parametrize(
    ("lacks", "kind"), [(0, Kind.ELF), (1, Kind.DAMAGED_ELF)], ids=["whole", "cut"]
)
def test_a_binary_with_half_a_table_of_sections_is_damaged(
    tmp_path: Path, lacks: int, kind: Kind
) -> None:
    content = bytearray(elf_of(segment(LOAD, 0)) + bytes(2 * 64))
    struct.pack_into("<Q", content, 40, 512)
    struct.pack_into("<HH", content, 58, 64, 2)
    (tmp_path / "dockerd").write_bytes(content[: len(content) - lacks])
    assert only(tmp_path).kind is kind


def only(directory: Path) -> BundleFile:
    (found,) = list_bundles(directory)
    return found


@pytest.mark.parametrize(
    ("machine", "architecture"),
    [(EM_X86_64, "amd64"), (EM_AARCH64, "arm64"), (EM_PPC64, "ppc64le"), (EM_386, "386")],
)
def test_a_static_binary_is_listed_with_gos_name_of_its_architecture(
    tmp_path: Path, machine: int, architecture: str
) -> None:
    (tmp_path / "dockerd").write_bytes(static_elf(machine))
    found = only(tmp_path)
    assert found == BundleFile(
        "dockerd", 128, Kind.ELF, Checksum.NONE, architecture=architecture, linkage="static"
    )
    assert found.description == f"ELF {architecture} static"


def test_a_dynamic_binary_is_listed_as_dynamic(tmp_path: Path) -> None:
    shutil.copy(os.path.realpath("/bin/sh"), tmp_path / "dockerd")
    found = only(tmp_path)
    assert (found.kind, found.linkage) == (Kind.ELF, "dynamic")


@pytest.mark.parametrize("length", [4, 20, 63, 64, 100, 119, 127])
def test_a_truncated_binary_is_listed_as_damaged(tmp_path: Path, length: int) -> None:
    (tmp_path / "dockerd").write_bytes(static_elf()[:length])
    assert only(tmp_path).kind is Kind.DAMAGED_ELF


def test_a_half_copied_dynamic_binary_is_listed_as_damaged(tmp_path: Path) -> None:
    content = Path(os.path.realpath("/bin/sh")).read_bytes()
    (tmp_path / "dockerd").write_bytes(content[: len(content) // 2])
    assert only(tmp_path).kind is Kind.DAMAGED_ELF


@settings(max_examples=100, deadline=None, database=None)
@given(changes=st.dictionaries(st.integers(4, 127), st.integers(0, 255), max_size=12))
def test_no_damage_to_a_header_ends_the_listing(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[int, int]
) -> None:
    content = bytearray(static_elf())
    for position, value in changes.items():
        content[position] = value
    directory = tmp_path_factory.mktemp("bundles")
    (directory / "dockerd").write_bytes(content)
    assert only(directory).kind in (Kind.ELF, Kind.DAMAGED_ELF)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"#!/bin/sh\n", Kind.SCRIPT),
        (b"MZ\x90\0", Kind.PE),
        (b"\xcf\xfa\xed\xfe\x07", Kind.MACH_O),
        (b"\xce\xfa\xed\xfe\x07", Kind.MACH_O),
        (b"\x1f\x8b\x08", Kind.GZIP),
        (b"PK\x03\x04", Kind.ZIP),
        ("höhö\n".encode() * 1000, Kind.TEXT),
        (b"x" + "ö".encode() * 3000, Kind.TEXT),
        (b"text\0with null", Kind.DATA),
        (b"caf\xe9 in Latin-1", Kind.DATA),
        (b"", Kind.EMPTY),
    ],
)
def test_other_files_are_listed_by_their_first_bytes(
    tmp_path: Path, content: bytes, kind: Kind
) -> None:
    (tmp_path / "file").write_bytes(content)
    found = only(tmp_path)
    assert (found.kind, found.size, found.description) == (kind, len(content), str(kind))


def test_links_are_listed_with_where_they_lead(tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    (bundles / "1.12.6").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (bundles / "1.12.6" / "x").write_text("x")
    for name, target in {
        "latest": "1.12.6",
        "file": "1.12.6/x",
        "broken": "nowhere",
        "loop": "loop",
        "outside": "../secret",
        "absolute": "/etc/passwd",
    }.items():
        (bundles / name).symlink_to(target)
    (bundles / "by-way-of").symlink_to("outside")
    os.mkfifo(bundles / "pipe")
    assert {file.path: (file.kind, file.target) for file in list_bundles(bundles)} == {
        "1.12.6/x": (Kind.TEXT, ""),
        "latest": (Kind.DIRECTORY_LINK, "1.12.6"),
        "file": (Kind.LINK, "1.12.6/x"),
        "broken": (Kind.BROKEN_LINK, "nowhere"),
        "loop": (Kind.BROKEN_LINK, "loop"),
        "outside": (Kind.OUTSIDE_LINK, "../secret"),
        "absolute": (Kind.OUTSIDE_LINK, "/etc/passwd"),
        "by-way-of": (Kind.OUTSIDE_LINK, "outside"),
        "pipe": (Kind.SPECIAL, ""),
    }


def test_the_state_of_every_checksum_is_listed(tmp_path: Path) -> None:
    for name in ("good", "bad", "plain"):
        (tmp_path / name).write_text(name)
    for name in ("good", "bad"):
        digest = hashlib.sha256(b"good").hexdigest()
        (tmp_path / f"{name}.sha256").write_text(f"{digest}  {name}\n")
    (tmp_path / "link").symlink_to("good")
    (tmp_path / "plain.md5").write_text("nonsense")
    assert {file.path: str(file.checksum) for file in list_bundles(tmp_path)} == {
        "good": "ok",
        "link": "ok",
        "bad": "bad",
        "plain": "none",
        "good.sha256": "is-checksum",
        "bad.sha256": "bad",
        "plain.md5": "bad",
    }


def test_odd_names_are_listed_in_order_and_no_directory_means_nothing(tmp_path: Path) -> None:
    for name in (b"b\xff", b"a\nb"):
        (tmp_path / os.fsdecode(name)).write_text("x")
    assert [os.fsencode(file.path) for file in list_bundles(tmp_path)] == [b"a\nb", b"b\xff"]
    assert list_bundles(tmp_path / "nowhere") == ()


def test_the_library_that_reads_elf_files_is_loaded_by_a_listing_only() -> None:
    script = "import sys, rootless_build.bundles; print('elftools' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert done.stdout == "False\n"

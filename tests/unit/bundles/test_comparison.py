"""What `rbuild reproduce` finds: the differing file, and where in it."""

from __future__ import annotations

import re
import shutil
import struct
from collections.abc import Iterable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given
from hypothesis import strategies as st

from rootless_build.bundles import provenance
from rootless_build.bundles.comparison import Comparison, Difference, compare
from rootless_build.bundles.statement import NAME
from rootless_build.files.tree import CHUNK, snapshot
from rootless_build.model.errors import UsageError
from rootless_build.model.plan import Bundles, Json, Plan, RunContainer, VolumeMount
from rootless_build.runner.reproduction import Reproduction


def compared(tmp_path: Path, old: dict[str, bytes], new: dict[str, bytes]) -> Comparison:
    for place, files in (("bundles", old), ("made", new)):
        for name, content in files.items():
            file = tmp_path / place / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    return compare(tmp_path / "made", {}, tmp_path / "bundles")


def test_the_same_is_the_same(tmp_path: Path) -> None:
    files = {"binary/a": b"x" * 10_000, "binary/b": b""}
    assert compared(tmp_path, files, files) == Comparison(2, ())


@given(st.binary(min_size=1, max_size=3000), st.integers(0, 2999), st.integers(1, 255))
def test_the_first_byte_that_differs_is_named(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, place: int, change: int
) -> None:
    place %= len(content)
    other = bytearray(content)
    other[place] ^= change
    found = compared(tmp_path_factory.mktemp("x"), {"f": content}, {"f": bytes(other)})
    assert found == Comparison(0, (Difference("f", f"differs at offset {place:#x}", both=True),))


def test_what_is_longer_or_new_or_a_link(tmp_path: Path) -> None:
    (tmp_path / "bundles").mkdir()
    (tmp_path / "bundles/link").symlink_to("elsewhere")
    found = compared(
        tmp_path, {"b/long": b"ab"}, {"b/long": b"abc", "b/new": b"", "link": b"no link"}
    )
    assert [(d.path, d.text) for d in found.differences] == [
        ("b/long", "differs at offset 0x2; it has 3 bytes instead of 2"),
        ("b/new", "is not in the bundles"),
        ("link", "is a link to elsewhere in the bundles"),
    ]


def test_the_section_of_an_executable_is_named(tmp_path: Path) -> None:
    # Not Python's: one that has all in a library has next to nothing itself.
    program = Path("/bin/sh").resolve()
    content = bytearray(program.read_bytes())
    with program.open("rb") as file:
        section = ELFFile(file).get_section_by_name(".text")
        assert section is not None
        places = [section["sh_offset"] + 5, section["sh_offset"] + 9000]
    other = bytearray(content)
    for place in places:
        other[place] ^= 1
    found = compared(tmp_path, {"p": bytes(content)}, {"p": bytes(other)})
    (difference,) = found.differences
    assert difference.text == f"differs at offset {places[0]:#x} in .text and 1 more places"


@pytest.mark.parametrize("place", [0, 4095, 4096, CHUNK - 1, CHUNK, CHUNK + 4096, 2 * CHUNK])
def test_a_difference_anywhere_in_a_large_file_is_named(tmp_path: Path, place: int) -> None:
    content = bytearray(2 * CHUNK + 1)
    old = bytes(content)
    content[place] = 1
    found = compared(tmp_path, {"f": old}, {"f": bytes(content)})
    assert [d.text for d in found.differences] == [f"differs at offset {place:#x}"]


def test_what_is_longer_by_more_than_is_read_at_once(tmp_path: Path) -> None:
    found = compared(tmp_path, {"f": bytes(CHUNK)}, {"f": bytes(CHUNK + 1)})
    assert [d.text for d in found.differences] == [
        f"differs at offset {CHUNK:#x}; it has {CHUNK + 1} bytes instead of {CHUNK}"
    ]


def elf_of_sections(count: int, size: int = 4096) -> bytes:
    """Sections called a, b, … of a block each, one after the other; then bytes of no section."""
    names = b"\0" + b"".join(bytes([ord("a") + number, 0]) for number in range(count)) + b"names\0"
    table = size * (count + 2)
    start = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, table, 0, 64, 0, 0, 64, count + 2, count + 1
    )
    rows = bytes(64) + b"".join(
        struct.pack("<IIQQQQIIQQ", 1 + 2 * number, 1, 0, 0, size * (number + 1), size, 0, 0, 1, 0)
        for number in range(count)
    )
    at = size * (count + 1)
    rows += struct.pack("<IIQQQQIIQQ", 1 + 2 * count, 3, 0, 0, at, len(names), 0, 0, 1, 0)
    content = (start + header).ljust(at, b"\0") + names
    return content.ljust(table, b"\0") + rows


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ([1], "offset 0x1000 in a"),
        ([1, 2], "offset 0x1000 in a, offset 0x2000 in b"),
        (range(1, 9), "a, b, c, d, e, f, g, h"),
        (range(1, 10), "a, b, c, d, e, f, g, h, 1 more sections"),
        (range(1, 11), "a, b, c, d, e, f, g, h, 2 more sections"),
    ],
)
def test_the_first_place_of_each_section_is_named_up_to_eight_of_them(
    tmp_path: Path, blocks: Iterable[int], said: str
) -> None:
    content = elf_of_sections(10)
    other = bytearray(content)
    for block in blocks:
        other[block * 4096] ^= 1
    found = compared(tmp_path, {"p": content}, {"p": bytes(other)})
    (difference,) = found.differences
    text = difference.text.removeprefix("differs at ")
    assert text == said or re.sub(r"offset 0x[0-9a-f]+ in ", "", text) == said


def test_a_place_in_no_section_has_no_name(tmp_path: Path) -> None:
    content = elf_of_sections(2)
    other = bytearray(content)
    other[100] ^= 1
    found = compared(tmp_path, {"p": content}, {"p": bytes(other)})
    assert [d.text for d in found.differences] == ["differs at offset 0x64"]


@given(st.binary(max_size=200))
def test_a_damaged_executable_is_compared_too(
    tmp_path_factory: pytest.TempPathFactory, rest: bytes
) -> None:
    found = compared(
        tmp_path_factory.mktemp("x"),
        {"f": b"\x7fELF" + rest + b"1"},
        {"f": b"\x7fELF" + rest + b"2"},
    )
    assert "differs at offset" in found.differences[0].text


def test_what_was_there_before_is_not_compared(tmp_path: Path) -> None:
    compared(tmp_path, {"b/old": b"1"}, {"b/old": b"2"})
    before = provenance.state(tmp_path / "made")
    assert compare(tmp_path / "made", before, tmp_path / "bundles") == Comparison(0, ())


def test_files_of_a_bundle_that_were_not_made_again_are_named(tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    (bundles / "b").mkdir(parents=True)
    for name in ("x", "y"):
        (bundles / "b" / name).write_text(name)
    run = provenance.Run(bundles, bundles, {})
    provenance.attest(run, provenance.Attestation("p", {}, None))
    shutil.copytree(bundles, tmp_path / "made")
    (tmp_path / "made/b/y").unlink()
    found = compare(tmp_path / "made", {}, bundles)
    assert found == Comparison(1, (Difference("b/y", "was not made again"),))


def test_bundles_that_were_not_made_again_are_not_missed(tmp_path: Path) -> None:
    """What a statement says was there before is not expected either."""
    bundles = tmp_path / "bundles"
    for name in ("b/x", "b/before", "other/z"):
        (bundles / name).parent.mkdir(parents=True, exist_ok=True)
        (bundles / name).write_text(name)
    given = {path: seen for path, seen in snapshot(bundles).items() if path == "b/before"}
    (bundles / "b/link").symlink_to("x")
    run = provenance.Run(bundles, bundles, given)
    provenance.attest(run, provenance.Attestation("p", {}, None))
    (tmp_path / "made/b").mkdir(parents=True)
    (tmp_path / "made/b/x").write_text("b/x")
    assert compare(tmp_path / "made", {}, bundles) == Comparison(1, ())


def test_a_statement_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    for name in ("a/x", "b/x"):
        (bundles / name).parent.mkdir(parents=True)
        (bundles / name).write_text(name)
    run = provenance.Run(bundles, bundles, {})
    provenance.attest(run, provenance.Attestation("p", {}, None))
    (bundles / "a" / NAME).write_text("{}")
    assert [*provenance.subjects(bundles)] == [("b/x", "b")]
    shutil.copytree(bundles, tmp_path / "made")
    (tmp_path / "made/b/x").unlink()
    (tmp_path / "made/b/y").touch()
    found = compare(tmp_path / "made", {}, bundles)
    assert [(d.path, d.text, d.both) for d in found.differences] == [
        ("b/y", "is not in the bundles", False),
        ("b/x", "was not made again", False),
    ]


def plan_again(plan: Plan, place: Path) -> Plan:
    return Reproduction(plan, place, lambda _: None).plan


def test_the_plan_again_has_the_image_of_the_bundles_and_empty_volumes(tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    (bundles / "b").mkdir(parents=True)
    (bundles / "b/x").write_text("x")
    item: dict[str, Json] = {
        "name": "dev",
        "digest": {"sha256": "a" * 64},
        "annotations": {"role": "image"},
    }
    said: dict[str, Json] = {"buildDefinition": {"resolvedDependencies": [item]}}
    run = provenance.Run(bundles, bundles, {})
    provenance.attest(run, provenance.Attestation("p", said, None))
    step = RunContainer("dev", mounts=(VolumeMount("/root/.cache", "cache"),))
    (again,) = plan_again(Plan(tmp_path, (step,), Bundles(bundles)), tmp_path).steps
    assert isinstance(again, RunContainer)
    assert again.image == "a" * 64
    assert again.mounts == (VolumeMount("/root/.cache"),)


def test_there_is_nothing_to_make_again(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        plan_again(Plan(tmp_path, (), Bundles(tmp_path / "bundles")), tmp_path)
    (tmp_path / "bundles").mkdir()
    with pytest.raises(UsageError):
        plan_again(Plan(tmp_path, (), Bundles(tmp_path / "bundles")), tmp_path)

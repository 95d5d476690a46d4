"""What `rbuild reproduce` finds: the differing file, and where in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given
from hypothesis import strategies as st

from rootless_build.bundles import provenance
from rootless_build.bundles.comparison import Comparison, Difference, compare
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

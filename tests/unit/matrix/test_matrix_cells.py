"""The cells of a matrix: what is combined, what is left out, what they are called."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rootless_build.matrix.cells import Axes, cells
from rootless_build.model.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9_=+][A-Za-z0-9._=+-]*")


def test_every_combination_is_a_cell_with_a_directory_of_its_own() -> None:
    axes = Axes(
        targets=("binary", "binary cross"),
        platforms=("linux/amd64", "arm64"),
        variables=(("GO", ("1.20", "1.21")),),
        refs=("v1.0", "feature/x"),
        backends=("podman",),
    )
    found = cells(axes)
    assert len(found) == len({cell.name for cell in found}) == 16
    assert found[0].name == "v1.0-binary-linux_amd64-podman-GO=1.20"
    last = found[-1]
    assert last.name == "feature_x-binary_cross-linux_arm64-podman-GO=1.21"
    assert (last.targets, last.platform) == (("binary", "cross"), "linux/arm64")


def test_what_an_exclude_matches_in_all_it_names_is_no_cell() -> None:
    axes = Axes(
        targets=("a", "b"),
        platforms=("linux/amd64", "linux/arm64"),
        variables=(("V", ("1", "2")),),
        excludes=((("target", "b"), ("platform", "arm64")), (("V", "2*"), ("target", "a"))),
    )
    names = [cell.name for cell in cells(axes)]
    assert names == [
        *("a-linux_amd64-V=1", "a-linux_arm64-V=1"),
        *("b-linux_amd64-V=1", "b-linux_amd64-V=2"),
    ]


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        (Axes(), "no cell: nothing is to be combined"),
        (Axes(targets=("a",), excludes=((("target", "*"),),)), "no cell: all of them"),
        (Axes(targets=("a",), variables=(("V", ()),)), "no cell: V has no value"),
        (Axes(targets=tuple(map(str, range(10_001)))), "over 10000 cells"),
        (Axes(tuple(map(str, range(2_000))), (), (), tuple(map(str, range(2_000)))), "4000000"),
        (Axes(refs=("v1/0", "v1_0")), "the same directory, v1_0"),
        (Axes(refs=("Main", "main")), "the same directory"),
        (Axes(targets=("a",), excludes=((("traget", "a"),),)), "traget, which no cell has"),
        (Axes(platforms=("linux/amd46",)), "amd46"),
        (Axes(refs=("--upload-pack=x",)), "no ref or backend is called so"),
        (Axes(targets=("--rootful",)), "is no target"),
        (Axes(targets=("a 'b",)), "No closing quotation"),
    ],
)
def test_what_makes_no_sense_is_one_error(axes: Axes, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        cells(axes)


_WORD = st.text(min_size=1, max_size=200).filter(lambda text: not text.startswith("-"))


@given(st.lists(_WORD, min_size=1, max_size=3), st.text(max_size=300))
def test_a_name_is_safe_whatever_a_project_calls_its_refs(refs: list[str], value: str) -> None:
    try:
        found = cells(Axes(refs=tuple(refs), variables=(("V", (value,)),)))
    except UsageError:
        return
    for cell in found:
        assert _NAME.fullmatch(cell.name)
        assert ".." not in cell.name
        assert len(cell.name) < 200

"""Heredocs of COPY and ADD."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.images.containerfile.stages import Image
from rootless_build.model.errors import ContainerfileError
from tests.unit.images.rewrite.rewriting import Rewriting, last


def test_they_are_files_in_another_context(tmp_path: Path) -> None:
    made = Rewriting(tmp_path, "FROM base\nCOPY --chown=1 --chmod=600 <<a <<b /d/\n1\na\n2\nb\n")
    assert made.lines == ["COPY --from=rbuild-files --chown=1 --chmod=600 1/a 2/b /d/"]
    assert (made.files / "1" / "a").read_text() == "1\n"
    assert (made.files / "2" / "b").read_text() == "2\n"
    assert made.normal is not None
    assert made.normal.files


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("COPY x <<a y /d/\n1\na", ["COPY x y /d/", "COPY --from=rbuild-files 1/a /d/"]),
        (
            "COPY <<a <<b /f\na\nb",
            ["COPY --from=rbuild-files 1/a /f", "COPY --from=rbuild-files 2/b /f"],
        ),
        ("ADD <<a $X/\na", ["COPY --from=rbuild-files 1/a $X/"]),
    ],
)
def test_what_stands_beside_them(tmp_path: Path, line: str, becomes: list[str]) -> None:
    assert last(tmp_path, line) == becomes


@pytest.mark.parametrize(
    ("word", "content", "written"),
    [
        ("<<f", "$A ${A:-x} ${A#1} '$A' \"$A\" \\$A \\n", "12 12 2 '12' \"12\" $A n\n"),
        ("<<'f'", "$A \\", "$A \\\n"),
        ("<<-f", "\t\t$A", "12\n"),
        ("<<f", "$P", "/bin\n"),
    ],
)
def test_variables_are_those_of_the_build(
    tmp_path: Path, word: str, content: str, written: str
) -> None:
    made = Rewriting(
        tmp_path,
        f"FROM base\nARG A=12\nCOPY {word} /\n{content}\nf\n",
        images={"base": Image((("P", "/bin"),))},
    )
    assert (made.files / "1" / "f").read_text() == written


def test_without_the_base_image_unset_variables_can_t_be_told(tmp_path: Path) -> None:
    with pytest.raises(ContainerfileError, match="whether HOME is set"):
        last(tmp_path, "COPY <<f /\n$HOME\nf", images={})
    assert last(tmp_path, "COPY <<'f' /\n$HOME\nf", images={})


@pytest.mark.parametrize("options", [{"engine": "docker-classic 20.10.24"}, {"local": False}])
def test_where_no_files_can_be_given(tmp_path: Path, options: dict[str, str]) -> None:
    with pytest.raises(ContainerfileError, match="can't be given to the build"):
        last(tmp_path, "COPY <<f /\nf", **options)


def test_a_trigger_can_t_have_files(tmp_path: Path) -> None:
    with pytest.raises(ContainerfileError, match="ONBUILD can't be rewritten"):
        last(tmp_path, "ONBUILD COPY <<f /\na\nf")

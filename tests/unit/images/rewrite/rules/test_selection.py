"""COPY --exclude and --parents."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model.errors import ContainerfileError
from tests.unit.images.rewrite.rewriting import Rewriting, last


@pytest.fixture
def context(tmp_path: Path) -> Path:
    made = tmp_path / "context"
    for name in ("a/b/f", "a/b/g.o", "a/c/f", "h", "i.o"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name)
    (made / "a").chmod(0o700)
    return made


def chosen(directory: Path, line: str, **options: object) -> tuple[str, list[str]]:
    """The COPY, and the files it has to copy."""
    made = Rewriting(directory, f"FROM base\n{line}\n", **options)  # type: ignore[arg-type]
    found = sorted(str(p.relative_to(made.files)) for p in made.files.rglob("*") if p.is_file())
    return made.lines[-1], found


def test_excluded_files_are_not_copied(context: Path, tmp_path: Path) -> None:
    assert chosen(tmp_path, "COPY --exclude=**/*.o --chown=1 a /d") == (
        "COPY --from=rbuild-files --chown=1 1/tree/ /d/",
        ["1/tree/b/f", "1/tree/c/f"],
    )


def test_parents_keep_their_modes(context: Path, tmp_path: Path) -> None:
    line, files = chosen(tmp_path, "COPY --parents a/b/f h /d/")
    assert line == "COPY --from=rbuild-files 1/tree/ 2/tree/ /d/"
    assert files == ["1/tree/a/b/f", "2/tree/h"]
    assert (tmp_path / "files/1/tree/a").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("line", "files"),
    [
        ("COPY --parents --exclude=a/b/g.o a/b /", ["1/tree/a/b/f"]),
        ("COPY --parents a/./*/f /", ["1/tree/b/f", "1/tree/c/f"]),
        ("COPY --exclude=f i* /", ["1/i.o"]),
        ("COPY --parents no*/f /", []),
        ("ADD --exclude=*.o a/b /", ["1/tree/f"]),
    ],
)
def test_which_are_chosen(context: Path, tmp_path: Path, line: str, files: list[str]) -> None:
    assert chosen(tmp_path, line)[1] == files


def test_ignored_files_are_not_chosen(context: Path, tmp_path: Path) -> None:
    assert chosen(tmp_path, "COPY --parents a/** /", ignore="a/c\n")[1] == [
        "1/tree/a/b/f",
        "1/tree/a/b/g.o",
    ]


def test_what_is_not_there(context: Path, tmp_path: Path) -> None:
    with pytest.raises(ContainerfileError, match="there is no nowhere in the build context"):
        last(tmp_path, "COPY --exclude=x nowhere /")
    with pytest.raises(ContainerfileError, match="there is no a/nowhere"):
        last(tmp_path, "COPY --parents a/nowhere /")


def test_a_stage_is_pruned_before_it_is_copied_from(tmp_path: Path) -> None:
    text = "FROM base AS a\nFROM base\nCOPY --from=a --exclude=*.o --exclude=d/** /s /\n"
    made = Rewriting(tmp_path, text)
    assert made.lines == ["COPY --from=rbuild-1 /s /"]
    assert "FROM a AS rbuild-1\nUSER 0\nRUN [" in made.text


@pytest.mark.parametrize(
    "line",
    ["COPY --from=a --exclude=x /s* /", "COPY --from=a --exclude=x --exclude=!y /s /"],
)
def test_what_of_a_stage_can_t_be_chosen(tmp_path: Path, line: str) -> None:
    with pytest.raises(ContainerfileError, match="--exclude of a stage"):
        Rewriting(tmp_path, f"FROM base AS a\nFROM base\n{line}\n")


def test_parents_of_a_stage_need_leave(tmp_path: Path) -> None:
    text = "FROM base AS a\nFROM base\nCOPY --from=a --parents /s/f x/./y /d/\n"
    with pytest.raises(ContainerfileError, match="get mode 0755"):
        Rewriting(tmp_path, text)
    assert Rewriting(tmp_path, text, allow=True).lines == [
        "COPY --from=a /s/f /d/s/f",
        "COPY --from=a /x/y /d/y",
    ]


def test_parents_that_are_not_wanted(tmp_path: Path) -> None:
    assert last(tmp_path, "COPY --parents=false a /") == ["COPY a /"]

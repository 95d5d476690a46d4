"""COPY and ADD as the layer maker gets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.images.containerfile.parser import parse
from rootless_build.images.containerfile.stages import Scope
from rootless_build.images.layers.request import Copying, Directory, ImageFiles, Inline
from rootless_build.images.segments.copying import CopyError, Sources, read_copy
from rootless_build.images.segments.remote import Fetching

SCOPE = Scope({"A": "a", "D": "/d/"}, "/w")


def read(text: str, tmp_path: Path) -> Copying:
    """The operation of an instruction that stands where SCOPE holds."""
    sources = Sources(
        lambda path: Directory(Path("/context"), path),
        lambda name, path: ImageFiles((Path(name),), path),
        Fetching(tmp_path, None).fetch,
    )
    return read_copy(parse(text).instructions[0], SCOPE, sources)


@pytest.mark.parametrize(
    ("written", "destination"),
    [
        ("/x", "/x"),
        ("x", "/w/x"),
        (".", "/w/"),
        ("./", "/w/"),
        ("x/", "/w/x/"),
        ("x/.", "/w/x/"),
        ("..", "/"),
        ("/", "/"),
        ("$D", "/d/"),
        ("/a/../b", "/b"),
    ],
)
def test_where_files_go(written: str, destination: str, tmp_path: Path) -> None:
    assert read(f"COPY f {written}", tmp_path).destination == destination


def test_sources_keep_their_order_and_heredocs_come_last(tmp_path: Path) -> None:
    made = read("COPY <<one $A <<'two' b /d/\n$A\none\n$A\ntwo\n", tmp_path)
    assert made.sources == (
        Directory(Path("/context"), "a"),
        Directory(Path("/context"), "b"),
        Inline("one", b"a\n"),
        Inline("two", b"$A\n"),
    )


def test_files_of_a_stage(tmp_path: Path) -> None:
    made = read("COPY --from=made $A /b /d/", tmp_path)
    assert made.sources == (ImageFiles((Path("made"),), "a"), ImageFiles((Path("made"),), "/b"))


def test_every_flag_is_handed_on(tmp_path: Path) -> None:
    made = read(
        "COPY --chown=$A:1 --chmod=u+x --link --parents --exclude=*.$A --exclude=b f /d/", tmp_path
    )
    assert (made.chown, made.chmod, made.exclude) == ("a:1", "u+x", ("*.$A", "b"))
    assert (made.link, made.parents, made.add, made.unpack) == (True, True, False, None)
    assert read("ADD --unpack=false --link=false f /d/", tmp_path) == Copying(
        (Directory(Path("/context"), "f"),), "/d/", add=True, unpack=False
    )


def test_a_stage_can_not_be_named_by_a_variable(tmp_path: Path) -> None:
    with pytest.raises(CopyError, match=r"--from=\$A: a variable can't stand there") as refused:
        read("COPY --from=$A f /d/", tmp_path)
    assert "FROM $NAME AS stage" in refused.value.hint

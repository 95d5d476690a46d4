"""FROM with an argument in its name."""

from __future__ import annotations

from pathlib import Path

from tests.unit.images.rewrite.rewriting import Rewriting

TEXT = "ARG X=a\nFROM base AS s-a\nFROM base AS s-b\nFROM s-${X} AS last\n"


def test_a_stage_is_named_as_it_is(tmp_path: Path) -> None:
    made = Rewriting(tmp_path, TEXT)
    assert made.begin == "FROM s-a AS last"
    assert "s-b" not in made.text
    assert Rewriting(tmp_path, TEXT, args={"X": "b"}).begin == "FROM s-b AS last"


def test_an_image_stays(tmp_path: Path) -> None:
    assert Rewriting(tmp_path, "ARG X=e\nFROM bas$X\n").normal is None


def test_the_same_is_done_for_every_engine(tmp_path: Path) -> None:
    assert Rewriting(tmp_path, TEXT, "podman 5.8.6").begin == "FROM s-a AS last"
    assert Rewriting(tmp_path, TEXT, "docker-classic 20.10.24").begin == "FROM s-a AS last"

"""What bind mounts hold."""

from __future__ import annotations

import re
from pathlib import Path

from rootless_build.images.containerfile.stages import Image
from rootless_build.images.rewrite.features import Answer, Feature
from tests.unit.images.rewrite.rewriting import Rewriting, last


def marked(directory: Path, text: str, **options: object) -> str:
    """The digest that the last mount is marked with."""
    found = re.findall("consistency=([0-9a-f]{12})", Rewriting(directory, text, **options).text)  # type: ignore[arg-type]
    return str(found[-1])


def test_the_context_is_marked_with_what_is_in_it(tmp_path: Path) -> None:
    text = "FROM base\nRUN --mount=target=/c,source=d a\n"
    file = tmp_path / "context" / "d" / "f"
    file.parent.mkdir(parents=True)
    file.write_text("1")
    first = marked(tmp_path, text)
    assert marked(tmp_path, text) == first
    (tmp_path / "context" / "other").write_text("2")
    assert marked(tmp_path, text) == first
    file.chmod(0o755)
    second = marked(tmp_path, text)
    file.write_text("2")
    assert len({first, second, marked(tmp_path, text)}) == 3


def test_without_ignored_files_it_is_mounted_as_it_is(tmp_path: Path) -> None:
    (made,) = last(tmp_path, "RUN --mount=target=/c a", ignore="nothing\n")
    assert re.fullmatch("RUN --mount=target=/c,consistency=[0-9a-f]{12} a", made)


def test_with_ignored_files_a_stage_is_mounted(tmp_path: Path) -> None:
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "secret").touch()
    made = Rewriting(tmp_path, "FROM base\nRUN --mount=target=/c a\n", ignore="secret\n")
    assert made.text.startswith("FROM scratch AS rbuild-context\nCOPY . /\nFROM base\n")
    assert "from=rbuild-context,target=/c,consistency=" in made.lines[0]


def test_each_step_that_writes_has_a_stage_of_its_own(tmp_path: Path) -> None:
    text = (
        "FROM base AS a\nFROM base\nRUN --mount=target=/c,rw x\nRUN --mount=from=a,target=/c,rw y\n"
    )
    made = Rewriting(tmp_path, text)
    assert "FROM rbuild-context AS rbuild-1\nFROM a AS rbuild-2\nFROM base\n" in made.text
    assert "from=rbuild-1,target=/c,rw" in made.lines[0]
    assert "from=rbuild-2,target=/c,rw" in made.lines[1]


def test_a_stage_is_marked_with_all_it_is_made_of(tmp_path: Path) -> None:
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "f").write_text("1")
    text = (
        "ARG X\nFROM base AS a\nCOPY f /\nFROM a AS b\nRUN x\n"
        "FROM base\nRUN --mount=from=b,target=/c y\n"
    )
    marks = [marked(tmp_path, text), marked(tmp_path, text.replace("RUN x", "RUN z"))]
    marks.append(marked(tmp_path, text, args={"X": "1"}))
    marks.append(marked(tmp_path, text, images={"base": Image(id="other")}))
    (tmp_path / "context" / "f").write_text("2")
    marks.append(marked(tmp_path, text))
    assert len(set(marks)) == len(marks)


def test_an_image_is_marked_with_its_id(tmp_path: Path) -> None:
    text = "FROM base\nRUN --mount=from=tool,target=/c y\n"
    one, two = ({"base": Image(), "tool": Image(id=name)} for name in "ab")
    assert marked(tmp_path, text, images=one) != marked(tmp_path, text, images=two)


def test_a_build_context_in_the_place_of_a_stage_counts(tmp_path: Path) -> None:
    text = (
        "FROM base AS a\nRUN one\nFROM a AS b\nRUN two\nFROM base\nRUN --mount=from=b,target=/c y\n"
    )
    places = ("docker-image://debian:12", "docker-image://debian:13")
    one, two = (marked(tmp_path, text, contexts={"a": place}) for place in places)
    assert one != two
    assert one != marked(tmp_path, text)


def test_an_engine_that_has_shown_that_writes_are_forgotten_needs_no_copy(tmp_path: Path) -> None:
    shown = {Feature.MOUNT_DISCARDS_WRITES: Answer(exact=True, day="2026-11-30")}
    text = "FROM base\nRUN --mount=target=/c,rw a\n"
    left = Rewriting(tmp_path, text, answers=shown)
    assert left.lines[-1].startswith("RUN --mount=target=/c,rw,consistency=")
    assert "COPY" not in left.text
    other = {Feature.MOUNT_DISCARDS_WRITES: Answer(exact=False, day="2026-11-30")}
    for rewritten in (Rewriting(tmp_path, text), Rewriting(tmp_path, text, answers=other)):
        assert "COPY . /" in rewritten.text


def test_a_stage_of_its_own_costs_nothing_where_a_stage_is_mounted(tmp_path: Path) -> None:
    shown = {Feature.MOUNT_DISCARDS_WRITES: Answer(exact=True, day="2026-11-30")}
    text = "FROM base AS a\nFROM base\nRUN --mount=from=a,target=/c,rw y\n"
    assert "FROM a AS rbuild-1" in Rewriting(tmp_path, text, answers=shown).text

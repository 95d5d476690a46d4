"""What bind mounts hold."""

from __future__ import annotations

import re
from pathlib import Path

from rootless_build.images.containerfile.stages import Image
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


def test_the_context_is_mounted_as_it_is(tmp_path: Path) -> None:
    (made,) = last(tmp_path, "RUN --mount=target=/c,rw a")
    assert re.fullmatch("RUN --mount=target=/c,rw,consistency=[0-9a-f]{12} a", made)


def test_each_step_that_writes_to_an_image_has_a_stage_of_its_own(tmp_path: Path) -> None:
    text = (
        "FROM base\nRUN --mount=from=i,target=/c,rw x\nRUN --mount=from=a,target=/c,rw y\n"
        "RUN --mount=from=a,target=/c z\nRUN --mount=from=a,target=/d z\n"
    )
    made = Rewriting(tmp_path, text)
    assert made.text.startswith(
        "FROM i AS rbuild-1\nFROM a AS rbuild-2\nFROM a AS rbuild-3\nFROM base\n"
    )
    assert "from=rbuild-1,target=/c,rw" in made.lines[0]
    assert "from=rbuild-2,target=/c,rw" in made.lines[1]
    assert "from=rbuild-3,target=/c,consist" in made.lines[2]
    assert "from=rbuild-3,target=/d,consist" in made.lines[3]


def test_a_name_that_tells_what_is_in_the_image_is_mark_enough(tmp_path: Path) -> None:
    text = f"FROM base\nRUN --mount=from=rbuild-{'1' * 24},target=/c y\n"
    place = {f"rbuild-{'1' * 24}": f"container-image://{'2' * 64}"}
    one = marked(tmp_path, text, contexts=place)
    assert one == marked(tmp_path, text)
    assert one != marked(tmp_path, text.replace("1" * 24, "3" * 24))


def test_an_image_is_marked_with_its_id(tmp_path: Path) -> None:
    text = "FROM base\nRUN --mount=from=tool,target=/c y\n"
    one, two = ({"base": Image(), "tool": Image(id=name)} for name in "ab")
    assert marked(tmp_path, text, images=one) != marked(tmp_path, text, images=two)

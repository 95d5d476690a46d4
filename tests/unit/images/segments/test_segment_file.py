"""The containerfile that an engine gets for RUNs that follow each other."""

from __future__ import annotations

from rootless_build.images.containerfile.parser import parse
from rootless_build.images.segments.segment_file import write_segment
from rootless_build.images.segments.steps import Mounted

IMAGE = "a" * 64
TEXT = """FROM x
RUN one
RUN --mount=from=tool,target=/t two \\
  and more

RUN <<E
three
E
"""


def test_a_run_says_what_it_mounts() -> None:
    runs = parse(TEXT).instructions[1:]
    written = write_segment(IMAGE, runs[1:], ("/bin/sh", "-c"), lambda *_: Mounted("b" * 64))
    made = parse(written.text).instructions
    assert [each.keyword for each in made] == ["FROM", "RUN", "RUN"]
    assert written.lines == (3, 3, 6)
    name = f"rbuild-{'b' * 24}"
    assert written.contexts == ((name, f"container-image://{'b' * 64}"),)
    assert f"--mount=from={name},target=/t" in made[-2].text
    assert made[-1].heredocs[0].content == "three\n"


def test_a_shell_is_named() -> None:
    runs = parse(TEXT).instructions[1:]
    written = write_segment(IMAGE, runs[2:], ("/bin/b",), lambda *_: None)
    assert written.text.startswith(f"FROM {IMAGE} AS rbuild-segment\n")
    assert parse(written.text).instructions[1].json == ("/bin/b",)
    assert written.lines == (6, 6, 6)


def test_a_context_that_is_a_directory_keeps_its_name() -> None:
    runs = parse(TEXT).instructions[2:3]
    written = write_segment(IMAGE, runs, ("/bin/sh", "-c"), lambda *_: None)
    assert "from=tool" in written.text
    assert not written.contexts


def test_what_of_a_context_is_in_an_image_is_mounted_from_there() -> None:
    runs = parse("FROM x\nRUN --mount=source=d/e,target=/t,rw a\n").instructions[1:]
    written = write_segment(IMAGE, runs, ("/bin/sh", "-c"), lambda *_: Mounted("b" * 64, "/m"))
    assert f"--mount=from=rbuild-{'b' * 24},source=/m,target=/t,rw" in written.text

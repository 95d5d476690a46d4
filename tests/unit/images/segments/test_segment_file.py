"""The containerfile that an engine gets for RUNs that follow each other."""

from __future__ import annotations

from rootless_build.images.containerfile.parser import parse
from rootless_build.images.segments.segment_file import write_segment

IMAGE = "a" * 64
TEXT = """FROM x
RUN one
RUN --mount=from=tool,target=/t two \\
  and more

RUN <<E
three
E
"""


def test_a_run_stands_on_its_own_line_and_says_what_it_mounts() -> None:
    runs = parse(TEXT).instructions[1:]
    written = write_segment(IMAGE, runs[1:], ("/bin/sh", "-c"), {"tool": "b" * 64}.get)
    made = parse(written.text).instructions
    assert [(each.keyword, each.line) for each in made] == [("FROM", 1), ("RUN", 3), ("RUN", 6)]
    name = f"rbuild-{'b' * 24}"
    assert written.contexts == ((name, f"container-image://{'b' * 64}"),)
    assert f"type=bind,from={name},target=/t" in made[-2].text
    assert made[-1].heredocs[0].content == "three\n"


def test_lines_are_kept_where_there_is_room() -> None:
    runs = parse(TEXT).instructions[1:]
    text = write_segment(IMAGE, runs[2:], ("/bin/b",), lambda _: None).text
    lines = text.split("\n")
    assert lines[0] == f"FROM {IMAGE} AS rbuild-segment"
    assert lines[5] == "RUN <<E"
    assert parse(text).instructions[1].json == ("/bin/b",)


def test_a_context_that_is_a_directory_keeps_its_name() -> None:
    runs = parse(TEXT).instructions[2:3]
    written = write_segment(IMAGE, runs, ("/bin/sh", "-c"), lambda _: None)
    assert "from=tool" in written.text
    assert not written.contexts

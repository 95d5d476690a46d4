"""What is asked of the maker of layers survives its way to another process."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.images.layers.request import (
    Answer,
    Changed,
    Copying,
    Directory,
    Downloaded,
    Failed,
    ImageFiles,
    Inline,
    Layer,
    LayersRequest,
    Made,
    Refused,
    WorkingDirectory,
    answer_line,
    read_answer,
    read_request,
    request_line,
)


def test_a_request_is_one_line_with_names_and_contents_of_any_bytes() -> None:
    sources = (
        Directory(Path("/context/\udcff"), "caf\udce9 \n", ("a*", "!b"), 5),
        ImageFiles((Path("/top"), Path("/below")), "/usr/bin"),
        Inline("EOF", b"\xff\0\n"),
        Downloaded(Path("/file"), "a.tar", None),
    )
    copying = Copying(
        sources, "/d/", add=True, unpack=False, link=True, exclude=("x",), chown="a:b", chmod="u+x"
    )
    request = LayersRequest(
        (Path("/base"),), (copying, WorkingDirectory("/w", "joe")), Path("/o"), 7
    )
    line = request_line(request)
    assert line.count(b"\n") == 1
    assert read_request(line) == request


@pytest.mark.parametrize(
    "answer",
    [
        Made((Layer("ab", 3, 1), Layer("cd", 0))),
        Refused(1, "no such file: \udcff"),
        Changed(0, "a\nb"),
        Failed(1, "no space"),
    ],
)
def test_an_answer_is_one_line(answer: Answer) -> None:
    line = answer_line(answer)
    assert line.count(b"\n") == 1
    assert read_answer(line) == answer


def test_a_layer_without_entries_changes_nothing() -> None:
    assert Layer("ab", 1024).empty
    assert not Layer("ab", 2048, entries=1).empty

"""Heredocs of RUN."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rootless_build.images.containerfile.stages import Image
from tests.unit.images.rewrite.rewriting import Rewriting, last


def command(line: str) -> list[str]:
    words: list[str] = json.loads(line[line.index("[") :])
    return words


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("RUN <<E\na $b\n  c\\\nE", "a $b\n  c\\\n"),
        ("RUN <<'E'\n\"$b\"\nE", '"$b"\n'),
        ("RUN <<-E\n\ta\n\tE", "a\n"),
        ("RUN <<E\nE", ""),
        ("RUN x && cat <<E > f\na\nE", "x && cat <<E > f\na\nE"),
        ("RUN cat <<A <<-B\n1\nA\n\t2\n\tB", "cat <<A <<-B\n1\nA\n\t2\nB"),
        ("RUN <<E | x\na\nE", "<<E | x\na\nE"),
        ("RUN 3<<E x <&3\na\nE", "3<<E x <&3\na\nE"),
    ],
)
def test_the_script_is_an_argument_of_the_shell(tmp_path: Path, text: str, script: str) -> None:
    (made,) = last(tmp_path, text)
    assert command(made) == ["/bin/sh", "-c", script]


def test_the_shell_that_holds(tmp_path: Path) -> None:
    made = last(tmp_path, 'SHELL ["/bin/bash", "-ec"]\nRUN <<E\na\nE')
    assert command(made[1]) == ["/bin/bash", "-ec", "a\n"]
    images = {"base": Image(shell=("/bin/ash", "-c"))}
    assert command(last(tmp_path, "RUN <<E\na\nE", images=images)[0])[0] == "/bin/ash"


def test_an_interpreter_s_script_is_a_file(tmp_path: Path) -> None:
    made = Rewriting(tmp_path, "FROM base\nRUN <<S\n#!/usr/bin/python3\nprint()\nS\n")
    assert "--mount=source=1/S,target=/dev/pipes/S,consistency=" in made.lines[0]
    assert made.normal is not None
    assert made.normal.files == ""
    assert command(made.lines[0]) == ["/bin/sh", "-c", "/dev/pipes/S"]
    file = made.files / "1" / "S"
    assert file.read_text() == "#!/usr/bin/python3\nprint()\n"
    assert file.stat().st_mode & 0o777 == 0o755


def test_beside_the_context_the_file_is_in_one_with_a_name(tmp_path: Path) -> None:
    text = "FROM base\nRUN --mount=target=/c true\nRUN <<S\n#!/usr/bin/python3\nprint()\nS\n"
    made = Rewriting(tmp_path, text)
    assert "from=rbuild-files,source=1/S,target=/dev/pipes/S,consistency=" in made.lines[1]
    assert made.normal is not None
    assert made.normal.files == "rbuild-files"


@pytest.mark.parametrize("options", [{"engine": "docker-classic 20.10.24"}, {"local": False}])
def test_where_no_files_can_be_given_the_script_is_written(
    tmp_path: Path, options: dict[str, str]
) -> None:
    (made,) = last(tmp_path, "RUN <<S\n#!/bin/x\n'\nS", **options)
    assert command(made)[2] == (
        "mkdir -p /dev/pipes && printf %s '#!/bin/x\n'\"'\"'\n' > /dev/pipes/S"
        " && chmod 755 /dev/pipes/S && exec /dev/pipes/S"
    )

"""What a terminal gets to see of bytes of unknown origin."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbuild_docker import ownership
from rbuild_docker.client import Client
from rootless_build.backend.api import EngineSettings
from rootless_build.cli.views.escapes import for_terminal
from rootless_build.model.errors import HostError
from rootless_build.model.text import shell_quoted, shown


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        (b"plain\n", "plain"),
        (b"tab\there\n", "tab\there"),
        (b"\x1b[32mgreen\x1b[0m\n", "\x1b[32mgreen\x1b[0m\x1b[0m"),
        (b"\x1b]0;a new title\x07text\n", "text"),
        (b"\x1b]52;c;c3RvbGVu\x1b\\text\n", "text"),
        (b"\x1b[2J\x1b[Hcleared\n", "cleared"),
        (b"10%\r50%\r100%\n", "100%"),
        (b"100%\r\n", "100%"),
        (b"\xff\xfe\n", "\\xff\\xfe"),
        (b"bell\x07\n", "bell"),
        ("\u009b2J".encode(), "2J"),
        (b"\n", ""),
    ],
)
def test_only_text_and_colours_reach_the_terminal(line: bytes, seen: str) -> None:
    assert for_terminal(line) == seen


@given(st.binary())
def test_no_control_character_but_colours_ever_does(data: bytes) -> None:
    left = re.sub(r"\x1b\[[0-9;:]*m", "", for_terminal(data))
    assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]", left)


def test_names_are_shown_on_one_line() -> None:
    assert shown("a\nb\x1b[1m") == "a\\nb\\x1b[1m"
    assert shown("caf\udce9") == "caf\\xe9"
    assert shown("café ☕") == "café ☕"


@pytest.mark.parametrize(
    "name", ["a b", "a'b", "a\\nb", "a\n'\\b", "caf\udce9\\x41", "$(id)", "é\u200b"]
)
def test_a_path_is_pasted_into_a_shell_on_one_line(name: str) -> None:
    quoted = shell_quoted(Path(name))
    assert quoted.isprintable()
    command = ["bash", "-c", f"printf %s {quoted}"]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, check=True, env=environment)
    assert os.fsdecode(done.stdout) == name


def test_the_command_that_gives_files_back_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "my files"
    client = Client(EngineSettings(tmp_path, tmp_path))
    monkeypatch.setattr(ownership, "all_ours", lambda _: False)
    with pytest.raises(HostError) as caught:
        ownership.give_back_in_container(client, directory, None, rootless=True)
    assert shlex.split(caught.value.hint)[-1] == str(directory)

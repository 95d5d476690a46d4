"""Text of others, in what rbuild says: no character of it acts on a terminal, none makes a line.

What acts is taken from ECMA-48 (C0, C1, escape sequences), UAX 9 (what turns text round) and UAX 14
(line and paragraph separators). Each command is given a project in which every name and value has
all of them; a pipe gets the same care as a terminal, for somebody reads that later. What can be
copied into a shell is held against the shells themselves.
"""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rootless_build.backend import discovery
from rootless_build.cli import app
from rootless_build.cli.views.pasting import comment
from rootless_build.model.errors import BackendUnavailableError
from rootless_build.model.text import fit, script_joined, script_quoted, shell_joined, shown
from tests.unit.recipes.make.make_project import MakeProject

LINE: Final = (
    "\x1b]0;owned\x07\x1b[31m\x1b[2J\x9b2J\x7f\x08\r\x0b\x0c\x85"
    "\u202e\u2066\u061c\u200b\u2028\u2029\ufeff"
)
"""On one line."""
BAD: Final = f"a{LINE}b\nFORGED: line"
BYTES: Final = f"{BAD}\udc9b\udcff\udc80"
"""As a file's name may be."""
ACTS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\udc80-\udc9f]"
)
STYLE: Final = re.compile(r"\x1b\[(?:0|1|2|32|33|1;31)m")
CONTAINERFILE: Final = f"FROM x\nRUN echo '{LINE}'\nLABEL a={LINE}\n"
TOML: Final = json.dumps(BAD)
"""As a string of TOML, JSON or HCL."""
BY_MAKE: Final = LINE.replace("\x0b", "").replace("\x0c", "").replace("\r", "")


def check(said: bytes, *, terminal: bool = False) -> str:
    """Nothing of it acts, and no line of it is forged; returns it as text."""
    text = said.decode(errors="surrogateescape")
    text = STYLE.sub("", text.replace("\r\n", "\n")) if terminal else text
    found = ACTS.search(text)
    assert found is None, text[max(found.start() - 40, 0) : found.end() + 20]
    assert not [line for line in text.split("\n") if line.startswith("FORGED")]
    return text


def write_makefile(place: Path) -> Path:
    """In a directory of a plain name, where we go: make is refused in others."""
    place = place.with_name("plain")
    place.mkdir()
    os.chdir(place)
    (place / "Dockerfile").write_text(CONTAINERFILE)
    MakeProject(place).write(
        f"export VALUE := {BY_MAKE}\n"
        "all: build\n"
        f"    docker run --label 'l={BY_MAKE}' -e VALUE -v './{BY_MAKE}:/m' i sh -c '{BY_MAKE}'\n"
        f"    echo '{BY_MAKE}'\n"
        "build:\n"
        f"    docker build --build-arg 'A={BY_MAKE}' --label 'l={BY_MAKE}' -t t .\n"
        "words:\n"
        f"    docker run --nosuch='{BY_MAKE}' i\n"
        "image:\n"
        f"    docker run 'i{BY_MAKE}'\n"
        "volume:\n"
        f"    docker run -v 'x{BY_MAKE}:/m' i\n"
        "compound:\n"
        f"    docker run i | tee '{BY_MAKE}'\n"
        "wrong:\n"
        f"\t$(error {BY_MAKE})\n"
    )
    return place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory; its name, and that of the user's own files, is as bad as can be."""
    place = tmp_path / f"p{BYTES}"
    place.mkdir()
    (place / "Dockerfile").write_text(CONTAINERFILE)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name / BAD))
    # A plan is shown for an engine that is not there, too: nothing is made for it.
    monkeypatch.setenv("RBUILD_BACKEND", "docker")
    monkeypatch.setenv("DOCKER_HOST", f"unix:///nowhere{LINE}")
    monkeypatch.chdir(place)
    return place


def bundles(place: Path) -> None:
    for name in (BYTES, "plain", "\x1b[2J.md5"):
        bundle = place / "bundles" / f"b{BAD}" / name
        bundle.parent.mkdir(parents=True, exist_ok=True)
        bundle.write_bytes(b"#!/bin/sh\n")
        bundle.chmod(0o755)
    target = place / "bundles" / f"b{BAD}"
    (target / "plain.sha256").write_text(f"{'0' * 64}  {BAD}\n")
    (target / f"{LINE}.md5").write_text(f"{'0' * 32}  plain\n")
    (target / "link").symlink_to(f"/nowhere/{BYTES}")


COMMANDS: Final = (
    ("plan",),
    ("plan", "--explain"),
    ("plan", "-v"),
    ("plan", "--format", "json"),
    ("plan", f"x{BAD}"),
    ("plan", f"V={BAD}"),
    ("plan", f"V{LINE}=1"),
    ("plan", "--env", f"A={BAD}"),
    ("plan", "--env", f"={BAD}"),
    ("plan", "--build-arg", f"A={BAD}"),
    ("plan", "--network", BAD),
    ("plan", "--image", BAD),
    ("plan", "--bundles-dir", BAD),
    ("plan", "--cache-volume", BAD),
    ("plan", "--format", BAD),
    ("plan", "words"),
    ("plan", "image"),
    ("plan", "volume"),
    ("plan", "compound"),
    ("plan", "wrong"),
    ("--dry-run",),
    (f"x{BAD}",),
    (f"--{BAD}",),
    (f"-{LINE}",),
    ("plan", f"--{BAD}"),
    (f"x{BAD}", "plan"),
    (f"x{BAD}=1", "clean"),
    ("-C", BAD),
    ("-C", "Dockerfile"),
    ("-f", BAD),
    ("-f", f"{BAD}=Dockerfile"),
    ("--makefile", BAD),
    ("--backend", BAD),
    ("--build-context", BAD),
    ("--build-context", f"x={BAD}"),
    ("--secret", BAD),
    ("--secret", f"id=x,src={BAD}"),
    ("--secret-env", BAD),
    ("--docker-socket", BAD),
    ("--log-format", BAD),
    ("--color", BAD),
    ("--keep-images", BAD),
    ("run", "--target", BAD, "--", "x"),
    ("run", "--dry-run", "--", "sh", "-c", BAD),
    ("make", BAD),
    ("make", BAD, "--dry-run"),
    ("reproduce", BAD),
    ("base", BAD),
    ("help", BAD),
    ("clean", BAD),
    ("clean", "--dry-run"),
    ("backends", BAD),
    ("backends",),
    ("doctor",),
    ("doctor", BAD),
    ("doctor", "--report"),
    ("doctor", "--explain", BAD),
    ("doctor", "--replay", BAD),
    ("bundles",),
    ("bundles", BAD),
    ("bundles", "verify"),
    ("bundles", "verify", BAD),
    ("bundles", "list", "--format", "json"),
    ("install", "--dry-run", "--prefix", BAD),
    ("install", BAD),
)


@pytest.mark.parametrize(
    ("form", "words"),
    [
        *(("text", words) for words in COMMANDS),
        *(("json", words) for words in COMMANDS[:4] + COMMANDS[20:22] + COMMANDS[-8:]),
    ],
    ids=ascii,
)
def test_no_command_says_what_acts_on_a_terminal(
    place: Path, capfd: pytest.CaptureFixture[str], form: str, words: tuple[str, ...]
) -> None:
    bundles(write_makefile(place))
    first = ("--log-format=json",) if form == "json" else ()
    app.run(["rbuild", *first, *words])
    out, err = (text.encode(errors="surrogateescape") for text in capfd.readouterr())
    said = check(out) + check(err)
    assert said
    if form == "json":
        assert not err or words[0] == "--log-format"
        for line in out.splitlines():
            json.loads(line)
    elif "json" in words and out:
        json.loads(out)


@pytest.mark.parametrize("words", [("bundles", "verify"), ("plan",), ("doctor",), ("nosuch",)])
def test_nor_does_the_projects_own_name(
    place: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    bundles(place)
    app.run(["rbuild", *words])
    out, err = (text.encode(errors="surrogateescape") for text in capfd.readouterr())
    assert check(out) + check(err)


RECIPES: Final = {
    "a plan": f"""
        [image]
        context = {TOML}
        tag = "t"
        build-args = {{ A = {TOML} }}
        labels = {{ {TOML} = {TOML} }}
        [container]
        command = ["sh", "-c", {TOML}]
        environment = {{ E = {TOML} }}
        mounts = ["./x:/x"]
        hostname = {TOML}
        user = {TOML}
        working-directory = {TOML}
        network = {TOML}
        devices = [{TOML}]
        security-options = [{TOML}]
        cap-add = [{TOML}]
        [targets.{TOML}]
        description = {TOML}
        """,
    "a key": f"{TOML} = 1\n",
    "a section": f"[{TOML}]\nx = 1\n",
    "a key of a section": f"[container]\n{TOML} = 1\n",
    "a wrong type": f"[container]\nprivileged = {TOML}\n",
    "a choice": f"[defaults]\npull = {TOML}\n",
    "a backend": f"[defaults]\nbackend = {TOML}\n[container]\nimage = 'x'\n",
    "a mount": f"[container]\nimage = 'x'\nmounts = [{TOML}]\n",
    "a volume": f"[container]\nimage = 'x'\nvolumes = {{ {TOML} = '/x' }}\n",
    "a directory": f"[container]\nimage = 'x'\nvolumes = {{ v = {TOML} }}\n",
    "a limit": f"[container]\nimage = 'x'\nulimits = [{TOML}]\n",
    "a platform": f"[image]\nplatforms = [{TOML}]\n",
    "an image": f"[container]\nimage = {TOML}\n",
    "a target": f"[container]\nimage = 'x'\n[targets.{TOML}]\ncommand = {TOML}\nnosuch = 1\n",
    "a default target": f"default-target = {TOML}\n[container]\nimage = 'x'\n",
    "no TOML": f"{BY_MAKE}\n",
    "a file": f"[defaults]\nfile = {TOML}\n[image]\ntag = 'x'\n",
    "a makefile": f"[defaults]\nmakefile = {TOML}\n",
    "a socket": f"[defaults]\ndocker-socket = {TOML}\n[container]\nimage = 'x'\n",
}


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("words", [("plan",), ("plan", f"t{LINE}"), ("shell", "--dry-run")])
def test_no_recipe_of_rbuilds_own_acts_on_a_terminal(
    place: Path, capfd: pytest.CaptureFixture[str], recipe: str, words: tuple[str, ...]
) -> None:
    (place / "rbuild.toml").write_text(RECIPES[recipe], newline="")
    app.run(["rbuild", *words])
    out, err = (text.encode(errors="surrogateescape") for text in capfd.readouterr())
    assert check(out) + check(err)


BAKE: Final = {
    "a plan": {"target": {"default": {"args": {"A": BAD}, "labels": {BAD: BAD}, "context": BAD}}},
    "a target": {"target": {BAD: {"target": BAD}}},
    "an attribute": {"target": {"default": {BAD: BAD}}},
    "a block": {BAD: {"x": {}}},
    "inline": {"target": {"default": {"dockerfile-inline": f"FROM x\nRUN {BAD}\n"}}},
    "inline nonsense": {"target": {"default": {"dockerfile-inline": BAD}}},
    "an output": {"target": {"default": {"output": [BAD]}}},
    "a tag": {"target": {"default": {"tags": [BAD]}}},
    "a function": {"target": {"default": {"args": {"A": f'${{nosuch("{LINE}")}}'}}}},
    "a variable": {
        "target": {"default": {"args": {"A": "${x}"}}},
        "variable": {"x": {"default": BAD}},
    },
    "a group": {"group": {"default": {"targets": [BAD]}}},
    "a platform": {"target": {"default": {"platforms": [BAD]}}},
    "a secret": {"target": {"default": {"secret": [BAD]}}},
}


@pytest.mark.parametrize("recipe", BAKE)
@pytest.mark.parametrize("words", [("plan",), ("plan", f"t{LINE}")])
def test_no_bake_file_acts_on_a_terminal(
    place: Path, capfd: pytest.CaptureFixture[str], recipe: str, words: tuple[str, ...]
) -> None:
    (place / "docker-bake.json").write_text(json.dumps(BAKE[recipe]))
    app.run(["rbuild", *words])
    out, err = (text.encode(errors="surrogateescape") for text in capfd.readouterr())
    assert check(out) + check(err)


def test_a_home_that_is_no_text_is_no_traceback(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", f"/nowhere/{BYTES}")
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", "")
    (place / "rbuild.toml").write_text("[container]\nimage = 'x'\n")
    status = app.run(["rbuild", "plan"])
    out, err = (text.encode(errors="surrogateescape") for text in capfd.readouterr())
    check(out)
    # Root's storage is none of its home.
    assert status == (0 if os.getuid() == 0 else 3)
    assert ("not UTF-8" in check(err)) is (status == 3)


# --- a terminal -----------------------------------------------------------------------------------


def on_a_terminal(words: Sequence[str]) -> bytes:
    """What somebody sees who types it."""
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-m", "rootless_build", *words]
    with subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        said = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # EIO: nobody has the other end any more
                break
            said += part
        running.wait()
    os.close(ours)
    return said


@pytest.mark.parametrize(
    "words",
    [
        ("plan",),
        ("plan", "--explain", "--color", "always"),
        (f"x{BAD}",),
        (f"--{BAD}",),
        ("-C", BAD),
        ("bundles",),
        ("bundles", "verify"),
        ("doctor",),
        ("make", f"\x1b[8m{BAD}"),
    ],
    ids=ascii,
)
def test_nor_on_a_real_one(place: Path, words: tuple[str, ...]) -> None:
    bundles(write_makefile(place))
    assert check(on_a_terminal(words), terminal=True)


# --- what can be copied ---------------------------------------------------------------------------

SHELLS: Final = [shell for shell in ("/bin/sh", "/bin/bash", "/bin/dash") if Path(shell).exists()]
WORDS: Final = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=60, deadline=None)
@given(
    words=st.lists(st.one_of(WORDS, st.sampled_from([BAD, BYTES, "'", '"', "\n", "\n\n#", "\\"])))
)
@example(words=[BYTES, "", "\n", "a\n", "\na", "\x1b\n", "%s\x1b\\n$(id)`id`", "'\n'"])
def test_a_script_has_every_word_as_it_is(shell: str, words: list[str]) -> None:
    line = script_joined(["printf", "%s\\0", *words])
    script = os.fsencode(line)
    assert all(each.startswith(('"', "'", "printf")) for each in line.split("\n"))
    assert not ACTS.search(line)
    done = subprocess.run([shell, "-c", script], capture_output=True, check=True)
    assert done.stdout == b"".join(os.fsencode(word) + b"\0" for word in words or [""])


@pytest.mark.parametrize("word", [BYTES, "a\nb", "\x1b[1m'\\", "é\u202e", "\udcff1", ""])
def test_a_hint_is_one_line_for_bash(word: str) -> None:
    line = shell_joined(["printf", "%s", word])
    assert line.isprintable()
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
    assert done.stdout == os.fsencode(word)


def test_a_plan_in_a_file_still_does_what_it_says(
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A podman that writes down its words runs the script."""

    def none(*_: object) -> NoReturn:
        # One that is there would have its storage in a directory of such a name.
        raise BackendUnavailableError("no podman", finding="no-engine")

    monkeypatch.setattr(discovery, "choose", none)
    (place / BAD).mkdir()
    (place / BAD / "Dockerfile").write_text("FROM x\n")
    (place / "rbuild.toml").write_text(RECIPES["a plan"].replace(f"network = {TOML}", ""))
    assert app.run(["rbuild", "--backend", "podman", "plan"]) == 0
    script = capfd.readouterr().out.encode(errors="surrogateescape")
    seen = tmp_path / "seen"
    fake = tmp_path / "programs" / "podman"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$@\" >> {shlex.quote(str(seen))}\n")
    fake.chmod(0o755)
    environment = {**os.environ, "PATH": f"{fake.parent}:/usr/bin:/bin"}
    subprocess.run(["/bin/sh"], input=script, env=environment, check=True)
    words = os.fsdecode(seen.read_bytes()).split("\0")
    assert f"A={BAD}" in words
    assert f"--env=E={BAD}" in words
    assert words[-4:-1] == ["sh", "-c", BAD]


@given(st.text())
def test_what_leaves_rbuild_is_fit_whatever_it_is(text: str) -> None:
    for said in (fit(text), fit(text, any_bytes=True), shown(text)):
        assert not ACTS.search(said)
    assert not ACTS.search(STYLE.sub("", fit(text, styled=True)))
    assert fit(fit(text)) == fit(text)
    assert all(line.startswith("#") for line in comment(text))


def test_own_colours_stay_where_they_are_rbuilds() -> None:
    assert fit("\x1b[1mbold\x1b[0m", styled=True) == "\x1b[1mbold\x1b[0m"
    assert fit("\x1b[8mhidden\x1b[0m") == "\\x1b[8mhidden\\x1b[0m"
    assert fit("\x1b[8mhidden", styled=True) == "\\x1b[8mhidden"
    assert script_quoted("plain") == "plain"

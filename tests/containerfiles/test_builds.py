"""Builds of rewritten containerfiles over time, with files from elsewhere, and when they fail."""

from __future__ import annotations

import hashlib
import stat
import subprocess
from pathlib import Path

import pytest

from rootless_build.backend.api import Engine, Image
from rootless_build.images.building import build_image
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.model.errors import ContainerfileError, ImageBuildError
from rootless_build.model.events import BuildState
from rootless_build.model.structs import replace
from rootless_build.testing.base_root import BASE
from rootless_build.testing.recorder import Recorder
from tests.containerfiles.conftest import ENGINES, LIKE, Build
from tests.containerfiles.trees import described, tree

pytestmark = ENGINES
OUT = "FROM scratch AS out\nCOPY --from=made /o/ /\n"


def cached(recorder: Recorder, beginning: str) -> bool:
    """Whether the instruction that begins so was taken from the engine's cache."""
    return any(i.startswith(beginning) for i in recorder.instructions(BuildState.CACHED))


def assert_cached_mount(recorder: Recorder) -> None:
    """The RUN that mounts something was taken from the cache.

    A context with ignored files, or which may be written, is mounted as a stage of rbuild's own.
    """
    assert cached(recorder, "RUN --mount=")


# --- a step is done again when what it mounts has changed ---------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"FROM {BASE} AS made\nRUN --mount=target=/c mkdir /o; cp /c/f /o\n",
        f"FROM {BASE} AS made\nRUN --mount=target=/c,rw mkdir /o; cp /c/f /o\n",
        (
            f"FROM scratch AS a\nCOPY f /\nFROM {BASE} AS made\n"
            "RUN --mount=from=a,target=/c mkdir /o; cp /c/f /o\n"
        ),
        (
            f"FROM scratch AS a\nCOPY f /\nFROM a AS b\nFROM {BASE} AS made\n"
            "RUN --mount=from=b,target=/c,rw mkdir /o; cp /c/f /o\n"
        ),
        (
            f"FROM {BASE} AS a\nRUN --mount=target=/c mkdir /s; cp /c/f /s\nFROM {BASE} AS made\n"
            "RUN --mount=from=a,source=s,target=/c mkdir /o; cp /c/f /o\n"
        ),
    ],
    ids=["the context", "the context, rw", "a stage", "a stage of a stage, rw", "bind after bind"],
)
def test_files_that_changed_are_seen(build: Build, place: Path, text: str) -> None:
    file = place / "context" / "f"
    file.write_text("1")
    build(text + OUT)
    assert tree(place / "out") == {"f": "1"}
    again = build(text + OUT)
    file.write_text("2")
    build(text + OUT)
    assert tree(place / "out") == {"f": "2"}
    assert_cached_mount(again)


def test_ignored_and_unmounted_files_may_change(build: Build, place: Path) -> None:
    text = f"FROM {BASE} AS made\nRUN --mount=source=d,target=/c mkdir /o; ls /c > /o/f\n{OUT}"
    context = place / "context"
    (context / "d").mkdir()
    (context / "d" / "f").write_text("1")
    (context / ".dockerignore").write_text("d/secret\n")
    (context / "d" / "secret").write_text("1")
    build(text)
    (context / "d" / "secret").write_text("2")
    (context / "other").write_text("2")
    recorder = build(text)
    assert tree(place / "out") == {"f": "f\n"}
    assert_cached_mount(recorder)


def test_heredocs_are_cached(build: Build) -> None:
    text = "RUN <<E\nmkdir /o\nE\nRUN <<S\n#!/bin/sh\necho 1 > /o/f\nS\nCOPY <<g /o/\n{}\ng\n"
    build(f"FROM {BASE} AS made\n{text.format(1)}{OUT}")
    again = build(f"FROM {BASE} AS made\n{text.format(1)}{OUT}")
    assert len(again.instructions(BuildState.CACHED)) >= 3
    changed = build(f"FROM {BASE} AS made\n{text.format(2)}{OUT}")
    assert cached(changed, "RUN <<S")
    assert not cached(changed, "COPY <<g")


# --- what is not there --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("COPY none /", "none is not there"),
        ("COPY secret /", "secret is excluded by the ignore file"),
        ("RUN --mount=source=none,target=/c true", "none is not there"),
    ],
)
def test_what_is_not_there_is_said_before_anything_is_done(
    build: Build, place: Path, line: str, words: str
) -> None:
    (place / "context" / "secret").touch()
    (place / "context" / ".dockerignore").write_text("secret\n")
    recorder = Recorder()
    with pytest.raises(ContainerfileError) as refused:
        build(
            f"FROM {BASE} AS out\nRUN echo '{line}'\n{line}\n",
            recorder=recorder,
        )
    assert refused.value.message.startswith("Dockerfile:3:1: ")
    assert words in refused.value.message
    assert not recorder.progress


# --- words --------------------------------------------------------------------------------------


def test_progress_is_that_of_the_original(build: Build, place: Path) -> None:
    (place / "context" / "f").write_text("1")
    recorder = build(
        f"FROM {BASE} AS unused\nRUN false\n"
        f"FROM {BASE} AS made\nWORKDIR /w\nRUN --mount=target=.,rw <<E\nset -e\nmkdir /o\nE\n"
        f"COPY <<g h /o/\nx\ng\n{OUT}".replace("<<g h", "<<g f")
    )
    # Engines mix stages that wait for each other.
    assert sorted(
        {(p.number, p.of, p.stage or "", p.instruction) for p in recorder.progress},
        key=lambda entry: (entry[2], entry[0]),
    ) == [
        (1, 4, "made", f"FROM {BASE} AS made"),
        (2, 4, "made", "WORKDIR /w"),
        (3, 4, "made", "RUN --mount=target=.,rw <<E (set -e…)"),
        (4, 4, "made", "COPY <<g f /o/ (x)"),
        (1, 2, "out", "FROM scratch AS out"),
        (2, 2, "out", "COPY --from=made /o/ /"),
    ]
    assert (recorder.stdout, recorder.stderr) == (b"", b"")
    assert {notice.code for notice in recorder.notices} <= {"engine-asked"}


@pytest.mark.parametrize(
    ("lines", "line", "words"),
    [
        ("RUN true\nRUN <<E\nset -e\necho said\nexit 7\nE", 3, "RUN <<E (set -e…)"),
        ("RUN echo said; exit 7", 2, "RUN echo said; exit 7"),
        (
            "WORKDIR /w\nRUN \\\n  --mount=target=. echo said; exit 7",
            3,
            "RUN --mount=target=. echo said; exit 7",
        ),
    ],
    ids=["heredoc", "as it is", "mount"],
)
def test_a_failure_names_the_line_of_the_original(
    build: Build, lines: str, line: int, words: str
) -> None:
    recorder = Recorder()
    with pytest.raises(ImageBuildError) as failed:
        build(f"FROM {BASE} AS out\n{lines}\n", recorder=recorder)
    assert failed.value.message == f"Dockerfile:{line}: {words} failed with status 7"
    assert recorder.stdout == b"said\n"
    assert b"rbuild" not in recorder.stderr
    assert "rbuild-" not in failed.value.engine_words.replace("rbuild-test-base", "")


# --- files from elsewhere -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "flags", "files"),
    [
        ("#old", "", {"f": "one\n", "sub/g": "g\n"}),
        ("", "", {"f": "two\n", "sub/g": "g\n"}),
        ("#v1:sub", "", {"g": "g\n"}),
        ("?ref=v1&subdir=sub", "", {"g": "g\n"}),
        ("?branch=old", "", {"f": "one\n", "sub/g": "g\n"}),
        ("?tag=v1&keep-git-dir=false", "", {"f": "one\n", "sub/g": "g\n"}),
        ("?ref=${R}", "--chown=0:0 --link", {"f": "one\n", "sub/g": "g\n"}),
        ("#old", "--exclude=sub", {"f": "one\n"}),
        ("?ref=@COMMIT@&checksum=@COMMIT@", "", {"f": "two\n", "sub/g": "g\n"}),
    ],
)
def test_a_git_repository(
    build: Build,
    git_repository: tuple[str, Path],
    place: Path,
    source: str,
    flags: str,
    files: dict[str, str],
) -> None:
    url, work = git_repository
    commit = subprocess.run(
        ["git", "-C", work, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    source = source.replace("@COMMIT@", commit)
    text = f"FROM scratch AS out\nARG R=v1\nADD {flags} {url}{source} /\n"
    build(text)
    found = tree(place / "out")
    if "g" not in files:
        assert found.pop(".dockerignore") == "f\n"
        assert found.pop("run.sh") == "#!/bin/sh\n"
        assert stat.S_IMODE((place / "out" / "run.sh").stat().st_mode) == 0o755
    assert found == files
    assert cached(build(text), "ADD ") or cached(build(text), "COPY ")


@pytest.mark.parametrize("form", ["--keep-git-dir=true {}#v1", "{}?ref=v1&keep-git-dir=1"])
def test_a_git_repository_with_its_history(
    build: Build, git_repository: tuple[str, Path], place: Path, form: str
) -> None:
    build(f"FROM scratch AS out\nADD {form.format(git_repository[0])} /r\n")
    described = subprocess.run(
        ["git", "-C", place / "out" / "r", "describe", "--tags"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert described.stdout == "v1\n"


def test_a_git_reference_that_is_not_there(build: Build, git_repository: tuple[str, Path]) -> None:
    with pytest.raises(ContainerfileError, match=r"^Dockerfile:2:1: ADD .*no branch or tag nosuch"):
        build(f"FROM scratch AS out\nADD {git_repository[0]}#nosuch /\n")


def test_a_file_with_a_checksum(
    build: Build, web: tuple[str, Path, list[str]], place: Path
) -> None:
    url, directory, asked = web
    (directory / "f.txt").write_text("content\n")
    digest = hashlib.sha256(b"content\n").hexdigest()
    text = f"FROM scratch AS out\nADD --checksum=sha256:{digest} {url}/f.txt /d/\n"
    build(text)
    assert tree(place / "out") == {"d/f.txt": "content\n"}
    assert stat.S_IMODE((place / "out" / "d" / "f.txt").stat().st_mode) == 0o600
    build(text)
    assert len(asked) == 1
    with pytest.raises(
        ContainerfileError, match=rf"has the checksum sha256:{digest}, not sha256:0+"
    ):
        build(text.replace(digest, "0" * 64))


def test_the_containerfile_s_own_ignore_file(build: Build, place: Path) -> None:
    context = place / "context"
    (context / "other.Dockerfile").write_text(
        f"FROM {BASE} AS made\nRUN --mount=target=/c mkdir /o; ls /c > /o/f\n"
        f"COPY --link . /o/d/\n{OUT}"
    )
    (context / "other.Dockerfile.dockerignore").write_text("*\n!keep\n")
    (context / ".dockerignore").write_text("keep\n")
    (context / "keep").write_text("1")
    build(containerfile=context / "other.Dockerfile")
    assert tree(place / "out") == {"f": "keep\n", "d/keep": "1"}


def test_a_build_context_with_a_name(build: Build, place: Path) -> None:
    more = place / "more"
    more.mkdir()
    (more / "f").write_text("1")
    text = (
        f"FROM {BASE} AS made\n"
        "RUN --mount=from=more,target=/c,rw mkdir /o; cp /c/f /o; touch /c/x\n"
        f"COPY --link --from=more f /o/g\n{OUT}"
    )
    build(text, build_contexts=(("more", str(more)),))
    assert tree(place / "out") == {"f": "1", "g": "1"}
    assert tree(more) == {"f": "1"}
    (more / "f").write_text("2")
    build(text, build_contexts=(("more", str(more)),))
    assert tree(place / "out") == {"f": "2", "g": "2"}


def test_an_image_from_elsewhere_whose_name_has_an_argument(build: Build, place: Path) -> None:
    text = "ARG V=1\nARG I=nosuch:${V}\nFROM $I AS made\nRUN mkdir /o; echo 1 > /o/f\n" + OUT
    build(text, build_contexts=(("nosuch:1", f"container-image://{BASE}"),))
    assert tree(place / "out") == {"f": "1\n"}


def test_a_build_context_in_the_place_of_a_stage(build: Build, place: Path) -> None:
    more = place / "more"
    more.mkdir()
    (more / "f").write_text("1")
    text = (
        "FROM scratch AS tool\nADD https://nowhere.invalid/x.git?ref=v1 /\n"
        f"FROM {BASE} AS made\nCOPY --link --from=tool f /o/\n"
        f"RUN --mount=from=tool,target=/c cp /c/f /o/g\n{OUT}"
    )
    build(text, build_contexts=(("tool", str(more)),))
    assert tree(place / "out") == {"f": "1", "g": "1"}


# --- what the engine makes to mount on ----------------------------------------------------------


def test_nothing_of_the_engine_comes_out(build: Build, place: Path) -> None:
    build(f"FROM {BASE} AS out\nRUN --mount=target=/m/n true\nRUN test ! -e /m\n")
    assert not {"m", "run"} & {path.name for path in (place / "out").iterdir()}
    assert {path.name for path in (place / "out" / "etc").iterdir()} == {"group", "passwd"}


@pytest.mark.parametrize("made", ["mkdir -p /m/d && touch /m/d/f", "ln -s home /m"])
def test_what_is_mounted_on_is_there_afterwards(build: Build, place: Path, made: str) -> None:
    build(
        f"FROM {BASE} AS made\nRUN mkdir /o && {made}\n"
        "RUN --mount=target=/m true\n"
        "RUN find /m /m/ | sort > /o/found; readlink /m > /o/link; true\n"
        f"{OUT}"
    )
    found = (place / "out" / "found").read_text().split()
    link = (place / "out" / "link").read_text()
    assert (found, link) == (
        (["/m", "/m/", "/m/tester"], "home\n")
        if made.startswith("ln")
        else (["/m", "/m/", "/m/d", "/m/d", "/m/d/f", "/m/d/f"], "")
    )


def test_what_a_build_adds_is_one_layer_with_squash(
    engine: Engine, base_image: Image, building: RewriteOptions, place: Path
) -> None:
    text = (
        f"FROM {BASE} AS a\nRUN mkdir /d && echo 1 > /d/f && echo 1 > /gone && echo 1 > /g\n"
        "COPY --chmod=600 Dockerfile /d/copied\n"
        "FROM a AS out\nRUN ln /d/f /d/linked && rm -r /gone /home && chmod 700 /d && echo 2 > /g\n"
        "WORKDIR /w\n"
    )
    (place / "context" / "Dockerfile").write_text(text)
    step, trees = replace(LIKE, context=place / "context"), []
    for squash in (True, False):
        image = build_image(replace(step, squash=squash), engine, Recorder().reporter, building)
        added = len(image.layers) - len(base_image.layers)
        assert added == 1 if squash else added > 1
        files = place / f"files-{squash}"
        files.mkdir()
        engine.copy_image(image, (), files)
        trees.append(described(files))
    squashed, plain = trees
    assert {name: found[:3] for name, found in squashed.items()} == {
        name: found[:3] for name, found in plain.items()
    }
    assert squashed["d/f"] == squashed["d/linked"]
    assert "gone" not in squashed
    assert "home" not in squashed

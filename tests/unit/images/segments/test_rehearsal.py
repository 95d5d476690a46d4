"""What docker refuses is refused before the engine has done anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rootless_build.model.errors import ContainerfileError, ImageBuildError, ImageNotFoundError
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from tests.unit.images.segments.storage import EMPTY, Storage, build


@pytest.fixture
def storage() -> Storage:
    made = Storage()
    made.has("base")
    return made


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("EXPOSE foo", "foo is no port"),
        ("STOPSIGNAL NOPE", "NOPE is no signal"),
        ("ENV A=${B:?no}", "no"),
        ("COPY --from=$X f /", "--from=$X: a variable can't stand there"),
        ("COPY --from=7 f /", "there is no stage 7 before this one"),
        ("COPY --from=More f /", "'More' is no image's name: it has to be in lower case"),
        ("COPY --chmod=zz f /", "--chmod=zz is neither"),
        ("COPY --link --chown=joe f /", "no file system yet in which joe"),
        ("RUN --mount=from=$X,target=/x a", "from=$X of a mount: a variable can't stand there"),
        ("RUN --mount=from=7,target=/x a", "there is no stage 7 before this one"),
        ("ADD --checksum=sha256:aa f /", "--checksum is for one source"),
        ("ADD https://x/y.git?nothing=1 /", "nothing"),
    ],
)
def test_nothing_was_run(storage: Storage, tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(ContainerfileError) as refused:
        build(storage, BuildImage(tmp_path), f"FROM base\nRUN sleep 1\n{line}\n")
    assert refused.value.message.startswith("Dockerfile:3:1: ")
    assert words in refused.value.message
    assert not storage.runs


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A context with a file, a directory with two, a file that is ignored and a link to nothing."""
    for name in ("f", "d/a", "d/b", "other/g", "ignored/f"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "nowhere").symlink_to("nothing")
    (tmp_path / ".dockerignore").write_text("ignored\n")
    return tmp_path


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("COPY none /", "none is not there, in "),
        ("COPY f none d /x/", "none is not there, in "),
        ("ADD none /", "none is not there, in "),
        ("COPY d/none /", "d/none is not there, in "),
        ("COPY f/none /", "f/none is not there, in "),
        ("COPY nowhere /", "nowhere is not there, in "),
        ("COPY none/x* /", "/none is not there"),
        ("COPY now* /", "nowhere is not there, in "),
        ("COPY --parents none /", "none is not there"),
        ("COPY --parents d/./none /", "none is not there"),
        ("COPY ignored /", "ignored is excluded by the ignore file"),
        ("COPY ignored/f /", "ignored/f is excluded by the ignore file"),
        ("COPY --from=c none /", "none is not there, in "),
        ("COPY --from=c f /", "f is not there, in "),
        ("COPY <<a/b /\na/b", "a heredoc can't be called a/b"),
        ("RUN --mount=source=none,target=/x a", "none is not there, in "),
        ("RUN --mount=type=cache,source=none,target=/x a", "has no none in it"),
        ("RUN --mount=source=ignored,target=/x a", "ignored is excluded by the ignore file"),
        ("RUN --mount=source=nowhere,target=/x a", "nowhere is not there, in "),
        ("RUN --mount=from=c,source=f,target=/x a", "f is not there, in "),
    ],
)
def test_files_of_contexts_are_looked_for(
    storage: Storage, context: Path, line: str, words: str
) -> None:
    step = BuildImage(context, build_contexts=(("c", str(context / "other")),))
    with pytest.raises(ContainerfileError) as refused:
        build(storage, step, f"FROM base\nRUN sleep 1\n{line}\n")
    assert refused.value.message.startswith(f"Dockerfile:3:1: {line.split(maxsplit=1)[0]} ")
    assert words in refused.value.message
    assert not storage.runs


@pytest.mark.parametrize(
    "line",
    [
        "COPY f d/* /x/",
        "COPY . /x/",
        "COPY z* /",
        "COPY --parents d/./a /x/",
        "COPY --parents d/z* /x/",
        "COPY --from=c g /",
        "COPY --from=c / /x/",
        "RUN --mount=source=d,target=/x a",
        "RUN --mount=type=secret,id=none,target=/x a",
    ],
)
def test_what_is_there_is_built(storage: Storage, context: Path, line: str) -> None:
    step = BuildImage(context, build_contexts=(("c", str(context / "other")),))
    build(storage, step, f"FROM base\nRUN sleep 1\n{line}\n")
    assert storage.runs


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_can_not_be_looked_at_is_left_to_those_who_copy(
    storage: Storage, context: Path
) -> None:
    (context / "d").chmod(0)
    try:
        with pytest.raises(ImageBuildError, match=r"Dockerfile:3: COPY d/a / failed: .*Permission"):
            build(storage, BuildImage(context), "FROM base\nRUN a\nCOPY d/a /\n")
    finally:
        (context / "d").chmod(0o755)


def test_a_stage_that_comes_later_is_rehearsed_too(storage: Storage, tmp_path: Path) -> None:
    text = "FROM base AS a\nRUN a\nFROM scratch\nUSER joe\nWORKDIR /w\nCOPY --from=a f /\n"
    with pytest.raises(ContainerfileError, match=r"Dockerfile:5:1: WORKDIR /w: .* joe"):
        build(storage, BuildImage(tmp_path), text)
    assert not storage.runs


def test_a_stage_that_nothing_needs_is_not(storage: Storage, tmp_path: Path) -> None:
    build(storage, BuildImage(tmp_path), "FROM base AS a\nEXPOSE foo\nFROM base\nRUN a\n")
    assert len(storage.runs) == 1


@pytest.mark.parametrize(
    ("trigger", "words"),
    [("FROM x", "FROM can't be the trigger"), ("COPY --nix f /", "no flag --nix")],
)
def test_triggers_are_checked(storage: Storage, tmp_path: Path, trigger: str, words: str) -> None:
    storage.has("asks", replace(EMPTY, triggers=(trigger,)))
    with pytest.raises(ContainerfileError, match=words) as refused:
        build(
            storage, BuildImage(tmp_path), "FROM base AS a\nRUN a\nFROM asks\nCOPY --from=a f /\n"
        )
    assert refused.value.message.startswith("ONBUILD of asks:1:")
    assert not storage.runs


@pytest.mark.parametrize(
    "other",
    [
        "FROM base AS a\nCOPY app/f /\n",
        "FROM base AS a\nRUN --mount=source=app,target=/a a\n",
        "FROM base AS a\nARG D=app\nRUN --mount=type=bind,source=/$D/f,target=/a a\n",
    ],
)
def test_of_a_context_there_is_what_the_build_names(
    storage: Storage, tmp_path: Path, other: str
) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "f").touch()
    text = "FROM scratch\nCOPY app/opt* /x/\n"
    with pytest.raises(ContainerfileError, match=r"COPY app/opt\* /x/: "):
        build(storage, BuildImage(tmp_path), text)
    build(storage, BuildImage(tmp_path), f"{other}{text}RUN --mount=from=a,target=/a a\n")


def test_of_a_named_context_too(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "c" / "app").mkdir(parents=True)
    (tmp_path / "c" / "app" / "f").touch()
    step = BuildImage(tmp_path, build_contexts=(("c", str(tmp_path / "c")),))
    text = "FROM scratch\nCOPY --from=c app/opt*"
    with pytest.raises(ContainerfileError, match=r"app/opt\*"):
        build(storage, step, f"{text} /x/\nCOPY --from=c app/f /\n")
    build(storage, step, f"{text} app/f /x/\n")


@pytest.mark.parametrize(
    "line", ["COPY --from=biulder f /", "RUN --mount=from=biulder,target=/x a", "FROM biulder"]
)
def test_a_stage_that_is_misspelt_is_named_with_its_line(
    storage: Storage, tmp_path: Path, line: str
) -> None:
    text = f"FROM base AS builder\nRUN a\nFROM base\nRUN b\n{line}\n"
    with pytest.raises(ImageNotFoundError) as missing:
        build(storage, BuildImage(tmp_path), text)
    assert str(missing.value).startswith(f"Dockerfile:5: {line}: ")
    assert missing.value.__notes__ == ["the stages are called builder"]
    assert not storage.runs

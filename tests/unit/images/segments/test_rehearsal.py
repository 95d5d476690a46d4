"""What docker refuses is refused before the engine has done anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model.errors import ContainerfileError
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
    text = "FROM scratch\nCOPY --from=c app/opt* /x/\n"
    with pytest.raises(ContainerfileError, match=r"app/opt\*"):
        build(storage, step, f"{text}COPY Dockerfile /app/f\n")
    build(storage, step, f"{text}COPY --from=c app/f /\n")

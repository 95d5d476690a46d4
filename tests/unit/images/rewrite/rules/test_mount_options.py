"""Options of mounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.images.rewrite.features import Answer, Feature
from rootless_build.model.errors import ContainerfileError
from tests.unit.images.rewrite.rewriting import Rewriting, last


@pytest.mark.parametrize(
    ("mount", "becomes"),
    [
        ("type=tmpfs,target=/t,size=2m", "type=tmpfs,target=/t,tmpfs-size=2097152"),
        ("type=tmpfs,target=/t,size=1.5KB", "type=tmpfs,target=/t,tmpfs-size=1536"),
        ("type=tmpfs,target=/t,size=10", "type=tmpfs,target=/t,tmpfs-size=10"),
        ("type=cache,target=/c,sharing=private", "type=cache,target=/c"),
        ("type=cache,target=/c,sharing=LOCKED", "type=cache,target=/c"),
        ("type=cache,target=/c,ro=false", "type=cache,target=/c,rw"),
        ("type=cache,target=/c,readwrite=0", "type=cache,target=/c,ro"),
    ],
)
def test_they_are_what_the_engine_knows(tmp_path: Path, mount: str, becomes: str) -> None:
    answers = {Feature.MOUNT_TMPFS_SIZE: Answer(exact=True, day="2026-11-30")}
    made = last(tmp_path, f"RUN --mount={mount} a", answers=answers)
    assert made == [f"RUN --mount={becomes} a"]


def test_caches_are_locked_by_their_names(tmp_path: Path) -> None:
    run = (
        "RUN --mount=type=cache,target=/c,sharing=locked --mount=type=cache,target=/d"
        " --mount=type=cache,target=/e,id=x,sharing=private a"
    )
    assert Rewriting(tmp_path, f"FROM base\n{run}\n").work.locked == ["/c", "x"]


def test_an_engine_on_another_host_locks_them(tmp_path: Path) -> None:
    made = Rewriting(
        tmp_path,
        "FROM base\nRUN --mount=type=cache,target=/c,sharing=private a\n",
        locks=False,
    )
    assert made.lines == ["RUN --mount=type=cache,target=/c,sharing=locked a"]
    assert made.work.locked == []


@pytest.mark.parametrize(
    ("mount", "feature", "words"),
    [
        ("type=tmpfs,target=/t,size=2m", Feature.MOUNT_TMPFS_SIZE, "all of the memory"),
        (
            "type=cache,target=/c,uid=5",
            Feature.MOUNT_OWNER,
            "the cache mount may",
        ),
        (
            "type=secret,id=s,mode=0444",
            Feature.MOUNT_OWNER,
            "the secret mount may",
        ),
    ],
)
def test_what_nothing_can_stand_for_has_to_be_shown(
    tmp_path: Path, mount: str, feature: Feature, words: str
) -> None:
    run = f"RUN --mount={mount} a"
    with pytest.raises(ContainerfileError, match=words):
        last(tmp_path, run)
    otherwise = {feature: Answer(exact=False, day="2026-11-30")}
    with pytest.raises(ContainerfileError, match="when it was asked on 2026-11-30"):
        last(tmp_path, run, answers=otherwise)
    assert last(tmp_path, run, allow=True)


def test_a_plan_says_that_the_engine_will_be_asked(tmp_path: Path) -> None:
    run = "FROM base\nRUN --mount=type=ssh,uid=5 a\n"
    told = Rewriting(tmp_path, run, explain=True).normal
    assert told is not None
    assert [(each.differs, each.refused) for each in told.rewrites] == [("", False)]
    assert "a build asks it" in told.rewrites[0].why


def test_a_size_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ContainerfileError, match="much is no size"):
        last(tmp_path, "RUN --mount=type=tmpfs,target=/t,size=much a")


def test_a_cache_that_starts_with_files_needs_leave(tmp_path: Path) -> None:
    line = "RUN --mount=type=cache,target=/c,from=base,source=/x a"
    with pytest.raises(ContainerfileError, match="without the files of base"):
        last(tmp_path, line)
    assert last(tmp_path, line, allow=True) == ["RUN --mount=type=cache,target=/c a"]

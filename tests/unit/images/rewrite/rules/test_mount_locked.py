"""Locked caches beside others."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.model.errors import ContainerfileError
from tests.unit.images.rewrite.rewriting import last, same

A, B, C = (f"--mount=type=cache,target=/{name},id={name}" for name in "abc")
LOCKED = ",sharing=locked"


@pytest.mark.parametrize(
    ("mounts", "becomes"),
    [
        (f"{A}{LOCKED} {B}", f"{B} --mount=type=cache,target=/a,id=a,sharing=locked"),
        (f"{A}{LOCKED} {B}{LOCKED}", f"{A} {B}{LOCKED}"),
        (f"{B}{LOCKED} {A}{LOCKED} {C}", f"{A} {C} {B}{LOCKED}"),
    ],
)
def test_one_is_locked_and_the_last(tmp_path: Path, mounts: str, becomes: str) -> None:
    def order(line: str) -> list[list[str]]:
        return [sorted(word.removeprefix("--mount=").split(",")) for word in line.split()[1:-1]]

    made, _ = last(tmp_path, f"RUN {mounts} x\nRUN {mounts} y")
    assert order(made) == order(f"RUN {becomes} x")


def test_one_that_is_last_or_alone_stays(tmp_path: Path) -> None:
    assert same(tmp_path, f"RUN {A}{LOCKED} x")
    assert same(tmp_path, f"RUN {A} {B}{LOCKED} x")


def test_nobody_waits_where_no_later_step_locks(tmp_path: Path) -> None:
    assert same(tmp_path, f"RUN {A}{LOCKED} {B}{LOCKED} x\nRUN {A} y")


@pytest.mark.parametrize(
    "text",
    [
        f"RUN {A}{LOCKED} {B}{LOCKED} x\nRUN {B}{LOCKED} {C}{LOCKED} y",
        f"RUN {A}{LOCKED} --mount=type=cache,target=/a/b,id=0 x\nRUN {A}{LOCKED} y",
    ],
)
def test_what_one_lock_can_t_keep_apart_needs_leave(tmp_path: Path, text: str) -> None:
    with pytest.raises(ContainerfileError, match="builds at once may use the caches a"):
        last(tmp_path, text)
    assert last(tmp_path, text, allow=True)

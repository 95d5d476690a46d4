"""A secret at several places, with other modes and owners."""

from __future__ import annotations

from pathlib import Path

from rootless_build.images.rewrite.features import Answer, Feature
from tests.unit.images.rewrite.rewriting import last, same

SHOWN = {Feature.MOUNT_OWNER: Answer(exact=True, day="2026-11-30")}

A = "--mount=type=secret,id=s"


def test_each_mode_has_a_secret_of_its_own(tmp_path: Path) -> None:
    made = last(
        tmp_path,
        f"RUN {A} {A},target=/a,mode=0440 {A},target=/b,mode=0440 {A},mode=0400 cat /a",
        answers=SHOWN,
    )[-1]
    assert made == (
        f"RUN {A} --mount=type=secret,target=/a,id=s-rbuild-1,mode=0440"
        " --mount=type=secret,target=/b,id=s-rbuild-1,mode=0440"
        " --mount=type=secret,target=/run/secrets/s,id=s-rbuild-2,mode=0400 cat /a"
    )


def test_a_mode_that_is_alone_needs_none(tmp_path: Path) -> None:
    run = f"RUN {A},mode=0440 --mount=type=secret,id=t,mode=0400 {A},target=/b,mode=0440 cat /b"
    assert same(tmp_path, run, answers=SHOWN)

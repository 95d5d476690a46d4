"""Targets of mounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.images.containerfile.stages import Image
from rootless_build.model.errors import ContainerfileError
from tests.unit.images.rewrite.rewriting import last, same

IN_W = {"base": Image(working_directory="/w")}


@pytest.mark.parametrize(
    ("before", "mount", "becomes"),
    [
        ("", "type=tmpfs,target=t", "type=tmpfs,target=/w/t"),
        ("WORKDIR /a", "type=tmpfs,dst=../t", "type=tmpfs,target=/t"),
        ("WORKDIR b", "type=tmpfs,target=.", "type=tmpfs,target=/w/b"),
        ("ENV D=/d\nWORKDIR $D", "type=tmpfs,target=${D}/x", "type=tmpfs,target=/d/x"),
        ("ARG D=d", "type=tmpfs,target=${D}/x", "type=tmpfs,target=/w/d/x"),
        ("", "type=cache,id=i,target=c", "type=cache,target=/w/c,id=i"),
        ("", "type=cache,target=c/../d", "type=cache,target=/w/d,id=d"),
    ],
)
def test_they_are_absolute(tmp_path: Path, before: str, mount: str, becomes: str) -> None:
    made = last(tmp_path, f"{before}\nRUN --mount={mount} a\nCOPY --link a /", images=IN_W)
    assert made[-2] == f"RUN --mount={becomes} a"


def test_without_one_it_is_the_working_directory(tmp_path: Path) -> None:
    assert last(tmp_path, "RUN --mount=type=tmpfs a", images=IN_W) == [
        "RUN --mount=type=tmpfs,target=/w a"
    ]
    assert last(tmp_path, "RUN --mount=type=tmpfs a", "buildah 1.44.0", images=IN_W) == [
        "RUN --mount=type=tmpfs,target=/w a"
    ]


def test_secrets_have_a_target_of_their_own(tmp_path: Path) -> None:
    assert same(tmp_path, "RUN --mount=type=secret,id=a --mount=type=ssh b")


def test_an_unknown_working_directory(tmp_path: Path) -> None:
    with pytest.raises(ContainerfileError, match="WORKDIR of the base image"):
        last(tmp_path, "RUN --mount=type=tmpfs,target=t a", images={})
    made = last(tmp_path, "WORKDIR /w\nRUN --mount=type=tmpfs,target=t a", images={})
    assert made[-1] == "RUN --mount=type=tmpfs,target=/w/t a"


@pytest.mark.parametrize("mount", ["type=tmpfs", "type=tmpfs,target=/", "type=cache,target=../.."])
def test_the_root_can_t_be_one(tmp_path: Path, mount: str) -> None:
    with pytest.raises(ContainerfileError, match="can't have / as its target"):
        last(tmp_path, f"RUN --mount={mount} a")


def test_the_classic_builder_has_no_mounts(tmp_path: Path) -> None:
    with pytest.raises(ContainerfileError, match="RUN --mount can't be done"):
        last(tmp_path, "RUN --mount=type=cache,target=/c a", "docker-classic 20.10.24")

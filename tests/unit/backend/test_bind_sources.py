"""Sources of bind mounts: with real engines, rootless_build/testing/contract/test_mounts.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rootless_build.backend.bind_sources import make_sources, refuse_sources
from rootless_build.model.errors import StepFailedError, UnsupportedError
from rootless_build.model.plan import BindMount, RunContainer, VolumeMount


def step(*mounts: BindMount | VolumeMount) -> RunContainer:
    return RunContainer("dev", mounts=mounts)


def test_what_is_missing_is_made_and_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    make_sources(
        step(
            BindMount(tmp_path / "a/b", "/a"),
            BindMount(tmp_path / "file", "/f", create_source=False),
            VolumeMount("/v", "v"),
        )
    )
    assert (tmp_path / "a/b").is_dir()
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("file/below", "Not a directory"),
        ("dangling", "File exists"),
        ("n" * 300, "File name too long"),
        pytest.param(
            "private/below",
            "Permission denied",
            marks=pytest.mark.skipif(os.getuid() == 0, reason="root may look at everything"),
        ),
    ],
)
def test_what_can_not_be_made_is_named_with_the_reason(tmp_path: Path, path: str, why: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "private").mkdir(mode=0)
    with pytest.raises(StepFailedError) as caught:
        make_sources(step(BindMount(tmp_path / path, "/m")))
    assert caught.value.status == 125
    assert caught.value.message == (
        f"{tmp_path / path} cannot be mounted at /m: it does not exist and can't be made: {why}"
    )


def test_an_engine_elsewhere_has_no_use_for_directories_of_this_host(tmp_path: Path) -> None:
    refuse_sources(step(VolumeMount("/v", "v")), "the podman at X", "unset IT")
    with pytest.raises(UnsupportedError) as caught:
        refuse_sources(step(BindMount(tmp_path, "/m")), "the podman at X", "unset IT")
    assert "the podman at X does not see this host's files" in caught.value.message
    assert caught.value.hint == "unset IT, or run without the bind mount (BIND_DIR=)"

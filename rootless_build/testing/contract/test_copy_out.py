"""Files that are brought out of a container that has ended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rootless_build.backend.api import Engine, Image, Stdio
from rootless_build.model.plan import RunContainer, VolumeMount
from rootless_build.testing.base_root import BASE
from rootless_build.testing.cases import sh
from rootless_build.testing.recorder import Recorder

BUNDLES = """
    mkdir -p /src/bundles/1.0/binary && cd /src/bundles && ln -s 1.0 latest && cd 1.0/binary
    printf '\\0\\1\\2' > tool-1.0 && chmod 0755 tool-1.0 && ln -s tool-1.0 tool
    echo secret > private && chmod 0600 private && chown 1000:1000 private
    ln -s /nowhere/at/all broken && : > 'ünï code' && mkdir -m 0750 empty
    touch -d '2020-01-02 03:04:05' tool-1.0
"""


def run_and_copy(
    engine: Engine, image: Image, step: RunContainer, path: str, destination: Path
) -> bool:
    with engine.container(step, image) as container:
        container.run(Recorder().reporter, Stdio.CLOSED)
        return container.copy_out(path, destination)


@pytest.mark.parametrize("anonymous", [False, True])
def test_a_directory_comes_out_as_it_is(
    engine: Engine, base_image: Image, tmp_path: Path, *, anonymous: bool
) -> None:
    mounts = (VolumeMount("/src/bundles"),) if anonymous else ()
    step = RunContainer(BASE, sh(BUNDLES), mounts=mounts)
    assert run_and_copy(engine, base_image, step, "/src/bundles", tmp_path)
    binary = tmp_path / "1.0/binary"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.0", "latest"]
    assert sorted(path.name for path in binary.iterdir()) == sorted(
        ["tool-1.0", "tool", "private", "broken", "ünï code", "empty"]
    )
    assert str((tmp_path / "latest").readlink()) == "1.0"
    assert str((binary / "broken").readlink()) == "/nowhere/at/all"
    tool = binary / "tool"
    assert tool.read_bytes() == b"\0\1\2"
    assert (tool.stat().st_mode & 0o777, tool.stat().st_mtime) == (0o755, 1577934245)
    assert (binary / "private").read_text() == "secret\n"
    assert (binary / "private").stat().st_mode & 0o777 == 0o600
    assert (binary / "empty").stat().st_mode & 0o777 == 0o750
    assert {path.lstat().st_uid for path in tmp_path.rglob("*")} == {os.getuid()}


def test_a_path_is_taken_from_the_working_directory(
    engine: Engine, base_image: Image, tmp_path: Path
) -> None:
    step = RunContainer(BASE, sh("mkdir -p out && echo x > out/file"), working_directory="/a dir")
    assert run_and_copy(engine, base_image, step, "out", tmp_path)
    assert (tmp_path / "file").read_text() == "x\n"


def test_a_container_that_failed_can_be_copied_from(
    engine: Engine, base_image: Image, tmp_path: Path
) -> None:
    step = RunContainer(BASE, sh("mkdir /out && echo x > /out/file; exit 7"))
    assert run_and_copy(engine, base_image, step, "/out", tmp_path)
    assert (tmp_path / "file").exists()


@pytest.mark.parametrize("path", ["/not/there", "/etc/passwd"])
def test_what_is_no_directory_is_not_copied(
    engine: Engine, base_image: Image, tmp_path: Path, path: str
) -> None:
    assert not run_and_copy(engine, base_image, RunContainer(BASE, ("true",)), path, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_directory_is_one(engine: Engine, base_image: Image, tmp_path: Path) -> None:
    assert run_and_copy(engine, base_image, RunContainer(BASE, sh("mkdir /out")), "/out", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_a_directory_is_followed(
    engine: Engine, base_image: Image, tmp_path: Path
) -> None:
    step = RunContainer(BASE, sh("mkdir /real && echo x > /real/file && ln -s real /out"))
    assert run_and_copy(engine, base_image, step, "/out", tmp_path)
    assert (tmp_path / "file").exists()

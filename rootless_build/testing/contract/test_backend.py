"""What a backend says without running anything: its probe, and steps as commands."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from rootless_build.backend.api import Backend, EngineSettings, Image
from rootless_build.model.plan import (
    BindMount,
    BuildImage,
    HostCommand,
    RemoveVolume,
    RunContainer,
    VolumeMount,
)
from rootless_build.testing.base_root import BASE
from rootless_build.testing.cases import sh


@pytest.fixture
def no_engine(tmp_path: Path) -> EngineSettings:
    """Settings of a host where nothing has been looked at."""
    return EngineSettings(tmp_path, tmp_path)


def test_a_backend_has_the_name_of_its_entry_point(backend: Backend, backend_name: str) -> None:
    assert backend.name == backend_name


def test_a_probe_of_an_engine_that_is_here(backend: Backend, settings: EngineSettings) -> None:
    probe = backend.probe(settings)
    assert probe.usable
    assert probe.version
    assert probe.version[0].isdigit()


def test_a_probe_without_the_program_says_what_to_do(
    backend: Backend, no_engine: EngineSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    probe = backend.probe(no_engine)
    assert not probe.usable
    assert "install" in f"{probe.problem} {probe.hint}"


def test_steps_are_shown_as_commands_where_no_engine_is(
    backend: Backend, no_engine: EngineSettings
) -> None:
    build = BuildImage(Path("/the context"), tags=("dev:1",), build_args=(("A", "b c"),))
    words = [word for argv in backend.commands(build, no_engine) for word in argv]
    assert {"build", "dev:1", "A=b c", "/the context"} <= set(words)
    run = RunContainer(
        "dev:1",
        ("hack/make.sh", "binary"),
        environment=(("KEEPBUNDLE", "1"),),
        mounts=(BindMount(Path("/src/bundles"), "/go/bundles"), VolumeMount("/cache", "kept")),
        privileged=True,
    )
    shown = " ".join(word for argv in backend.commands(run, no_engine) for word in argv)
    for part in ("dev:1", "hack/make.sh", "binary", "KEEPBUNDLE=1", "/src/bundles", "kept"):
        assert part in shown
    assert any(
        "kept" in word
        for argv in backend.commands(RemoveVolume(("kept",)), no_engine)
        for word in argv
    )


def test_a_command_of_the_host_is_not_the_backends(
    backend: Backend, no_engine: EngineSettings
) -> None:
    assert backend.commands(HostCommand("mkdir bundles", Path("/")), no_engine) == ()


def test_the_commands_do_what_the_step_does(
    backend: Backend, settings: EngineSettings, base_image: Image, tmp_path: Path
) -> None:
    """They are pasted, so to speak, into a shell that has rbuild's settings."""
    step = RunContainer(
        BASE,
        sh('echo "$1"; echo "$VALUE" > file; pwd', "two words"),
        environment=(("VALUE", "some, value"),),
        mounts=(BindMount(tmp_path, "/m"),),
        working_directory="/m",
    )
    shown = b""
    for argv in backend.commands(step, settings):
        assert shutil.which(argv[0])
        environment = {**os.environ, **dict(settings.environment)}
        done = subprocess.run(
            argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True
        )
        shown += done.stdout
    assert b"two words\n/m\n" in shown
    assert (tmp_path / "file").read_text() == "some, value\n"

"""What engines answered, kept from run to run."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.backend.api import EngineSettings
from rootless_build.images.asking.identity import identify
from rootless_build.images.asking.memory import Memory
from rootless_build.images.rewrite.features import Answer, Feature
from rootless_build.model.structs import replace
from rootless_build.process import programs

YES = {Feature.MOUNT_OWNER: Answer(exact=True, day="2026-11-30")}
NO = {Feature.MOUNT_TMPFS_SIZE: Answer(exact=False, day="2026-12-01")}


def test_answers_are_kept_and_added_to(tmp_path: Path) -> None:
    Memory(tmp_path / "new", "an engine").add(YES)
    Memory(tmp_path / "new", "an engine").add(NO)
    assert Memory(tmp_path / "new", "an engine").answers() == {**YES, **NO}
    assert Memory(tmp_path / "new", "another").answers() == {}


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"null",
        b"[1]",
        b"\xff\x00",
        b'{"version": 2, "engine": "an engine", "answers": {}}',
        b'{"version": 1, "engine": "another", "answers": {}}',
        b'{"version": 1, "engine": "an engine", "answers": {"MOUNT_OWNER": true}}',
        b'{"version": 1, "engine": "an engine", "answers": {"MOUNT_OWNER": {"exact": 1}}}',
    ],
)
def test_what_is_damaged_was_never_answered(tmp_path: Path, damage: bytes) -> None:
    memory = Memory(tmp_path, "an engine")
    memory.add(YES)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage)
    assert memory.answers() == {}
    memory.add(NO)
    assert memory.answers() == NO


def test_a_question_that_is_asked_no_more_is_forgotten(tmp_path: Path) -> None:
    memory = Memory(tmp_path, "an engine")
    memory.add(YES)
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text().replace("MOUNT_OWNER", "FORMER"))
    assert memory.answers() == {}


def test_a_place_where_nothing_can_be_kept_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    memory = Memory(tmp_path / "file" / "below", "an engine")
    memory.add(YES)
    assert memory.answers() == {}


# --- which engine -------------------------------------------------------------------------------


@pytest.fixture
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name, the only one on PATH."""
    for variable in ("CONTAINER_HOST", "CONTAINER_CONNECTION", "STORAGE_DRIVER"):
        monkeypatch.delenv(variable, raising=False)
    program = tmp_path / "bin" / "podman"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(
        programs, "which", lambda name: each if (each := program.parent / name).exists() else None
    )
    return program


def test_an_engine_stays_the_same(podman: Path, tmp_path: Path) -> None:
    first = identify("podman", "podman 5.4.2", EngineSettings(tmp_path / "1", tmp_path))
    assert podman.name in first
    # The private directory is another in each run.
    assert identify("podman", "podman 5.4.2", EngineSettings(tmp_path / "2", tmp_path)) == first


def test_a_program_that_was_replaced_is_another_engine(podman: Path, tmp_path: Path) -> None:
    settings = EngineSettings(tmp_path, tmp_path)
    first = identify("podman", "podman 5.4.2", settings)
    podman.write_text("#!/bin/sh\n# the same version, built with another library\n")
    second = identify("podman", "podman 5.4.2", settings)
    (podman.parent / "crun").symlink_to(podman)
    assert len({first, second, identify("podman", "podman 5.4.2", settings)}) == 3


@pytest.mark.usefixtures("podman")
def test_what_the_engine_works_with_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = EngineSettings(tmp_path, tmp_path)
    (tmp_path / "storage.conf").write_text('[storage]\ndriver = "vfs"\n')
    other_storage = (("CONTAINERS_STORAGE_CONF", str(tmp_path / "storage.conf")),)
    seen = [
        identify("podman", "podman 5.4.2", plain),
        identify("podman", "podman 5.4.3", plain),
        identify("buildah", "podman 5.4.2", plain),
        identify("podman", "podman 5.4.2", replace(plain, isolation="chroot")),
        identify("podman", "podman 5.4.2", replace(plain, identity="runtime = crun")),
        identify("podman", "podman 5.4.2", replace(plain, environment=other_storage)),
    ]
    monkeypatch.setenv("CONTAINER_HOST", "tcp://elsewhere:1")
    seen.append(identify("podman", "podman 5.4.2", plain))
    assert len(set(seen)) == len(seen)

"""What engines answered is taken for what they would answer, or they are asked.

The storage of these tests has one image; nobody is asked in earnest.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rbuild_containers import told_place
from rbuild_containers.image_store import ContainersStore, containers_store
from rbuild_containers.witness import witness
from rootless_build.backend import answers
from rootless_build.backend.answers import Answers
from rootless_build.backend.api import EngineSettings, Probe
from rootless_build.images.configuration import Configuration
from rootless_build.process import programs
from tests.unit.backends.storage_disk import IMAGE, Disk

NAME = "localhost/built:1"
MISSING = "localhost/missing:1"
SECONDS = 1_000_000_000


class Host:
    """A host with an engine, and what rbuild keeps of its answers."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = place
        self.monkeypatch = monkeypatch
        self.settings = EngineSettings(place / "private", place)
        self.program = place / "bin/podman"
        self.program.parent.mkdir()
        shutil.copy("/bin/true", self.program)
        self.disk = Disk(place / "storage")
        for name in ("CONTAINERS_STORAGE_CONF", "STORAGE_OPTS", "XDG_CONFIG_HOME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PATH", f"{self.program.parent}:/usr/bin:/bin")
        monkeypatch.setenv("HOME", str(place / "home"))
        self.storage_conf = place / "home/.config/containers/storage.conf"
        self.storage_conf.parent.mkdir(parents=True)
        self.storage_conf.write_text('[storage]\ndriver = "overlay"\n')

    def store(self) -> ContainersStore | None:
        return containers_store(self.disk.storage, self._hand_over)

    def _hand_over(self, *_: str, **__: object) -> programs.Completed:
        raise AssertionError("no image is handed over here")

    def answers(self) -> Answers:
        """As a new run has them."""
        shutil.rmtree(self.settings.runtime_directory, ignore_errors=True)
        self.settings.runtime_directory.mkdir()
        return Answers(self.place / "answers.json", witness("podman", self.settings))

    def ask(self, later: float = 60) -> None:
        """A run in which the engine is asked, so many seconds after the last change."""
        made = self.answers()
        images = {NAME: IMAGE, MISSING: None}
        made.learn(self.store, answers.now() + int(later * SECONDS), images)
        made.keep(Probe("4.3.1"))

    def knows(self) -> bool:
        """Whether a run need not ask."""
        found = self.answers().images((NAME, MISSING))
        if found is None:
            return False
        image = found[NAME]
        assert image is not None
        assert (image.id, found[MISSING]) == (IMAGE.id, None)
        return True

    def version(self) -> str | None:
        probe = self.answers().probe
        return probe.version if probe is not None else None


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def test_nobody_is_asked_twice(host: Host) -> None:
    assert not host.knows()
    host.ask()
    assert host.knows()
    assert host.version() == "4.3.1"
    assert told_place.told(host.settings, "podman") == host.disk.storage
    assert told_place.told(host.settings, "buildah") is None
    assert host.answers().images((NAME,)) is not None
    assert host.answers().images((NAME, "localhost/another:1")) is None


def remove_image(host: Host) -> None:
    host.disk.write("images", [])


def name_it_otherwise(host: Host) -> None:
    host.disk.write("images", host.disk.storage.rows("images"))


def add_image(host: Host) -> None:
    host.disk.add_image(Configuration("arm64"))


def remove_layer(host: Host) -> None:
    host.disk.write("layers", host.disk.layers[:1])


def remove_files_of_a_layer(host: Host) -> None:
    (host.disk.storage.root / "overlay/high/diff").rmdir()


def spoil_configuration(host: Host) -> None:
    image = host.disk.storage.record("images").parent / IMAGE.id
    configuration = next(file for file in image.iterdir() if file.name.startswith("="))
    configuration.write_bytes(configuration.read_bytes() + b" ")


def remove_configuration(host: Host) -> None:
    shutil.rmtree(host.disk.storage.record("images").parent / IMAGE.id)


def move_storage(host: Host) -> None:
    root = host.disk.storage.root
    root.rename(root.with_name("moved"))


def begin_anew(host: Host) -> None:
    """What `podman system reset` does, and an equal storage after it."""
    move_storage(host)
    shutil.copytree(host.place / "moved", host.disk.storage.root)


@pytest.mark.parametrize(
    "change",
    [
        *(remove_image, name_it_otherwise, add_image, remove_layer, remove_files_of_a_layer),
        *(spoil_configuration, remove_configuration, move_storage, begin_anew),
    ],
)
def test_the_engine_is_asked_where_its_images_are_not_as_they_were(
    host: Host, change: Callable[[Host], None]
) -> None:
    host.ask()
    assert host.knows()
    change(host)
    assert not host.knows()
    assert host.version() == "4.3.1"


def test_a_container_is_no_other_image(host: Host) -> None:
    """It has a layer of its own on the same record."""
    host.ask()
    host.disk.write("layers", [*host.disk.layers, {"id": "own", "parent": "high"}])
    assert host.knows()


def replace_engine(host: Host) -> None:
    host.program.unlink()
    shutil.copy("/bin/false", host.program)


def rewrite_engine(host: Host) -> None:
    """In place, with the same size and time of change."""
    seen = host.program.stat()
    host.program.write_bytes(host.program.read_bytes())
    os.utime(host.program, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def another_engine_first_on_path(host: Host) -> None:
    other = host.place / "other/podman"
    other.parent.mkdir()
    shutil.copy(host.program, other)
    host.monkeypatch.setenv("PATH", f"{other.parent}:{host.program.parent}:/usr/bin:/bin")


def take_engine_away(host: Host) -> None:
    host.program.unlink()


def set_storage_otherwise(host: Host) -> None:
    host.storage_conf.write_text('[storage]\ndriver = "vfs"\n')


def name_another_configuration(host: Host) -> None:
    host.monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(host.place / "storage.conf"))


def another_home(host: Host) -> None:
    host.monkeypatch.setenv("XDG_DATA_HOME", str(host.place / "data"))


def another_driver(host: Host) -> None:
    host.monkeypatch.setenv("STORAGE_DRIVER", "vfs")


def another_order_of_registries(host: Host) -> None:
    (host.storage_conf.parent / "registries.conf").write_text("")


def another_alias(host: Host) -> None:
    (host.storage_conf.parent / "registries.conf.d").mkdir()
    (host.storage_conf.parent / "registries.conf.d/a.conf").write_text("")


@pytest.mark.parametrize(
    "change",
    [
        *(replace_engine, rewrite_engine, another_engine_first_on_path, take_engine_away),
        *(set_storage_otherwise, name_another_configuration, another_home, another_driver),
        *(another_order_of_registries, another_alias),
    ],
)
def test_another_engine_or_other_settings_are_asked(
    host: Host, change: Callable[[Host], None]
) -> None:
    host.ask()
    assert host.knows()
    change(host)
    assert not host.knows()
    assert host.version() is None
    assert told_place.told(host.settings, "podman") is None


def drop_in(host: Host) -> None:
    (host.storage_conf.parent / "storage.conf.d").mkdir()
    (host.storage_conf.parent / "storage.conf.d/a.conf").write_text("additionalimagestores = []")


def second_place(key: str) -> Callable[[Host], None]:
    def write(host: Host) -> None:
        host.storage_conf.write_text(f'[storage.options]\n{key} = ["/usr/lib/images"]\n')

    write.__name__ = key
    return write


def script(host: Host) -> None:
    host.program.write_text('#!/bin/sh\nexec /usr/bin/podman --root=/elsewhere "$@"\n')


def said_by_a_variable(host: Host) -> None:
    host.monkeypatch.setenv("STORAGE_OPTS", "overlay.imagestore=/usr/lib/images")


@pytest.mark.parametrize(
    "special",
    [
        *map(second_place, ("additionalimagestores", "imagestore", "additionallayerstores")),
        *(script, said_by_a_variable, drop_in),
    ],
)
def test_what_cannot_be_told_from_outside_is_always_asked(
    host: Host, special: Callable[[Host], None]
) -> None:
    special(host)
    host.ask()
    assert not host.knows()
    assert host.version() is None


def test_images_that_are_not_read_where_they_lie_are_always_asked_for(host: Host) -> None:
    (host.disk.storage.root / "overlay/.has-mount-program").write_text("true")
    host.ask()
    assert not host.knows()


def test_what_may_have_changed_while_the_engine_was_asked_is_asked_for_again(host: Host) -> None:
    host.ask(later=0)
    assert not host.knows()
    host.ask(later=-60)
    assert not host.knows()
    host.ask()
    assert host.knows()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 1', "\0"])
def test_a_file_that_is_not_whole_is_no_answer(host: Host, text: str) -> None:
    host.ask()
    (host.place / "answers.json").write_text(text)
    assert not host.knows()
    host.ask()
    assert host.knows()


def test_another_rbuild_asks_itself(host: Host) -> None:
    """It may know that this version is too old."""
    host.ask()
    assert host.knows()
    host.monkeypatch.setattr("rootless_build.__version__", "99")
    assert not host.knows()
    assert host.version() is None


def test_no_value_of_a_variable_is_written_down(host: Host) -> None:
    host.monkeypatch.setenv("CONTAINER_TOKEN", "a-secret")
    host.ask()
    assert host.knows()
    assert "a-secret" not in (host.place / "answers.json").read_text()
    assert (host.place / "answers.json").stat().st_mode & 0o077 == 0


def test_without_a_witness_nothing_is_remembered(host: Host) -> None:
    made = Answers(host.place / "answers.json", None)
    made.learn(host.store, answers.now(), {NAME: IMAGE})
    made.keep(Probe("1"))
    assert made.probe is None
    assert made.images((NAME,)) is None
    assert not (host.place / "answers.json").exists()

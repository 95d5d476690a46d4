"""Volumes: named, anonymous, the image's own."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rootless_build.backend.api import Engine, Image, Stdio
from rootless_build.model.plan import BuildImage, RunContainer, VolumeMount
from rootless_build.testing.base_root import BASE
from rootless_build.testing.cases import Build, Run, sh
from rootless_build.testing.recorder import Recorder


@pytest.fixture
def volume(engine: Engine) -> Iterator[str]:
    """A name for a volume that is gone after the test."""
    name = f"rbuild-test-{secrets.token_hex(4)}"
    yield name
    engine.remove_volume(name)


@pytest.fixture(scope="module")
def volume_image(build: Build, project_image: Image, storage: Path) -> Image:
    """An image as PROJECT, with a VOLUME that has something in it."""
    context = storage / "volume-image"
    context.mkdir()
    text = "FROM localhost/rbuild-test-project\nENTRYPOINT []\nVOLUME /data\n"
    (context / "Dockerfile").write_text(text)
    return build(BuildImage(context))


def with_volume(script: str, mount: VolumeMount) -> RunContainer:
    return RunContainer(BASE, sh(script), (), mounts=(mount,))


def test_a_named_volume_lasts_from_one_container_to_the_next(run: Run, volume: str) -> None:
    mount = VolumeMount("/cache", volume)
    run(with_volume("echo kept > /cache/file", mount))
    assert run(with_volume("cat /cache/file", mount)).text == "kept"


def test_a_removed_volume_starts_empty_again(engine: Engine, run: Run, volume: str) -> None:
    mount = VolumeMount("/cache", volume)
    assert engine.remove_volume(volume) is False
    run(with_volume("mkdir -m 0700 /cache/d && chown -R 1000:1000 /cache/d", mount))
    assert engine.remove_volume(volume) is True
    assert engine.remove_volume(volume) is False
    assert run(with_volume("ls /cache", mount)).text == ""


def test_a_read_only_volume_cannot_be_written(run: Run, volume: str) -> None:
    run(with_volume("echo kept > /cache/file", VolumeMount("/cache", volume)))
    mount = VolumeMount("/cache", volume, read_only=True)
    ran = run(with_volume("cat /cache/file; touch /cache/other || echo refused", mount))
    assert ran.text == "kept\nrefused"


@pytest.mark.parametrize("name", [None, "rbuild-test-copied"])
def test_an_empty_volume_starts_with_what_the_image_has(
    engine: Engine, run: Run, project_image: Image, name: str | None
) -> None:
    script = "stat -c '%a %u %g' /data; cat /data/seed; stat -c %u /data/seed"
    shown = run(with_volume(script, VolumeMount("/data", name)), project_image).text
    if name:
        engine.remove_volume(name)
    assert shown == "750 1000 1000\nfrom the image\n1000"


def test_a_volume_in_use_keeps_what_it_has(run: Run, project_image: Image, volume: str) -> None:
    run(with_volume("echo mine > /cache/seed", VolumeMount("/cache", volume)))
    mount = VolumeMount("/data", volume)
    assert run(with_volume("cat /data/seed", mount), project_image).text == "mine"


def test_a_volume_without_copying_starts_empty(run: Run, project_image: Image, volume: str) -> None:
    mount = VolumeMount("/data", volume, copy=False)
    assert run(with_volume("ls /data", mount), project_image).text == ""


def test_an_anonymous_volume_goes_with_its_container(
    engine: Engine, base_image: Image, seen_on_disk: Callable[[str], bool]
) -> None:
    marker = f"marker-{secrets.token_hex(4)}"
    step = with_volume(f"touch /cache/{marker}", VolumeMount("/cache"))
    with engine.container(step, base_image) as container:
        assert container.run(Recorder().reporter, Stdio.CLOSED).status == 0
        assert seen_on_disk(marker)
    assert not seen_on_disk(marker)


def test_the_images_own_volumes_are_volumes(
    engine: Engine, volume_image: Image, seen_on_disk: Callable[[str], bool]
) -> None:
    assert volume_image.volumes == ("/data",)
    marker = f"marker-{secrets.token_hex(4)}"
    recorder = Recorder()
    script = f"cat /data/seed; touch /data/{marker}; grep -c ' /data ' /proc/mounts"
    with engine.container(RunContainer("volumes", sh(script)), volume_image) as container:
        assert container.run(recorder.reporter, Stdio.CLOSED).status == 0
    assert recorder.stdout == b"from the image\n1\n"
    assert not seen_on_disk(marker)


def test_a_mount_takes_the_place_of_the_images_volume(
    run: Run, volume_image: Image, volume: str
) -> None:
    mount = VolumeMount("/data", volume)
    run(with_volume("echo mine > /data/seed", mount), volume_image)
    assert run(with_volume("cat /data/seed", mount), volume_image).text == "mine"

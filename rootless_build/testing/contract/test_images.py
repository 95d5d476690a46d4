"""Images in storage: found, imported, described."""

from __future__ import annotations

import secrets
import tarfile
from pathlib import Path

import pytest

from rootless_build.backend.api import LABEL_BASE, Engine, Image
from rootless_build.model.errors import ImageNotFoundError, StepFailedError
from rootless_build.model.plan import BuildImage, RunContainer
from rootless_build.testing.base_root import (
    BASE,
    USER,
    add,
    add_directory,
    add_link,
    write_base_root,
)
from rootless_build.testing.cases import Build, Run, sh
from rootless_build.testing.recorder import Recorder


@pytest.mark.parametrize("reference", ["localhost/no-such:1", "no-such", "0" * 64])
def test_an_unknown_image_is_not_found(engine: Engine, reference: str) -> None:
    assert engine.find_image(reference) is None


def test_an_image_is_found_by_name_and_by_id(engine: Engine, base_image: Image) -> None:
    assert engine.find_image(BASE) == base_image
    assert engine.find_image(f"{BASE}:latest") == base_image
    assert engine.find_image(base_image.id) == base_image
    assert engine.find_image(f"sha256:{base_image.id}") == base_image
    assert len(base_image.id) == 64


@pytest.mark.parametrize("tag", ["rbuild-test-dev:1-12-x", "rbuild-test-dev", "a/b-c:HEAD"])
def test_an_image_is_found_by_the_name_the_recipe_gave_it(
    engine: Engine, build: Build, tmp_path: Path, tag: str
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nENV TAG={tag}\n")
    image = build(BuildImage(tmp_path, tags=(tag,)))
    assert engine.find_image(tag) == image


@pytest.mark.parametrize("name", ["rbuild-test-named", "rbuild-test-named:2", "r.example/a/b:1"])
def test_an_image_gets_one_more_name(
    engine: Engine, build: Build, tmp_path: Path, name: str
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nENV NAME={name}\n")
    image = build(BuildImage(tmp_path, tags=("rbuild-test-first",)))
    engine.tag_image(image, name)
    assert engine.find_image(name) == image
    assert engine.find_image("rbuild-test-first") == image
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nENV NAME={name} OTHER=1\n")
    other = build(BuildImage(tmp_path, tags=("rbuild-test-first",)))
    assert engine.find_image(name) == image
    engine.tag_image(other, name)
    assert engine.find_image(name) == other
    with pytest.raises(StepFailedError) as caught:
        engine.tag_image(Image("f" * 64), name)
    assert name in caught.value.message
    assert caught.value.engine_words
    assert engine.find_image(name) == other


def test_an_image_that_cannot_be_pulled(engine: Engine) -> None:
    recorder = Recorder()
    with pytest.raises(ImageNotFoundError) as caught:
        engine.pull_image("localhost/rbuild-no-such:1", recorder.reporter)
    assert caught.value.reference == "localhost/rbuild-no-such:1"
    assert caught.value.engine_words


def test_the_configuration_of_an_image(engine: Engine, build: Build, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"""FROM {BASE}
ENV ONE=1 TWO="two words" EMPTY="" EQUALS="a=b"
LABEL org.example.label="some, text" empty=""
VOLUME ["/one", "/two words"]
WORKDIR /some/where
USER tester:root
ENTRYPOINT ["hack/dind", "an argument"]
CMD ["hack/make.sh", ""]
"""
    )
    image = build(BuildImage(tmp_path))
    assert image.entrypoint == ("hack/dind", "an argument")
    assert image.command == ("hack/make.sh", "")
    assert image.working_directory == "/some/where"
    assert image.user == "tester:root"
    assert set(image.volumes) == {"/one", "/two words"}
    expected = {"ONE": "1", "TWO": "two words", "EMPTY": "", "EQUALS": "a=b"}
    assert expected.items() <= dict(image.environment).items()
    labels = {"org.example.label": "some, text", "empty": ""}
    assert labels.items() <= dict(image.labels).items()
    assert engine.find_image(image.id) == image


def test_an_image_with_nothing_set(base_image: Image) -> None:
    assert base_image.entrypoint == ()
    assert base_image.user == ""
    assert base_image.working_directory == "/"
    assert base_image.volumes == ()


def test_an_imported_root_keeps_owners_modes_and_links(
    engine: Engine, run: Run, tmp_path: Path
) -> None:
    archive = tmp_path / "root file system.tar"
    write_base_root(archive)
    with tarfile.open(archive, "a") as more:
        add_directory(more, "x", 0o2775, USER)
        add(more, "x/setuid", 0o4755)
        add(more, "x/ünï code", 0o640, b"content\n", 42)
        add_link(more, "x/link", "setuid")
    reference = f"localhost/rbuild-test-{secrets.token_hex(4)}:one"
    image = engine.import_root(archive, reference, ((LABEL_BASE, "debian:bookworm, slim"),))
    assert engine.find_image(reference) == image
    assert dict(image.labels)[LABEL_BASE] == "debian:bookworm, slim"
    script = "cd /x; stat -c '%a %u %g %n' . setuid 'ünï code'; readlink link; cat ünï*"
    assert run(RunContainer("imported", sh(script)), image).text.splitlines() == [
        "2775 1000 1000 .",
        "4755 0 0 setuid",
        "640 42 42 ünï code",
        "setuid",
        "content",
    ]


def test_importing_again_moves_the_name(engine: Engine, tmp_path: Path) -> None:
    reference = f"localhost/rbuild-test-{secrets.token_hex(4)}:one"
    ids = []
    for content in (b"first", b"second"):
        archive = tmp_path / "root.tar"
        with tarfile.open(archive, "w") as made:
            add(made, "file", 0o644, content)
        ids.append(engine.import_root(archive, reference, ()).id)
    found = engine.find_image(reference)
    assert found is not None
    assert found.id == ids[1] != ids[0]


def test_several_images_are_found_at_once(engine: Engine, base_image: Image) -> None:
    wanted = (BASE, "localhost/rbuild-test-none", base_image.id, BASE, "rbuild-test-none:x")
    found = engine.find_images(wanted)
    assert [image and image.id for image in found] == [
        *(base_image.id, None, base_image.id, base_image.id, None),
    ]
    assert list(engine.find_images(("rbuild-test-none:x", "rbuild-test-none:y"))) == [None, None]
    assert engine.find_images(()) in ((), [])


def test_an_image_has_layers_and_a_platform(engine: Engine, base_image: Image) -> None:
    assert base_image.layers
    assert base_image.platform.startswith("linux/")
    assert engine.find_images((BASE,))[0] == engine.find_image(BASE)


def test_labels_alone_change_no_layer(build: Build, tmp_path: Path) -> None:
    """What a container sees of an image is known by its layers and configuration."""
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nRUN echo x > /x\n")
    plain = build(BuildImage(tmp_path))
    labelled = build(BuildImage(tmp_path, labels=(("io.rbuild.test", "1"),)))
    assert plain.id != labelled.id
    assert plain.layers == labelled.layers

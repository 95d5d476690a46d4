"""Images read where they lie, and made of layers that the engine has and of others."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import stat
import tarfile
from pathlib import Path

import pytest

from rootless_build.backend.api import Engine, Image, ImageStore, image_store
from rootless_build.images.configuration import (
    LONG_AGO,
    Configuration,
    Healthcheck,
    History,
    final,
    intermediate,
    read,
    scratch,
    with_layers,
)
from rootless_build.images.layers.handover import NewLayer, image_id, write_handover
from rootless_build.model import platforms
from rootless_build.model.errors import ImageBuildError
from rootless_build.model.events import BuildState
from rootless_build.model.plan import BuildImage, Pairs, PullPolicy, RunContainer
from rootless_build.model.structs import replace
from rootless_build.testing.base_root import BASE
from rootless_build.testing.cases import Build, Run, sh
from rootless_build.testing.recorder import Recorder

MOMENT = 1_500_000_000_123_456_789
SHELL = ("/bin/sh", "-c", 'eval "$0" && echo own >> /shell')


@pytest.fixture
def store(engine: Engine) -> ImageStore:
    found = image_store(engine)
    if found is None:
        pytest.skip("images of this engine are not read where they lie")
    return found


@pytest.fixture
def base(store: ImageStore, base_image: Image) -> Configuration:
    content = store.content(base_image)
    assert content is not None
    return read(content.configuration)


def files_of(layer: Path) -> dict[str, str]:
    """What the files of a layer that an engine has hold, by name: a directory, or an archive."""
    if layer.is_dir():
        return {path.name: path.read_text() for path in layer.iterdir() if path.is_file()}
    with tarfile.open(layer) as archive:
        files = [(each.name, archive.extractfile(each)) for each in archive if each.isfile()]
        return {name: file.read().decode() for name, file in files if file is not None}


def layer(directory: Path, **files: str) -> NewLayer:
    """A layer of files in the root directory."""
    tar = directory / secrets.token_hex(8)
    with tarfile.open(tar, "w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    data = tar.read_bytes()
    return NewLayer(hashlib.sha256(data).hexdigest(), len(data), tar)


def hand(store: ImageStore, place: Path, configuration: Configuration, *layers: NewLayer) -> Image:
    directory = place / secrets.token_hex(8)
    directory.mkdir()
    identity = write_handover(directory, configuration, layers)
    image = store.add(directory)
    assert image.id == identity
    return image


def over(base: Configuration, *layers: NewLayer, **settings: str) -> Configuration:
    entries = [History(LONG_AGO, f"COPY {each.digest}") for each in layers]
    environment = (*base.environment, *settings.items())
    made = with_layers(base, [each.digest for each in layers], *entries)
    return intermediate(replace(made, environment=environment))


def made_of(base: Configuration, place: Path, **files: str) -> tuple[Configuration, NewLayer]:
    new = layer(place, **files)
    return over(base, new), new


def show(run: Run, image: Image, script: str) -> str:
    return run(RunContainer("handed over", sh(script), ()), image).text


def test_the_content_of_an_image_is_where_the_engine_keeps_it(
    engine: Engine, store: ImageStore, build: Build, base_image: Image, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nENV A=1\nRUN echo new > /new\n")
    image = build(BuildImage(tmp_path))
    above, below = store.content(image), store.content(base_image)
    assert above is not None
    assert below is not None
    assert hashlib.sha256(above.configuration).hexdigest() == image.id
    # One directory has all files, or each has those of a layer.
    assert len(above.layers) == 1 or above.layers[1:] == below.layers
    assert files_of(above.layers[0])["new"] == "new\n"
    made = read(above.configuration)
    assert tuple(f"sha256:{each}" for each in made.layers) == image.layers
    assert made.environment == image.environment


def test_there_is_no_content_of_an_image_that_is_not_there(store: ImageStore) -> None:
    assert store.content(Image(id="0" * 64)) is None


def test_a_layer_upon_those_that_the_engine_has(
    engine: Engine, store: ImageStore, base: Configuration, run: Run, tmp_path: Path
) -> None:
    first = hand(store, tmp_path, *made_of(base, tmp_path, one="1"))
    content = store.content(first)
    assert content is not None
    below = read(content.configuration)
    second = hand(store, tmp_path, *made_of(below, tmp_path, two="2"))
    assert show(run, second, "cat /one /two; ls -d /bin") == "12/bin"
    assert engine.find_image(second.id) == second
    names = {each.id: each.names for each in engine.stored_images().images}
    assert names[second.id] == ()


def test_a_build_takes_the_image_that_it_is_upon(
    engine: Engine, store: ImageStore, base: Configuration, build: Build, tmp_path: Path
) -> None:
    """It gets no name, and its id is that of its configuration; nothing is asked of a registry."""
    if not store.layout_transport:
        pytest.skip("builds of this engine take no image from a directory")
    configuration, new = made_of(base, tmp_path, one="1")
    layout, context = tmp_path / "layout", tmp_path / "context"
    layout.mkdir()
    context.mkdir()
    identity = write_handover(layout, configuration, [new])
    name = f"{store.layout_transport}{layout}"
    (context / "Dockerfile").write_text(f"FROM {name}\nRUN cat /one > /two\n")
    made = store.content(build(BuildImage(context, pull=PullPolicy.NEVER)))
    taken = store.content(Image(identity))
    assert made is not None
    assert taken is not None
    assert read(taken.configuration).layers == configuration.layers
    assert files_of(made.layers[0])["two"] == "1"
    names = {each.id: each.names for each in engine.stored_images().images}
    assert names[identity] == ()


def test_a_layer_arrives_as_it_is(
    engine: Engine, store: ImageStore, base: Configuration, run: Run, tmp_path: Path
) -> None:
    """Nanoseconds, setuid, hard links, names in bytes, attributes."""
    tar = tmp_path / "tar"
    with tarfile.open(tar, "w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive:
        for each in (
            member("d", tarfile.DIRTYPE, mode=0o1777),
            member("d/setuid", mode=0o6755, size=1),
            # An engine gives the file the mode of the last of its names.
            member("d/hard", tarfile.LNKTYPE, mode=0o6755, linkname="d/setuid"),
            member("d/soft", tarfile.SYMTYPE, linkname="no/where"),
            member("d/pipe", tarfile.FIFOTYPE, mode=0o600),
            member(f"d/{'n' * 200}"),
            member("d/\udcff"),
            member("d/attribute", attributes=(("SCHILY.xattr.user.a", "b"),)),
        ):
            archive.addfile(each, io.BytesIO(b"x" * each.size))
    data = tar.read_bytes()
    new = NewLayer(hashlib.sha256(data).hexdigest(), len(data), tar)
    image = hand(store, tmp_path, over(base, new), new)
    script = "stat -c %a /d /d/setuid; readlink /d/soft; ls /d | wc -l"
    assert show(run, image, script).split() == ["1777", "6755", "no/where", "7"]
    content = store.content(image)
    assert content is not None
    if store.archives:
        assert content.layers[0].read_bytes() == data
        return
    place = content.layers[0] / "d"
    assert {path.lstat().st_mtime_ns for path in (place, *place.iterdir())} == {MOMENT}
    assert stat.filemode(place.stat().st_mode) == "drwxrwxrwt"
    assert stat.filemode((place / "setuid").stat().st_mode) == "-rwsr-sr-x"
    assert (place / "hard").samefile(place / "setuid")
    assert (place / "soft").readlink() == Path("no/where")
    assert (place / "pipe").is_fifo()
    assert (place / "\udcff").is_file()
    assert os.getxattr(place / "attribute", "user.a") == b"b"


def member(
    name: str,
    kind: bytes = tarfile.REGTYPE,
    *,
    mode: int = 0o644,
    size: int = 0,
    linkname: str = "",
    attributes: Pairs = (),
) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.mode, found.size, found.linkname = kind, mode, size, linkname
    found.pax_headers = {"mtime": f"{MOMENT // 10**9}.{MOMENT % 10**9}", **dict(attributes)}
    return found


def test_the_same_content_is_the_same_image(
    engine: Engine, store: ImageStore, base: Configuration, tmp_path: Path
) -> None:
    configuration, new = made_of(base, tmp_path, same="x")
    first = hand(store, tmp_path, configuration, new)
    before = engine.image_ids()
    again, same = made_of(base, tmp_path, same="x")
    assert hand(store, tmp_path, again, same) == first
    assert first.id == image_id(configuration)
    assert engine.image_ids() == before


@pytest.mark.parametrize("count", [0, 1, 30])
def test_an_image_upon_none(store: ImageStore, tmp_path: Path, count: int) -> None:
    layers = [layer(tmp_path, **{f"f{number}": str(number)}) for number in range(count)]
    own = scratch(platforms.parse(platforms.host()))
    image = hand(store, tmp_path, over(own, *layers, A="ä=\udcff"), *layers)
    content = store.content(image)
    assert content is not None
    assert len(content.layers) in {count, min(count, 1)}
    files = {name for each in content.layers for name in files_of(each)}
    assert files == {f"f{number}" for number in range(count)}
    assert dict(image.environment)["A"] == "ä=\ufffd"


def test_the_same_layer_twice(
    store: ImageStore, base: Configuration, run: Run, tmp_path: Path
) -> None:
    """Also where it is upon another layer than before, and one that has nothing in it."""
    one, two = layer(tmp_path, one="1"), layer(tmp_path, two="2")
    nothing = tmp_path / "nothing"
    nothing.write_bytes(bytes(1024))
    empty = NewLayer(hashlib.sha256(bytes(1024)).hexdigest(), 1024, nothing)
    layers = (one, empty, two, one, empty, one)
    image = hand(store, tmp_path, over(base, *layers), one, two, empty)
    assert show(run, image, "cat /one /two") == "12"
    image = hand(store, tmp_path, over(base, two, one))
    assert show(run, image, "cat /one /two") == "12"


def test_what_is_set_holds_for_what_is_built_on_it(
    store: ImageStore, base: Configuration, build: Build, run: Run, tmp_path: Path
) -> None:
    made = final(
        replace(
            base,
            shell=SHELL,
            user="0:7",
            working_directory="/tmp",
            entrypoint=("/bin/sh", "-c"),
            command=("id -g; pwd",),
            volumes=("/v",),
            ports=("80/tcp",),
            labels=(("l", ""), ("m", "x y")),
            triggers=("RUN echo triggered > /trigger",),
            healthcheck=Healthcheck(
                ("CMD", "t"), interval=5 * 10**9, start_period=7 * 10**9, retries=2
            ),
            stop_signal="SIGUSR1",
        ),
        "2020-02-02T02:02:02.02Z",
    )
    image = hand(store, tmp_path, made)
    assert run(RunContainer("handed over", ()), image).text == "7\n/tmp"
    (tmp_path / "Dockerfile").write_text(f"FROM {image.id}\nLABEL n=1\n")
    built = build(BuildImage(tmp_path))
    assert run(RunContainer("built", ("cat /trigger /shell",)), built).text == "triggered\nown"
    content = store.content(built)
    assert content is not None
    found = read(content.configuration)
    assert set(made.labels) < set(found.labels)
    for name in ("shell", "ports", "healthcheck", "stop_signal"):
        assert getattr(found, name) == getattr(made, name), name


def test_a_step_is_not_taken_from_an_image_of_another_environment(
    store: ImageStore, base: Configuration, build: Build, run: Run, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    seen = []
    for value in ("aa", "bb", "aa"):
        image = hand(store, tmp_path, over(base, T=value))
        (context / "Dockerfile").write_text(f"FROM {image.id}\nRUN echo $T > /t\n")
        recorder = Recorder()
        made = build(BuildImage(context), recorder)
        cached = "RUN echo $T > /t" in recorder.instructions(BuildState.CACHED)
        seen.append((show(run, made, "cat /t"), dict(made.environment)["T"], cached))
    assert seen == [("aa", "aa", False), ("bb", "bb", False), ("aa", "aa", True)]


def test_a_build_of_the_user_meets_no_image_of_ours(
    store: ImageStore, base: Configuration, build: Build, run: Run, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "one").write_text("1")
    new = layer(tmp_path, one="1")
    for layers in ((), (new,)):
        image = hand(store, tmp_path, over(base, *layers, E="ours"), *layers)
        (context / "Dockerfile").write_text(f"FROM {image.id}\nRUN echo [$E] > /e\n")
        build(BuildImage(context))
    for more in ("", "COPY one /one\n"):
        (context / "Dockerfile").write_text(f"FROM {BASE}\n{more}RUN echo [$E] > /e\n")
        theirs = build(BuildImage(context))
        assert show(run, theirs, "cat /e") == "[]"
        assert "E" not in dict(theirs.environment)


def test_what_the_engine_does_not_take_is_told_in_its_words(
    engine: Engine, store: ImageStore, base: Configuration, tmp_path: Path
) -> None:
    broken = replace(layer(tmp_path, broken="x"), digest="1" * 64)
    before = engine.image_ids()
    with pytest.raises(ImageBuildError) as caught:
        hand(store, tmp_path, over(base, broken), broken)
    assert "1" * 64 in caught.value.engine_words
    missing = with_layers(base, ["2" * 64], History(LONG_AGO, "a layer that nobody has"))
    with pytest.raises(ImageBuildError) as caught:
        hand(store, tmp_path, missing)
    assert caught.value.engine_words
    assert engine.image_ids() == before

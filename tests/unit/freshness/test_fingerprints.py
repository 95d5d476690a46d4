"""What counts of a step, and what does not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from rootless_build.backend.api import LABEL_PREFIX, Image
from rootless_build.freshness import fingerprints
from rootless_build.freshness.fingerprints import Fingerprint, Unknown
from rootless_build.images.own_files import OwnFiles
from rootless_build.model.plan import (
    BindMount,
    BuildImage,
    Limits,
    PullPolicy,
    RunContainer,
    TmpfsMount,
    VolumeMount,
)

IMAGE = Image("1" * 64, layers=("a",))


@pytest.fixture
def build(tmp_path: Path) -> BuildImage:
    (tmp_path / "context").mkdir()
    (tmp_path / "context/Dockerfile").write_text("FROM debian\n")
    (tmp_path / "context/file").write_text("x")
    return BuildImage(tmp_path / "context", tags=("t",))


@pytest.fixture
def run(tmp_path: Path) -> RunContainer:
    (tmp_path / "mounted").mkdir()
    return RunContainer("i", ("make",), mounts=(BindMount(tmp_path / "mounted", "/m"),))


def of_build(step: BuildImage) -> Fingerprint | Unknown:
    return fingerprints.of_build(step, step.context.parent / "cache", OwnFiles())


def of_run(step: RunContainer, image: Image = IMAGE) -> Fingerprint:
    place = Path("/nowhere")
    made = fingerprints.of_run(step, image, place, place / "bundles")
    assert isinstance(made, Fingerprint)
    return made


def changed(step: BuildImage, other: BuildImage) -> str:
    """What is said of the other one after this one."""
    before, after = of_build(step), of_build(other)
    assert isinstance(before, Fingerprint)
    assert isinstance(after, Fingerprint)
    assert bool(after.differs(dict(before.parts))) is (before.digest != after.digest)
    return after.differs(dict(before.parts))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tags", ("other",)),
        ("pull", PullPolicy.NEVER),
        ("no_cache", True),
        ("substitutes", (("debian", "localhost/debian"),)),
        ("image_id_file", Path("/elsewhere/id")),
        ("cache_from", ("x",)),
        ("secrets", ("id=x",)),
    ],
)
def test_what_does_not_count_of_a_build(build: BuildImage, field: str, value: object) -> None:
    assert changed(build, msgspec.structs.replace(build, **{field: value})) == ""


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("target", "dev", "the target stage changed"),
        ("platforms", ("linux/arm64", "linux/amd64"), "the platform changed"),
        ("build_args", (("A", "1"),), "build argument A is new"),
        ("network", "host", "an option of the build changed"),
        ("squash", True, "an option of the build changed"),
        ("limits", Limits(memory="1g"), "an option of the build changed"),
    ],
)
def test_what_counts_of_a_build(build: BuildImage, field: str, value: object, words: str) -> None:
    assert changed(build, msgspec.structs.replace(build, **{field: value})) == words


MOUNTED = "FROM debian\nRUN --mount=target=/src make\n"


@pytest.mark.parametrize("through_a_link", [False, True])
def test_of_a_context_that_a_command_mounts_bundles_that_are_ignored_do_not_count(
    build: BuildImage, through_a_link: bool
) -> None:
    """Each build would change the context of the next. All else that is ignored is mounted too."""
    if through_a_link:
        (build.context.parent / "link").symlink_to("context")
        build = msgspec.structs.replace(build, context=build.context.parent / "link")
    (build.context / "Dockerfile").write_text(MOUNTED)
    elsewhere = build.context.parent / "elsewhere"
    own = OwnFiles(bundles=(build.context / "out/bundles", elsewhere))

    def digest() -> str:
        made = fingerprints.of_build(build, build.context.parent / "cache", own)
        assert isinstance(made, Fingerprint)
        return made.digest

    def changes(name: str) -> bool:
        before = digest()
        (build.context / name).parent.mkdir(parents=True, exist_ok=True)
        (build.context / name).write_text(before)
        return digest() != before

    (build.context / "out").mkdir()
    (build.context / ".dockerignore").write_text("logs\n")
    assert changes("logs/x")
    assert changes("out/bundles/x")
    (build.context / ".dockerignore").write_text("logs\nout/bundles\n")
    assert changes("logs/x")
    assert not changes("out/bundles/x")
    assert changes("out/bundles2")


@pytest.mark.parametrize(
    ("mount", "counts"),
    [
        ("target=/src", True),
        ("type=bind,target=/src", True),
        ("type=bind,from=,target=/src", True),
        ("type=$KIND,target=/src", True),
        ("type='cache',target=/src", True),
        ("from=$STAGE,target=/src", True),
        ("type=bind,from=debian,target=/src", False),
        ("type=cache,target=/src", False),
        ("type=secret,id=x", False),
        ("type=cache,target=/a --mount=target=/src", True),
    ],
)
def test_an_ignored_file_counts_where_a_mount_may_be_of_the_context(
    build: BuildImage, mount: str, counts: bool
) -> None:
    (build.context / "Dockerfile").write_text(f"FROM debian\nRUN --mount={mount} make\n")
    (build.context / ".dockerignore").write_text("logs\n")
    digests = set()
    for text in "ab":
        (build.context / "logs").write_text(text)
        made = of_build(build)
        assert isinstance(made, Fingerprint)
        digests.add(made.digest)
    assert (len(digests) == 2) is counts


def test_the_last_of_two_arguments_of_one_name_counts(build: BuildImage) -> None:
    one = msgspec.structs.replace(build, build_args=(("A", "1"), ("A", "2")))
    two = msgspec.structs.replace(build, build_args=(("A", "0"), ("A", "2")))
    assert changed(one, two) == ""


def test_another_build_context_counts(build: BuildImage) -> None:
    other = build.context.parent / "other"
    other.mkdir()
    (other / "file").write_text("x")
    contexts = (("stored", "docker-image://debian:12"), ("other", str(other)))
    step = msgspec.structs.replace(build, build_contexts=contexts)
    before = of_build(step)
    assert isinstance(before, Fingerprint)
    (other / "file").write_text("y")
    after = of_build(step)
    assert isinstance(after, Fingerprint)
    assert after.differs(dict(before.parts)) == "the context other changed"
    stored = (("other", "docker-image://debian:12"), ("more", "container-image://x"))
    step = msgspec.structs.replace(build, build_contexts=stored)
    assert isinstance(of_build(step), Fingerprint)
    assert list(fingerprints.stored_contexts(step)) == ["debian:12", "x"]


def test_what_can_not_be_told_says_why(build: BuildImage) -> None:
    step = msgspec.structs.replace(build, build_contexts=(("other", "relative"),))
    assert of_build(step) == Unknown("the build context relative is not a directory of this host")
    (build.context / "Dockerfile").unlink()
    file = build.context / "Dockerfile"
    assert of_build(build) == Unknown(f"{file}: No such file or directory")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image", "renamed"),
        ("labels", (("a", "b"),)),
        ("name", "n"),
        ("interactive", True),
        ("tty", True),
        ("remove", False),
        ("pull", PullPolicy.NEVER),
        ("always", True),
        ("caches", ("/c",)),
    ],
)
def test_what_does_not_count_of_a_container(run: RunContainer, field: str, value: object) -> None:
    other = msgspec.structs.replace(run, **{field: value})
    assert of_run(other).digest == of_run(run).digest


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("command", ("make", "all"), "the command or an option changed"),
        ("privileged", True, "the command or an option changed"),
        ("environment", (("A", "1"),), "environment variable A is new"),
        ("user", "1000", "the command or an option changed; your user or group id is new"),
    ],
)
def test_what_counts_of_a_container(
    run: RunContainer, field: str, value: object, words: str
) -> None:
    other = of_run(msgspec.structs.replace(run, **{field: value}))
    assert other.differs(dict(of_run(run).parts)) == words


def test_what_a_container_mounts_counts_but_for_volumes_and_bundles(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("source", "bundles/x", "other")]
    for place in places:
        place.mkdir(parents=True)
    (tmp_path / "link").symlink_to("source")
    mounts = (
        VolumeMount("cache", "/cache"),
        TmpfsMount("/tmp"),
        BindMount(tmp_path / "bundles/x", "/b"),
        BindMount(tmp_path / "link", "/source"),
        BindMount(tmp_path / "other", "/other"),
    )
    step = RunContainer("i", mounts=mounts)

    def words(place: Path) -> str:
        """What is said after a file was written there."""
        cache = tmp_path / "cache"
        before = fingerprints.of_run(step, IMAGE, cache, tmp_path / "bundles")
        (place / "file").write_text("x")
        after = fingerprints.of_run(step, IMAGE, cache, tmp_path / "bundles")
        assert isinstance(before, Fingerprint)
        assert isinstance(after, Fingerprint)
        return after.differs(dict(before.parts))

    said = [words(place) for place in places]
    assert said[0].startswith(f"the mounted {tmp_path / 'link'} changed")
    assert said[1] == ""
    assert said[2].startswith(f"the mounted {tmp_path / 'other'} changed")


def test_bundles_in_a_mounted_project_do_not_count(tmp_path: Path) -> None:
    """By whichever name: the mount is looked at without links."""
    (tmp_path / "real/bundles").mkdir(parents=True)
    (tmp_path / "project").symlink_to("real")
    step = RunContainer("i", mounts=(BindMount(tmp_path / "project", "/src"),))
    digests = []
    for name in ("bundles/x", "bundles/y", "x"):
        (tmp_path / "real" / name).write_text("x")
        made = fingerprints.of_run(step, IMAGE, tmp_path / "cache", tmp_path / "project/bundles")
        assert isinstance(made, Fingerprint)
        digests.append(made.digest)
    assert digests[0] == digests[1] != digests[2]


def test_a_caller_counts_where_the_image_names_a_user(run: RunContainer) -> None:
    image = msgspec.structs.replace(IMAGE, user="1000")
    assert "your user or group id" in dict(of_run(run, image).parts)
    assert "your user or group id" not in dict(of_run(run).parts)


def test_the_value_of_a_secret_is_in_no_record(run: RunContainer) -> None:
    secret = msgspec.structs.replace(run, environment=(("A", "1"),), secret_environment=("A",))
    other = msgspec.structs.replace(secret, environment=(("A", "2"),))
    assert of_run(secret).digest == of_run(other).digest


def test_an_image_is_what_a_container_sees_of_it() -> None:
    own = msgspec.structs.replace(IMAGE, id="2" * 64, labels=((f"{LABEL_PREFIX}x", "y"),))
    assert fingerprints.identity(own) == fingerprints.identity(IMAGE)
    for change in (
        {"layers": ("b",)},
        {"entrypoint": ("x",)},
        {"command": ("x",)},
        {"environment": (("x", "y"),)},
        {"working_directory": "/x"},
        {"user": "1"},
        {"labels": (("x", "y"),)},
        {"volumes": ("/x",)},
    ):
        other = msgspec.structs.replace(IMAGE, **change)
        assert fingerprints.identity(other) != fingerprints.identity(IMAGE)


def test_what_is_said_of_many_changes() -> None:
    made = Fingerprint(tuple((f"p{n}", "new") for n in range(4)), {"p0": ("a", "b", "c", "d")})
    before = {"p0": "old", "p1": "old", "p2": "old", "p3": "old", "gone": ""}
    assert made.differs(before) == ("p0 changed (a, b, c, …); p1 changed; p2 changed; and 2 more")
    assert made.differs({**dict(made.parts), "gone": ""}) == "gone is gone"
    assert made.differs(dict(made.parts)) == ""
    three = Fingerprint((*(made.parts[:3]),), {})
    assert three.differs({}) == "p0 is new; p1 is new; p2 is new"
    three = Fingerprint((("p0", "new"),), {"p0": ("a", "b", "c")})
    assert three.differs({"p0": ""}) == "p0 changed (a, b, c)"


@pytest.mark.parametrize(
    ("file", "before", "added", "counts"),
    [
        ("FROM x\nCOPY . /\n", ".dockerignore\nDockerfile\n", "**.log\n", True),
        ("FROM x\nCOPY . /\n", "*\n!file\n", "**.log\n", True),
        ("FROM x\nCOPY . /\n", "*\n!d\n", " d/file\n", True),
        ("FROM x\nRUN --mount=dst=/m true\nCOPY . /\n", "nothing\n", "file\n", True),
        ("FROM x\nCOPY . /\n", ".dockerignore\nDockerfile\n", "# logs\nlogs\n", False),
    ],
)
def test_an_ignore_file_that_no_context_has(
    build: BuildImage, file: str, before: str, added: str, *, counts: bool
) -> None:
    """By the files alone nobody can tell that some of them are not taken any more."""
    containerfile = build.context.parent / "x.Dockerfile"
    containerfile.write_text(file)
    (build.context / "d").mkdir()
    (build.context / "d/file").write_text("x")
    (build.context / "file.log").write_text("x")
    step = msgspec.structs.replace(build, containerfile=containerfile)
    ignore = containerfile.with_name("x.Dockerfile.dockerignore")
    ignore.write_text(before)
    first = of_build(step)
    assert isinstance(first, Fingerprint)
    ignore.write_text(before + added)
    second = of_build(step)
    assert isinstance(second, Fingerprint)
    assert bool(second.differs(dict(first.parts))) is counts

"""`rbuild clean` removes what rbuild made, and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from rootless_build.testing.engines import end_pause_process, remove_storage
from rootless_build.testing.rootless_dockerd import rootless_dockerd
from tests.e2e.driver import Rbuild, events
from tests.e2e.engine_images import engine, ids
from tests.e2e.waiting import WAIT, at_work

pytestmark = pytest.mark.in_ci("podman")

MEGABYTES = 4
MAKEFILE = """\
binary: build
	docker run --rm -v $(CURDIR)/bundles:/bundles cleaned cp /one /bundles/one
build:
	docker build -t cleaned .
fail: build
	docker run --rm -v $(CURDIR)/bundles:/bundles cleaned sh -c 'cp /one /bundles/failed; exit 1'
wait: build
	docker run --rm -v $(CURDIR)/bundles:/bundles cleaned sh -c 'echo waiting; sleep 1000'
"""
DOCKERFILE = """\
FROM debian:bookworm AS first
COPY one /one
RUN cp /one /of-the-stage
FROM debian:bookworm
ENV A=1
COPY one /one
RUN cat /one /one > /twice
COPY --from=first /of-the-stage /three
"""


@pytest.fixture
def on_terminal() -> bool:
    return False


@pytest.fixture(scope="module")
def own_dockerd(backend_name: str) -> Iterator[Mapping[str, str]]:
    """What names a dockerd that only these tests use. Nothing where the engine is another."""
    if backend_name != "docker":
        yield {}
        return
    directory = Path(tempfile.mkdtemp(prefix="rbuild-clean-docker-", dir="/var/tmp"))
    try:
        with rootless_dockerd(directory) as host:
            yield {"DOCKER_HOST": host}
    finally:
        remove_storage(directory)


@pytest.fixture
def alone(
    backend_name: str,
    storage: Path,
    base: None,
    rbuild_environment: Mapping[str, str],
    own_dockerd: Mapping[str, str],
) -> Iterator[Mapping[str, str]]:
    """An environment in which nothing but the base image is in storage, and nothing on record.

    What other tests left there would be listed too. A dockerd has one storage, in which these
    tests leave nothing.
    """
    directory = Path(tempfile.mkdtemp(prefix="rbuild-clean-", dir="/var/tmp"))
    with tempfile.TemporaryDirectory(prefix="rbuild-run-") as runtime:
        homes = {f"XDG_{name}_HOME": directory / name for name in ("DATA", "CACHE", "STATE")}
        for home in homes.values():
            home.mkdir()
        given = {name: str(home) for name, home in homes.items()}
        environment = {**rbuild_environment, **given, **own_dockerd, "XDG_RUNTIME_DIR": runtime}
        try:
            made = Rbuild(directory, backend_name, environment)
            done = made("base", "--from", str(storage / "bookworm.tar"), "debian:bookworm")
            assert done.returncode == 0, done.stderr
            with emptied_afterwards(made) if backend_name == "docker" else nullcontext():
                yield environment
        finally:
            end_pause_process(Path(runtime))
            remove_storage(directory)


@contextmanager
def emptied_afterwards(rbuild: Rbuild) -> Iterator[None]:
    """The images that are new at the end are removed, and the containers made of them."""
    before = ids(rbuild)
    yield
    for container in engine(rbuild, "ps", "--all", "--quiet").split():
        engine(rbuild, "rm", "--force", container)
    # One that others are made of goes with the last of them.
    for image in ids(rbuild) - before:
        if image in ids(rbuild):
            with suppress(AssertionError):
                engine(rbuild, "rmi", "--force", image)
    assert ids(rbuild) == before


@pytest.fixture
def project(rbuild: Rbuild, alone: Mapping[str, str]) -> Rbuild:
    """One whose image has layers of 4, 8 and 4 MB, and whose other stage has two of 4."""
    rbuild = replace(rbuild, environment=alone)
    name = f"cleaned-{rbuild.project.parent.name.lower().replace('_', '-')}"
    for file in rbuild.project.iterdir():
        if file.is_file():
            file.unlink()
    (rbuild.project / "Makefile").write_text(MAKEFILE.replace("cleaned", name))
    (rbuild.project / "Dockerfile").write_text(DOCKERFILE)
    (rbuild.project / ".dockerignore").write_text("*\n!one\n")
    (rbuild.project / "name").write_text(name)
    edit(rbuild)
    return rbuild


def edit(rbuild: Rbuild) -> None:
    (rbuild.project / "one").write_bytes(os.urandom(MEGABYTES * 10**6))


def name_of(rbuild: Rbuild) -> str:
    return (rbuild.project / "name").read_text()


def ids_of(rbuild: Rbuild, name: str) -> list[str]:
    """Of the images of that name."""
    words = ("images", "--quiet", "--no-trunc", name)
    return [line.removeprefix("sha256:") for line in engine(rbuild, *words).split()]


def built(rbuild: Rbuild) -> None:
    done = rbuild("build")
    assert done.returncode == 0, done.stderr


def cleaned(rbuild: Rbuild, *words: str) -> list[dict[str, object]]:
    """What it said, as objects."""
    done = rbuild("--log-format", "json", "clean", *words)
    assert done.returncode == 0, done.stdout
    return events(done.stdout)


def removed(said: list[dict[str, object]]) -> list[str]:
    return [str(each["what"]) for each in said if each["event"] == "removed"]


def kept(said: list[dict[str, object]]) -> dict[str, str]:
    return {str(each["what"]): str(each["why"]) for each in said if each["event"] == "kept"}


@contextmanager
def from_image(rbuild: Rbuild, image: str) -> Iterator[str]:
    """A container of the user's, stopped; its name."""
    if rbuild.backend == "buildah":
        name = engine(rbuild, "from", "--pull-never", image).strip()
        end = ("rm", name)
    else:
        name = f"of-the-user-{name_of(rbuild)}"
        engine(rbuild, "create", "--network", "none", "--name", name, image, "true")
        end = ("rm", name)
    try:
        yield name
    finally:
        engine(rbuild, *end)


@pytest.mark.in_ci("podman", "docker")
def test_all_images_of_a_project_go_in_one_call(project: Rbuild) -> None:
    """Images of single instructions and of other stages go, too."""
    before = ids(project)
    built(project)
    edit(project)
    built(project)
    made = ids(project) - before
    assert len(made) > 3
    shown = cleaned(project, "--images", "--dry-run")
    assert ids(project) - before == made
    said = cleaned(project, "--images")
    assert ids(project) == before
    assert removed(said) == removed(shown)
    assert len(removed(said)) == len(made)
    assert removed(cleaned(project, "--images")) == []


def test_a_build_removes_what_it_replaced(project: Rbuild) -> None:
    """With what that alone was made of: no build after another takes more room."""
    before = ids(project)
    built(project)
    first = ids(project) - before
    for _ in range(2):
        edit(project)
        built(project)
    assert len(ids(project) - before) == len(first)
    assert full_name(project) in names(project)
    edit(project)
    done = project("--keep-images", "1", "-v", "build")
    assert "the image that was replaced" not in done.stderr
    assert len(ids(project) - before) > len(first)
    edit(project)
    (project.project / "rbuild.toml").write_text("[defaults]\nkeep-images = 1\n")
    done = project("-v", "build")
    assert "the image that was replaced is gone" in done.stderr
    kept_one = ids(project)
    edit(project)
    done = project("build")
    assert len(ids(project)) == len(kept_one)
    cleaned(project, "--images")
    assert ids(project) == before


@pytest.mark.exhaustive
def test_a_replaced_image_that_is_used_stays(project: Rbuild) -> None:
    before = ids(project)
    built(project)
    with from_image(project, name_of(project)):
        edit(project)
        built(project)
        edit(project)
        assert "in use" not in project("build").stderr
        stays = kept(cleaned(project, "--images", "--dry-run"))
        assert len([why for why in stays.values() if "container" in why]) == 1
    edit(project)
    built(project)
    assert not kept(cleaned(project, "--images"))
    assert ids(project) == before


@pytest.mark.exhaustive
def test_names_that_a_step_gives_are_rbuilds(project: Rbuild) -> None:
    before = ids(project)
    name = name_of(project)
    recipe = f"build:\n\tdocker build -t {name} .\n\tdocker tag {name} {name}:v1\n"
    (project.project / "Makefile").write_text(recipe)
    built(project)
    first = ids(project) - before
    edit(project)
    built(project)
    assert len(ids(project) - before) == len(first)
    cleaned(project, "--images")
    assert ids(project) == before


def test_what_the_bundles_were_made_in_stays(project: Rbuild) -> None:
    """For `rbuild reproduce`; until there are bundles of the new image."""
    assert project("binary").returncode == 0
    (first,) = ids_of(project, full_name(project))
    edit(project)
    built(project)
    assert first in ids(project)
    done = project("reproduce", "binary")
    assert done.returncode == 0, done.stderr
    assert project("binary").returncode == 0
    assert first not in ids(project)


def test_an_image_in_a_manifest_list_stays(project: Rbuild) -> None:
    """podman 4.3.1 can't push a list without it, and lists no images at all."""
    if project.backend == "docker":
        pytest.skip("docker's lists refer to registries")
    built(project)
    (first,) = ids_of(project, full_name(project))
    listed = f"localhost/list-{name_of(project)}:latest"
    engine(project, "manifest", "create", listed)
    engine(project, "manifest", "add", listed, f"containers-storage:{full_name(project)}")
    try:
        edit(project)
        built(project)
        assert first in ids(project)
        said = kept(cleaned(project, "--images"))
        assert f"the image {listed} is made of it" in said.values()
        assert first in ids(project)
    finally:
        # `podman rmi` (4.3.1) removes what is in the list, not the list.
        engine(project, "manifest", "rm", listed)
    cleaned(project, "--images")
    assert first not in ids(project)


@pytest.mark.exhaustive
def test_a_mounted_image_stays(project: Rbuild) -> None:
    if project.backend != "podman":
        pytest.skip("podman's alone")
    built(project)
    (first,) = ids_of(project, full_name(project))
    engine(project, "unshare", "podman", "image", "mount", first)
    try:
        edit(project)
        built(project)
        assert first in ids(project)
        assert "it is mounted" in kept(cleaned(project, "--images")).values()
    finally:
        engine(project, "unshare", "podman", "image", "unmount", first)
    cleaned(project, "--images")
    assert first not in ids(project)


def test_what_the_user_made_of_an_image_stays(project: Rbuild, tmp_path: Path) -> None:
    """Labels are inherited, and say nothing of who built an image."""
    built(project)
    (tmp_path / "Dockerfile").write_text(f"FROM {name_of(project)}\nCOPY Dockerfile /mine\n")
    mine = f"localhost/mine-{name_of(project)}"
    engine(project, "build", "--network", "host", "-t", mine, str(tmp_path))
    before = ids(project)
    said = cleaned(project, "--images")
    of_image = kept(said)[f"image {full_name(project)}"]
    assert of_image == f"the image {mine}:latest is made of it"
    # Other stages' images are not what it is made of.
    gone = before - ids(project)
    assert len(gone) == len(removed(said))
    engine(project, "rmi", f"{mine}:latest")
    cleaned(project, "--images")
    assert not [name for name in names(project) if name_of(project) in name]


def full_name(rbuild: Rbuild) -> str:
    prefix = "" if rbuild.backend == "docker" else "localhost/"
    return f"{prefix}{name_of(rbuild)}:latest"


def names(rbuild: Rbuild) -> list[str]:
    if rbuild.backend == "docker":
        return engine(rbuild, "images", "--format", "{{.Repository}}:{{.Tag}}").split()
    format_ = "{{.Name}}:{{.Tag}}" if rbuild.backend == "buildah" else "{{.Repository}}:{{.Tag}}"
    return engine(rbuild, "images", "--format", format_).split()


@pytest.mark.exhaustive
def test_an_image_that_a_container_was_made_of_stays(project: Rbuild) -> None:
    built(project)
    with from_image(project, name_of(project)) as container:
        said = cleaned(project, "--images")
        assert kept(said)[f"image {full_name(project)}"] == (
            f"the container {container} was made of it"
        )
        assert full_name(project) in names(project)
        text = project("clean", "--images")
        assert f"image {full_name(project)} stays: the container {container}" in text.stdout
    assert f"image {full_name(project)}" in removed(cleaned(project, "--images"))


@pytest.mark.exhaustive
def test_an_image_that_the_user_named_stays(project: Rbuild) -> None:
    built(project)
    mine = f"localhost/named-{name_of(project)}:1"
    engine(project, "tag", name_of(project), mine)
    said = cleaned(project, "--images")
    assert kept(said)[f"image {full_name(project)}"] == f"it is also called {mine}"
    assert {mine, full_name(project)} <= set(names(project))
    engine(project, "rmi", mine)
    assert f"image {full_name(project)}" in removed(cleaned(project, "--images"))


def test_what_a_killed_build_made_goes_too(project: Rbuild) -> None:
    before = ids(project)
    (project.project / "Waits").write_text(f"{DOCKERFILE}RUN {WAIT}\n")
    with at_work(project, "-f", "Waits", "build") as running:
        running.kill()
        running.wait(60)
    assert ids(project) - before
    cleaned(project)
    cleaned(project, "--images")
    assert ids(project) == before


def test_images_of_another_project_stay(project: Rbuild, tmp_path: Path) -> None:
    """Both are made of the same layers."""
    before = ids(project)
    built(project)
    other = tmp_path / "other"
    other.mkdir()
    for name in ("Makefile", "Dockerfile", ".dockerignore", "one", "name"):
        data = (project.project / name).read_bytes()
        (other / name).write_bytes(data.replace(b"cleaned-", b"other-"))
    another = replace(project, project=other)
    built(another)
    theirs = full_name(another)
    said = cleaned(project, "--images")
    assert f"image {full_name(project)}" in removed(said)
    assert all(str(other) in why or theirs in why for why in kept(said).values())
    assert theirs in names(project)
    records = Path(project.environment["XDG_STATE_HOME"]) / "rbuild" / "images"
    assert [json.loads(file.read_text())["project"] for file in records.glob("*.json")]
    cleaned(another, "--images")
    assert ids(project) == before


def used(rbuild: Rbuild) -> int:
    """Bytes that the engine's images take, as the engine or the disk has it."""
    if rbuild.backend == "docker":
        format_ = "{{.Type}} {{.Size}}"
        rows = engine(rbuild, "system", "df", "--format", format_).splitlines()
        (size,) = [row.split()[1] for row in rows if row.startswith("Images")]
        number, unit = re.fullmatch(r"([\d.]+)([kMG]?B)", size).groups()  # type: ignore[union-attr]
        return round(float(number) * {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}[unit])
    storage = f"{rbuild.environment['XDG_DATA_HOME']}/containers/storage"
    places = [f"{storage}/{name}" for name in ("overlay", "overlay-images", "overlay-layers")]
    told = engine(rbuild, "unshare", "du", "-s", "-c", "-B1", *places)
    return int(told.splitlines()[-1].split()[0])


@pytest.mark.exhaustive
@pytest.mark.in_ci("podman")
def test_what_is_promised_comes_back(project: Rbuild) -> None:
    """Of two images that share layers with one another, and one layer with the user's own."""
    before = ids(project)
    built(project)
    engine(project, "tag", name_of(project), f"localhost/users-{name_of(project)}:1")
    edit(project)
    done = project("--keep-images", "2", "build")
    assert done.returncode == 0, done.stderr
    there = used(project)
    promised = cleaned(project, "--images", "--dry-run")[-1]["size"]
    said = cleaned(project, "--images")[-1]
    assert said["size"] == promised
    # Lists of images and layers are written anew, and directories do not shrink: some kilobytes.
    # docker prints four digits.
    tolerance = 100_000
    assert abs((there - used(project)) - int(str(promised))) < tolerance
    # An image of one call stays for its name: the 4, 8 and 4 MB that are new come back, and the
    # stage's.
    assert 20 * 10**6 < int(str(promised)) < 32 * 10**6
    engine(project, "rmi", f"localhost/users-{name_of(project)}:1")
    cleaned(project, "--images")
    assert ids(project) == before


def own(rbuild: Rbuild, place: Path) -> Rbuild:
    """With directories of rbuild's that no other test has."""
    environment = dict(rbuild.environment)
    for name in ("STATE", "CACHE"):
        environment[f"XDG_{name}_HOME"] = str(place / name.lower())
    return replace(rbuild, environment=environment)


def of_rbuild(rbuild: Rbuild) -> list[Path]:
    """All files and directories of rbuild's own, but for the record of what engines use."""
    names = ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")
    places = [Path(rbuild.environment[name]) / "rbuild" for name in names]
    data = places[-1]
    records = [record for record in data.glob("places/*") if Path(record.read_text()).is_dir()]
    in_use = {data, data / "places", *records} if records else set()
    found = [path for place in places for path in (place, *place.rglob("*")) if path.exists()]
    return [path for path in found if path not in in_use]


def said(stdout: str) -> list[str]:
    """Without the directories in shared places, which the account's other engines have."""
    shared = re.compile(
        rf"directory /\S*/rbuild-(\S*{os.getuid()}|run-\w+|storage-\w+) stays: .*"
        r"|directory \S+ stays: engines have directories elsewhere that are on record there"
    )
    return [line for line in stdout.splitlines() if not shared.fullmatch(line)]


def test_nothing_of_rbuilds_is_left(project: Rbuild, tmp_path: Path) -> None:
    before = ids(project)
    rbuild = own(project, tmp_path)
    assert rbuild("-v", "binary").returncode == 0
    assert rbuild("fail").returncode == 1
    assert list((tmp_path / "state/rbuild/failed").rglob("failed"))
    assert list((tmp_path / "cache/rbuild/projects").rglob("settings-shown"))
    everything = ("--everywhere", "--images", "--volumes")
    shown = removed(cleaned(rbuild, *everything, "--dry-run"))
    assert len(of_rbuild(rbuild)) > 5
    assert f"directory {tmp_path / 'state'}/rbuild" in shown
    # Base images are of other tests too.
    all_shown = removed(cleaned(rbuild, "--all", "--dry-run"))
    assert all_shown == removed(cleaned(rbuild, *everything, "--bases", "--dry-run"))
    assert set(shown) <= set(all_shown)
    done = rbuild("clean", *everything)
    assert done.returncode == 0, done.stderr
    assert of_rbuild(rbuild) == []
    assert ids(rbuild) == before
    for place in ("state", "cache"):
        assert f"removed directory {tmp_path / place}/rbuild" in done.stdout
        assert f"directory {tmp_path / place}/rbuild" in shown
    assert not [line for line in said(done.stdout) if " stays" in line]
    assert said(rbuild("clean", *everything).stdout) in ([], ["nothing to remove"])
    assert of_rbuild(rbuild) == []
    # And it can be used again.
    assert rbuild("binary").returncode == 0
    assert rbuild("clean", "--images", "--volumes").returncode == 0
    assert not [path for path in of_rbuild(rbuild) if "projects/" in str(path)]


@pytest.mark.exhaustive
def test_what_a_run_elsewhere_uses_stays(project: Rbuild, tmp_path: Path) -> None:
    rbuild = own(project, tmp_path)
    before = ids(rbuild)
    other = tmp_path / "other"
    shutil.copytree(project.project, other)
    with at_work(rbuild, "wait") as running:
        cleaner = replace(rbuild, project=other)
        said = cleaned(cleaner, "--everywhere", "--images", "--volumes")
        why = kept(said)[f"image {full_name(project)}"]
        assert f"rbuild works in {project.project}: pid {running.pid}" in why
        assert full_name(project) in names(project)
        assert f"pid {running.pid}" in kept(said)[f"directory {tmp_path / 'cache/rbuild'}"]
        assert list((tmp_path / "cache/rbuild/projects").glob("*"))
        running.terminate()
        running.wait(60)
    cleaned(rbuild, "--everywhere", "--images", "--volumes")
    assert ids(rbuild) == before
    assert of_rbuild(rbuild) == []


@pytest.mark.in_ci("podman", "docker")
def test_what_only_a_label_tells_is_listed_and_goes_when_told(
    project: Rbuild, tmp_path: Path
) -> None:
    """An image as version 0.1.0 left it: without a record."""
    before = ids(project)
    built(project)
    records = Path(project.environment["XDG_STATE_HOME"]) / "rbuild" / "images"
    for file in records.glob("*.json"):
        if str(project.project) in file.read_text():
            file.unlink()
    (tmp_path / "Dockerfile").write_text(f"FROM {name_of(project)}\nCOPY Dockerfile /mine\n")
    mine = f"localhost/mine-{name_of(project)}"
    engine(project, "build", "--network", "host", "-t", mine, str(tmp_path))
    said = cleaned(project, "--images")
    assert removed(said) == []
    assert "--yes removes it" in kept(said)[f"image {full_name(project)}"]
    assert f"image {mine}:latest" not in kept(said)
    said = cleaned(project, "--images", "--yes")
    assert "is made of it" in kept(said)[f"image {full_name(project)}"]
    assert {f"{mine}:latest", full_name(project)} <= set(names(project))
    engine(project, "rmi", f"{mine}:latest")
    assert f"image {full_name(project)}" in removed(cleaned(project, "--images", "--yes"))
    assert full_name(project) not in names(project)
    # Those of other stages, which nothing proves to be rbuild's: the engine's own cleaning.
    prune = "rmi --prune" if project.backend == "buildah" else "image prune --force"
    engine(project, *prune.split())
    assert ids(project) == before


@pytest.mark.in_ci("podman")
@pytest.mark.parametrize("way", ["squash-all", "cached"])
def test_a_label_that_an_image_of_the_users_has_proves_nothing(
    project: Rbuild, tmp_path: Path, way: str
) -> None:
    if project.backend != "podman":
        pytest.skip("podman's alone")
    before = ids(project)
    built(project)
    mine = f"localhost/mine-{name_of(project)}:latest"
    if way == "cached":
        # What rbuild's build made is taken from the cache, and has its label.
        text = DOCKERFILE.replace("COPY --from=first /of-the-stage /three", "RUN echo mine > /mine")
        (tmp_path / "Dockerfile").write_text(text)
        words: tuple[str, ...] = ("-f", str(tmp_path / "Dockerfile"), str(project.project))
    else:
        (tmp_path / "Dockerfile").write_text(f"FROM {name_of(project)}\nCOPY Dockerfile /mine\n")
        words = ("--squash-all", str(tmp_path))
    engine(project, "build", "--network", "host", "-t", mine, *words)
    said = kept(cleaned(project, "--images", "--yes"))
    assert mine in names(project)
    if way == "squash-all":
        assert "yours to remove" in said[f"image {mine}"]
    engine(project, "rmi", mine)
    cleaned(project, "--images")
    engine(project, "image", "prune", "--force")
    assert ids(project) == before


@pytest.mark.exhaustive
def test_two_at_once(project: Rbuild, tmp_path: Path) -> None:
    rbuild = own(project, tmp_path)
    before = ids(rbuild)
    other = replace(rbuild, project=tmp_path / "other")
    shutil.copytree(project.project, other.project)
    built(rbuild)
    built(other)
    everything = ("clean", "--everywhere", "--images", "--volumes")
    with rbuild.started(*everything) as first, other.started(*everything) as second:
        for running in (first, second):
            out, said = running.communicate(timeout=120)
            assert running.returncode == 0, (out, said)
    assert rbuild(*everything).returncode == 0
    assert ids(rbuild) == before
    assert of_rbuild(rbuild) == []


@pytest.mark.exhaustive
def test_what_is_in_a_storage_that_is_gone_is_told(project: Rbuild, tmp_path: Path) -> None:
    rbuild = own(project, tmp_path)
    built(rbuild)
    (record,) = (tmp_path / "state/rbuild/images").glob("*.json")
    made = json.loads(record.read_text())
    gone = {**made, "storage": "containers overlay /nowhere", "backend": "podman"}
    lost = record.with_name("00000000000000000001-4194305.1.json")
    lost.write_text(json.dumps(gone))
    said = cleaned(rbuild, "--images")
    (what,) = [each for each in kept(said) if "/nowhere" in each]
    assert kept(said)[what].endswith("--backend podman, or --everywhere")
    everything = ("--everywhere", "--images", "--volumes")
    said = cleaned(rbuild, *everything)
    assert "not there, or its engine does not answer" in kept(said)[what]
    assert "on record there" in kept(said)[f"directory {tmp_path / 'state/rbuild'}"]
    cleaned(rbuild, *everything, "--yes")
    assert of_rbuild(rbuild) == []

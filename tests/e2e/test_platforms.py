"""One image of several platforms, as `docker buildx build --platform a,b` makes it."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import secrets
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from rootless_build.host.emulation import can_run
from rootless_build.host.engine_settings import engine_settings
from rootless_build.host.gathering import gather
from rootless_build.model import platforms
from tests.e2e.driver import DEADLINE, Rbuild
from tests.e2e.remains import remains

pytestmark = pytest.mark.in_ci("podman", "buildah")

HERE = platforms.host()
FOREIGN = next(each for each in ("linux/s390x", "linux/riscv64") if not can_run(each))
BAKE = """\
target "app" {{
  platforms = ["{foreign}", "{here}"]
  tags = ["{name}:1", "{name}:two"]
}}
target "files" {{
  inherits = ["app"]
  output = ["out"]
}}
target "runs" {{
  inherits = ["app"]
  dockerfile-inline = "FROM scratch\\nCOPY busybox /bin/sh\\nRUN echo x > /f\\n"
}}
target "archives" {{
  inherits = ["app"]
  output = ["type=oci,dest=app.oci.tar", "type=tar,dest=files.tar", "type=oci,dest=dir,tar=false"]
}}
target "one" {{
  inherits = ["app"]
  platforms = ["{here}"]
  output = ["type=docker,dest=app.docker.tar"]
}}
group "both" {{ targets = ["app", "runs"] }}
"""
CONTAINERFILE = """\
FROM --platform=$BUILDPLATFORM scratch AS tools
COPY busybox /bin/sh
ARG TARGETARCH
RUN echo "for $TARGETARCH" > /made
FROM scratch
ARG TARGETPLATFORM
ENV ON=$TARGETPLATFORM
COPY --from=tools /made /made
COPY source /
"""


@pytest.fixture
def name() -> str:
    """The image's, which no other test has."""
    return f"localhost/several-{secrets.token_hex(4)}"


@pytest.fixture
def rbuild(
    tmp_path: Path, name: str, backend_name: str, rbuild_environment: Mapping[str, str]
) -> Iterator[Rbuild]:
    """A project with an image for this host's platform and for one that it can't run."""
    if backend_name == "docker":
        pytest.skip("docker does it itself, with its containerd store")
    project = tmp_path / "project"
    project.mkdir()
    text = BAKE.format(foreign=FOREIGN, here=HERE, name=name)
    (project / "docker-bake.hcl").write_text(text)
    (project / "Dockerfile").write_text(CONTAINERFILE)
    (project / "source").write_text("one\n")
    shutil.copy("/bin/busybox", project / "busybox")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**rbuild_environment, "TMPDIR": str(temporary)}
    made = Rbuild(project, backend_name, environment)
    yield made
    made("clean", "--images")


def engine(rbuild: Rbuild, *words: str) -> str:
    """What the user's own command of the engine prints."""
    with engine_settings(gather(rbuild.environment)) as settings:
        done = subprocess.run(
            [rbuild.backend, *words],
            env={**rbuild.environment, **dict(settings.environment)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


def names_in_storage(rbuild: Rbuild) -> str:
    """The names of images. The engine's own list fails where one of another test's is not whole."""
    place = Path(rbuild.environment["XDG_DATA_HOME"]) / "containers/storage"
    (file,) = place.glob("*-images/images.json")
    return "\n".join(
        name for row in json.loads(file.read_text()) for name in row.get("names") or ()
    )


def listed(rbuild: Rbuild, name: str) -> dict[str, str]:
    """The digests in the manifest list of that name, by platform."""
    told = json.loads(engine(rbuild, "manifest", "inspect", name))
    return {
        f"{each['platform']['os']}/{each['platform']['architecture']}": each["digest"]
        for each in told["manifests"]
    }


def test_an_image_of_several_platforms_is_a_list_of_an_image_of_each(
    rbuild: Rbuild, name: str
) -> None:
    done = rbuild("make", "app")
    assert done.returncode == 0, done.stderr
    first = listed(rbuild, f"{name}:1")
    assert set(first) == {HERE, FOREIGN}
    assert listed(rbuild, f"{name}:two") == first
    told = rbuild.project.with_name("made.json")
    done = rbuild("make", "app", "--metadata-file", str(told))
    assert "nothing changed" in done.stderr, done.stderr
    assert [
        (each["names"], each["platform"]) for each in json.loads(told.read_text())["images"]
    ] == [
        ([], FOREIGN),
        ([], HERE),
        ([f"{name}:1", f"{name}:two"], ""),
    ]
    assert "unchanged, would not be done" in rbuild("plan", "app").stdout
    (rbuild.project / "source").write_text("two\n")
    assert rbuild("make", "app").returncode == 0
    second = listed(rbuild, f"{name}:1")
    assert not set(first.values()) & set(second.values())
    # Removed by hand: it is put together again, of the images that are there.
    engine(rbuild, "manifest", "rm", f"{name}:1")
    assert rbuild("make", "app").returncode == 0
    assert listed(rbuild, f"{name}:1") == second


def test_each_platform_has_its_own_arguments_and_files(rbuild: Rbuild) -> None:
    done = rbuild("make", "files")
    assert done.returncode == 0, done.stderr
    for each in (HERE, FOREIGN):
        made = rbuild.project / "out" / platforms.directory(each) / "made"
        assert made.read_text() == f"for {each.partition('/')[2]}\n"


def test_the_containers_of_this_host_have_its_platforms_image(rbuild: Rbuild, name: str) -> None:
    assert rbuild("make", "app").returncode == 0
    told = engine(rbuild, "inspect", "--type", "image", f"{name}:1")
    assert f"ON={HERE}" in told
    assert f"ON={FOREIGN}" not in told


def test_what_needs_emulation_is_refused_before_any_work(rbuild: Rbuild, name: str) -> None:
    done = rbuild("make", "both")
    assert done.returncode == 3
    place = "docker-bake.hcl (dockerfile-inline of runs):3"
    assert f"{place}: RUN is for {FOREIGN}, whose programs this host can't run" in done.stderr
    assert "qemu-user-static" in done.stderr
    assert name not in names_in_storage(rbuild)


def test_what_fails_in_a_bake_file_is_named_by_that(rbuild: Rbuild) -> None:
    for run, why in (("RUN exit 3", "status 3"), ("RUN --mont=x true", "mont")):
        (rbuild.project / "docker-bake.hcl").write_text(
            'target "default" {\n  dockerfile-inline = "FROM scratch\\nCOPY busybox /bin/sh\\n'
            f'{run}\\n"\n}}\n'
        )
        done = rbuild("make")
        assert done.returncode != 0
        assert "docker-bake.hcl (dockerfile-inline of default):3:" in done.stderr
        assert why in done.stderr
        assert "/Dockerfile" not in done.stderr


def test_a_tag_is_given_to_all_of_it(rbuild: Rbuild, name: str) -> None:
    (rbuild.project / "docker-bake.hcl").unlink()
    (rbuild.project / "Makefile").write_text(
        f"app:\n\tdocker buildx build --platform {HERE},{FOREIGN} -t {name}:1 .\n"
        f"\tdocker tag {name}:1 {name}:three\n"
    )
    try:
        for said in ("done in", "nothing changed"):
            done = rbuild("app")
            assert done.returncode == 0, done.stderr
            assert said in done.stderr
            assert listed(rbuild, f"{name}:three") == listed(rbuild, f"{name}:1")
    finally:
        engine(rbuild, "manifest", "rm", f"{name}:three")


def test_clean_removes_the_list_and_its_images(rbuild: Rbuild, name: str) -> None:
    assert rbuild("make", "app").returncode == 0
    own = re.findall(r"rbuild-platform/\S+", rbuild("plan", "app").stdout)
    assert len(set(own)) > 1
    done = rbuild("clean", "--images")
    assert done.returncode == 0, done.stderr
    assert " stays: " not in done.stderr + done.stdout
    left = names_in_storage(rbuild)
    assert not [each for each in (name, *own) if each.partition(":")[0] in left]


MEETING = """\
FROM --platform=$BUILDPLATFORM scratch AS common
COPY busybox /bin/busybox
COPY busybox /bin/sh
RUN --mount=type=cache,id={place},target=/c echo common >>/c/log
FROM common AS meeting
ARG TARGETPLATFORM
RUN --mount=type=cache,id={place},target=/c /bin/busybox mkfifo /c/meet; \\
    case $TARGETPLATFORM in {here}) echo met >/c/meet;; *) read word </c/meet;; esac; \\
    /bin/busybox cat /c/log >/log
FROM scratch
COPY --from=meeting /log /log
"""


def test_platforms_are_built_side_by_side_and_what_they_share_once(rbuild: Rbuild) -> None:
    text = MEETING.format(place=secrets.token_hex(8), here=HERE)
    (rbuild.project / "Dockerfile").write_text(text)
    done = rbuild("make", "app")
    assert done.returncode == 0, done.stderr
    for each in (HERE, FOREIGN):
        assert re.search(rf"\[{each} meeting 3/3\] RUN", done.stderr), done.stderr
    done = rbuild("make", "files")
    assert done.returncode == 0, done.stderr
    for each in (HERE, FOREIGN):
        log = rbuild.project / "out" / platforms.directory(each) / "log"
        assert log.read_text() == "common\n"


def test_the_first_platform_that_fails_ends_the_others(rbuild: Rbuild, name: str) -> None:
    text = MEETING.format(place=secrets.token_hex(8), here=HERE)
    text = text.replace("echo met >/c/meet", "echo gone wrong; exit 7")
    (rbuild.project / "Dockerfile").write_text(text)
    done = rbuild("make", "app")
    assert done.returncode != 0
    assert "gone wrong" in done.stderr
    assert f"it is the build for {HERE}" in done.stderr
    assert name not in names_in_storage(rbuild)


def test_ctrl_c_ends_the_builds_for_all_platforms(rbuild: Rbuild) -> None:
    waits = "echo waiting; while :; do /bin/busybox sleep 1; done"
    text = CONTAINERFILE.replace('echo "for $TARGETARCH" > /made', waits)
    text = text.replace("COPY busybox /bin/sh", "COPY busybox /bin/sh\nCOPY busybox /bin/busybox")
    (rbuild.project / "Dockerfile").write_text(text)
    with rbuild.started("make", "app") as running:
        assert running.stderr is not None
        assert b"waiting\n" in running.stderr
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=DEADLINE)
    assert running.returncode == 130, errors
    assert b"Traceback" not in errors
    # A runtime may outlive its engine by a moment, and write its state then: the next run looks.
    assert rbuild("clean").returncode == 0
    assert remains(rbuild, interrupted=True) == []


def test_archives_of_several_platforms_are_laid_out_as_buildkits(rbuild: Rbuild, name: str) -> None:
    done = rbuild("make", "archives")
    assert done.returncode == 0, done.stderr
    files = members(rbuild.project / "files.tar")
    for each in (HERE, FOREIGN):
        place = platforms.directory(each)
        assert files[f"{place}/made"] == f"for {each.partition('/')[2]}\n".encode()
        assert place in files
    archive = members(rbuild.project / "app.oci.tar")
    index = json.loads(archive["index.json"])
    assert json.loads(archive["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    # One entry for each name, of which all lead to the index of the platforms.
    called = [each["annotations"]["io.containerd.image.name"] for each in index["manifests"]]
    assert called == [f"{name}:1", f"{name}:two"]
    (digest,) = {each["digest"] for each in index["manifests"]}
    assert described(archive, blob(archive, digest)) == {
        FOREIGN: f"ON={FOREIGN}",
        HERE: f"ON={HERE}",
    }
    laid_out = rbuild.project / "dir"
    assert sorted(each.name for each in laid_out.iterdir()) == ["blobs", "index.json", "oci-layout"]
    assert (laid_out / "index.json").read_bytes() == archive["index.json"]
    engine(rbuild, "pull", "--quiet", f"oci-archive:{rbuild.project}/app.oci.tar:two")


def test_an_archive_of_dockers_kind_can_be_loaded(rbuild: Rbuild, name: str) -> None:
    done = rbuild("make", "one")
    assert done.returncode == 0, done.stderr
    archive = members(rbuild.project / "app.docker.tar")
    (told,) = json.loads(archive["manifest.json"])
    assert told["RepoTags"] == [f"{name}:1", f"{name}:two"]
    assert f"ON={HERE}" in json.loads(archive[told["Config"]])["config"]["Env"]
    engine(rbuild, "pull", "--quiet", f"docker-archive:{rbuild.project}/app.docker.tar")
    assert f"ON={HERE}" in engine(rbuild, "inspect", "--type", "image", f"{name}:two")
    engine(rbuild, "rmi", f"{name}:1", f"{name}:two")


def members(archive: Path) -> dict[str, bytes]:
    """What is in an archive, by name; directories are empty."""
    with tarfile.open(archive) as opened:
        return {
            each.name: file.read() if (file := opened.extractfile(each)) else b""
            for each in opened.getmembers()
        }


def blob(archive: dict[str, bytes], digest: str) -> bytes:
    """What is in an OCI layout by that digest, which it has."""
    found = archive[f"blobs/sha256/{digest.removeprefix('sha256:')}"]
    assert digest == f"sha256:{hashlib.sha256(found).hexdigest()}"
    return found


def described(archive: dict[str, bytes], index: bytes) -> dict[str, str]:
    """The last variable of the image of each platform; all of its layers are there."""
    found = {}
    for each in json.loads(index)["manifests"]:
        manifest = json.loads(blob(archive, each["digest"]))
        assert each["mediaType"] == manifest["mediaType"]
        for layer in manifest["layers"]:
            assert gzip.decompress(blob(archive, layer["digest"]))
        configuration = json.loads(blob(archive, manifest["config"]["digest"]))
        platform = f"{each['platform']['os']}/{each['platform']['architecture']}"
        found[platform] = configuration["config"]["Env"][-1]
    return found

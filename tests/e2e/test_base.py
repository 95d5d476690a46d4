"""`rbuild base` and builds of what it made: images that are there, in dry runs, of a directory."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.driver import Rbuild
from tests.e2e.engine_images import engine

pytestmark = pytest.mark.in_ci("podman")

MAKEFILE = """\
binary:
\tdocker build -t uses-xx .
\tdocker run --rm -v $(CURDIR)/bundles:/out uses-xx sh -c 'xx-info >/out/info'
"""
CONTAINERFILE = """\
ARG XX_VERSION=9.0
FROM --platform=$BUILDPLATFORM tonistiigi/xx:${XX_VERSION} AS xx
FROM debian:bookworm
ARG NOT_GIVEN
COPY --from=xx / /
"""


@pytest.fixture
def project(rbuild: Rbuild, tmp_path: Path) -> Rbuild:
    """A project that takes its tools from tonistiigi/xx, as Docker since 23.0 does."""
    for name in ("Makefile", "Dockerfile"):
        (rbuild.project / name).unlink()
    (rbuild.project / "Makefile").write_text(MAKEFILE)
    (rbuild.project / "Dockerfile").write_text(CONTAINERFILE)
    return rbuild


def repository(place: Path) -> Path:
    """In the shape of that of xx."""
    source = place / "xx" / "src"
    source.mkdir(parents=True)
    (source / "xx-info").write_text("#!/bin/sh\necho its version\n")
    (source / "Dockerfile").write_text("RUN ln -s xx-info /out/xx-link\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(place / "xx")]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"], ["tag", "v9.0"]):
        subprocess.run([*git, *words], check=True)
    return place / "xx"


def test_an_image_of_scripts_is_made_once_and_built_with(project: Rbuild, tmp_path: Path) -> None:
    clone = repository(tmp_path)
    # The storage is that of all tests, those on a terminal included.
    version = f"9.{int(project.terminal)}"
    subprocess.run(["git", "-C", str(clone), "tag", "--force", f"v{version}"], check=True)
    containerfile = project.project / "Dockerfile"
    containerfile.write_text(containerfile.read_text().replace("9.0", version))
    give = ("base", "--from", str(clone), f"tonistiigi/xx:{version}")
    failed = project("--no-pull", "binary")
    assert failed.returncode != 0

    dry = project(*give, "--dry-run")
    assert f"would make localhost/tonistiigi/xx:{version} of the scripts of v{version}" in (
        dry.stdout + dry.stderr
    )
    made = project(*give)
    assert made.returncode == 0, made.stderr
    assert "already" not in made.stderr, "the dry run made it"

    done = project("binary")
    assert done.returncode == 0, done.stderr
    assert (project.bundles / "info").read_text() == "its version\n"
    assert "build argument" not in done.stderr, "an engine's warning of an ARG without a value"

    again = project(*give)
    assert again.returncode == 0
    assert "is there already; --force makes it anew" in again.stderr
    assert again.stdout == made.stdout
    assert "nothing changed" in project("binary").stderr
    anew = project(*give, "--force")
    assert anew.returncode == 0
    assert "already" not in anew.stderr


def test_what_the_user_built_of_a_stand_in_is_none(project: Rbuild, tmp_path: Path) -> None:
    """It has the labels of what it was made of."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "f").write_text("of a directory\n")
    names = [f"example.com/{project.backend}-{name}:1" for name in ("stand-in", "own")]
    assert project("base", "--from", str(tmp_path / "root"), names[0]).returncode == 0
    (tmp_path / "Dockerfile").write_text(f"FROM localhost/{names[0]}\nCOPY root/f /mine\n")
    engine(project, "build", "-t", f"localhost/{names[1]}", str(tmp_path))
    done = project("base", "--from", str(tmp_path / "root"), names[1])
    assert done.returncode == 2
    assert f"there is an image localhost/{names[1]}, and rbuild base did not make it" in done.stderr
    engine(project, "rmi", *(f"localhost/{name}" for name in names))


def test_a_directory_becomes_a_root_file_system(project: Rbuild, tmp_path: Path) -> None:
    (tmp_path / "root" / "usr" / "bin").mkdir(parents=True)
    script = tmp_path / "root" / "usr" / "bin" / "xx-info"
    script.write_text("#!/bin/sh\necho of a directory\n")
    script.chmod(0o755)
    name = f"example.com/tools/{project.backend}:1"
    assert project("base", "--from", str(tmp_path / "root"), name).returncode == 0
    (project.project / "Dockerfile").write_text(f"FROM debian:bookworm\nCOPY --from={name} / /\n")
    done = project("binary")
    assert done.returncode == 0, done.stderr
    assert (project.bundles / "info").read_text() == "of a directory\n"


def test_a_mistyped_release_is_told_before_an_engine_is_asked(rbuild: Rbuild) -> None:
    done = rbuild("base", "debian:bookwrm")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "rbuild: there is no release bookwrm of Debian",
        "  -> did you mean debian:bookworm?",
    ]


def test_a_bundle_of_links_alone_is_no_success(rbuild: Rbuild) -> None:
    """`make cross` of Docker 1.12 in an image that names no platforms."""
    assert rbuild("binary").returncode == 0
    before = sorted(rbuild.bundles.rglob("*"))
    script = rbuild.project / "hack" / "make.sh"
    script.write_text(
        "#!/bin/sh\nmkdir -p bundles/cross/linux && ln -s ../../binary bundles/cross/linux/amd64\n"
    )
    done = rbuild("cross")
    assert done.returncode == 4
    assert "cross: has nothing but links in it" in done.stderr
    assert sorted(rbuild.bundles.rglob("*")) == before


def test_what_an_image_says_is_not_the_projects_own_is_told(rbuild: Rbuild) -> None:
    containerfile = rbuild.project / "Dockerfile"
    containerfile.write_text(
        containerfile.read_text()
        + "LABEL rootless-build.substitutes=/usr/share/parts\n"
        + "RUN mkdir -p /usr/share/parts && "
        + "echo projectd-1.2.3 pkg:deb/debian/projectd@1.0%2B2 >/usr/share/parts/substitutes\n"
    )
    done = rbuild("binary")
    assert done.returncode == 0, done.stderr
    assert "not the project's own: projectd-1.2.3: Debian's projectd 1.0+2" in done.stderr
    (statement, *_) = rbuild.bundles.rglob("provenance.intoto.json")
    assert '"uri": "pkg:deb/debian/projectd@1.0%2B2"' in statement.read_text()

"""The dev images of contrib: every engine gets them, and the one for old releases reads those."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rootless_build.images.bases.executables import LABEL
from rootless_build.images.containerfile.parser import parse
from rootless_build.images.rewrite.session import explain
from rootless_build.model.plan import BuildImage
from tests.unit.images.eras import ENGINES

IMAGES = Path(__file__).parents[3] / "contrib" / "images"
OLD = IMAGES / "docker-1.12-19.03" / "Containerfile"
FILES = {
    "Dockerfile": "FROM debian:jessie\n",
    "make/cross": "for platform in $DOCKER_CROSSPLATFORMS; do\n\tbuild\ndone\n",
}
IN_ENVIRONMENT = (
    "ENV DOCKER_CROSSPLATFORMS \\\n\tlinux/386 linux/arm \\\n\tdarwin/amd64 freebsd/386 \\\n"
    "\twindows/amd64 windows/386\n\nRUN true\n"
)
PINNED = (
    "# Install runc\nENV RUNC_COMMIT abc\nRUN set -x \\\n\t&& echo runc $RUNC_COMMIT\n\nENV X y\n"
)
IN_SCRIPT = 'DOCKER_CROSSPLATFORMS=${DOCKER_CROSSPLATFORMS:-"linux/amd64 windows/amd64"}\n'


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("image", sorted(IMAGES.iterdir()), ids=lambda image: image.name)
def test_every_engine_gets_the_same(image: Path, engine: str) -> None:
    step = BuildImage(image, image / "Containerfile")
    assert not [rewrite for rewrite in explain(step, engine) if rewrite.differs]


def test_the_label_is_the_one_that_is_read() -> None:
    assert f"LABEL {LABEL}=/usr/local/share/rbuild" in OLD.read_text().splitlines()


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """The files of a checkout of moby that the image looks at."""
    for name, content in FILES.items():
        (tmp_path / "release" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "release" / name).write_text(content)
    return tmp_path / "release"


def instructions(release: Path) -> Path:
    """What the stage of that name makes of a release."""
    (script,) = (
        instruction.body
        for instruction in parse(OLD.read_text()).instructions
        if instruction.keyword == "RUN" and instruction.body.startswith("mkdir /instructions")
    )
    made = release.with_name("instructions")
    here = script.replace("/release", str(release)).replace("/instructions", str(made))
    subprocess.run(["sh", "-c", here], check=True)
    return made


def platforms(made: Path, *words: str, **environment: str) -> tuple[str, str]:
    """What a script of the release sees as the platforms, and what it says, when called so."""
    script = made.with_name("script")
    script.write_text("echo $DOCKER_CROSSPLATFORMS\n")
    done = subprocess.run(
        ["bash", str(script), *words],
        env={"BASH_ENV": str(made / "environment.sh"), "PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip(), done.stderr.strip()


def test_a_release_with_all_in_its_dockerfile(release: Path) -> None:
    (release / "Dockerfile").write_text(PINNED + IN_ENVIRONMENT)
    made = instructions(release)
    assert sorted(path.name for path in made.iterdir()) == ["environment.sh", "mingw", "runc.sh"]
    runc = subprocess.run(
        ["sh", "-e", str(made / "runc.sh")], capture_output=True, text=True, check=True
    )
    assert runc.stdout == "runc abc\n"
    kept, said = platforms(made, "hack/make.sh", "binary", "cross")
    assert kept == "linux/386 linux/arm windows/386"
    assert said.startswith("cross: without darwin/amd64 freebsd/386 windows/amd64, which")
    assert platforms(made, "hack/make.sh", "binary") == (kept, "")
    own = platforms(made, "hack/make.sh", "cross", DOCKER_CROSSPLATFORMS="darwin/amd64")
    assert own == ("darwin/amd64", "")


def test_a_release_with_a_script_for_all(release: Path) -> None:
    (release / "dockerfile").mkdir()
    for name in ("install-binaries.sh", "binaries-commits"):
        (release / "dockerfile" / name).write_text("x")
    (release / "make" / "cross").write_text(IN_SCRIPT)
    made = instructions(release)
    assert {path.name for path in made.iterdir()} == {
        "binaries-commits",
        "environment.sh",
        "install-binaries.sh",
    }
    assert platforms(made, "cross")[0] == "linux/amd64"


@pytest.mark.parametrize(("name", "kept"), [("docker-runc", "linux/amd64"), ("runc", "")])
def test_a_release_with_a_script_for_each(release: Path, name: str, kept: str) -> None:
    (release / "dockerfile" / "install").mkdir(parents=True)
    installer = release / "dockerfile" / "install" / "runc.installer"
    installer.write_text(f'cp runc "${{PREFIX}}/{name}"\n')
    (release / "make" / "cross").write_text(IN_SCRIPT)
    made = instructions(release)
    assert (made / "install" / "runc.installer").is_file()
    # From 18.09 on windows is compiled by a Go of today: its compiler comes into the image.
    assert (made / "mingw").exists() is (name == "runc")
    if kept:
        assert platforms(made, "cross")[0] == kept
    else:
        assert not (made / "environment.sh").exists()

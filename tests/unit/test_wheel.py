"""The wheel and the sdist: built once, and the wheel installed where no checkout is."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import pytest
from msgspec import Struct

# Built once, not by each worker.
pytestmark = pytest.mark.xdist_group("wheel")
ROOT = Path(__file__).parents[2]


class Installed(Struct, frozen=True):
    """A virtual environment with the wheel, and beside it an empty directory to work in."""

    place: Path
    work: Path

    def run(self, *words: str, environment: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            [self.place / "bin" / words[0], *words[1:]],
            cwd=self.work,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def packages(self) -> Path:
        return next((self.place / "lib").glob("python*/site-packages"))


def built(kind: str, place: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(place)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (made,) = place.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return made


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    place = tmp_path_factory.mktemp("wheel")
    wheel = built("wheel", place)
    environment = place / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    made = Installed(environment, place / "work")
    made.work.mkdir()
    # What rbuild needs, but for the checkout, which a .pth of that directory names.
    (made.packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python")]
    options = ["--quiet", "--no-deps", "--no-index", "--ignore-installed"]
    subprocess.run([*pip, "install", *options, str(wheel)], check=True)
    return made


def test_the_program_is_that_of_the_wheel(installed: Installed) -> None:
    said = installed.run("python", "-c", "import rootless_build; print(rootless_build.__file__)")
    assert Path(said.strip()).is_relative_to(installed.place)
    assert installed.run("rbuild", "--version").startswith("rbuild ")
    assert "podman" in installed.run("python", "-c", "import rbuild_podman; print(rbuild_podman)")


def test_the_containerfiles_and_examples_that_come_with_it(installed: Installed) -> None:
    for name in ("images", "examples", "ci"):
        place = Path(installed.run("rbuild", "path", name).strip())
        assert place.is_relative_to(installed.place)
        assert _files(place) == _files(ROOT / "contrib" / name)
    images = installed.run("rbuild", "path", "images").strip()
    (installed.work / "Makefile").write_text(
        "all:\n\tdocker build -t dev .\n\tdocker run --rm dev make\n"
    )
    file = f"{images}/docker-1.12-19.03/Containerfile"
    planned = installed.run("rbuild", "plan", "--format", "json", "-f", file, "all")
    assert file in planned


def _files(place: Path) -> set[Path]:
    return {path.relative_to(place) for path in place.rglob("*") if path.is_file()}


def test_completion_and_manual_pages_are_where_shells_and_man_look(installed: Installed) -> None:
    share = installed.place / "share"
    places = {
        "bash": "bash-completion/completions/rbuild",
        "zsh": "zsh/site-functions/_rbuild",
        "fish": "fish/vendor_completions.d/rbuild.fish",
    }
    for shell, place in places.items():
        assert (share / place).read_text() == installed.run("rbuild", "completion", shell)
    assert (share / "man/man1/rbuild.1").read_text().startswith(".TH RBUILD 1")
    assert (share / "man/man5/rbuild.toml.5").is_file()
    script = f"source {share}/bash-completion/completions/rbuild && complete -p rbuild"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert "_rbuild" in done.stdout
    asked = {"_RBUILD_COMPLETE": "bash", "XDG_CACHE_HOME": str(installed.work / "cache")}
    assert "doctor\t" in installed.run("rbuild", "do", environment=asked)


def test_schema_and_contract_suite(installed: Installed) -> None:
    assert '"bundles-dir"' in installed.run("rbuild", "init", "--schema", "rbuild.toml")
    suite = "rootless_build.testing.contract"
    words = ("-m", "pytest", "-p", "rootless_build.testing", "--pyargs", suite)
    options = ("--backend", "podman", "--collect-only", "-q", "-p", "no:cacheprovider")
    said = installed.run("python", *words, *options)
    assert "test_build.py" in said


def test_what_an_index_says_of_it(installed: Installed) -> None:
    (found,) = metadata.distributions(name="rootless-build", path=[str(installed.packages)])
    classifiers = found.metadata.get_all("Classifier") or []
    least = found.metadata["Requires-Python"].removeprefix(">=")
    assert f"Programming Language :: Python :: {least}" in classifiers
    assert "# rbuild" in (found.read_text("METADATA") or "")


def test_the_sdist_has_what_tests_and_packagers_need(tmp_path: Path) -> None:
    with tarfile.open(built("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        *("README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "THREATS.md"),
        *("docs/man/rbuild.1", "contrib/images/docker-20.10/Containerfile", "contrib/run-tests"),
        *("rootless_build/cli/completion/rbuild.zsh", "contrib/examples/docker.io/rbuild.toml"),
        *("tests/unit/test_wheel.py", "rootless_build/testing/contract/test_build.py"),
    } <= names

"""A project in the shape of Docker 29, whose Dockerfile no engine of Debian 12 builds as it is."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from rootless_build.model import platforms
from tests.containerfiles.conftest import ENGINES
from tests.e2e.conftest import PROJECT, checkout
from tests.e2e.driver import Rbuild, events
from tests.e2e.made_bundles import digests, same_as_others
from tests.e2e.made_outputs import directories, named, products
from tests.git_served import git, served

HELPER = "https://git.example.invalid"
"""Where the Dockerfile has the helper from. git is told to ask a daemon on this host instead."""
HOST = platforms.host()
ONCE_IN_CI = pytest.mark.in_ci("podman")
HELPER_ADD = f"ADD {HELPER}/helper.git?ref=${{HELPER_VERSION}}"
BUILD = "RUN --mount=type=bind,target=.,rw"
PLUGIN = "RUN --mount=source=plugins/"
CONFIGURATION = {
    "etc/project/project.conf": "640",
    "etc/project/project.key": "600",
    "etc/project/project.service": "640",
}
DAEMON = ["libexec/project-proxy", "projectd"]
REPORTS = ["projectd.cache", "projectd.found", "projectd.left"]


def with_checksums(*names: str) -> list[str]:
    return [f"{name}{suffix}" for name in names for suffix in ("", ".md5", ".sha256")]


def said(program: Path) -> str:
    done = subprocess.run([program], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def helper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """The helper's repository, and a git configuration that leads to it."""
    directory = tmp_path_factory.mktemp("helper")
    work = directory / "helper.git"
    git(directory, "init", "--initial-branch=main", work.name)
    (work / "templates").mkdir()
    for version in ("v1.1.0", "v1.2.0"):
        (work / "templates" / "unit").write_text(f"unit of {version}\n")
        (work / "configure").write_text(f'#!/bin/sh\necho "helper {version}, commit $1"\n')
        (work / "configure").chmod(0o755)
        git(work, "add", ".")
        git(work, "commit", "-m", version)
        git(work, "tag", "-m", version, version)
    with served(directory) as url:
        configuration = directory / "gitconfig"
        configuration.write_text(f'[url "{url}"]\n\tinsteadOf = {HELPER}\n')
        yield work, configuration


@pytest.fixture
def moby29(
    tmp_path: Path,
    base: None,
    backend_name: str,
    rbuild_environment: Mapping[str, str],
    storage: Path,
    helper: tuple[Path, Path],
) -> Rbuild:
    """`rbuild` in a clone of the project. The caches of its mounts are this backend's own."""
    project = checkout(PROJECT.with_name("moby29-project"), tmp_path)
    git(project, "init", "--initial-branch=main")
    git(project, "add", ".")
    git(project, "commit", "-m", "the project")
    temporary = storage / "temporary"
    temporary.mkdir(exist_ok=True)
    own = {"GIT_CONFIG_GLOBAL": str(helper[1]), "TMPDIR": str(temporary), "VERSION": "29.0.0"}
    return Rbuild(project, backend_name, {**rbuild_environment, **own})


def line(rbuild: Rbuild, beginning: str) -> int:
    """Where the one instruction of the Dockerfile stands that begins so."""
    text = (rbuild.project / "Dockerfile").read_text()
    (found,) = (n for n, line in enumerate(text.splitlines(), 1) if line.startswith(beginning))
    return found


@ENGINES
def test_the_daemon(moby29: Rbuild, agreed: Path) -> None:
    done = moby29("binary")
    assert done.returncode == 0, done.stderr
    made = moby29.bundles / "binary"
    assert products(made) == sorted([*with_checksums(*DAEMON), *REPORTS])
    assert "4 checksums agreed" in done.stderr
    assert {path.lstat().st_uid for path in made.rglob("*")} == {os.getuid()}
    commit = git(moby29.project, "rev-parse", "HEAD").strip()
    assert said(made / "projectd") == (
        f"projectd version 29.0.0, commit {commit}, binary for {HOST}\n"
    )
    assert said(made / "libexec/project-proxy") == "proxy\n"
    assert named(moby29) == []
    assert moby29.leftovers() == []
    same_as_others(moby29, agreed, "moby29-binary")


@ONCE_IN_CI
@ENGINES
def test_mounts_show_the_project_and_keep_nothing(moby29: Rbuild) -> None:
    done = moby29("dynbinary")
    assert done.returncode == 0, done.stderr
    made = moby29.bundles / "dynbinary"
    assert ", dynbinary for " in said(made / "projectd")
    # Neither what .dockerignore names nor what the tmpfs is mounted over.
    versioned = git(moby29.project, "ls-files").splitlines()
    hidden = {"secret", "cmd/projectd/generated/README"}
    found = (made / "projectd.found").read_text().splitlines()
    assert found == sorted(f"./{name}" for name in versioned if name not in hidden)
    # The next step finds the cache, and nothing that was mounted or written there.
    assert (made / "projectd.cache").read_text() == "dynbinary\n"
    assert (made / "projectd.left").read_text() == ""
    assert git(moby29.project, "status", "--porcelain", "--ignored") == "?? bundles/\n"


@ONCE_IN_CI
@ENGINES
def test_the_daemon_and_what_it_comes_with(
    moby29: Rbuild, helper: tuple[Path, Path], agreed: Path
) -> None:
    done = moby29("all")
    assert done.returncode == 0, done.stderr
    made = moby29.bundles / "all"
    assert products(made) == sorted(
        [
            *with_checksums(*DAEMON, "libexec/project-helper"),
            *REPORTS,
            *CONFIGURATION,
            "libexec/project-inspector",
            "share/unit",
        ]
    )
    assert "6 checksums agreed" in done.stderr
    commit = git(helper[0], "rev-parse", "v1.2.0^{commit}").strip()
    assert said(made / "libexec/project-helper") == f"helper v1.2.0, commit {commit}\n"
    assert (made / "share/unit").read_text() == "unit of v1.1.0\n"
    assert said(made / "libexec/project-inspector") == f"inspector for {HOST}\n"
    modes = {name: f"{stat.S_IMODE((made / name).stat().st_mode):o}" for name in CONFIGURATION}
    assert modes == CONFIGURATION
    assert (made / "etc/project/project.conf").read_text() == "version = 29.0.0\n"
    service = (made / "etc/project/project.service").read_text()
    assert service == "ExecStart=/usr/bin/projectd $OPTIONS\n"
    same_as_others(moby29, agreed, "moby29-all")
    # Built again, repositories included, it is all in the cache.
    done = moby29("--log-format", "json", "--force", "all")
    assert done.returncode == 0, done.stderr
    progress = [e for e in events(done.stdout) if e["event"] == "build-progress"]
    work = {
        str(e["instruction"]) for e in progress if str(e["instruction"])[:4] in ("ADD ", "RUN ")
    }
    cached = {e["instruction"] for e in progress if e["state"] == "cached"}
    assert len(work) == 5
    assert work <= cached


@ONCE_IN_CI
@ENGINES
def test_a_file_that_is_mounted_and_changed_is_seen(moby29: Rbuild) -> None:
    assert moby29("binary").returncode == 0
    (moby29.project / "cmd/project-proxy/words").write_text("another proxy\n")
    assert moby29("binary").returncode == 0
    assert said(moby29.bundles / "binary/libexec/project-proxy") == "another proxy\n"


@ONCE_IN_CI
@ENGINES
def test_several_platforms(moby29: Rbuild, agreed: Path) -> None:
    done = moby29("cross")
    assert done.returncode == 0, done.stderr
    made = moby29.bundles / "binary"
    assert directories(made) == ["linux_amd64", "linux_arm_v7"]
    assert said(made / "linux_arm_v7/projectd").endswith(", binary for linux/arm/v7\n")
    assert said(made / "linux_amd64/projectd").endswith(", binary for linux/amd64\n")
    same_as_others(moby29, agreed, "moby29-cross")


@ENGINES
def test_a_target_of_each_item_of_a_matrix(moby29: Rbuild, agreed: Path) -> None:
    done = moby29("plugins")
    assert done.returncode == 0, done.stderr
    made = moby29.bundles / "plugins"
    assert products(made) == sorted(with_checksums("log/log", "volume/volume"))
    assert said(made / "volume/volume") == "plugin of volumes\n"
    same_as_others(moby29, agreed, "moby29-plugins")


@ONCE_IN_CI
@ENGINES
def test_what_is_built_is_tried_and_nothing_kept(moby29: Rbuild) -> None:
    done = moby29("smoke")
    assert done.returncode == 0, done.stderr
    assert "projectd version 29.0.0, commit " in done.stderr
    assert not moby29.bundles.exists()
    assert named(moby29) == []


@ONCE_IN_CI
@ENGINES
def test_a_failure_in_a_heredoc_has_the_line_of_the_original(moby29: Rbuild) -> None:
    assert moby29("binary").returncode == 0
    before = digests(moby29.bundles)
    done = moby29("VERSION=broken", "binary")
    assert done.returncode == 1
    assert f"rbuild: Dockerfile:{line(moby29, BUILD)}: RUN" in done.stderr
    assert "status 7" in done.stderr
    assert "broken: no such symbol" in done.stderr
    said = done.stderr
    for own in (str(moby29.project), moby29.environment["XDG_STATE_HOME"]):
        said = said.replace(own, "")
    assert "rbuild-" not in said
    assert digests(moby29.bundles) == before
    assert moby29.leftovers() == []


@ONCE_IN_CI
@ENGINES
def test_a_version_that_the_repository_has_not(moby29: Rbuild) -> None:
    done = moby29("--build-arg", "HELPER_VERSION=v9", "all")
    assert done.returncode == 2
    assert f"Dockerfile:{line(moby29, HELPER_ADD)}:1: ADD {HELPER}/helper.git" in done.stderr
    assert "there is no branch or tag v9" in done.stderr
    assert not products(moby29.bundles)


@ONCE_IN_CI
@ENGINES
def test_the_plan_says_what_is_rewritten_where_and_why(moby29: Rbuild) -> None:
    done = moby29("plan", "--explain", "all")
    assert done.returncode == 0, done.stderr
    for beginning, rewrite in (
        (
            "RUN --mount=from=helper-src",
            "mount-target (target=/usr/src/helper: the target of a mount",
        ),
        (BUILD, "mount-target (target=/usr/src/project: the target of a mount"),
        (BUILD, "mount-target (target=/usr/src/project/cmd/projectd/generated: the target"),
        (BUILD, "mount-content (a RUN is done again when what it mounts has changed"),
        (BUILD, "run-heredoc (a heredoc in RUN"),
    ):
        head = f"line {line(moby29, beginning)}: {beginning}"
        assert [said for said in done.stdout.splitlines() if head in said and rewrite in said]
    # All else rbuild does itself.
    assert "Dockerfile: COPY, ADD and WORKDIR are layers of rbuild's, on" in done.stdout
    assert not [
        said
        for said in done.stdout.splitlines()
        if said.startswith("#   line ") and ": RUN" not in said
    ]
    assert not moby29.bundles.exists()


@pytest.mark.parametrize(
    "backend_name",
    [pytest.param("docker", marks=pytest.mark.xdist_group("docker"))],
    indirect=True,
    scope="session",
)
def test_the_classic_builder_of_docker_says_what_it_can_t(moby29: Rbuild) -> None:
    done = moby29("binary")
    assert done.returncode == 2, done.stderr
    assert "RUN --mount can't be done: not in docker's classic builder" in done.stderr
    assert not products(moby29.bundles)
    shown = moby29("plan", "--explain", "binary")
    assert shown.returncode == 0, shown.stderr
    assert f"line {line(moby29, BUILD)}: {BUILD}" in shown.stdout
    assert "refused: " in shown.stdout

"""Builds that write files: `docker build --output` (20.10) and `docker buildx bake` (23.0)."""

from __future__ import annotations

import hashlib
import os
import tarfile
from pathlib import Path

import pytest

from tests.e2e.driver import Rbuild, events
from tests.e2e.made_bundles import digests, same_as_others
from tests.e2e.made_outputs import directories, images, named, products

pytestmark = pytest.mark.in_ci("podman")

BINARY = [
    "binary-daemon/projectd",
    "binary-daemon/projectd-2.0.0",
    "binary-daemon/projectd-2.0.0.md5",
    "binary-daemon/projectd-2.0.0.sha256",
]


ONE_PLATFORM = "docker's classic builder has one platform in a build"


def classic(rbuild: Rbuild) -> bool:
    """Whether images are built by docker's classic builder: Debian 12 packages no docker-buildx."""
    return rbuild.backend == "docker"


def text(path: Path) -> str:
    return path.read_text().splitlines()[-1]


def test_the_build_writes_the_bundles_itself(output_project: Rbuild, agreed: Path) -> None:
    done = output_project("binary")
    assert done.returncode == 0, done.stderr
    assert products(output_project.bundles) == BINARY
    owners = {path.lstat().st_uid for path in output_project.bundles.rglob("*")}
    assert owners == {os.getuid()}
    assert "2 checksums agreed" in done.stderr
    daemon = output_project.bundles / BINARY[1]
    assert "version 2.0.0, commit unsupported" in text(daemon)
    assert daemon.stat().st_mtime == 1577934245
    assert named(output_project) == []
    assert output_project.leftovers() == []
    same_as_others(output_project, agreed, "outputs-binary")


def test_builds_leave_no_images_behind_them(output_project: Rbuild) -> None:
    assert output_project("binary").returncode == 0
    before = len(images(output_project))
    done = output_project("--log-format", "json", "--force", "binary")
    assert done.returncode == 0, done.stderr
    assert len(images(output_project)) == before
    states = [e["state"] for e in events(done.stdout) if e["event"] == "build-progress"]
    # How much of its cache an engine finds again is its own affair.
    assert "cached" in states


def test_files_of_an_earlier_build_stay_beside_the_new_ones(output_project: Rbuild) -> None:
    mine = output_project.bundles / "binary-daemon/mine"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    (output_project.bundles / "other").write_text("other")
    assert output_project("binary").returncode == 0
    assert products(output_project.bundles) == sorted([*BINARY, "binary-daemon/mine", "other"])


def test_each_of_several_platforms_has_a_directory(output_project: Rbuild) -> None:
    done = output_project("cross")
    if classic(output_project):
        assert ONE_PLATFORM in done.stderr
        return
    assert done.returncode == 0, done.stderr
    cross = output_project.bundles / "cross"
    assert directories(cross) == ["linux_amd64", "linux_arm64", "linux_arm_v7"]
    assert "for linux/arm/v7" in text(cross / "linux_arm_v7" / BINARY[1])
    assert "for linux/amd64" in text(cross / "linux_amd64" / BINARY[1])


def test_an_archive_and_a_directory_of_one_build(output_project: Rbuild, agreed: Path) -> None:
    done = output_project("archive")
    assert done.returncode == 0, done.stderr
    archive = output_project.bundles / "out.tar"
    with tarfile.open(archive) as made:
        members = {member.name: member for member in made}
    assert members["binary-daemon/projectd-2.0.0"].mode == 0o755
    assert {(member.uid, member.gid) for member in members.values()} == {(0, 0)}
    assert products(output_project.project / "tmp/out") == BINARY
    names = [p.name for p in output_project.project.iterdir()]
    assert not [name for name in names if ".rbuild" in name]


def test_a_failed_build_leaves_the_bundles_as_they_were(output_project: Rbuild) -> None:
    assert output_project("binary").returncode == 0
    before = digests(output_project.bundles)
    done = output_project("broken")
    assert done.returncode == 1
    assert "broken: no such symbol" in done.stderr
    assert digests(output_project.bundles) == before


def test_files_that_do_not_match_their_checksums_are_not_published(output_project: Rbuild) -> None:
    done = output_project("wrong")
    assert done.returncode == 4
    assert "binary-daemon/projectd-2.0.0: does not match" in done.stderr
    assert not output_project.bundles.exists()


def test_another_bundles_directory(output_project: Rbuild, tmp_path: Path) -> None:
    done = output_project("--bundles-dir", str(tmp_path / "else where"), "binary")
    assert done.returncode == 0, done.stderr
    assert products(tmp_path / "else where") == BINARY
    assert not output_project.bundles.exists()


def test_bake_builds_a_target(bake_project: Rbuild, agreed: Path) -> None:
    done = bake_project()
    assert done.returncode == 0, done.stderr
    assert products(bake_project.bundles) == ["binary/project-proxy", "binary/projectd"]
    daemon = bake_project.bundles / "binary/projectd"
    assert "version dev, commit unsupported, static 1, for this host" in text(daemon)
    assert named(bake_project) == []
    same_as_others(bake_project, agreed, "outputs-bake")


def test_variables_reach_bake_as_with_make(bake_project: Rbuild) -> None:
    done = bake_project("VERSION=3.1", "DOCKER_GITCOMMIT=abc", "dynbinary")
    assert done.returncode == 0, done.stderr
    daemon = bake_project.bundles / "dynbinary/projectd"
    assert "version 3.1, commit abc, static 0" in text(daemon)


def test_bake_for_several_platforms(bake_project: Rbuild) -> None:
    done = bake_project("cross")
    if classic(bake_project):
        assert ONE_PLATFORM in done.stderr
        return
    assert done.returncode == 0, done.stderr
    made = bake_project.bundles / "binary"
    wanted = ["linux_amd64", "linux_arm64", "linux_arm_v7", "windows_amd64"]
    assert directories(made) == wanted
    assert "for linux/arm64" in text(made / "linux_arm64/projectd")


def test_one_other_platform_is_written_flat(bake_project: Rbuild) -> None:
    done = bake_project("win")
    if classic(bake_project):
        assert ONE_PLATFORM in done.stderr
        return
    assert done.returncode == 0, done.stderr
    assert "for windows/amd64" in text(bake_project.bundles / "binary/projectd")


def test_what_goes_elsewhere_is_no_bundle(bake_project: Rbuild, tmp_path: Path) -> None:
    done = bake_project(f"DESTDIR={tmp_path / 'out'}", "binary")
    assert done.returncode == 0, done.stderr
    assert products(tmp_path / "out") == ["project-proxy", "projectd"]
    assert not [event for event in done.stderr.splitlines() if "checksums agreed" in event]


def test_a_build_without_results_leaves_nothing(bake_project: Rbuild) -> None:
    done = bake_project("smoke")
    assert done.returncode == 0, done.stderr
    assert not bake_project.bundles.exists()
    assert named(bake_project) == []


def test_a_matrix_an_inline_dockerfile_and_a_linked_target(bake_project: Rbuild) -> None:
    if classic(bake_project):
        done = bake_project("both")
        assert done.returncode == 3
        assert "named build contexts" in done.stderr
        return
    done = bake_project("both")
    assert done.returncode == 0, done.stderr
    assert products(bake_project.bundles) == ["extras/a", "extras/b"]
    assert "static 1" in text(bake_project.bundles / "extras/b")


def test_checksums_only_when_asked(bake_project: Rbuild) -> None:
    done = bake_project("--checksums", "--log-format", "json", "binary")
    assert done.returncode == 0, done.stderr
    daemon = bake_project.bundles / "binary/projectd"
    digest = hashlib.sha256(daemon.read_bytes()).hexdigest()
    assert (daemon.parent / "projectd.sha256").read_text() == f"{digest}  projectd\n"
    published = [e for e in events(done.stdout) if e["event"] == "bundles-published"]
    assert [e["checked"] for e in published] == [4]


def test_a_misspelt_attribute_is_named_with_file_line_and_column(bake_project: Rbuild) -> None:
    # As buildx, which says nothing of it: the target is built, and its files stay in the image.
    done = bake_project("misspelt")
    assert done.returncode == 0, done.stderr
    assert (
        "misspelt.hcl:3:3: a target has no attribute 'outputs', which is passed over"
        in done.stdout + done.stderr
    )
    assert "did you mean output?" in done.stdout + done.stderr


def test_the_plan_of_a_bake_can_be_pasted(bake_project: Rbuild) -> None:
    done = bake_project("plan", "cross")
    assert done.returncode == 0, done.stderr
    start = f"{bake_project.backend} build "
    lines = [line for line in done.stdout.splitlines() if line.startswith(start)]
    assert len(lines) == 4
    assert all("linux_" in line or "windows_" in line for line in lines)
    assert "docker-bake.hcl:" in done.stdout


def test_a_project_with_a_bake_file_needs_no_makefile(bake_project: Rbuild) -> None:
    (bake_project.project / "Makefile").unlink()
    done = bake_project("VERSION=7", "binary")
    assert done.returncode == 0, done.stderr
    assert "version 7" in text(bake_project.bundles / "binary/projectd")

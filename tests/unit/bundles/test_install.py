"""`rbuild install`: the executables of the latest bundles, under the names `make install` uses."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rootless_build.bundles import provenance
from rootless_build.bundles.installation import Installation
from rootless_build.bundles.installation import install as install_verified
from rootless_build.bundles.provenance import Attestation
from rootless_build.bundles.statement import NAME
from rootless_build.model.errors import BundlesError, HostError, UsageError


def executable(path: Path, content: str = "", *, checksum: bool = True) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content or path.name, errors="surrogateescape")
    path.chmod(0o750)
    if checksum:
        for algorithm in ("md5", "sha256"):
            digest = hashlib.new(algorithm, path.read_bytes()).hexdigest()
            path.with_name(f"{path.name}.{algorithm}").write_text(f"{digest}  {path.name}\n")
    return path


def linked(directory: Path, name: str, version: str, content: str = "") -> None:
    executable(directory / f"{name}-{version}", content)
    (directory / name).symlink_to(f"{name}-{version}")


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    """The tree of Docker 1.12.6, and an older one beside it."""
    directory = tmp_path / "bundles"
    for version in ("1.12.5", "1.12.6"):
        linked(directory / version / "binary-client", "docker", version)
        linked(directory / version / "binary-daemon", "dockerd", version, f"static {version}")
        linked(directory / version / "binary-daemon", "docker-proxy", version)
        linked(directory / version / "dynbinary-daemon", "dockerd", version, "dynamic")
        executable(directory / version / "binary-daemon" / "docker-runc")
    (directory / "latest").symlink_to("1.12.6")
    return directory


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return tmp_path / "usr" / "local"


def attest(bundles: Path) -> None:
    """Give bundles provenance, as the build that made them would."""
    run = provenance.Run(bundles, bundles, {})
    provenance.attest(run, Attestation("https://slsa.dev/provenance/v1", {}, None))


def install(bundles: Path, prefix: Path, *, dry_run: bool) -> Installation:
    """What was built is installed."""
    if bundles.is_dir() and not list(bundles.rglob(NAME)):
        attest(bundles)
    return install_verified(bundles, prefix, dry_run=dry_run)


def installed(prefix: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (prefix / "bin").iterdir()}


def run(bundles: Path, prefix: Path) -> list[str]:
    return [done.target.name for done in install(bundles, prefix, dry_run=False)]


def test_the_latest_static_executables_are_installed_under_their_short_names(
    bundles: Path, prefix: Path
) -> None:
    attest(bundles)
    before = sorted(bundles.rglob("*"))
    done = list(install(bundles, prefix, dry_run=False))
    assert installed(prefix) == {
        "docker": "docker-1.12.6",
        "dockerd": "static 1.12.6",
        "docker-proxy": "docker-proxy-1.12.6",
        "docker-runc": "docker-runc",
    }
    for path in (prefix / "bin").iterdir():
        assert stat.S_IMODE(path.lstat().st_mode) == 0o755
        assert stat.S_ISREG(path.lstat().st_mode)
    assert [(item.target, item.replaced) for item in done if item.target.name == "dockerd"] == [
        (prefix / "bin" / "dockerd", False)
    ]
    assert all(item.source.is_relative_to(bundles) for item in done)
    assert sorted(bundles.rglob("*")) == before
    assert all(item.replaced for item in install(bundles, prefix, dry_run=False))


@pytest.mark.parametrize("latest", [None, "."])
def test_bundles_without_a_version_directory_are_installed(
    tmp_path: Path, prefix: Path, latest: str | None
) -> None:
    bundles = tmp_path / "bundles"
    linked(bundles / "dynbinary-daemon", "dockerd", "dev")
    executable(bundles / "dynbinary-daemon" / "dockerd-rootless.sh", "#!/bin/sh\n")
    executable(bundles / "cross" / "windows" / "dockerd.exe")
    (bundles / "dynbinary-daemon" / "notes.txt").write_text("no executable")
    if latest:
        (bundles / "latest").symlink_to(latest)
    assert run(bundles, prefix) == ["dockerd", "dockerd-rootless.sh"]


def test_binaries_of_newer_releases_have_neither_versions_nor_checksums(
    tmp_path: Path, prefix: Path
) -> None:
    for name in ("dockerd", "docker-proxy"):
        executable(tmp_path / "bundles" / "binary" / name, checksum=False)
    assert sorted(run(tmp_path / "bundles", prefix)) == ["docker-proxy", "dockerd"]


def test_a_project_of_another_shape_installs_every_executable(tmp_path: Path, prefix: Path) -> None:
    bundles = tmp_path / "bundles"
    linked(bundles / "out" / "x86_64", "tool", "2.0")
    executable(bundles / "busybox")
    (bundles / "ls").symlink_to("busybox")
    (bundles / "again").mkdir()
    (bundles / "again" / "tool").symlink_to("../out/x86_64/tool-2.0")
    assert sorted(run(bundles, prefix)) == ["busybox", "ls", "tool"]
    assert installed(prefix)["ls"] == "busybox"


def test_two_different_executables_of_one_name_are_refused_by_name(
    tmp_path: Path, prefix: Path
) -> None:
    bundles = tmp_path / "bundles"
    executable(bundles / "amd64" / "tool", "one")
    executable(bundles / "arm64" / "tool", "other")
    with pytest.raises(UsageError, match=r"amd64/tool and arm64/tool would both be .* tool"):
        install(bundles, prefix, dry_run=False)
    assert not prefix.exists()


def test_a_running_daemon_goes_on_while_it_is_replaced(bundles: Path, prefix: Path) -> None:
    target = prefix / "bin" / "dockerd"
    target.parent.mkdir(parents=True)
    shutil.copy(shutil.which("sleep") or "sleep", target)
    with subprocess.Popen([target, "60"]) as daemon:
        try:
            done = {
                item.target.name: item.replaced for item in install(bundles, prefix, dry_run=False)
            }
            assert daemon.poll() is None
            assert Path(f"/proc/{daemon.pid}/exe").readlink() == Path(f"{target} (deleted)")
        finally:
            daemon.kill()
    assert done["dockerd"]
    assert not done["docker"]
    assert target.read_text() == "static 1.12.6"


def test_a_link_in_the_place_of_a_target_is_replaced_and_what_it_leads_to_is_kept(
    bundles: Path, prefix: Path
) -> None:
    (prefix / "bin").mkdir(parents=True)
    (prefix / "packaged").write_text("packaged")
    (prefix / "bin" / "docker").symlink_to("../packaged")
    run(bundles, prefix)
    assert not (prefix / "bin" / "docker").is_symlink()
    assert (prefix / "packaged").read_text() == "packaged"


def test_a_dry_run_says_the_same_and_writes_nothing(bundles: Path, prefix: Path) -> None:
    said = list(install(bundles, prefix, dry_run=True))
    assert not prefix.exists()
    assert said == list(install(bundles, prefix, dry_run=False))


def test_damaged_bundles_are_refused_before_anything_is_written(
    bundles: Path, prefix: Path
) -> None:
    (bundles / "1.12.6" / "binary-daemon" / "docker-runc").write_text("damaged")
    with pytest.raises(BundlesError) as caught:
        install(bundles, prefix, dry_run=False)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith("1.12.6/binary-daemon/docker-runc: does not match")
    assert not prefix.exists()


@pytest.mark.parametrize("target", ["/usr/bin/env", "../../../secret", "../../../closed/secret"])
def test_a_link_out_of_the_bundles_is_refused(
    bundles: Path, tmp_path: Path, prefix: Path, target: str
) -> None:
    executable(tmp_path / "secret")
    executable(tmp_path / "closed" / "secret")
    (bundles / "1.12.6" / "binary-daemon" / "shadow").symlink_to(target)
    with pytest.raises(BundlesError) as caught:
        install(bundles, prefix, dry_run=False)
    assert caught.value.problems == ("1.12.6/binary-daemon/shadow: leads out of the bundles",)
    assert not prefix.exists()


def test_latest_that_leads_out_of_the_bundles_is_refused(
    bundles: Path, tmp_path: Path, prefix: Path
) -> None:
    executable(tmp_path / "elsewhere" / "binary" / "dockerd")
    (bundles / "latest").unlink()
    (bundles / "latest").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundlesError, match="leads out"):
        install(bundles, prefix, dry_run=False)


def test_another_name_for_a_program_of_the_bundles_is_no_way_out_of_them(
    tmp_path: Path, prefix: Path
) -> None:
    bundles = tmp_path / "bundles"
    executable(bundles / "binary/docker")
    (bundles / "binary/podman").hardlink_to(bundles / "binary/docker")
    for algorithm in ("md5", "sha256"):
        (bundles / f"binary/docker.{algorithm}").unlink()
    assert run(bundles, prefix) == ["docker", "podman"]


@pytest.mark.parametrize("there", [False, True], ids=["missing", "there"])
def test_bundles_that_a_killed_run_had_set_aside_are_installed(
    bundles: Path, prefix: Path, *, there: bool
) -> None:
    """Newer ones that are there are never replaced, not even by those."""
    attest(bundles)
    private = bundles.parent / ".bundles.rbuild.1.1.x"
    private.mkdir(mode=0o700)
    bundles.rename(private / "previous")
    if there:
        executable(bundles / "binary/dockerd", "newer")
    run(bundles, prefix)
    assert installed(prefix)["dockerd"] == ("newer" if there else "static 1.12.6")
    assert (private / "previous").exists() is there


def test_a_link_has_its_name_where_it_is_not_the_short_one_of_what_it_leads_to(
    tmp_path: Path, prefix: Path
) -> None:
    binary = tmp_path / "bundles/binary"
    for name in ("docker-1", "docker_2", "docker.3", "docker4", "containerd-shim"):
        executable(binary / name, checksum=False)
    for name, target in (("docker", "docker4"), ("ctr", "containerd-shim")):
        (binary / name).symlink_to(target)
    assert run(tmp_path / "bundles", prefix) == [
        "containerd-shim",
        "ctr",
        "docker",
        "docker-1",
        "docker.3",
        "docker4",
        "docker_2",
    ]


# --- as root ------------------------------------------------------------------------------------

USER = 12345
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs files of two users")


@pytest.fixture
def private() -> Iterator[Path]:
    """A directory that root alone may enter, with bundles and a program in it."""
    with tempfile.TemporaryDirectory(dir="/root") as name:
        place = Path(name)
        executable(place / "binary/dockerd", "private")
        executable(place / "secret", "private")
        attest(place)
        yield place


@pytest.fixture
def project(bundles: Path) -> Iterator[Path]:
    """A project of another user's."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        place = Path(name)
        attest(bundles)
        shutil.copytree(bundles, place / "bundles", symlinks=True)
        place.chmod(0o755)
        given(place)
        yield place


def given(project: Path) -> None:
    for path in (project, *project.rglob("*")):
        os.chown(path, USER, USER, follow_symlinks=False)


def as_root(project: Path, prefix: Path, *words: str) -> tuple[int, str]:
    """A process of its own: its modules are where only root may read them, if they are here."""
    command = (sys.executable, "-m", "rootless_build", "-C", str(project), *words, "install")
    done = subprocess.run(
        (*command, "--prefix", str(prefix)), capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@needs_root
def test_root_installs_what_a_user_has_built(project: Path, prefix: Path) -> None:
    (project / "rbuild.toml").write_text('[defaults]\nbundles-dir = "bundles"\n')
    given(project)
    status, said = as_root(project, prefix)
    assert status == 0, said
    for path in (prefix / "bin").iterdir():
        assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (0, 0o755)
    assert installed(prefix)["dockerd"] == "static 1.12.6"


@needs_root
@pytest.mark.parametrize("how", ["link", "parent", "config", "config-link", "option", "file"])
def test_root_reads_nothing_that_the_owner_of_the_project_may_not(
    project: Path, private: Path, prefix: Path, how: str
) -> None:
    words: tuple[str, ...] = ()
    bundles = project / "bundles"
    if how == "file":
        file = bundles / "1.12.6/binary-daemon/docker-runc"
        os.chown(file, 0, 0)
        file.chmod(0o700)
    elif how == "config":
        (project / "rbuild.toml").write_text(f'[defaults]\nbundles-dir = "{private}"\n')
    elif how == "config-link":
        (private / "rbuild.toml").write_text("word of root's\n")
        (project / "rbuild.toml").symlink_to(private / "rbuild.toml")
    else:
        bundles.rename(project / "old")
        bundles.symlink_to(private.parent if how == "parent" else private)
    if how == "parent":
        words = ("--bundles-dir", str(bundles / private.name))
    elif how == "option":
        words = ("--bundles-dir", str(bundles))
    status, said = as_root(project, prefix, *words)
    assert status not in {0, 1}, said
    assert "Traceback" not in said
    assert "ermission denied" in said
    assert "word of" not in said
    assert not prefix.exists()


@needs_root
@pytest.mark.parametrize("how", ["link", "hard link"])
def test_root_copies_no_program_that_its_owner_may_not_read(
    project: Path, private: Path, prefix: Path, how: str
) -> None:
    shadow = project / "bundles/1.12.6/binary-daemon/shadow"
    if how == "link":
        shadow.symlink_to(private / "secret")
    else:
        (project / "secret").write_text("private")
        (project / "secret").chmod(0o700)
        shadow.hardlink_to(project / "secret")
    status, said = as_root(project, prefix)
    assert status in {3, 4}, said
    assert not prefix.exists()
    with pytest.raises((BundlesError, HostError)):
        install_verified(project / "bundles", prefix, dry_run=False, unverified=True)
    assert not prefix.exists()


@needs_root
def test_what_is_swapped_meanwhile_is_read_with_the_owners_rights(
    project: Path, private: Path, prefix: Path
) -> None:
    """Between the verification and the copy the owner puts a link to root's bundles there."""
    bundles = project / "bundles"
    items = iter(install_verified(bundles, prefix, dry_run=False, unverified=True))
    bundles.rename(project / "old")
    bundles.symlink_to(private)
    with pytest.raises((BundlesError, HostError, OSError)):
        list(items)
    assert not any(prefix.rglob("docker*"))
    assert os.geteuid() == 0


@needs_root
def test_root_that_may_not_take_rights_builds_and_does_not_install(
    project: Path, prefix: Path
) -> None:
    """As in a container without capabilities."""
    (project / "rbuild.toml").write_text('[defaults]\nbundles-dir = "bundles"\n')
    given(project)
    drop = ("setpriv", "--bounding-set", "-setuid,-setgid", "--inh-caps", "-all", "--")
    command = (*drop, sys.executable, "-m", "rootless_build", "-C", str(project))
    subprocess.run((*command, "bundles", "verify"), capture_output=True, check=True)
    words = ("install", "--prefix", str(prefix))
    done = subprocess.run((*command, *words), capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "the rights of user 12345 can't be taken" in done.stderr
    assert not prefix.exists()


@needs_root
def test_roots_own_project_is_read_with_roots_rights(private: Path, prefix: Path) -> None:
    assert run(private, prefix) == ["dockerd"]


@pytest.mark.parametrize("make", [None, "empty", "documents"])
def test_without_bundles_one_is_told_to_build_them(
    tmp_path: Path, prefix: Path, make: str | None
) -> None:
    if make:
        (tmp_path / "bundles").mkdir()
    if make == "documents":
        (tmp_path / "bundles" / "README").write_text("no executable")
    with pytest.raises(UsageError) as caught:
        install(tmp_path / "bundles", prefix, dry_run=False)
    assert caught.value.hint == "build them first: rbuild"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_without_permission_nothing_is_changed_and_sudo_is_named(
    bundles: Path, tmp_path: Path
) -> None:
    prefix = tmp_path / "closed"
    prefix.mkdir(mode=0o555)
    with pytest.raises(HostError) as caught:
        install(bundles, prefix, dry_run=False)
    assert caught.value.finding == "prefix-not-writable"
    assert caught.value.hint.startswith("sudo rbuild install")
    assert list(install(bundles, prefix, dry_run=True))
    assert list(prefix.iterdir()) == []


def test_a_directory_in_the_place_of_a_target_is_found_before_anything_is_written(
    bundles: Path, prefix: Path
) -> None:
    (prefix / "bin" / "dockerd").mkdir(parents=True)
    with pytest.raises(UsageError, match="dockerd is a directory"):
        install(bundles, prefix, dry_run=False)
    assert [path.name for path in (prefix / "bin").iterdir()] == ["dockerd"]


@pytest.mark.parametrize("place", ["", "bin", "deeper/below"])
def test_a_file_in_the_place_of_the_prefix_is_found_before_anything_is_written(
    bundles: Path, tmp_path: Path, place: str
) -> None:
    file = tmp_path / "usr" / place.partition("/")[0]
    file.parent.mkdir(exist_ok=True)
    file.write_text("mine")
    with pytest.raises(UsageError, match=f"{file} is not a directory"):
        install(bundles, tmp_path / "usr" / place.removesuffix("bin"), dry_run=False)
    assert file.read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("mode", [0o500, 0o600])
def test_a_directory_that_one_may_only_enter_or_only_write_is_not_installed_to(
    bundles: Path, tmp_path: Path, mode: int
) -> None:
    place = tmp_path / "usr/bin"
    place.mkdir(parents=True)
    place.chmod(mode)
    try:
        with pytest.raises(HostError) as caught:
            install(bundles, tmp_path / "usr", dry_run=False)
    finally:
        place.chmod(0o700)
    assert caught.value.finding == "prefix-not-writable"


@pytest.mark.parametrize(
    ("number", "finding"),
    [
        (errno.ENOSPC, "no-space"),
        (errno.EDQUOT, "no-space"),
        (errno.EROFS, "prefix-not-writable"),
        (errno.EIO, "prefix-not-writable"),
    ],
)
def test_a_program_that_can_only_be_written_in_part_is_not_installed(
    bundles: Path, prefix: Path, monkeypatch: pytest.MonkeyPatch, number: int, finding: str
) -> None:
    """What had the name before is there as it was."""
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin/docker").write_text("older")

    def fill(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fill)
    with pytest.raises(HostError) as caught:
        list(install(bundles, prefix, dry_run=False))
    assert caught.value.finding == finding
    free = os.statvfs(prefix)
    megabytes = free.f_bavail * free.f_frsize / 1e6
    said = re.search(r"([0-9.]+) MB are free$", caught.value.message)
    assert (said is not None) is (finding == "no-space")
    assert said is None or float(said[1]) == pytest.approx(megabytes, rel=0.2)
    assert installed(prefix) == {"docker": "older"}


def test_names_that_are_not_utf8_are_installed(tmp_path: Path, prefix: Path) -> None:
    name = os.fsdecode(b"tool\xff\n")
    executable(tmp_path / "bundles" / name, checksum=False)
    assert run(tmp_path / "bundles", prefix) == [name]

"""Bind mounts and file systems in memory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rootless_build.backend.api import Engine, Image
from rootless_build.backend.ownership import all_ours
from rootless_build.model.errors import StepFailedError
from rootless_build.model.plan import BindMount, RunContainer, TmpfsMount
from rootless_build.testing.base_root import BASE
from rootless_build.testing.cases import Run, sh, where_supported


def with_mounts(script: str, *mounts: BindMount | TmpfsMount) -> RunContainer:
    return RunContainer(BASE, sh(script), mounts=mounts)


def test_what_the_container_writes_is_the_users(run: Run, tmp_path: Path) -> None:
    run(with_mounts("mkdir -p /m/sub && echo made > /m/sub/file", BindMount(tmp_path, "/m")))
    made = tmp_path / "sub/file"
    assert made.read_text() == "made\n"
    assert (made.stat().st_uid, made.stat().st_gid) == (os.getuid(), os.getgid())


def test_the_container_sees_what_the_host_has(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of the host\n")
    assert run(with_mounts("cat /m/file", BindMount(tmp_path, "/m"))).text == "of the host"


def test_a_read_only_mount_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of the host\n")
    mount = BindMount(tmp_path, "/m", read_only=True)
    ran = run(with_mounts("cat /m/file; echo x > /m/file || echo refused", mount))
    assert ran.text == "of the host\nrefused"
    assert (tmp_path / "file").read_text() == "of the host\n"


def test_a_single_file_can_be_mounted(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("of the host\n")
    step = with_mounts(
        "cat /etc/some/file; echo changed > /etc/some/file", BindMount(file, "/etc/some/file")
    )
    assert run(step).text == "of the host"
    assert file.read_text() == "changed\n"


def test_a_missing_source_is_made_as_the_user(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "not" / "there"
    run(with_mounts("touch /m/file", BindMount(source, "/m")))
    assert (source / "file").exists()
    assert {source.stat().st_uid, source.parent.stat().st_uid} == {os.getuid()}


def test_a_missing_source_that_must_exist_is_an_error_and_is_not_made(
    engine: Engine, base_image: Image, tmp_path: Path
) -> None:
    source = tmp_path / "not-there"
    step = with_mounts("true", BindMount(source, "/m", create_source=False))
    with pytest.raises(StepFailedError) as caught, engine.container(step, base_image):
        pass
    assert caught.value.status == 125
    assert caught.value.message == f"{source} cannot be mounted at /m: it does not exist"
    assert not source.exists()


@pytest.mark.parametrize(
    "name",
    ["two words", "ünïcode ☕", "comma,equals=", "quotes'\"`", "$HOME *?[a]", "back\\slash"],
)
def test_directories_with_odd_names(run: Run, tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    source.mkdir()
    step = RunContainer(
        BASE, sh('echo made > "$1/file"', f"/m/{name}"), mounts=(BindMount(source, f"/m/{name}"),)
    )
    run(step)
    assert (source / "file").read_text() == "made\n"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_directory_with_a_colon_in_its_name(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "a:b"
    with where_supported(":"):
        run(with_mounts("echo made > /m/file", BindMount(source, "/m")))
        assert (source / "file").read_text() == "made\n"


@pytest.mark.parametrize("inner_first", [False, True])
def test_a_mount_inside_another(run: Run, tmp_path: Path, *, inner_first: bool) -> None:
    tree, bundles = tmp_path / "tree", tmp_path / "staged"
    (tree / "bundles").mkdir(parents=True)
    bundles.mkdir()
    mounts = (BindMount(tree, "/src"), BindMount(bundles, "/src/bundles"))
    run(
        with_mounts(
            "touch /src/outer /src/bundles/inner", *(mounts[::-1] if inner_first else mounts)
        )
    )
    assert [path.name for path in bundles.iterdir()] == ["inner"]
    assert (tree / "outer").exists()
    assert list((tree / "bundles").iterdir()) == []


def test_a_mount_inside_another_where_the_outer_has_no_such_directory(
    run: Run, tmp_path: Path
) -> None:
    tree, bundles = tmp_path / "tree", tmp_path / "staged"
    tree.mkdir()
    run(with_mounts("touch /src/b/inner", BindMount(tree, "/src"), BindMount(bundles, "/src/b")))
    assert [path.name for path in bundles.iterdir()] == ["inner"]


def test_files_of_the_containers_other_users_can_be_given_back(
    engine: Engine, run: Run, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o777)
    shared.chmod(0o777)
    script = "mkdir -m 0700 /m/own && echo mine > /m/own/file && ln -s own /m/link"
    run(RunContainer(BASE, sh(script), mounts=(BindMount(shared, "/m"),), user="tester"))
    assert (shared / "own").stat().st_uid != os.getuid()
    engine.give_back(shared)
    assert (shared / "own/file").read_text() == "mine\n"
    seen = [path.lstat() for path in (shared, *shared.rglob("*"))]
    assert {(status.st_uid, status.st_gid) for status in seen} == {(os.getuid(), os.getgid())}
    assert (shared / "own").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "script",
    [
        "chown 4321:4321 /m",
        "chown 4321:4321 /m && chmod 0500 /m",
        "mkdir /m/a && touch /m/a/b && chmod 0700 /m/a && chown -R 4321:4321 /m",
        "mkdir -p /m/a/b/c && touch /m/a/b/c/d && chown 4321 /m/a/b/c/d",
        "mkdir -p /m/a/b && touch /m/a/b/c && chown 4321:4321 /m/a/b && chmod 0 /m/a/b",
        "ln -s nowhere /m/a && chown -h 4321:4321 /m/a",
        "mkfifo /m/a && chown 4321:4321 /m/a",
        "touch '/m/a b' \"$(printf '/m/\\377\\n')\" && chown 4321:4321 /m/*",
    ],
)
def test_whatever_a_container_gives_away_can_be_given_back(
    engine: Engine, run: Run, tmp_path: Path, script: str
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    run(RunContainer(BASE, sh(script), mounts=(BindMount(shared, "/m"),)))
    assert not all_ours(shared)
    engine.give_back(shared)
    for directory in [shared, *shared.rglob("*")]:
        if directory.is_dir() and not directory.is_symlink():
            directory.chmod(0o700)
    seen = [path.lstat() for path in (shared, *shared.rglob("*"))]
    assert {(status.st_uid, status.st_gid) for status in seen} == {(os.getuid(), os.getgid())}


def test_giving_back_follows_no_link(engine: Engine, run: Run, tmp_path: Path) -> None:
    shared, other = tmp_path / "shared", tmp_path / "other"
    shared.mkdir()
    other.mkdir()
    mounts = (BindMount(shared, "/m"), BindMount(other, "/other"))
    script = f"ln -s {other} /m/link && touch /other/file && chown 4321 /other /other/file /m"
    run(RunContainer(BASE, sh(script), mounts=mounts))
    (tmp_path / "shared-link").symlink_to(shared)
    engine.give_back(shared)
    assert shared.stat().st_uid == os.getuid() == (shared / "link").lstat().st_uid
    assert other.stat().st_uid != os.getuid()
    engine.give_back(other)


# --- tmpfs --------------------------------------------------------------------------------------


def test_a_tmpfs_has_dockers_defaults(run: Run) -> None:
    script = (
        "grep ' /t ' /proc/mounts | cut -d ' ' -f 3,4; stat -c %a /t;"
        "cp /bin/busybox /t/busybox && /t/busybox true || echo noexec"
    )
    kind, mode, last = run(with_mounts(script, TmpfsMount("/t"))).text.splitlines()
    assert kind.startswith("tmpfs ")
    assert {"rw", "noexec", "nosuid", "nodev"} <= set(kind.removeprefix("tmpfs ").split(","))
    assert (mode, last) == ("1777", "noexec")


def test_the_options_of_a_tmpfs_hold(run: Run) -> None:
    script = (
        "cp /bin/busybox /t/busybox && /t/busybox echo executable; stat -c %a /t;"
        "head -c 8000000 /dev/zero > /t/large 2> /dev/null || echo full"
    )
    mount = TmpfsMount("/t", ("exec", "size=6m", "mode=0750"))
    assert run(with_mounts(script, mount)).text.splitlines() == ["executable", "750", "full"]


def test_a_tmpfs_hides_what_the_image_has_there(run: Run) -> None:
    assert run(with_mounts("ls /home", TmpfsMount("/home"))).text == ""

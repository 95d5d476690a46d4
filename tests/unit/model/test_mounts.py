"""The staging directory takes the place of the bundles wherever a container can write them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rootless_build.model import mounts
from rootless_build.model.errors import UnsupportedError
from rootless_build.model.plan import (
    BindMount,
    Bundles,
    CallerIds,
    Mount,
    Plan,
    RunContainer,
    VolumeMount,
)
from rootless_build.runner import mount_points

BUNDLES = Path("/src/bundles")
STAGING = Path("/src/.bundles.new")


def step(*given: BindMount | VolumeMount) -> RunContainer:
    return RunContainer("dev", mounts=given)


def test_the_bundles_mount_is_staged() -> None:
    made = mounts.staged(step(BindMount(BUNDLES, "/go/bundles")), BUNDLES, STAGING)
    assert made.mounts == (BindMount(STAGING, "/go/bundles"),)


def test_a_mounted_checkout_gets_the_staging_directory_over_its_bundles() -> None:
    tree = BindMount(Path("/src"), "/go/project")
    made = mounts.staged(step(tree), BUNDLES, STAGING)
    assert made.mounts == (tree, BindMount(STAGING, "/go/project/bundles"))


def test_what_the_recipe_mounts_over_a_mounted_checkout_is_mounted_once() -> None:
    tree, own = BindMount(Path("/src"), "/w"), BindMount(BUNDLES, "/w/bundles/")
    for given in ((tree, own), (own, tree)):
        made = mounts.staged(step(*given), BUNDLES, STAGING).mounts
        assert sorted(made, key=str) == sorted((tree, BindMount(STAGING, "/w/bundles/")), key=str)
    volume = VolumeMount("/w/bundles", "kept")
    assert mounts.staged(step(tree, volume), BUNDLES, STAGING).mounts == (tree, volume)


def test_every_mount_of_the_bundles_is_staged() -> None:
    given = (
        BindMount(BUNDLES / "out", "/out"),
        BindMount(BUNDLES, "/in", read_only=True),
        BindMount(Path("/src"), "/w", read_only=True),
    )
    assert mounts.staged(step(*given), BUNDLES, STAGING).mounts == (
        BindMount(STAGING / "out", "/out"),
        BindMount(STAGING, "/in", read_only=True),
        BindMount(Path("/src"), "/w", read_only=True),
        BindMount(STAGING, "/w/bundles", read_only=True),
    )


def test_a_link_leads_to_the_bundles_too(tmp_path: Path) -> None:
    (tmp_path / "bundles").mkdir()
    (tmp_path / "link").symlink_to("bundles")
    made = mounts.staged(step(BindMount(tmp_path / "link", "/b")), tmp_path / "bundles", STAGING)
    assert made.mounts == (BindMount(STAGING, "/b"),)


def nested(source: Path, target: str, *more: Mount) -> RunContainer:
    mounted = (BindMount(source, "/w"), VolumeMount(target, "v"), *more)
    return RunContainer("dev", mounts=mounted, caller_ids=CallerIds(5, 5))


def test_what_is_mounted_in_a_mount_gets_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    file = BindMount(tmp_path / "file", "/w/etc/file")
    mount_points.make_mount_points(nested(tmp_path / "p", "/w/a/b", file))
    assert (tmp_path / "p/a/b").is_dir()
    assert (tmp_path / "p/etc/file").read_bytes() == b""


@pytest.mark.parametrize("target", ["/w/../escape", "/w/a/../../escape", "/w/link/escape"])
def test_no_mount_point_is_made_outside_of_the_mount(tmp_path: Path, target: str) -> None:
    (tmp_path / "p/a").mkdir(parents=True)
    (tmp_path / "p/link").symlink_to("..")
    (tmp_path / "file").write_text("x")
    mount_points.make_mount_points(
        nested(tmp_path / "p", target, BindMount(tmp_path / "file", target))
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "p"]
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["a", "link"]


def test_other_mounts_stay() -> None:
    given = (BindMount(Path("/src/.git"), "/go/.git"), VolumeMount("/cache", "cache"))
    assert mounts.staged(step(*given), BUNDLES, STAGING).mounts == given


@pytest.mark.parametrize(
    ("given", "path", "makes"),
    [
        ((BindMount(BUNDLES, "/b"),), None, True),
        ((BindMount(Path("/src"), "/s"),), None, True),
        ((BindMount(BUNDLES, "/b", read_only=True),), None, False),
        ((BindMount(BUNDLES / "sub", "/b"),), None, True),
        ((BindMount(Path("/src/bundles2"), "/b"),), None, False),
        ((), None, False),
        ((), "bundles", True),
    ],
)
def test_which_containers_make_bundles(
    given: tuple[BindMount, ...], path: str | None, makes: bool
) -> None:
    assert mounts.makes_bundles(step(*given), Bundles(BUNDLES, path)) is makes


def test_on_another_host_the_bundles_are_copied_out() -> None:
    given = step(BindMount(BUNDLES, "/go/bundles"))
    assert mounts.copied_from(given, Bundles(BUNDLES), remote=True) == "/go/bundles"
    assert mounts.copied_from(given, Bundles(BUNDLES), remote=False) is None
    staged = mounts.staged(given, BUNDLES, STAGING)
    assert mounts.without_bundles(staged, STAGING).mounts == ()


def test_on_another_host_any_other_directory_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match=r"/src/\.git"):
        mounts.without_bundles(step(BindMount(Path("/src/.git"), "/go/.git")), None)


def test_a_worktree_brings_its_common_git_directory(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        identity = ("-c", "user.name=t", "-c", "user.email=t@t.invalid")
        subprocess.run(["git", *identity, *words], check=True, capture_output=True)

    main, tree = tmp_path / "main", tmp_path / "tree"
    git("init", str(main))
    git("-C", str(main), "commit", "--allow-empty", "-m", "first")
    git("-C", str(main), "worktree", "add", str(tree))
    common = BindMount(main / ".git", str(main / ".git"))

    def mounted(project: Path, *given: BindMount) -> tuple[Mount, ...]:
        (found,) = mount_points.with_worktrees(Plan(project, (step(*given),))).steps
        assert isinstance(found, RunContainer)
        return found.mounts

    for given in (BindMount(tree / ".git", "/go/.git"), BindMount(tree, "/go")):
        assert mounted(tree, given) == (given, common)
        assert mounted(tree, given, common) == (given, common)
        assert mounted(main, given) == (given,)
    (tree / "below").mkdir()
    assert mounted(tree / "below", BindMount(tree, "/go")) == (BindMount(tree, "/go"), common)
    assert mounted(main, BindMount(main, "/go")) == (BindMount(main, "/go"),)
    assert mounted(tree, BindMount(tree / "below", "/go")) == (BindMount(tree / "below", "/go"),)

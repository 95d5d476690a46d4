"""Bundles with nothing in them: never published as a success, and no check is taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.bundles.staging import stage
from rootless_build.model.errors import BundlesError
from tests.unit.bundles.trees import Tree, write

FILE: tuple[bytes, int] = (b"x", 0o755)
BINARY: Tree = {"binary-daemon": {"dockerd-1.12.6": FILE, "dockerd": "dockerd-1.12.6"}}
CROSS = ("hack/make.sh", "dynbinary", "binary", "cross")


def published(tmp_path: Path, made: Tree, *asked: str, before: Tree | None = None) -> Path:
    """The bundles directory after a container left these files in it."""
    directory = tmp_path / "bundles"
    write(before or {}, directory)
    with stage(directory) as staging:
        write(made, staging.path)
        staging.publish(asked=asked)
    return directory


def version(bundles: Tree) -> Tree:
    """As Docker up to 17.09 has them."""
    return {"latest": "1.12.6", "1.12.6": bundles}


@pytest.mark.parametrize(
    ("made", "asked", "named"),
    [
        # 1.12.6 without DOCKER_CROSSPLATFORMS in the image's environment, as its scripts left it.
        (
            version(
                {
                    **BINARY,
                    "cross": {"linux": {"amd64": {"dockerd": "../../../binary-daemon/dockerd"}}},
                }
            ),
            CROSS,
            "1.12.6/cross: has nothing but links in it",
        ),
        ({"cross": {"dockerd": "../binary-daemon/dockerd"}}, CROSS, "cross: has nothing but links"),
        ({"app": {"lib": "../app"}}, ("app",), "app: has nothing but links"),
        ({"cross": {"windows": {"amd64": {}}}}, CROSS, "cross: has nothing but directories"),
        ({"app": {"tool": "/usr/bin/tool", "gone": "nowhere"}}, (), "app: has nothing but links"),
        ({"app": {"loop": "loop"}}, (), "app: has nothing but links"),
        (
            {"app": {"x": "gone", "provenance.intoto.json": (b"{}", 0o644)}},
            (),
            "app: has nothing but links",
        ),
    ],
)
def test_a_bundle_with_nothing_in_it_is_not_published(
    tmp_path: Path, made: Tree, asked: tuple[str, ...], named: str
) -> None:
    with pytest.raises(BundlesError) as caught:
        published(tmp_path, made, *asked, before={"old": FILE})
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(named)
    assert [path.name for path in (tmp_path / "bundles").iterdir()] == ["old"]


@pytest.mark.parametrize(
    ("made", "asked"),
    [
        # What checks and tests of 1.12.6 leave: a directory each.
        (version({"validate-dco": {}, "validate-lint": {}}), ("validate-dco", "validate-lint")),
        ({}, ("test",)),
        ({"latest": "nowhere"}, ("latest", "binary")),
        (version(BINARY), ("hack/make.sh", "binary")),
        ({"1.0": {"app": FILE}, "current": {"app": "../1.0/app"}}, ("binary",)),
        ({"1.0": {"app": FILE}, "current": {"a": "../1.0/app", "b": "nowhere"}}, ("binary",)),
        ({"cross": {"linux": "../nowhere", "windows": {"amd64": {"x.exe": FILE}}}}, CROSS),
        ({"app": {"empty": (b"", 0o644)}}, ("app",)),
    ],
)
def test_what_is_meant_to_be_so_is_published(
    tmp_path: Path, made: Tree, asked: tuple[str, ...]
) -> None:
    directory = published(tmp_path, made, *asked)
    assert {path.name for path in directory.iterdir()} == set(made)


def test_links_of_an_earlier_run_are_no_fault_of_this_one(tmp_path: Path) -> None:
    before: Tree = {"old": {"tool": "/usr/bin/tool"}}
    directory = published(tmp_path, {"binary": {"app": FILE}}, "binary", before=before)
    assert (directory / "binary" / "app").is_file()

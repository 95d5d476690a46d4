"""rbuild's own directories, when nothing is to stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.runner import journal, own_directories
from rootless_build.runner.own_directories import OwnDirectories

FILES = (
    "data/runs/0123456789abcdef/lock",
    "data/runs/fedcba9876543210/lock",
    "cache/projects/0123456789abcdef/records.json",
    "cache/projects/fedcba9876543210/records.json",
    "state/failed/p-0123456789abcdef/log",
    "state/failed/p-fedcba9876543210/log",
    "state/failed/.p-0123456789abcdef.tmp1/log",
)


@pytest.fixture
def own(tmp_path: Path) -> OwnDirectories:
    for name in FILES:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x" * 5000)
    return OwnDirectories(tmp_path / "data", tmp_path / "state", tmp_path / "cache")


def there(own: OwnDirectories) -> list[str]:
    root = own.data.parent
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_all_of_them_go_themselves_included(own: OwnDirectories) -> None:
    before = there(own)
    shown = own_directories.remove_all(own, (), dry=True)
    assert there(own) == before
    removed = own_directories.remove_all(own, (), dry=False)
    assert there(own) == []
    assert removed == shown
    assert all(each.size >= 5000 and not each.stays for each in removed)
    assert own_directories.remove_all(own, (), dry=False) == ()


def test_what_a_run_elsewhere_has_stays_and_is_named(own: OwnDirectories) -> None:
    with journal.idle(own.data, "0123456789abcdef") as who:
        assert who == ""
        removed = own_directories.remove_all(own, (), dry=False)
    assert all("works in another checkout: pid" in each.stays for each in removed)
    left = [name for name in there(own) if (own.data.parent / name).is_file()]
    assert left == sorted(name for name in FILES if "0123456789abcdef" in name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("data/volumes/cache/volume.json", "volumes of buildah"),
        ("data/containers/1/container.json", "containers of buildah"),
        ("state/images/1.json", "on record"),
        ("state/images/1.journal", "on record"),
    ],
)
def test_what_is_needed_stays(own: OwnDirectories, name: str, why: str) -> None:
    file = own.data.parent / name
    file.parent.mkdir(parents=True)
    file.write_text("x")
    removed = own_directories.remove_all(own, (), dry=False)
    assert [why in each.stays for each in removed if each.stays] == [True]
    assert file.exists()
    own_directories.remove_all(own, ("1",), dry=False)
    assert file.exists() == name.startswith("data")


def test_what_a_killed_run_was_writing_goes(own: OwnDirectories) -> None:
    unfinished = own.state / "images" / "1.new"
    unfinished.parent.mkdir()
    unfinished.write_text("x")
    own_directories.remove_all(own, (), dry=False)
    assert there(own) == []


def test_a_link_is_not_followed(
    own: OwnDirectories, tmp_path_factory: pytest.TempPathFactory
) -> None:
    mine = tmp_path_factory.mktemp("mine")
    (mine / "file").write_text("mine")
    (own.cache / "link").symlink_to(mine)
    (own.state / "failed" / "p-0123456789abcdef" / "link").symlink_to(mine)
    own_directories.remove_all(own, (), dry=False)
    assert there(own) == []
    assert (mine / "file").read_text() == "mine"

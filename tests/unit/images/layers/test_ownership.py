"""`--chown`: numbers and names, as the image knows them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rootless_build.images.layers.image_tree import ImageTree
from rootless_build.images.layers.ownership import Owner, is_root_alone, looked_up
from rootless_build.images.layers.problems import RefusedError

USERS = "root:x:0:0::/:/bin/sh\n# 7:8\njoe:x:1000:1001::/home/joe:\nodd:x:x\n77:x:5:6::/:\n"
GROUPS = "root:x:0:\n  staff:x:50:joe\n"


@pytest.fixture
def image(tmp_path: Path) -> ImageTree:
    (tmp_path / "usr").mkdir()
    (tmp_path / "etc").symlink_to("/usr/etc")
    (tmp_path / "usr/etc").mkdir()
    (tmp_path / "usr/etc/passwd").write_text(USERS)
    (tmp_path / "usr/etc/group").write_text(GROUPS)
    return ImageTree(tmp_path)


@pytest.mark.parametrize(
    ("text", "uid", "gid"),
    [
        ("joe", 1000, 1001),
        ("joe:staff", 1000, 50),
        ("joe:nothing", 1000, 1001),
        ("joe:", 1000, 0),
        ("joe:7", 1000, 7),
        ("nobody-here", 0, 0),
        ("nobody-here:staff", 0, 50),
        ("99", 99, 99),
        ("77", 77, 77),
        (":5", 0, 5),
        ("5:root", 5, 0),
        ("root", 0, 0),
        ("odd", 0, 0),
        ("-1", 0, 0),
        ("-2:5", 4_294_967_294, 5),
        ("99999999999", 0, 0),
        ("9" * 5000, 0, 0),
        ("0" * 5000 + "7", 7, 7),
    ],
)
def test_an_owner_is_looked_up_in_the_image(
    image: ImageTree, text: str, uid: int, gid: int
) -> None:
    assert looked_up(image, text) == Owner(uid, gid)


def test_no_owner_is_none(image: ImageTree) -> None:
    assert looked_up(image, "") is None


def test_names_mean_nothing_where_there_is_no_file_system() -> None:
    with pytest.raises(RefusedError, match="joe"):
        looked_up(ImageTree(None), "joe")
    assert looked_up(ImageTree(None), "7:8") == Owner(7, 8)


@pytest.mark.parametrize(
    "line",
    [
        "joe:x:4294967295:5",
        "joe:x:-1:5",
        "joe:x:5:4294967296",
        f"joe:x:{'9' * 5000}:5",
    ],
    ids=["nobody's", "negative", "of a group", "of 5000 digits"],
)
def test_an_id_that_nobody_can_have_is_refused(image: ImageTree, tmp_path: Path, line: str) -> None:
    (tmp_path / "usr/etc/passwd").write_text(f"{line}::/:\nann:x:4294967294:{'0' * 5000}8::/:\n")
    with pytest.raises(RefusedError, match="joe has the id"):
        looked_up(image, "joe")
    assert looked_up(image, "ann") == Owner(4_294_967_294, 8)
    (tmp_path / "usr/etc/group").write_text("joe:x:99999999999:\n")
    with pytest.raises(RefusedError, match="/etc/group"):
        looked_up(image, "5:joe")


ROOT = "root:x:0:0::/:\n"


@pytest.mark.parametrize(
    ("passwd", "group", "alone"),
    [
        (ROOT, "root:x:0:\nstaff:x:50:joe\n", True),
        (f"# users\n{ROOT}joe:x:1:1::/:\n", "", True),
        (ROOT, "staff:x:50:joe,root\n", False),
        (ROOT, "staff:x:50:root\n", False),
        (ROOT, "root:x:0:root\n", False),
        (f"{ROOT}toor:x:00:0::/:\n", "staff:x:50:toor\n", False),
        ("root:x:0:5::/:\n", "root:x:0:\n", False),
        (ROOT, "staff:x:50:chroot,groots\n", False),
        ("joe:x:1:1::/:\n", "", False),
    ],
)
def test_whether_root_is_in_no_group_but_its_own(
    image: ImageTree, tmp_path: Path, passwd: str, group: str, *, alone: bool
) -> None:
    (tmp_path / "usr/etc/passwd").write_text(passwd)
    (tmp_path / "usr/etc/group").write_text(group)
    assert is_root_alone(image) is alone


def test_of_an_image_without_users_nobody_knows_whether_root_is_alone(
    image: ImageTree, tmp_path: Path
) -> None:
    (tmp_path / "usr/etc/passwd").unlink()
    assert not is_root_alone(image)
    assert not is_root_alone(ImageTree(None))
    (tmp_path / "usr/etc/passwd").write_text(ROOT)
    os.truncate(tmp_path / "usr/etc/group", 1024**4)
    assert not is_root_alone(image)


def test_a_file_of_users_that_no_host_has_is_not_read(image: ImageTree, tmp_path: Path) -> None:
    os.truncate(tmp_path / "usr/etc/passwd", 1024**4)
    with pytest.raises(RefusedError, match="/usr/etc/passwd is larger than"):
        looked_up(image, "joe")
    assert looked_up(image, "7") == Owner(7, 7)

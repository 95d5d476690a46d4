"""`--chown`: numbers and names, as the image knows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.images.layers.image_tree import ImageTree
from rootless_build.images.layers.ownership import Owner, looked_up
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

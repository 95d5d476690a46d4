"""Images whose layers are archives: what COPY comes upon, and takes files of."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from rootless_build.images.layers.problems import NoOverlayError
from rootless_build.images.layers.request import (
    Copying,
    ImageFiles,
    Inline,
    Made,
    NoOverlay,
    Refused,
)
from rootless_build.images.layers.saved_layers import SavedLayers
from tests.unit.images.layers.made_trees import answered

FIRST = 1_500_000_000


def entry(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.mode, found.mtime = kind, 0o644, FIRST
    for field, value in fields.items():
        setattr(found, field, value)
    return found


def archive(path: Path, entries: Iterable[tarfile.TarInfo]) -> Path:
    """An archive in which each file holds its own name."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as made:
        for each in entries:
            data = each.name.encode(errors="surrogateescape") if each.isfile() else b""
            each.size = len(data)
            made.addfile(each, io.BytesIO(data))
    return path


def tree(tmp_path: Path, *layers: list[tarfile.TarInfo]) -> dict[str, str]:
    """What an image of these layers has, the lowest first: paths, and what is known of each."""
    paths = [archive(tmp_path / f"{number}", layer) for number, layer in enumerate(layers)]
    opened = SavedLayers()
    try:
        image = opened.tree(tuple(reversed(paths)), 0)
        found: dict[str, str] = {}
        pending = [""]
        while pending:
            path = pending.pop()
            for name, node in image.list(path):
                place = f"{path}/{name}" if path else name
                text = b"".join(node.content.open().blocks()).decode() if node.content else ""
                found[place] = f"{node.mode:o} {node.uid}:{node.gid} {node.link or text}"
                pending += [place] if node.is_directory else []
        return found
    finally:
        opened.close()


def names(tmp_path: Path, *layers: list[tarfile.TarInfo]) -> set[str]:
    return set(tree(tmp_path, *layers))


def folder(name: str) -> tarfile.TarInfo:
    return entry(name, tarfile.DIRTYPE, mode=0o755)


def test_modes_owners_links_and_content(tmp_path: Path) -> None:
    layer = [
        folder("d/"),
        entry("d/f", mode=0o4755, uid=5, gid=70000),
        entry("d/link", tarfile.SYMTYPE, linkname="../x", mode=0o777),
        entry("d/pipe", tarfile.FIFOTYPE),
    ]
    assert tree(tmp_path, layer) == {
        "d": "40755 0:0 ",
        "d/f": "104755 5:70000 d/f",
        "d/link": "120777 0:0 ../x",
        "d/pipe": "10644 0:0 ",
    }


def test_a_whiteout_takes_away_what_is_below_it_alone(tmp_path: Path) -> None:
    below = [folder("d"), entry("d/a"), entry("d/b"), folder("e"), entry("e/f")]
    above = [entry("d/a"), entry("d/.wh.a"), entry("d/.wh.b"), entry(".wh.e")]
    assert names(tmp_path, below, above) == {"d", "d/a"}


def test_so_does_one_of_all_that_is_in_a_directory(tmp_path: Path) -> None:
    below = [folder("d"), entry("d/a"), folder("d/e"), entry("d/e/f")]
    above = [folder("d"), entry("d/new"), entry("d/.wh..wh..opq")]
    assert names(tmp_path, below, above) == {"d", "d/new"}


def test_a_directory_stays_what_it_has_and_a_file_does_not(tmp_path: Path) -> None:
    below = [folder("d"), entry("d/a"), folder("e"), entry("e/f"), entry("g")]
    above = [entry("d", tarfile.DIRTYPE, mode=0o700), entry("e"), entry("g/h")]
    found = tree(tmp_path, below, above)
    assert set(found) == {"d", "d/a", "e", "g", "g/h"}
    assert found["d"] == "40700 0:0 "
    assert found["g"] == "40755 0:0 "


def test_two_names_of_a_file_are_two_names_in_a_copy(tmp_path: Path) -> None:
    layer = [folder("d"), entry("d/a"), entry("d/b", tarfile.LNKTYPE, linkname="d/a")]
    path = archive(tmp_path / "layer", layer)
    made = answered(tmp_path / "out", [Copying((ImageFiles((path,), "d"),), "/x")])
    assert isinstance(made, Made)
    with tarfile.open(tmp_path / "out" / "0.tar") as copy:
        assert copy.getmember("x/b").islnk()
        assert copy.getmember("x/b").linkname == "x/a"


def test_a_copy_follows_the_links_of_its_base(tmp_path: Path) -> None:
    base = [folder("real"), entry("way", tarfile.SYMTYPE, linkname="real"), folder("etc")]
    path = archive(tmp_path / "base", base)
    copying = Copying((Inline("f", b"x"),), "/way/f", chown="5")
    made = answered(tmp_path / "out", [copying], (path,))
    assert isinstance(made, Made)
    with tarfile.open(tmp_path / "out" / "0.tar") as copy:
        assert [each.name for each in copy] == ["real", "real/f"]


def test_names_of_users_are_looked_up_in_an_archive(tmp_path: Path) -> None:
    base = [folder("etc"), entry("etc/passwd:x:7:8")]
    base[1].name = "etc/passwd"
    path = tmp_path / "base"
    with tarfile.open(path, "w") as made:
        text = b"me:x:7:8::/:\n"
        member = entry("etc/passwd", size=len(text))
        made.addfile(member, io.BytesIO(text))
    answered(tmp_path / "out", [Copying((Inline("f", b""),), "/f", chown="me")], (path,))
    with tarfile.open(tmp_path / "out" / "0.tar") as copy:
        assert (copy.getmember("f").uid, copy.getmember("f").gid) == (7, 8)


def test_a_file_in_the_place_of_a_directory_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "base", [entry("f")])
    made = answered(tmp_path / "out", [Copying((Inline("g", b""),), "/f/g")], (path,))
    assert isinstance(made, Refused)


def test_what_is_not_known_is_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(NoOverlayError, match="a way that is not known"):
        tree(tmp_path, [entry("f", b"Z")])
    dangling = archive(tmp_path / "link", [entry("a", tarfile.LNKTYPE, linkname="b")])
    made = answered(tmp_path / "one", [Copying((Inline("g", b""),), "/g")], (dangling,))
    assert isinstance(made, NoOverlay)
    assert "a link to b, which is no file" in made.message
    broken = tmp_path / "broken"
    broken.write_bytes(b"x" * 2048)
    made = answered(tmp_path / "out", [Copying((Inline("g", b""),), "/g")], (broken,))
    assert isinstance(made, NoOverlay)

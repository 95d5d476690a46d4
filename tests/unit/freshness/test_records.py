"""What is put down of earlier runs, in the form that the next version has to read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rootless_build.freshness.index import Directory, Index
from rootless_build.freshness.records import Built, Made, Records, cache_directory

ON_DISK = {
    "version": 2,
    "images": {"a:1": {"id": "1", "parts": {"x": "y"}, "seconds": 2.5, "mixed": True}},
    "runs": {"[]": {"parts": [{"x": "y"}], "bundles": "d", "seconds": 3.0}},
    "bases": {"k": ["debian"], "unknown": None},
    "cold": {"[]": 9.0},
    "asked": ["a:1"],
}


def test_the_form_on_disk(tmp_path: Path) -> None:
    """Another form needs another version number, or old records are misread."""
    file = tmp_path / "records.json"
    file.write_text(json.dumps(ON_DISK))
    records = Records.load(tmp_path)
    assert records.images == {"a:1": Built("1", {"x": "y"}, 2.5, mixed=True)}
    assert records.runs == {"[]": Made(({"x": "y"},), "d", 3.0)}
    assert records.bases == {"k": ("debian",), "unknown": None}
    assert records.cold == {"[]": 9.0}
    file.unlink()
    records.save()
    assert json.loads(file.read_text()) == ON_DISK


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}', '{"version": 2}'])
def test_records_that_can_not_be_read_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "records.json").write_text(text)
    assert Records.load(tmp_path) == Records(tmp_path / "records.json")


@pytest.mark.parametrize("version", [1, 3])
def test_records_of_another_version_are_none(tmp_path: Path, version: int) -> None:
    """Even where they have the same form: their words may mean something else."""
    (tmp_path / "records.json").write_text(json.dumps({**ON_DISK, "version": version}))
    assert Records.load(tmp_path) == Records(tmp_path / "records.json")


def test_images_that_were_asked_for_are_known_to_the_next_run(tmp_path: Path) -> None:
    Records.load(tmp_path).ask(("a", "b"))
    Records.load(tmp_path).ask(("b", "c"))
    assert Records.load(tmp_path).asked == ("a", "b", "c")


def test_the_newest_fifty_stay(tmp_path: Path) -> None:
    records = Records.load(tmp_path)
    for number in range(51):
        records.keep_image(f"i{number}", Built("1", {}, 0.0))
        records.keep_run(f"r{number}", Made((), "", 0.0))
        records.ask((f"a{number}",))
        records.bases[f"b{number}"] = None
        records.cold[f"c{number}"] = 1.0
    records.keep_image("i1", Built("2", {}, 0.0))
    records.keep_run("r1", Made((), "new", 0.0))
    loaded = Records.load(tmp_path)
    assert len(loaded.images) == len(loaded.runs) == len(loaded.asked) == 50
    assert list(loaded.bases) == [f"b{number}" for number in range(1, 51)]
    assert list(loaded.cold) == [f"c{number}" for number in range(1, 51)]
    assert "i0" not in loaded.images
    assert list(loaded.images)[-1] == "i1"
    assert list(loaded.runs)[-1] == "r1"
    assert loaded.asked[0] == "a1"


def test_where_the_records_of_a_project_are() -> None:
    place = cache_directory(Path("/p"), Path("/c"))
    assert place == Path("/c/rbuild/projects/00d74baf14ea415c")


def test_the_form_of_an_index_on_disk(tmp_path: Path) -> None:
    file = tmp_path / "x.index"
    index = Index(file)
    made = Directory(b"n", b"s" * 40, b"d" * 32, b"t" * 32)
    index.put(b"src", made)
    index.save(set())
    head = b"rbuild index 2\n" + b"\3\0" + b"\1\0\0\0" + b"\1\0\0\0"
    assert file.read_bytes() == head + b"src" + b"n" + b"s" * 40 + b"d" * 32 + b"t" * 32
    assert Index.load(file).get(b"src") == made
    file.write_bytes(file.read_bytes().replace(b"index 2", b"index 1"))
    assert Index.load(file).known == {}

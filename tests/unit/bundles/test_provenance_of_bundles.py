"""Which bundle a file belongs to, and what its statement says after builds that write, leave and
remove. What those who change bundles afterwards try is in tests/trust/test_verification.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rootless_build.bundles import envelope, provenance, statement
from rootless_build.bundles.provenance import Attestation
from rootless_build.bundles.staging import stage
from rootless_build.bundles.statement import EARLIER, NAME, SIGNED, UNKNOWN
from rootless_build.bundles.verification import verify
from rootless_build.model.plan import Json

Write = Callable[[Path], object]


def said(*dependencies: Json, builder: str = "b") -> Attestation:
    predicate: dict[str, Json] = {
        "buildDefinition": {"resolvedDependencies": list(dependencies)},
        "runDetails": {"builder": {"id": builder}},
    }
    return Attestation("p", predicate, 5)


def writes(*names: str, text: str = "") -> Write:
    def write(root: Path) -> None:
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text or name)

    return write


def removes(*names: str) -> Write:
    def remove(root: Path) -> None:
        for name in names:
            (root / name).unlink()

    return remove


def build(bundles: Path, write: Write, told: Attestation | None = None) -> tuple[str, ...]:
    """The warnings of a build."""
    with stage(bundles) as staging:
        write(staging.path)
        return staging.publish(told or said()).warnings


def names(bundles: Path, bundle: str) -> tuple[list[str], dict[str, str]]:
    """What a statement names as built, and what it says of what was there, by role."""
    found = json.loads((bundles / bundle / NAME).read_text())
    before = found["predicate"]["buildDefinition"]["resolvedDependencies"]
    return (
        [each["name"] for each in found["subject"]],
        {each["name"]: each["annotations"]["role"] for each in before},
    )


def image(name: str, digest: str, role: str = "image") -> Json:
    return {"name": name, "digest": {"sha256": digest}, "annotations": {"role": role}}


# --- which bundle -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("latest", "path", "bundle"),
    [
        ("1.12.6", "1.12.6/binary/dockerd", "1.12.6/binary"),
        ("1.12.6", "1.12.6/cross/linux/amd64/docker", "1.12.6/cross"),
        ("1.12.6", "1.12.6/file", "1.12.6"),
        ("1.12.6", "1.12.5/binary/dockerd", "1.12.5"),
        ("./1.12.6", "1.12.6/binary/dockerd", "1.12.6/binary"),
        ("1.12.6", "latest", ""),
        (".", "binary/sub/dockerd", "binary"),
        (None, "binary/sub/dockerd", "binary"),
        (None, "file", ""),
    ],
)
def test_the_bundle_of_a_file(tmp_path: Path, latest: str | None, path: str, bundle: str) -> None:
    if latest:
        (tmp_path / "latest").symlink_to(latest)
    assert provenance.naming(tmp_path)(path) == bundle


@pytest.mark.parametrize(
    ("path", "statements", "nearest"),
    [
        ("file", {""}, ""),
        ("file", {"a"}, None),
        ("a/file", {""}, None),
        ("a/b/file", {"a", "a/b"}, "a/b"),
        ("a/b/c/file", {"a", "a/b"}, "a/b"),
        ("a/c/file", {"a", "a/b"}, "a"),
        ("ab/file", {"a"}, None),
    ],
)
def test_the_nearest_statement_is_about_a_file(
    path: str, statements: set[str], nearest: str | None
) -> None:
    assert provenance.nearest(path, statements) == nearest
    owner = provenance.owner(lambda _: "bundle", path, statements)
    assert owner == ("bundle" if nearest is None else nearest)


# --- what a statement says ----------------------------------------------------------------------


def test_what_a_build_left_alone_is_named_as_of_an_earlier_one(tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    writes("a/before")(bundles)
    build(bundles, writes("a/one", "b/one"))
    assert names(bundles, "a") == (["one"], {"before": UNKNOWN})
    build(bundles, writes("a/two"))
    assert names(bundles, "a") == (["two"], {"before": UNKNOWN, "one": EARLIER})
    assert names(bundles, "b") == (["one"], {})
    build(bundles, writes("a/one", text="new"))
    assert names(bundles, "a") == (["one"], {"before": UNKNOWN, "two": EARLIER})
    build(bundles, removes("a/one"))
    assert names(bundles, "a") == ([], {"before": UNKNOWN, "two": EARLIER})
    build(bundles, removes("a/before", "a/two"))
    assert not (bundles / "a" / NAME).exists()
    assert verify(bundles).problems == ()


def test_what_is_removed_is_no_longer_named_wherever_it_was(tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    build(bundles, writes("a/one", "a/two", "top", "other"))
    build(bundles, removes("a/two", "top"))
    assert names(bundles, "a") == (["one"], {})
    assert names(bundles, "") == (["other"], {})
    assert verify(bundles).problems == ()


def test_the_file_of_a_statement_has_the_time_it_is_given(tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    build(bundles, writes("a/x"))
    assert (bundles / "a" / NAME).stat().st_mtime == 5


def test_too_many_files_have_no_statement_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the former one, which is of other files."""
    bundles = tmp_path / "bundles"
    build(bundles, writes("a/x", "b/x"))
    monkeypatch.setattr(statement, "LARGEST", 10)
    assert build(bundles, writes("a/y")) == ("a has too many files to have provenance",)
    assert not (bundles / "a" / NAME).exists()
    assert (bundles / "b" / NAME).exists()


@pytest.mark.parametrize(
    "predicate",
    [{}, {"buildDefinition": "x"}, {"buildDefinition": {"resolvedDependencies": "x"}}],
)
def test_a_predicate_of_another_kind_is_left_as_it_is(
    tmp_path: Path, predicate: dict[str, Json]
) -> None:
    """What was there before is named where there is a place for it."""
    bundles = tmp_path / "bundles"
    writes("a/before")(bundles)
    build(bundles, writes("a/x"), Attestation("p", predicate, None))
    found = json.loads((bundles / "a" / NAME).read_text())
    assert [each["name"] for each in found["subject"]] == ["x"]
    if predicate:
        assert found["predicate"] == predicate
    else:
        assert names(bundles, "a") == (["x"], {"before": UNKNOWN})


# --- what others do meanwhile -------------------------------------------------------------------


def test_what_others_made_in_a_directory_that_a_build_removed_keeps_it(tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    build(bundles, writes("a/x", "b/x"))
    with stage(bundles) as staging:
        for name in ("a", "b"):
            (staging.path / name / "x").unlink()
            (staging.path / name).rmdir()
        writes("a/theirs")(bundles)
        staging.publish_beside(said())
    assert (bundles / "a/theirs").read_text() == "a/theirs"
    assert not (bundles / "a/x").exists()
    assert not (bundles / "b").exists()


# --- signatures ---------------------------------------------------------------------------------


def signed(bundles: Path, *places: str) -> None:
    """As if they were: who signs is no matter here."""
    for place in places:
        content = (bundles / place / NAME).read_bytes()
        (bundles / place / SIGNED).write_bytes(envelope.compose(content, "k", b"s"))
        (bundles / place / SIGNED).chmod(0o600)


def test_a_signature_stays_with_its_statement_and_goes_with_it(tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    build(bundles, writes("a/x", "b/x", "top"))
    signed(bundles, "a", "b", "")
    before = (bundles / "a" / SIGNED).read_bytes()

    def work(root: Path) -> None:
        writes("a/x")(root)  # the same again
        writes("b/x", "top", text="new")(root)

    assert build(bundles, work) == (
        "the top of the bundles was built anew: its signature is gone",
        "b was built anew: its signature is gone",
    )
    assert (bundles / "a" / SIGNED).read_bytes() == before
    assert (bundles / "a" / SIGNED).stat().st_mode & 0o777 == 0o644
    assert [*bundles.rglob(SIGNED)] == [bundles / "a" / SIGNED]


def test_what_is_no_signature_is_not_kept(tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    build(bundles, writes("a/x"))
    (bundles / "a" / SIGNED).write_text("nonsense")
    assert build(bundles, writes("a/x")) == ("a was built anew: its signature is gone",)
    assert not (bundles / "a" / SIGNED).exists()


# --- the images of a build ----------------------------------------------------------------------


def test_the_images_that_bundles_were_made_in(tmp_path: Path) -> None:
    """Of two in different ones neither is meant."""
    bundles = tmp_path / "bundles"
    build(bundles, writes("a/x"), said(image("dev", "1"), image("one", "1"), image("z", "1", "r")))
    build(bundles, writes("b/x"), said(image("dev", "2"), image("two", "2"), image("one", "1")))
    assert provenance.images(bundles) == {"one": "1", "two": "2"}


@pytest.mark.parametrize(
    "spoilt",
    ["x", {"buildDefinition": "x"}, {"buildDefinition": {"resolvedDependencies": ["x"]}}, None],
)
def test_a_statement_that_names_no_image_hides_no_other(tmp_path: Path, spoilt: Json) -> None:
    bundles = tmp_path / "bundles"
    build(bundles, writes("a/x", "b/x"), said(image("dev", "1")))
    file = bundles / "a" / NAME
    found = json.loads(file.read_text())
    file.write_text(json.dumps(found | {"predicate": spoilt}))
    assert provenance.images(bundles) == {"dev": "1"}

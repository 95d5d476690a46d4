"""What a statement of provenance claims of files, whatever stands in it."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from rootless_build.bundles import statement
from rootless_build.bundles.statement import Claim, NoStatementError
from rootless_build.files.tree import walk
from rootless_build.model.plan import Json

DIGEST: dict[str, Json] = {"sha256": "d"}


def of(*subjects: Json, before: Json = None) -> statement.Object:
    """A statement with these subjects, and what was there before."""
    definition: dict[str, Json] = {"resolvedDependencies": before}
    return {
        "_type": statement.STATEMENT,
        "subject": list(subjects),
        "predicate": {"buildDefinition": definition},
    }


def subject(**other: Json) -> dict[str, Json]:
    return {"name": "f", "digest": DIGEST, **other}


def link(text: bytes) -> dict[str, Json]:
    encoded = base64.b64encode(text).decode()
    return subject(annotations={"mode": "120777"}, content=encoded)


@pytest.mark.parametrize(
    ("said", "claim"),
    [
        (subject(), Claim("f", "d")),
        (
            subject(annotations={"mode": "100644", "size": 3, "role": "r"}),
            Claim("f", "d", 0o100644, 3, None, "r"),
        ),
        (subject(annotations={"size": "3", "role": 4}), Claim("f", "d")),
        (subject(annotations={"size": True}), Claim("f", "d")),
        (subject(annotations="x"), Claim("f", "d")),
        (link(b"to"), Claim("f", "d", 0o120777, None, "to")),
        (subject(annotations={"mode": "100644"}, content="!"), Claim("f", "d", 0o100644)),
    ],
)
def test_what_is_claimed_of_a_file(said: Json, claim: Claim) -> None:
    assert statement.claims(of(said)) == (claim,)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("x", "a subject without a name or a sha256 digest"),
        ({"name": "f"}, "a subject without a name or a sha256 digest"),
        ({"digest": DIGEST}, "a subject without a name or a sha256 digest"),
        ({"name": "f", "digest": {"sha256": 1}}, "a subject without a name or a sha256 digest"),
        ({"name": 1, "digest": DIGEST}, "a subject without a name or a sha256 digest"),
        ({"name": "f", "digest": "x"}, "a subject without a name or a sha256 digest"),
        (subject(annotations={"mode": "040755"}), "a subject whose mode is none"),
        (subject(annotations={"mode": "100648"}), "a subject whose mode is none"),
        (subject(annotations={"mode": "110644"}), "a subject whose mode is none"),
        (subject(annotations={"mode": 1}), "a subject whose mode is none"),
        (subject(annotations={"mode": "120777"}), "a link without its text"),
        (subject(annotations={"mode": "120777"}, content="!"), "a link without its text"),
    ],
)
def test_a_subject_that_says_nothing(said: Json, words: str) -> None:
    with pytest.raises(NoStatementError, match=f"^has {words}$"):
        statement.claims(of(said))


@pytest.mark.parametrize(
    "content", ["", "[]", "x", "[" * 100_000, '{"subject": []}', '{"_type": "x", "subject": [1]}']
)
def test_what_is_no_statement(content: str) -> None:
    with pytest.raises(NoStatementError, match=r"^is no in-toto statement$"):
        statement.claims(statement.parse(content.encode()))


def test_a_statement_without_subjects_claims_what_was_there_before() -> None:
    earlier: Json = {"name": "e", "digest": DIGEST, "annotations": {"role": statement.EARLIER}}
    unknown: Json = {"name": "u", "digest": DIGEST, "annotations": {"role": statement.UNKNOWN}}
    image: Json = {"name": "i", "digest": DIGEST, "annotations": {"role": "image"}}
    said = of(before=[image, "x", {"name": "n"}, earlier, unknown])
    assert [claim.path for claim in statement.claims(said)] == ["e", "u"]
    assert statement.parse(json.dumps(said).encode()) == said
    with pytest.raises(NoStatementError):
        statement.claims(of(before=[image]))
    for broken in (of(before="x"), {**of(), "predicate": "x"}, {**of(), "predicate": {}}):
        assert list(statement.earlier(broken)) == []


def test_older_statements_say_no_modes() -> None:
    new, old = subject(annotations={"mode": "100644"}), subject()
    assert statement.is_complete(statement.claims(of(new)))
    assert not statement.is_complete(statement.claims(of(new, old)))


@pytest.mark.parametrize(
    ("path", "out"),
    [("/f", True), ("../f", True), ("a/../f", True), ("a\0", True), ("a/..b", False), ("f", False)],
)
def test_names_that_lead_out_of_the_bundle(path: str, out: bool) -> None:
    assert Claim(path, "d").leads_out is out


def test_the_descriptors_of_a_tree(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b/file").write_text("text")
    (tmp_path / "b/file").chmod(0o640)
    (tmp_path / "b/link").symlink_to("file")
    entries = {entry.path: entry for entry in walk(tmp_path)}
    text = hashlib.sha256(b"text").hexdigest()
    assert statement.descriptor(tmp_path, entries["b/file"], "b", "r") == {
        "name": "file",
        "annotations": {"mode": "100640", "role": "r", "size": 4},
        "digest": {"sha256": text},
    }
    assert statement.descriptor(tmp_path, entries["b/link"], "") == {
        "name": "b/link",
        "annotations": {"mode": "120777"},
        "digest": {"sha256": hashlib.sha256(b"file").hexdigest()},
        "content": base64.b64encode(b"file").decode(),
    }


@pytest.mark.parametrize(
    ("notes", "carried"),
    [
        (None, {"role": statement.EARLIER}),
        ("x", {"role": statement.EARLIER}),
        ({"mode": "1"}, {"mode": "1", "role": statement.EARLIER}),
        ({"role": statement.UNKNOWN}, {"role": statement.UNKNOWN}),
    ],
)
def test_what_a_later_build_says_of_an_earlier_ones_file(notes: Json, carried: Json) -> None:
    said = subject(annotations=notes)
    assert statement.carried(said) == {**said, "annotations": carried}
    assert said == subject(annotations=notes)


def test_what_is_read_of_a_statement(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"1234")
    assert statement.read(tmp_path, "s", 4) == b"1234"
    with pytest.raises(NoStatementError, match=r"^is too large for a statement$"):
        statement.read(tmp_path, "s", 3)
    with pytest.raises(NoStatementError, match=r"^is missing$"):
        statement.read(tmp_path, "gone")
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(NoStatementError):
        statement.read(tmp_path, "link")


def test_a_statement_of_too_many_values_is_not_parsed() -> None:
    assert statement.fits(b",[{" * 200_000)
    assert not statement.fits(b",[{" * 200_000 + b",")
    with pytest.raises(NoStatementError, match=r"^is too large for a statement$"):
        statement.parse(b",[{" * 200_001)

"""What is told of files that no statement names, and how many statements are looked at."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from rootless_build.bundles import attested, envelope, provenance
from rootless_build.bundles.statement import NAME, SIGNED
from rootless_build.bundles.verification import verify
from rootless_build.model.errors import BundlesError
from rootless_build.model.plan import Json


def attest(bundles: Path, *names: str) -> None:
    for name in names:
        (bundles / name).parent.mkdir(parents=True, exist_ok=True)
        (bundles / name).write_text(name)
    run = provenance.Run(bundles, bundles, {})
    provenance.attest(run, provenance.Attestation("p", {}, None))


def told(bundles: Path) -> list[str]:
    return [str(problem) for problem in verify(bundles).problems]


def test_how_much_provenance_is_looked_at_is_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 MiB of it, in all statements; less here."""
    attest(tmp_path, "a/x", "b/x")
    sizes = [(tmp_path / name / NAME).stat().st_size for name in ("a", "b")]
    monkeypatch.setattr(attested, "_MOST_BYTES", sum(sizes))
    assert told(tmp_path) == []
    monkeypatch.setattr(attested, "_MOST_BYTES", sum(sizes) - 1)
    with pytest.raises(BundlesError, match="not looked at") as caught:
        verify(tmp_path)
    assert caught.value.problems == (f"there are more than {sum(sizes) - 1} bytes of provenance",)


@pytest.mark.parametrize(
    ("count", "named"),
    [
        (1, "other/0"),
        (5, "other/0, other/1, other/2, other/3, other/4"),
        (6, "other/0, other/1, other/2, other/3, other/4, 1 more"),
        (8, "other/0, other/1, other/2, other/3, other/4, 3 more"),
    ],
)
@pytest.mark.parametrize("mode", [0o644, 0o700], ids=["texts", "programs"])
def test_files_without_provenance_are_named_up_to_five_of_a_bundle(
    tmp_path: Path, count: int, named: str, mode: int
) -> None:
    """A program in such a bundle is a problem, and what nobody can run a warning."""
    attest(tmp_path, "binary/x")
    (tmp_path / "other").mkdir()
    for number in range(count):
        (tmp_path / f"other/{number}").touch()
    (tmp_path / "other/0").chmod(mode)
    text = f"has no provenance ({named}), and other bundles have"
    report = verify(tmp_path)
    if mode == 0o644:
        assert (report.problems, report.warnings) == ((), (f"other {text}",))
    else:
        assert (told(tmp_path), report.warnings) == ([f"other: {text}"], ())


def test_a_link_without_provenance_may_lead_to_a_program(tmp_path: Path) -> None:
    attest(tmp_path, "binary/x")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/link").symlink_to("../binary/x")
    assert told(tmp_path) == ["other: has no provenance (other/link), and other bundles have"]


def test_without_any_statement_nothing_lacks_one(tmp_path: Path) -> None:
    (tmp_path / "binary").mkdir()
    (tmp_path / "binary/x").touch(0o755)
    assert verify(tmp_path).warnings == ()
    assert told(tmp_path) == []


def test_one_statement_that_is_none_hides_nothing_of_the_others(tmp_path: Path) -> None:
    """Of the files in its own bundle nothing is known, and that is told once."""
    attest(tmp_path, "a/x", "b/x", "c/x")
    (tmp_path / "a" / NAME).write_text("{}")
    (tmp_path / "a/y").touch()
    (tmp_path / "b/y").touch()
    (tmp_path / "c/x").write_text("other")
    assert told(tmp_path) == [
        f"a/{NAME}: is no in-toto statement",
        f"b/y: is not in {NAME}: it was added since",
        f"c/x: is not what {NAME} says",
    ]


@pytest.mark.parametrize(
    ("of", "problems"),
    [
        ("a", []),
        ("b", [f"a/{SIGNED}: is not of the {NAME} beside it"]),
        (None, [f"a/{SIGNED}: is not of the {NAME} beside it"]),
    ],
    ids=["its own", "another's", "nonsense"],
)
def test_a_signature_is_of_the_statement_beside_it(
    tmp_path: Path, of: str | None, problems: list[str]
) -> None:
    """That is told without any key."""
    attest(tmp_path, "a/x", "b/x")
    content = envelope.compose((tmp_path / of / NAME).read_bytes(), "k", b"s") if of else b"x"
    (tmp_path / "a" / SIGNED).write_bytes(content)
    assert told(tmp_path) == problems


def test_a_signature_without_a_statement_is_told(tmp_path: Path) -> None:
    attest(tmp_path, "a/x")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / SIGNED).write_text("{}")
    assert told(tmp_path) == [f"b/{SIGNED}: there is no {NAME} beside it"]


def unsigned(root: Path, where: str) -> bytes:
    """As if it were the signed one."""
    return (root / where / NAME).read_bytes()


def test_where_signatures_are_asked_for_nothing_may_lack_one(tmp_path: Path) -> None:
    """A text, too; and the statement beside a signature has to be the signed one."""
    assert [str(each) for each in verify(tmp_path, unsigned).problems] == [
        ".: nothing in it has provenance that could be signed"
    ]
    attest(tmp_path, "a/x", "b/x")
    assert verify(tmp_path, unsigned).problems == ()
    (tmp_path / "c").mkdir()
    (tmp_path / "c/text").touch(0o644)
    assert [str(each) for each in verify(tmp_path, unsigned).problems] == [
        "c: has no provenance (c/text), and other bundles have"
    ]
    signed = {where: unsigned(tmp_path, where) for where in ("a", "b")}
    (tmp_path / "b" / NAME).write_bytes(signed["b"].replace(b"\n", b" "))
    (tmp_path / "c/text").unlink()
    report = verify(tmp_path, lambda _, where: signed[where])
    assert [str(each) for each in report.problems] == [f"b/{NAME}: is not what was signed"]
    (tmp_path / "b" / NAME).unlink()
    (tmp_path / "b" / NAME).symlink_to("x")
    assert verify(tmp_path, lambda _, where: signed[where]).problems != ()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"digest": {"sha256": "0" * 64}}, f"is a link of which {NAME} contradicts itself"),
        (
            {
                "digest": {"sha256": hashlib.sha256(b"y").hexdigest()},
                "content": base64.b64encode(b"y").decode(),
            },
            f"is a link to x, and not to y as {NAME} says",
        ),
        ({"annotations": {"mode": "100644"}}, f"is a link, and no file as {NAME} says"),
    ],
)
def test_a_link_leads_where_its_statement_says(
    tmp_path: Path, change: dict[str, Json], text: str
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/link").symlink_to("x")
    attest(tmp_path, "a/x")
    assert told(tmp_path) == []
    file = tmp_path / "a" / NAME
    said = json.loads(file.read_text())
    said["subject"][0] |= change
    file.write_text(json.dumps(said))
    assert told(tmp_path) == [f"a/link: {text}"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"size": 2}, f"is not what {NAME} says"),
        ({"mode": "100600"}, f"has mode 0644, and not 0600 as {NAME} says"),
        ({"size": None}, ""),
    ],
)
def test_a_file_has_the_size_and_the_mode_that_its_statement_says(
    tmp_path: Path, change: dict[str, Json], text: str
) -> None:
    attest(tmp_path, "a/x")
    file = tmp_path / "a" / NAME
    said = json.loads(file.read_text())
    said["subject"][0]["annotations"] |= change
    file.write_text(json.dumps(said))
    assert told(tmp_path) == ([f"a/x: {text}"] if text else [])


def test_what_an_older_rbuild_said_is_believed_but_where_signatures_are_asked_for(
    tmp_path: Path,
) -> None:
    attest(tmp_path, "a/x", "b/x")
    file = tmp_path / "a" / NAME
    said = json.loads(file.read_text())
    del said["subject"][0]["annotations"]
    file.write_text(json.dumps(said))
    (tmp_path / "a/added").touch()
    text = "is of an older rbuild: it says nothing of modes, of links and of files that were added"
    report = verify(tmp_path)
    assert (report.problems, report.warnings) == ((), (f"a/{NAME} {text}",))
    report = verify(tmp_path, unsigned)
    assert [str(each) for each in report.problems] == [f"a/{NAME}: {text}"]
    assert report.warnings == ()

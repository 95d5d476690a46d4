"""What is told of files that no statement names, and how many statements are looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.bundles import attested, provenance, verify
from rootless_build.bundles.statement import NAME
from rootless_build.model.errors import BundlesError


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

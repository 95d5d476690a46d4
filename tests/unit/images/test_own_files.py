"""rbuild's own files are in no build context, and a project's files of the same names are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rootless_build.freshness import fingerprints
from rootless_build.freshness.ignore import Rules
from rootless_build.images.containerfile.patterns import Patterns, parse_ignore_file
from rootless_build.images.engine_alone import left_alone
from rootless_build.images.own_files import OwnFiles, with_rules
from rootless_build.images.segments.sources import ContextFiles
from rootless_build.model.plan import BuildImage, BuildOutput, Bundles, Plan

OURS = (
    "bundles/provenance.intoto.json",
    "bundles/binary/provenance.intoto.json",
    "bundles/1.2/binary/provenance.intoto.json",
    "bundles/1.2/binary/provenance.intoto.jsonl",
    ".bundles.rbuild.12.34.abc/new/file",
    ".rbuild-12.34-abc/files/x",
    "out/.rbuild-12.34-abc/files/x",
    ".cache/rbuild/projects/0/records.json",
)
THEIRS = (
    "provenance.intoto.json",
    "docs/provenance.intoto.json",
    "bundles/1.2/binary/deep/provenance.intoto.json",
    "bundles/binary/dockerd",
    ".bundles/x",
    ".rbuild-notes",
    ".cache/other",
    "Dockerfile",
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    place = tmp_path / "a [b] c*"
    for name in (*OURS, *THEIRS):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("FROM scratch\n")
    return place


def own(project: Path) -> OwnFiles:
    outputs = (BuildOutput("local", (("dest", str(project / "out/bin")),)),)
    plan = Plan(project, (BuildImage(project, outputs=outputs),), Bundles(project / "bundles"))
    return OwnFiles.of(plan, (project / ".cache/rbuild",))


def test_the_rules_leave_out_rbuilds_files_alone(project: Path) -> None:
    text = with_rules("*\n!*\n!bundles/**", own(project).rules(project))
    matches, rules = (
        parse_ignore_file(text).match,
        Rules(with_rules("", own(project).rules(project))),
    )
    for name in OURS:
        assert matches(name), name
    for name in THEIRS:
        assert not matches(name), name
        assert not rules.match(name).left_out, name
    assert rules.match("bundles/binary/provenance.intoto.json").left_out


def test_a_context_that_has_none_of_them_needs_no_rule(project: Path) -> None:
    assert own(project).rules(project / "docs") == ()
    # Of the bundles directory itself, and of one in it.
    assert "provenance.intoto.json" in own(project).rules(project / "bundles")


def test_their_changes_are_no_changes_of_the_context(project: Path, tmp_path: Path) -> None:
    for step in (
        BuildImage(project),
        BuildImage(
            project / "docs",
            build_contexts=(("src", str(project)),),
            containerfile=project / "Dockerfile",
        ),
    ):
        before = fingerprints.of_build(step, tmp_path / "cache", own(project))
        assert isinstance(before, fingerprints.Fingerprint)
        for name in OURS:
            (project / name).write_text(f"changed {step.context}")
        same = fingerprints.of_build(step, tmp_path / "cache", own(project))
        assert isinstance(same, fingerprints.Fingerprint)
        assert (same.parts, same.changed) == (before.parts, before.changed)
        (project / "bundles/binary/dockerd").write_text(f"changed {step.context}")
        after = fingerprints.of_build(step, tmp_path / "cache", own(project))
        assert isinstance(after, fingerprints.Fingerprint)
        assert after.digest != before.digest


@pytest.mark.parametrize("given", ["", "docs\n!docs/x\n"])
def test_an_engine_alone_gets_an_ignore_file_with_the_projects_own_rules(
    project: Path, given: str
) -> None:
    (project / ".dockerignore").write_text(given)
    with left_alone(BuildImage(project), own(project)) as made:
        assert made.containerfile is not None
        text = made.containerfile.with_name("Dockerfile.dockerignore").read_text()
        assert text.startswith(given)
        assert all(parse_ignore_file(text).match(name) for name in OURS)
        assert made.containerfile.read_text() == "FROM scratch\n"
    assert sorted(path.name for path in project.iterdir() if path.is_file()) == sorted(
        [".dockerignore", ".rbuild-notes", "Dockerfile", "provenance.intoto.json"]
    )


def test_a_project_that_ignores_them_itself_is_built_as_it_is(project: Path) -> None:
    (project / ".dockerignore").write_text("bundles\n.*\nout\n")
    step = BuildImage(project)
    with left_alone(step, own(project)) as made:
        assert made == step


def test_where_no_ignore_file_can_be_given_a_copy_is_built(project: Path) -> None:
    os.mkfifo(project / "pipe")
    step = BuildImage(project, build_contexts=(("src", str(project)),))
    with left_alone(step, own(project)) as made:
        ((_, copied),) = made.build_contexts
        assert copied != str(project)
        there = {str(p.relative_to(copied)) for p in Path(copied).rglob("*") if p.is_file()}
        assert there == set(THEIRS)


def test_they_are_in_no_layer_of_rbuilds(project: Path) -> None:
    step = BuildImage(project, build_contexts=(("src", str(project)),))
    contexts = ContextFiles.of(step, own(project))
    for context in (contexts.main, *contexts.named.values()):
        ignored = Patterns(context.ignored)
        assert all(map(ignored.match, OURS))
        assert not any(map(ignored.match, THEIRS))

"""Random edits of a project: rbuild does again exactly what would come out differently.

The engine is a fake with an honest memory: its images and bundles are digests of what it was really
given, worked out by code of its own (no index, no combined patterns). After every edit a run is
made, and what it did is held against what building from scratch would come to. RBUILD_EDITS sets
how many edits each seed makes.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rootless_build.freshness import index, tree
from rootless_build.model.events import Notice
from tests.unit.freshness.honest_project import Project

EDITS = int(os.environ.get("RBUILD_EDITS", "30"))
EVERY = [
    "same_size_and_time",
    "content",
    "append",
    "mode",
    "mode_of_directory",
    "retarget",
    "link_becomes_file",
    "touch",
    "rewrite",
    "rename",
    "exchange",
    "add",
    "add_directory",
    "delete",
    "delete_directory",
    "ignore",
    "other_ignore_file",
    "variable",
    "variable_goes",
    "argument",
    "other_command",
    "dockerfile",
    "bundle_goes",
    "bundles_go",
    "bundle_altered",
    "bundle_mode",
    "bundle_link",
    "bundle_added",
    "image_goes",
    "image_replaced",
    "base_moves",
    "base_goes",
    "git",
    "index_goes",
    "nothing",
    "meanwhile",
    "meanwhile_passing",
]


@pytest.mark.parametrize("seed", range(8))
def test_exactly_what_would_come_out_differently_is_done_again(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if seed % 2:
        # This file system counts finer than two seconds, so that more is remembered.
        for module in (index, tree):
            monkeypatch.setattr(module, "RACY", 30_000_000)
    project = Project(tmp_path, seed)
    project.run()
    history: list[str] = []
    for _ in range(EDITS):
        edits = project.random.choices(EVERY, k=project.random.choice([1, 1, 1, 2, 3]))
        for name in edits:
            history.append(name)
            getattr(project, name)()
        last = f"seed {seed}, after {' '.join(history[-12:])}"
        needs_build, right = project.needs_build(), project.is_right()
        built, ran = project.run()
        assert built or not needs_build, f"a stale image: {last}"
        assert ran or right, f"stale bundles: {last}"
        if {"meanwhile", "meanwhile_passing"} & set(edits):
            # Nobody can know what a step saw of a change while it was done: the next run looks.
            project.engine.meanwhile = lambda: None
            project.taken_back()
            project.taken_back = lambda: None
            project.run()
            project.run()
        else:
            assert needs_build or not built, f"an image built for nothing: {last}"
            assert ran != right, f"a container run for nothing: {last}"
        assert not project.needs_build(), f"still a stale image: {last}"
        assert project.is_right(), f"still stale bundles: {last}"
        assert project.run() == (False, False), f"no end to it: {last}"


def test_files_that_change_while_the_image_is_built_are_named(tmp_path: Path) -> None:
    project = Project(tmp_path, 0)
    project.run()
    project.write("VERSION", "another")
    project.engine.meanwhile = lambda: project.write("src/main.go", "meanwhile")
    project.run()
    said = [event.text for event in project.events if isinstance(event, Notice)]
    assert any("the context changed (src/main.go)" in text for text in said), said

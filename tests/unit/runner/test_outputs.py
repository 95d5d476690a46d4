"""Outputs of image builds: where files go, what is staged, what is kept."""

from __future__ import annotations

import hashlib
import os
import tarfile
from pathlib import Path

import pytest

from rootless_build.backend.api import Image
from rootless_build.bundles.checksums import write_checksums
from rootless_build.bundles.merging import merge_tree
from rootless_build.model import outputs, overrides
from rootless_build.model.errors import BundlesError, StepFailedError
from rootless_build.model.events import BundlesPublished, Event, StepReporter
from rootless_build.model.plan import BuildImage, BuildOutput, Bundles, Plan
from rootless_build.model.structs import replace
from rootless_build.recipes import bundles_place
from rootless_build.runner import exports
from rootless_build.runner import run as runner
from rootless_build.runner.options import BundleOptions, Options
from tests.unit.runner.fake_engine import FakeEngine

ELF = b"\x7fELF\x02"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The files of an image."""
    files = tmp_path / "image"
    (files / "binary").mkdir(parents=True)
    (files / "binary/tool").write_bytes(ELF)
    (files / "binary/tool").chmod(0o755)
    (files / "link").symlink_to("binary/tool")
    return files


def local(path: Path) -> BuildOutput:
    return BuildOutput("local", (("dest", str(path)),))


def tar(path: Path) -> BuildOutput:
    return BuildOutput("tar", (("dest", str(path)),))


def build(project: Path, *given: BuildOutput, tags: tuple[str, ...] = ()) -> Plan:
    (project / "D").write_text("FROM scratch\n")
    step = BuildImage(project, project / "D", outputs=given, tags=tags)
    return Plan(project, (step,), bundles_place.of((step,), project))


def run(plan: Plan, engine: FakeEngine, *, checksums: bool = False) -> list[Event]:
    events: list[Event] = []
    runner.run(plan, engine, Options(bundles=BundleOptions(checksums=checksums)), events.append)
    return events


def names(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ("bundles", "bundles"),
        ("bundles/binary", "bundles"),
        ("bundles/binary/linux_amd64", "bundles"),
        ("sub/bundles/x", "sub/bundles"),
        ("out", None),
        ("/elsewhere/bundles", "/elsewhere/bundles"),
        ("/elsewhere/bundles/x", None),
    ],
)
def test_the_bundles_directory_is_around_what_is_written(
    tmp_path: Path, destination: str, expected: str | None
) -> None:
    plan = build(tmp_path, local(tmp_path / destination))
    found = plan.bundles.directory if plan.bundles else None
    assert found == (tmp_path / expected if expected else None)


def test_what_goes_into_the_bundles_is_staged_and_merged(tmp_path: Path, image: Path) -> None:
    old = tmp_path / "bundles/x/binary/old"
    old.parent.mkdir(parents=True)
    old.write_text("old")
    engine = FakeEngine(inside=image)
    events = run(build(tmp_path, local(tmp_path / "bundles/x"), tags=("named",)), engine)
    assert names(tmp_path / "bundles/x") == ["binary", "binary/old", "binary/tool", "link"]
    published = [e for e in events if isinstance(e, BundlesPublished)]
    assert [e.files for e in published] == [("x/link", "x/binary/tool")]
    assert [step.outputs for step in engine.builds] == [()]
    assert [step.tags for step in engine.builds] == [()]
    assert len(engine.discarded) == 1
    assert [p.name for p in tmp_path.iterdir() if "rbuild" in p.name] == []


def test_damaged_files_are_not_published_and_the_image_goes(tmp_path: Path, image: Path) -> None:
    (image / "binary/tool.md5").write_text("0" * 32 + "  tool\n")
    engine = FakeEngine(inside=image)
    with pytest.raises(BundlesError):
        run(build(tmp_path, local(tmp_path / "bundles")), engine)
    assert not (tmp_path / "bundles").exists()
    assert len(engine.discarded) == 1


def test_several_outputs_of_one_build(tmp_path: Path, image: Path) -> None:
    given = (
        local(tmp_path / "bundles/a"),
        tar(tmp_path / "bundles/b/all.tar"),
        local(tmp_path / "elsewhere/c"),
        tar(tmp_path / "elsewhere/all.tar"),
        BuildOutput("docker"),
    )
    engine = FakeEngine(inside=image)
    run(build(tmp_path, *given, tags=("named",)), engine)
    wanted = ["binary", "binary/tool", "link"]
    assert names(tmp_path / "bundles/a") == names(tmp_path / "elsewhere/c") == wanted
    for archive in (tmp_path / "bundles/b/all.tar", tmp_path / "elsewhere/all.tar"):
        with tarfile.open(archive) as made:
            members = {member.name: member for member in made}
        assert sorted(members) == wanted
        assert (members["binary/tool"].mode, members["binary/tool"].uid) == (0o755, 0)
    assert engine.discarded == []
    assert engine.builds[0].tags == ("named",)
    assert engine.builds[0].outputs == (BuildOutput("docker"),)


def test_a_build_for_the_cache_alone_leaves_no_image(tmp_path: Path) -> None:
    engine = FakeEngine()
    run(build(tmp_path, BuildOutput("cacheonly"), tags=("named",)), engine)
    assert (engine.builds[0].tags, len(engine.discarded)) == ((), 1)


def test_an_output_that_can_not_be_written_is_said(tmp_path: Path, image: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StepFailedError, match="could not be written"):
        exports.write(image, local(tmp_path / "file/below"))


def test_a_containerfile_of_the_plan_is_a_file_for_the_engine(tmp_path: Path) -> None:
    seen: list[str] = []

    class Engine(FakeEngine):
        def build_image(self, step: BuildImage, reporter: StepReporter) -> Image:
            assert step.containerfile is not None
            seen.append(step.containerfile.read_text())
            return super().build_image(step, reporter)

    step = BuildImage(tmp_path, containerfile_text="FROM scratch\n")
    run(Plan(tmp_path, (step,)), Engine())
    assert seen == ["FROM scratch\n"]


def test_checksums_only_when_asked_and_only_where_there_are_none(
    tmp_path: Path, image: Path
) -> None:
    digest = hashlib.md5(ELF, usedforsecurity=False).hexdigest()
    run(build(tmp_path, local(tmp_path / "bundles")), FakeEngine(inside=image))
    assert names(tmp_path / "bundles") == ["binary", "binary/tool", "link"]
    run(build(tmp_path, local(tmp_path / "bundles")), FakeEngine(inside=image), checksums=True)
    made = names(tmp_path / "bundles")
    assert made == ["binary", "binary/tool", "binary/tool.md5", "binary/tool.sha256", "link"]
    assert (tmp_path / "bundles/binary/tool.md5").read_text() == f"{digest}  tool\n"


@pytest.mark.parametrize(
    ("content", "mode", "hashed"),
    [
        (ELF, 0o644, True),
        (b"MZ\x90", 0o644, True),
        (b"#!/bin/sh\n", 0o755, True),
        (b"#!/bin/sh\n", 0o644, False),
        (b"text\n", 0o755, False),
        (b"", 0o755, False),
    ],
)
def test_binaries_and_executable_scripts_get_checksums(
    tmp_path: Path, content: bytes, mode: int, *, hashed: bool
) -> None:
    (tmp_path / "file").write_bytes(content)
    (tmp_path / "file").chmod(mode)
    made = write_checksums(tmp_path)
    assert made == (("file.md5", "file.sha256") if hashed else ())


def test_a_tree_is_merged_into_another(tmp_path: Path) -> None:
    source, target, place = (tmp_path / name for name in ("source", "target", "place"))
    for directory in (source / "both", source / "closed", source / "was-file", target / "both"):
        directory.mkdir(parents=True)
    place.mkdir()
    (source / "both/new").write_text("new")
    os.link(source / "both/new", source / "both/hard")
    (source / "was-directory").write_text("file now")
    (source / "closed/inside").write_text("x")
    (source / "closed").chmod(0o555)
    (source / "link").symlink_to("nowhere")
    (target / "both/old").write_text("old")
    (target / "both/new").write_text("older")
    (target / "was-directory/deep").mkdir(parents=True)
    (target / "was-file").write_text("")
    (target / "link").symlink_to("both")
    merge_tree(source, target, place)
    assert names(target) == [
        "both",
        "both/hard",
        "both/new",
        "both/old",
        "closed",
        "closed/inside",
        "link",
        "was-directory",
        "was-file",
    ]
    assert (target / "both/new").read_text() == "new"
    assert (target / "both/hard").samefile(target / "both/new")
    assert str((target / "link").readlink()) == "nowhere"
    assert (target / "closed").stat().st_mode & 0o777 == 0o555
    (target / "closed").chmod(0o755)
    (source / "closed").chmod(0o755)


def test_another_bundles_directory_takes_outputs_along(tmp_path: Path) -> None:
    plan = build(tmp_path, local(tmp_path / "bundles/x"), tar(tmp_path / "other.tar"))
    changed = overrides.apply(plan, overrides.Overrides(bundles_directory=tmp_path / "there"))
    (step,) = changed.steps
    assert isinstance(step, BuildImage)
    places = [str(outputs.destination(output)) for output in step.outputs]
    assert places == [str(tmp_path / "there/x"), str(tmp_path / "other.tar")]
    assert changed.bundles == Bundles(tmp_path / "there")


def test_what_is_shown_can_be_pasted(tmp_path: Path) -> None:
    step = BuildImage(
        tmp_path,
        containerfile_text="FROM scratch\n",
        outputs=(local(tmp_path / "a"), tar(tmp_path / "b.tar")),
        tags=("t",),
    )

    def command(one: BuildImage) -> tuple[tuple[str, ...], ...]:
        return (("build", *one.tags, *(output.type for output in one.outputs)),)

    file = "/tmp/Dockerfile.inline"
    written = f"printf %s 'FROM scratch\n' > {file}"
    assert exports.shell_lines(step, command) == [written, "build local", "build tar"]
    kept = replace(step, containerfile_text=None, outputs=(*step.outputs, BuildOutput("docker")))
    assert exports.shell_lines(kept, command) == ["build t docker", "build local", "build tar"]

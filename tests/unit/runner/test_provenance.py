"""Provenance: what is written, that a library of the field can read it, and what it is good for."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement

from rootless_build.backend.api import Image
from rootless_build.bundles.provenance import Attestation
from rootless_build.bundles.staging import stage
from rootless_build.bundles.statement import NAME
from rootless_build.bundles.verification import verify
from rootless_build.files.repository import read_source
from rootless_build.model.plan import (
    BindMount,
    BuildImage,
    Bundles,
    HostCommand,
    Plan,
    RunContainer,
)
from rootless_build.model.structs import replace
from rootless_build.runner import run as runner
from rootless_build.runner.options import BundleOptions, Options
from rootless_build.runner.provenance import Attestor, portable
from tests.unit.runner.fake_engine import FakeEngine

IMAGE = Image("a" * 64)
BASE = "docker.io/library/debian:bookworm"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
        monkeypatch.setenv(name, "2020-02-03T04:05:06+00:00")
    (tmp_path / "Dockerfile").write_text("FROM debian:bookworm\n")
    run = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    subprocess.run([*run, "init", "-q"], check=True)
    subprocess.run([*run, "add", "Dockerfile"], check=True)
    subprocess.run([*run, "commit", "-q", "-m", "x"], check=True)
    subprocess.run(
        [*run, "remote", "add", "origin", "https://me:token@git.example/x.git"], check=True
    )
    return tmp_path


def plan(project: Path, *more: tuple[str, str]) -> Plan:
    steps = (
        HostCommand("mkdir bundles", project, (("HOME", "/home/me"), ("X_TOKEN", "t0ken"))),
        BuildImage(project, tags=("dev",), build_args=(("GPG_PASSPHRASE", "pa55"),)),
        RunContainer("dev", ("make",), environment=(("VERSION", "1"), *more)),
    )
    return Plan(project, steps, Bundles(project / "bundles"), ("binary",), "Makefile")


def attestation(project: Path) -> Attestation:
    todo = plan(project)
    made = Attestor(todo, "podman", "4.3.1")
    engine = FakeEngine(images={BASE: Image("b" * 64)})
    for step in todo.steps:
        if isinstance(step, BuildImage):
            made.builds(step, engine)
    made.runs("dev", IMAGE)
    return made.attestation()


def publish(project: Path, written: dict[str, str], *, attested: bool = True) -> tuple[str, ...]:
    with stage(project / "bundles") as staging:
        for name, content in written.items():
            file = staging.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink(missing_ok=True)
            file.write_text(content)
        return staging.publish(attestation(project) if attested else None).files


def statements(project: Path) -> dict[str, dict[str, str]]:
    """Digests of the subjects of each statement, by its path."""
    bundles = project / "bundles"
    found = {}
    for file in bundles.rglob(NAME):
        subjects = json.loads(file.read_text())["subject"]
        found[str(file.relative_to(bundles))] = {s["name"]: s["digest"]["sha256"] for s in subjects}
    return found


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_statement_is_one_for_a_library_of_the_field(project: Path) -> None:
    publish(project, {"binary/dockerd": "d"})
    text = (project / "bundles/binary" / NAME).read_text()
    parsed = json_format.Parse(text, statement_pb2.Statement())
    statement = Statement.copy_from_pb(parsed)
    statement.validate()
    predicate = json_format.ParseDict(
        json_format.MessageToDict(parsed.predicate), provenance_pb2.Provenance()
    )
    assert parsed.predicate_type == "https://slsa.dev/provenance/v1"
    definition = predicate.build_definition
    named = {item.name: dict(item.digest) for item in definition.resolved_dependencies}
    commit = subprocess.run(
        ["git", "-C", project, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    assert named == {
        "source": {"gitCommit": commit.stdout.strip()},
        "debian:bookworm": {"sha256": "b" * 64},
        "dev": {"sha256": "a" * 64},
    }
    details = predicate.run_details
    assert dict(details.builder.version)["podman"] == "4.3.1"
    assert details.metadata.started_on.seconds <= details.metadata.finished_on.seconds
    assert definition.resolved_dependencies[0].uri == "git+https://git.example/x.git"


def test_what_changes_while_a_container_works_is_not_what_it_was_made_of(project: Path) -> None:
    """Somebody pulls a newer base image, and commits."""
    engine = FakeEngine(images={BASE: Image("b" * 64)})
    commit = read_source(project)

    def work(step: RunContainer) -> None:
        mount = step.mounts[0]
        assert isinstance(mount, BindMount)
        (mount.source / "dockerd").write_text("d")
        engine.images[BASE] = Image("c" * 64)
        commands = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(project)]
        subprocess.run([*commands, "commit", "-q", "--allow-empty", "-m", "y"], check=True)

    engine.work = work
    made = plan(project)
    bundles = Bundles(project / "bundles")
    bundles.directory.mkdir()
    container = RunContainer("dev", ("make",), mounts=(BindMount(bundles.directory, "/b"),))
    made = replace(made, steps=(made.steps[1], container), bundles=bundles)
    options = Options(bundles=BundleOptions(attest=lambda: Attestor(made, "podman", "4.3.1")))
    runner.run(made, engine, options, lambda _: None)
    assert read_source(project) != commit
    statement = json.loads((bundles.directory / NAME).read_text())
    found = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    digests = {item["name"]: item["digest"] for item in found}
    assert commit is not None
    assert digests["source"] == {"gitCommit": commit.commit}
    assert digests["debian:bookworm"] == {"sha256": "b" * 64}


def test_the_index_of_git_stays_as_it_is(project: Path) -> None:
    """It may be in the build context, and is looked at before and after a build."""
    index = project / ".git" / "index"
    before = index.read_bytes()
    os.utime(project / "Dockerfile", (1, 1))
    assert read_source(project) is not None
    assert index.read_bytes() == before


def test_each_bundle_has_its_own_and_old_ones_stay(project: Path) -> None:
    publish(project, {"binary/dockerd": "d"})
    publish(project, {"cross/linux/amd64/dockerd": "c", "top": "t"})
    assert statements(project) == {
        f"binary/{NAME}": {"dockerd": sha256("d")},
        f"cross/{NAME}": {"linux/amd64/dockerd": sha256("c")},
        NAME: {"top": sha256("t")},
    }
    assert verify(project / "bundles").problems == ()


def test_bundles_below_a_version(project: Path) -> None:
    (project / "bundles/1.12.6").mkdir(parents=True)
    (project / "bundles/latest").symlink_to("1.12.6")
    publish(project, {"1.12.6/binary/docker": "d", "1.12.6/cross/linux/docker": "c"})
    assert statements(project) == {
        f"1.12.6/binary/{NAME}": {"docker": sha256("d")},
        f"1.12.6/cross/{NAME}": {"linux/docker": sha256("c")},
    }


def test_a_build_that_makes_the_same_leaves_the_statement(project: Path) -> None:
    publish(project, {"binary/dockerd": "d"})
    before = (project / "bundles/binary" / NAME).read_bytes()
    assert publish(project, {"binary/dockerd": "d"}) == ()
    assert (project / "bundles/binary" / NAME).read_bytes() == before
    assert publish(project, {"binary/dockerd": "e"}) == ("binary/dockerd",)
    assert statements(project)[f"binary/{NAME}"] == {"dockerd": sha256("e")}


def test_a_build_without_provenance_leaves_none_that_is_wrong(project: Path) -> None:
    publish(project, {"binary/dockerd": "d", "cross/dockerd": "c"})
    publish(project, {"binary/dockerd": "e"}, attested=False)
    assert list(statements(project)) == [f"cross/{NAME}"]
    assert verify(project / "bundles").problems == ()


def test_what_is_not_what_the_statement_says_is_a_problem(project: Path) -> None:
    publish(project, {"binary/dockerd": "d", "binary/other": "o", "binary/third": "t"})
    (project / "bundles/binary/dockerd").write_text("tampered with")
    (project / "bundles/binary/other").unlink()
    problems = [str(problem) for problem in verify(project / "bundles").problems]
    assert problems == [
        f"binary/dockerd: is not what {NAME} says",
        f"binary/{NAME}: names other, which is missing",
    ]


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "a\0b"])
def test_a_statement_leads_nowhere(project: Path, name: str) -> None:
    publish(project, {"binary/dockerd": "d"})
    (project / "secret").write_text("d")
    file = project / "bundles/binary" / NAME
    said = json.loads(file.read_text())
    said["subject"][0]["name"] = name
    file.write_text(json.dumps(said))
    told = {problem.path: problem.text for problem in verify(project / "bundles").problems}
    assert "outside its directory" in told[f"binary/{NAME}"]
    assert told["binary/dockerd"] == f"is not in {NAME}: it was added since"


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_a_statement_may_be_anything(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    bundles = tmp_path_factory.mktemp("bundles")
    (bundles / NAME).write_bytes(text)
    assert len(verify(bundles).problems) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "digest", "sha256", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(json_values)
def test_subjects_may_be_anything(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    bundles = tmp_path_factory.mktemp("bundles")
    said = {"_type": "https://in-toto.io/Statement/v1", "subject": [value]}
    (bundles / NAME).write_text(json.dumps(said))
    assert len(verify(bundles).problems) == 1


def test_the_date_is_the_commits_or_the_one_asked_for(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(project, {"binary/dockerd": "d"})
    file = project / "bundles/binary" / NAME
    assert file.stat().st_mtime == 1580702706
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    publish(project, {"binary/dockerd": "e"})
    assert file.stat().st_mtime == 1000000000
    first = file.read_bytes()
    assert b"2001-09-09T01:46:40Z" in first
    file.unlink()
    publish(project, {"binary/dockerd": "e"})
    assert file.read_bytes() == first


def test_nothing_of_the_user_is_said(project: Path) -> None:
    publish(project, {"binary/dockerd": "d"})
    text = (project / "bundles/binary" / NAME).read_text()
    for hidden in ("t0ken", "pa55", "/home/me", str(project), "me:token"):
        assert hidden not in text
    assert portable(plan(project, ("VERSION", "2"))) != portable(plan(project))


def test_the_source_is_not_clean_when_a_tracked_file_changed(project: Path) -> None:
    (project / "new").write_text("")
    source = read_source(project)
    assert source is not None
    assert source.clean
    (project / "Dockerfile").write_text("FROM scratch\n")
    changed = read_source(project)
    assert changed is not None
    assert not changed.clean


def test_without_git_there_is_no_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert read_source(tmp_path) is None
    monkeypatch.setenv("PATH", os.devnull)
    assert read_source(tmp_path) is None

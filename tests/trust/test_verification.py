"""Bundles that somebody changed after they were built: `rbuild bundles verify` tells it, and
`rbuild install` installs nothing of them. No signature is needed for that, as long as the statement
of provenance is the build's own (tests/trust/test_signatures.py has the others).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement

from rootless_build.bundles.installation import install
from rootless_build.bundles.staging import stage
from rootless_build.bundles.statement import NAME, SIGNED
from rootless_build.bundles.verification import verify
from rootless_build.model.errors import BundlesError
from tests.trust.built import ATTESTATION, build, docker, program

DAEMON = Path("1.12.6/binary-daemon")
CLIENT = Path("1.12.6/binary-client")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions, the latest built last."""
    directory = tmp_path_factory.mktemp("built") / "bundles"
    build(directory, docker("1.12.5"))
    build(directory, docker("1.12.6"))
    assert told(directory) == []
    return directory


@pytest.fixture
def bundles(built: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(built, tmp_path / "bundles", symlinks=True))


def told(bundles: Path) -> list[str]:
    return [str(problem) for problem in verify(bundles).problems]


def statement(bundles: Path, bundle: Path | str) -> dict[str, object]:
    found: dict[str, object] = json.loads((bundles / bundle / NAME).read_text())
    return found


# --- what is changed after the build ------------------------------------------------------------


def change(bundles: Path) -> str:
    """With its checksum file made anew."""
    program(bundles / DAEMON / "dockerd-1.12.6", "evil", checksum=True)
    return f"{DAEMON}/dockerd-1.12.6: is not what {NAME} says"


def change_a_text(bundles: Path) -> str:
    (bundles / CLIENT / "LICENSE").write_text("not free\n")
    return f"{CLIENT}/LICENSE: is not what {NAME} says"


def add_a_program(bundles: Path) -> str:
    program(bundles / DAEMON / "evil")
    return f"{DAEMON}/evil: is not in {NAME}: it was added since"


def add_a_program_with_a_checksum(bundles: Path) -> str:
    program(bundles / DAEMON / "evil", checksum=True)
    return f"{DAEMON}/evil: is not in {NAME}: it was added since"


def add_a_file(bundles: Path) -> str:
    (bundles / CLIENT / "sub").mkdir()
    (bundles / CLIENT / "sub/notes").write_text("")
    return f"{CLIENT}/sub/notes: is not in {NAME}: it was added since"


def add_a_link(bundles: Path) -> str:
    (bundles / DAEMON / "ctr").symlink_to("docker-proxy")
    return f"{DAEMON}/ctr: is not in {NAME}: it was added since"


def add_a_link_like_a_checksum(bundles: Path) -> str:
    (bundles / DAEMON / "ctr.md5").symlink_to("/etc/passwd")
    return f"{DAEMON}/ctr.md5: is not in {NAME}: it was added since"


def add_a_program_like_a_checksum(bundles: Path) -> str:
    """What it says is right."""
    file = bundles / CLIENT / "docker-1.12.6"
    (bundles / CLIENT / "x.sha256").write_text(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
    )
    (bundles / CLIENT / "x.sha256").chmod(0o4755)
    return f"{CLIENT}/x.sha256: is not in {NAME}: it was added since"


def add_a_link_like_a_statement(bundles: Path) -> str:
    (bundles / "1.12.6" / NAME).symlink_to(f"binary-daemon/{NAME}")
    return f"1.12.6: has no provenance (1.12.6/{NAME}), and other bundles have"


def add_a_hidden_file(bundles: Path) -> str:
    program(bundles / DAEMON / ".evil")
    return f"{DAEMON}/.evil: is not in {NAME}: it was added since"


def add_a_file_at_the_top(bundles: Path) -> str:
    program(bundles / "evil")
    return f"evil: is not in {NAME}: it was added since"


def add_a_bundle(bundles: Path) -> str:
    program(bundles / "1.12.6/all/dockerd")
    return "1.12.6/all: has no provenance (1.12.6/all/dockerd), and other bundles have"


def add_a_version(bundles: Path) -> str:
    program(bundles / "1.12.7/binary-daemon/dockerd")
    return "1.12.7: has no provenance (1.12.7/binary-daemon/dockerd), and other bundles have"


def remove_a_file(bundles: Path) -> str:
    (bundles / CLIENT / "LICENSE").unlink()
    return f"{CLIENT}/{NAME}: names LICENSE, which is missing"


def remove_a_program_with_its_checksum(bundles: Path) -> str:
    for name in ("docker-proxy", "docker-proxy-1.12.6", "docker-proxy-1.12.6.sha256"):
        (bundles / DAEMON / name).unlink()
    return f"{DAEMON}/{NAME}: names docker-proxy, which is missing"


def remove_a_link(bundles: Path) -> str:
    (bundles / DAEMON / "dockerd").unlink()
    return f"{DAEMON}/{NAME}: names dockerd, which is missing"


def rename_a_file(bundles: Path) -> str:
    (bundles / DAEMON / "docker-proxy-1.12.6").rename(bundles / DAEMON / "dockerd-new")
    return f"{DAEMON}/dockerd-new: is not in {NAME}: it was added since"


def swap_two_programs(bundles: Path) -> str:
    one, other = (bundles / DAEMON / f"{name}-1.12.6" for name in ("dockerd", "docker-proxy"))
    one.rename(bundles / "x")
    other.rename(one)
    (bundles / "x").rename(other)
    return f"{DAEMON}/dockerd-1.12.6: is not what {NAME} says"


def retarget_a_link(bundles: Path) -> str:
    (bundles / DAEMON / "dockerd").unlink()
    (bundles / DAEMON / "dockerd").symlink_to("docker-proxy-1.12.6")
    return (
        f"{DAEMON}/dockerd: is a link to docker-proxy-1.12.6, and not to dockerd-1.12.6 as {NAME}"
        " says"
    )


def retarget_latest(bundles: Path) -> str:
    """To a version with holes."""
    (bundles / "latest").unlink()
    (bundles / "latest").symlink_to("1.12.5")
    return f"latest: is a link to 1.12.5, and not to 1.12.6 as {NAME} says"


def replace_a_link_by_a_file(bundles: Path) -> str:
    program(bundles / DAEMON / "dockerd")
    return f"{DAEMON}/dockerd: is a file, and no link as {NAME} says"


def replace_a_file_by_a_link(bundles: Path) -> str:
    file = bundles / DAEMON / "dockerd-1.12.6"
    file.rename(bundles / "1.12.5/same")
    file.symlink_to("../../1.12.5/same")
    return f"{DAEMON}/dockerd-1.12.6: is a link, and no file as {NAME} says"


def replace_a_file_by_a_directory(bundles: Path) -> str:
    (bundles / CLIENT / "LICENSE").unlink()
    (bundles / CLIENT / "LICENSE").mkdir()
    return f"{CLIENT}/LICENSE: is a directory, and no file as {NAME} says"


def replace_a_file_by_a_pipe(bundles: Path) -> str:
    (bundles / CLIENT / "LICENSE").unlink()
    os.mkfifo(bundles / CLIENT / "LICENSE")
    return f"{CLIENT}/LICENSE: is a named pipe, and no file as {NAME} says"


def give_a_mode(mode: int) -> Callable[[Path], str]:
    def act(bundles: Path) -> str:
        (bundles / DAEMON / "dockerd-1.12.6").chmod(mode)
        return f"{DAEMON}/dockerd-1.12.6: has mode {mode:04o}, and not 0755 as {NAME} says"

    act.__name__ = f"mode_{mode:04o}"
    return act


def make_a_text_executable(bundles: Path) -> str:
    (bundles / CLIENT / "LICENSE").chmod(0o755)
    return f"{CLIENT}/LICENSE: has mode 0755, and not 0644 as {NAME} says"


def take_the_statement_away(bundles: Path) -> str:
    (bundles / DAEMON / NAME).unlink()
    return "1.12.6/binary-daemon: has no provenance (1.12.6/binary-daemon/docker-proxy,"


def rename_the_statement_without_checksums(bundles: Path) -> str:
    """And so nothing is left that could say what the files should be."""
    (bundles / DAEMON / NAME).rename(bundles / DAEMON / f"{NAME}.old")
    for file in (bundles / DAEMON).glob("*.sha256"):
        file.unlink()
    program(bundles / DAEMON / "dockerd-1.12.6", "evil")
    return "1.12.6/binary-daemon: has no provenance (1.12.6/binary-daemon/docker-proxy,"


def replace_the_statement_by_a_link(bundles: Path) -> str:
    (bundles / DAEMON / NAME).rename(bundles / "1.12.5/copy")
    (bundles / DAEMON / NAME).symlink_to("../../1.12.5/copy")
    return "1.12.6/binary-daemon: has no provenance"


def add_a_signature_without_a_statement(bundles: Path) -> str:
    (bundles / "1.12.6" / SIGNED).write_text("{}\n")
    return f"1.12.6/{SIGNED}: there is no {NAME} beside it"


def empty_the_statement(bundles: Path) -> str:
    (bundles / DAEMON / NAME).write_text("{}")
    return f"{DAEMON}/{NAME}: is no in-toto statement"


def take_the_subjects_away(bundles: Path) -> str:
    said = statement(bundles, DAEMON)
    (bundles / DAEMON / NAME).write_text(json.dumps(said | {"subject": []}))
    return f"{DAEMON}/{NAME}: is no in-toto statement"


ATTACKS = [
    change,
    change_a_text,
    add_a_program,
    add_a_program_with_a_checksum,
    add_a_file,
    add_a_link,
    add_a_link_like_a_checksum,
    add_a_program_like_a_checksum,
    add_a_link_like_a_statement,
    add_a_hidden_file,
    add_a_file_at_the_top,
    add_a_bundle,
    add_a_version,
    remove_a_file,
    remove_a_program_with_its_checksum,
    remove_a_link,
    rename_a_file,
    swap_two_programs,
    retarget_a_link,
    retarget_latest,
    replace_a_link_by_a_file,
    replace_a_file_by_a_link,
    replace_a_file_by_a_directory,
    replace_a_file_by_a_pipe,
    *(give_a_mode(mode) for mode in (0o4755, 0o2755, 0o1755, 0o4777, 0o777, 0o700, 0o644)),
    make_a_text_executable,
    take_the_statement_away,
    rename_the_statement_without_checksums,
    replace_the_statement_by_a_link,
    add_a_signature_without_a_statement,
    empty_the_statement,
    take_the_subjects_away,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_what_was_changed_since_the_build_is_told_and_not_installed(
    bundles: Path, tmp_path: Path, attack: Callable[[Path], str]
) -> None:
    text = attack(bundles)
    path, _, problem = text.partition(": ")
    assert [line for line in told(bundles) if line.startswith(f"{path}: ") and problem in line]
    with pytest.raises(BundlesError):
        install(bundles, tmp_path / "usr", dry_run=False)
    assert not (tmp_path / "usr").exists()


# --- what may change ----------------------------------------------------------------------------


def test_checksums_that_a_person_makes_later_are_nothing_added(bundles: Path) -> None:
    file = bundles / DAEMON / "dockerd-1.12.6"
    digest = hashlib.sha512(file.read_bytes()).hexdigest()
    file.with_name(f"{file.name}.sha512").write_text(f"{digest}  {file.name}\n")
    assert told(bundles) == []


def test_a_bundle_may_be_moved(bundles: Path, tmp_path: Path) -> None:
    shutil.copytree(bundles / DAEMON, tmp_path / "there/binary-daemon", symlinks=True)
    assert told(tmp_path / "there") == []
    assert verify(tmp_path / "there").attested == 1


def test_every_build_leaves_bundles_that_verify(tmp_path: Path) -> None:
    """Parts written anew, removed, added, moved, at the top and below a version."""
    bundles = tmp_path / "bundles"
    bundles.mkdir()
    (bundles / ".gitignore").write_text("*\n")
    program(bundles / "old/by-make")
    steps: list[Callable[[Path], object]] = [
        lambda root: program(root / "binary/dockerd").unlink(),
        lambda root: program(root / "binary/dockerd"),
        lambda root: program(root / "binary/docker"),
        lambda root: program(root / "binary/docker", "another"),
        lambda root: (root / "binary/docker").unlink(),
        lambda root: (root / "binary/dockerd").chmod(0o700),
        lambda root: (root / "latest").symlink_to("binary"),
        lambda root: (root / "binary/dockerd").rename(root / "binary/containerd"),
        lambda root: program(root / "top"),
        lambda root: (root / "latest").unlink(),
        lambda root: program(root / "binary/sub/x"),
        lambda root: shutil.rmtree(root / "old"),
        lambda root: shutil.rmtree(root / "binary"),
        lambda _: None,
    ]
    for number, step in enumerate(steps):
        build(bundles, step)
        assert [line for line in told(bundles) if not line.startswith("old:")] == [], number
    assert told(bundles) == []


def test_what_an_earlier_build_made_stays_attested(bundles: Path, tmp_path: Path) -> None:
    build(bundles, lambda root: program(root / DAEMON / "new", "2", 0o644))
    said = statement(bundles, DAEMON)
    assert said["subject"] == [
        {
            "name": "new",
            "digest": {"sha256": hashlib.sha256(b"2").hexdigest()},
            "annotations": {"mode": "100644", "size": 1},
        }
    ]
    assert verify(bundles).warnings == ()
    (bundles / DAEMON / "dockerd-1.12.6").write_text("evil")
    assert f"{DAEMON}/dockerd-1.12.6: " in "\n".join(told(bundles))


def test_a_later_build_does_not_attest_what_was_changed_between(bundles: Path) -> None:
    program(bundles / DAEMON / "dockerd-1.12.6", "evil", checksum=True)
    program(bundles / DAEMON / "evil")
    build(bundles, lambda root: program(root / DAEMON / "new"))
    assert told(bundles) == [
        f"{DAEMON}/dockerd-1.12.6: is not what {NAME} says",
        f"{DAEMON}/dockerd-1.12.6.sha256: is not what {NAME} says",
        f"{DAEMON}/evil: is not in {NAME}: it was added since",
    ]


def test_what_was_there_before_provenance_is_told_and_not_installed(tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    program(bundles / "binary/docker")
    build(bundles, lambda root: program(root / "binary/dockerd"))
    assert told(bundles) == []
    assert verify(bundles).warnings == ("binary/docker was there before it had provenance",)
    with pytest.raises(BundlesError) as caught:
        install(bundles, tmp_path / "usr", dry_run=False)
    assert caught.value.problems == ("binary/docker: has no provenance",)


def test_two_that_work_with_the_bundles_at_once_are_both_attested(tmp_path: Path) -> None:
    """As two shells do: the first publishes while the second works."""
    bundles = tmp_path / "bundles"
    with stage(bundles) as one, stage(bundles) as other:
        program(one.path / "binary/docker")
        program(other.path / "binary/dockerd")
        one.publish_beside(ATTESTATION)
        other.publish_beside(ATTESTATION)
    assert told(bundles) == []
    assert verify(bundles).warnings == ()


def test_a_statement_that_a_container_forges_is_replaced(tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    build(bundles, lambda root: program(root / "binary/dockerd"))
    before = (bundles / "binary" / NAME).read_bytes()

    def forge(root: Path) -> None:
        (root / "binary" / NAME).write_text("{}")
        (root / "other").mkdir()
        (root / "other" / NAME).mkdir()
        program(root / "other/tool")

    build(bundles, forge)
    assert (bundles / "binary" / NAME).read_bytes() == before
    assert told(bundles) == []


# --- the form -----------------------------------------------------------------------------------


def test_modes_and_links_are_valid_in_toto(bundles: Path) -> None:
    """For in-toto's own library, which the statement's other parts are held against in
    tests/unit/runner/test_provenance.py.
    """
    text = (bundles / DAEMON / NAME).read_text()
    parsed = json_format.Parse(text, statement_pb2.Statement())
    Statement.copy_from_pb(parsed).validate()
    link = next(subject for subject in parsed.subject if subject.name == "dockerd")
    assert link.content == b"dockerd-1.12.6"
    assert link.digest["sha256"] == hashlib.sha256(link.content).hexdigest()
    assert dict(link.annotations) == {"mode": "120777"}
    latest = json_format.Parse((bundles / NAME).read_text(), statement_pb2.Statement())
    Statement.copy_from_pb(latest).validate()
    assert [(each.name, each.content) for each in latest.subject] == [("latest", b"1.12.6")]


def older(bundles: Path) -> None:
    """Make the statements those of an rbuild that wrote neither modes nor links."""
    for file in bundles.rglob(NAME):
        said = json.loads(file.read_text())
        said["subject"] = [each for each in said["subject"] if "content" not in each]
        for each in said["subject"]:
            del each["annotations"]
        if said["subject"]:
            file.write_text(json.dumps(said))
        else:
            file.unlink()


def test_older_statements_are_believed_as_far_as_they_go(bundles: Path, tmp_path: Path) -> None:
    older(bundles)
    assert told(bundles) == []
    *warnings, latest = verify(bundles).warnings
    assert all("of an older rbuild" in warning for warning in warnings)
    assert latest == ". has no provenance (latest), and other bundles have"
    install(bundles, tmp_path / "usr", dry_run=True)
    program(bundles / DAEMON / "dockerd-1.12.6", "evil", checksum=True)
    assert told(bundles) == [
        f"{DAEMON}/dockerd-1.12.6: is not what {NAME} says",
        f"{DAEMON}/dockerd-1.12.6.sha256: is not what {NAME} says",
    ]


def test_what_an_older_statement_does_not_name_is_not_installed(
    bundles: Path, tmp_path: Path
) -> None:
    older(bundles)
    program(bundles / DAEMON / "evil")
    with pytest.raises(BundlesError) as caught:
        install(bundles, tmp_path / "usr", dry_run=True)
    assert caught.value.problems == (f"{DAEMON}/evil: has no provenance",)


def test_an_older_statement_is_continued(bundles: Path) -> None:
    older(bundles)
    build(bundles, lambda root: program(root / DAEMON / "new"))
    assert told(bundles) == []
    add_a_program(bundles)
    assert told(bundles) == [f"{DAEMON}/evil: is not in {NAME}: it was added since"]


@pytest.mark.parametrize(
    "spoil",
    [
        {"annotations": {"mode": "100755", "size": 1}},
        {"annotations": {"mode": 755}},
        {"annotations": {"mode": "755"}},
        {"annotations": {"mode": "040755"}},
        {"annotations": {"mode": "1007555"}},
        {"annotations": {"mode": "120777"}},
        {"annotations": {"mode": "120777"}, "content": 1},
        {"annotations": {"mode": "120777"}, "content": "%%%"},
        {"digest": {"sha256": 1}},
        {"digest": {}},
        {"name": None},
        {"name": "../LICENSE"},
        {"name": ""},
        {"name": "LICENSE/x"},
        {"name": "\0"},
        {"annotations": {"mode": "120777"}, "content": base64.b64encode(b"x").decode()},
    ],
)
def test_a_statement_of_another_shape_is_a_problem(bundles: Path, spoil: dict[str, object]) -> None:
    said = statement(bundles, CLIENT)
    subjects = said["subject"]
    assert isinstance(subjects, list)
    subjects[0] |= spoil
    (bundles / CLIENT / NAME).write_text(json.dumps(said))
    assert told(bundles)


# --- builds one after the other -----------------------------------------------------------------

Writes = Callable[[Path], object]


def leads(version: str) -> Writes:
    def write(root: Path) -> None:
        (root / "latest").unlink(missing_ok=True)
        (root / "latest").symlink_to(version)

    return write


def writes(path: str, text: str = "") -> Writes:
    return lambda root: program(root / path, text)


def removes(path: str) -> Writes:
    return lambda root: (root / path).unlink()


def all_of(*parts: Writes) -> Writes:
    def write(root: Path) -> None:
        for part in parts:
            part(root)

    return write


@pytest.mark.parametrize(
    "builds",
    [
        (writes("1/a/x"), all_of(leads("1"), removes("1/a/x"), writes("1/a/y"))),
        (writes("1/a/x"), all_of(leads("1"), writes("1/a/x", "other"))),
        (all_of(writes("1/a/x"), writes("1/b/x")), leads("1"), writes("1/b/y"), writes("1/c/x")),
        (all_of(leads("1"), writes("1/a/x")), leads("2"), writes("1/a/y"), removes("1/a/x")),
        (all_of(leads("1"), writes("1/a/x")), leads("2"), writes("1/b/y"), leads("1")),
        (writes("a/x"), writes("a/y"), removes("a/y")),
        (writes("x"), writes("y"), removes("y"), writes("a/x")),
    ],
)
def test_what_builds_leave_one_after_the_other_verifies(
    tmp_path: Path, builds: tuple[Writes, ...]
) -> None:
    """`latest` may lead to another version, and all that a build wrote may go again."""
    for write in builds:
        build(tmp_path / "bundles", write)
        found = verify(tmp_path / "bundles")
        assert (found.problems, found.warnings) == ((), ())


@pytest.mark.parametrize(
    ("before", "first", "second"),
    [
        # What one removes, the other has left alone, or has written anew, or is in one directory
        # with what the other has made.
        (writes("x"), removes("x"), writes("y")),
        (all_of(writes("a/x"), writes("a/z")), writes("a/x", "other"), removes("a/x")),
        (writes("a/x"), writes("a/y"), lambda root: shutil.rmtree(root / "a")),
    ],
)
def test_what_two_builds_leave_side_by_side_verifies(
    tmp_path: Path, before: Writes, first: Writes, second: Writes
) -> None:
    bundles = tmp_path / "bundles"
    build(bundles, before)
    with stage(bundles) as one, stage(bundles) as other:
        first(one.path)
        second(other.path)
        one.publish_beside(ATTESTATION)
        other.publish_beside(ATTESTATION)
    found = verify(bundles)
    assert (found.problems, found.warnings) == ((), ())

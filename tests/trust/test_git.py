"""A container that can write a checkout's `.git` runs nothing on the host through rbuild's git.

Each attack is tried with plain git first: there it works (git 2.39.5).
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rootless_build.files import repository
from rootless_build.files.repository import read_source
from rootless_build.model import mounts
from rootless_build.model.errors import BundlesError
from rootless_build.model.plan import BindMount, Plan, RunContainer
from rootless_build.runner import mount_points
from rootless_build.runner.git_settings import tell_changes
from rootless_build.testing.recorder import Recorder

IDENTITY = ("-c", "user.name=t", "-c", "user.email=t@t.invalid")


def git(directory: Path, *words: str, check: bool = True) -> str:
    argv = ["git", "-C", str(directory), *IDENTITY, "-c", "protocol.file.allow=always", *words]
    return subprocess.run(
        argv, check=check, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30
    ).stdout


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home/config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    git(project, "init", "-q")
    (project / "main.go").write_text("package main\n")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    return project


@pytest.fixture
def pwned(tmp_path: Path) -> Path:
    """What an attack makes when its program runs."""
    return tmp_path / "pwned"


@pytest.fixture
def program(tmp_path: Path, pwned: Path) -> str:
    file = tmp_path / "program"
    file.write_text(f"#!/bin/sh\ntouch {pwned}\ncat\n")
    file.chmod(0o755)
    return str(file)


def again(file: Path) -> None:
    """Make git look at the file's content: its time is another one."""
    os.utime(file, (1, 1))


def clean_filter(project: Path, program: str, driver: str = "clean") -> None:
    with (project / ".git/config").open("a") as config:
        config.write(f'[filter "x"]\n{driver} = {program}\nrequired\n')
    (project / ".git/info").mkdir(exist_ok=True)
    (project / ".git/info/attributes").write_text("* filter=x\n")
    again(project / "main.go")


def process_filter(project: Path, program: str) -> None:
    clean_filter(project, program, "process")


def filter_of_gitattributes(project: Path, program: str) -> None:
    clean_filter(project, program)
    (project / ".git/info/attributes").unlink()
    (project / ".gitattributes").write_text("*.go filter=x\n")


def included_filter(project: Path, program: str) -> None:
    clean_filter(project, program)
    (project / ".git/config").rename(project / "more")
    (project / ".git/config").write_text("[include]\npath = ../more\n")


def filter_of_the_worktree(project: Path, program: str) -> None:
    clean_filter(project, program)
    git(project, "config", "extensions.worktreeConfig", "true")
    git(project, "config", "--remove-section", "filter.x")
    git(project, "config", "--worktree", "filter.x.clean", program)


def fsmonitor(project: Path, program: str) -> None:
    git(project, "config", "core.fsmonitor", program)


def signatures(project: Path, program: str) -> None:
    git(project, "config", "gpg.program", program)
    tree = git(project, "rev-parse", "HEAD^{tree}").strip()
    signed = (
        f"tree {tree}\nauthor t <t@t> 1 +0000\ncommitter t <t@t> 1 +0000\n"
        "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\nsigned\n"
    )
    made = subprocess.run(
        ["git", "-C", str(project), "hash-object", "-t", "commit", "-w", "--stdin"],
        input=signed,
        text=True,
        capture_output=True,
        check=True,
    )
    git(project, "reset", "-q", "--hard", made.stdout.strip())
    git(project, "config", "log.showSignature", "true")


def index_hook(project: Path, program: str) -> None:
    hooks = project / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "post-index-change").symlink_to(program)
    again(project / "main.go")


def hooks_elsewhere(project: Path, program: str) -> None:
    index_hook(project, program)
    (project / ".git/hooks").rename(project / "hooks")
    git(project, "config", "core.hooksPath", "hooks")


def lazy_fetch(project: Path, program: str) -> None:
    """A partial clone without the commit's trees, whose remote is reached by a program."""
    git(project, "config", "core.repositoryFormatVersion", "1")
    git(project, "config", "extensions.partialClone", "origin")
    git(project, "config", "remote.origin.url", "ssh://nowhere.invalid/x")
    git(project, "config", "remote.origin.promisor", "true")
    # git would wait for one that answers.
    git(project, "config", "core.sshCommand", f"touch {Path(program).with_name('pwned')}; false")
    tree = git(project, "rev-parse", "HEAD^{tree}").strip()
    (project / ".git/objects" / tree[:2] / tree[2:]).unlink()
    git(project, "rm", "-q", "--cached", "main.go", check=False)


ATTACKS: tuple[Callable[[Path, str], None], ...] = (
    clean_filter,
    process_filter,
    filter_of_gitattributes,
    included_filter,
    filter_of_the_worktree,
    fsmonitor,
    signatures,
    index_hook,
    hooks_elsewhere,
    lazy_fetch,
)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_nothing_that_the_checkout_names_runs(
    checkout: Path, program: str, pwned: Path, attack: Callable[[Path, str], None]
) -> None:
    attack(checkout, program)
    pwned.unlink(missing_ok=True)
    commit = git(checkout, "rev-parse", "HEAD").strip()
    source = read_source(checkout)
    assert not pwned.exists()
    if source is not None:
        assert source.commit == commit
    again(checkout / "main.go")
    git(checkout, "status", check=False)
    git(checkout, "log", "-1", check=False)
    assert pwned.exists(), "plain git is not attacked: the test shows nothing"


def test_nothing_that_a_submodule_names_runs(
    checkout: Path, tmp_path: Path, program: str, pwned: Path
) -> None:
    project = tmp_path / "above"
    project.mkdir()
    git(project, "init", "-q")
    git(project, "submodule", "--quiet", "add", str(checkout), "sub")
    git(project, "commit", "-qm", "with it")
    inside = project / ".git/modules/sub"
    (inside / "info").mkdir(exist_ok=True)
    with (inside / "config").open("a") as config:
        config.write(f'[filter "x"]\nclean = {program}\n')
    (inside / "info/attributes").write_text("* filter=x\n")
    # Of the same size: else git needs no filter to tell.
    (project / "sub/main.go").write_text("package mian\n")
    source = read_source(project)
    assert source is not None
    assert source.clean is None
    assert not pwned.exists()
    git(project, "status")
    assert pwned.exists()


# --- what is clean ------------------------------------------------------------------------------


def clean(project: Path) -> bool | None:
    source = read_source(project)
    assert source is not None
    return source.clean


def test_a_filter_leaves_open_what_only_it_can_tell(checkout: Path, program: str) -> None:
    clean_filter(checkout, program)
    # The same bytes: git needs no filter to tell.
    assert clean(checkout) is True
    (checkout / "main.go").write_text("package other\n")
    assert clean(checkout) is None
    (checkout / ".git/info/attributes").unlink()
    assert clean(checkout) is False


def test_a_changed_file_beside_a_filtered_one_is_a_change(checkout: Path, program: str) -> None:
    (checkout / "plain").write_text("1")
    git(checkout, "add", "plain")
    git(checkout, "commit", "-qm", "second")
    clean_filter(checkout, program)
    (checkout / ".git/info/attributes").write_text("*.go filter=x\n")
    (checkout / "main.go").write_text("other")
    (checkout / "plain").write_text("2")
    assert clean(checkout) is False


@pytest.mark.parametrize("change", ["edit", "remove", "stage", "mode", "commit"])
def test_a_submodule_that_was_changed_is_a_change(
    checkout: Path, tmp_path: Path, change: str
) -> None:
    project = tmp_path / "above"
    project.mkdir()
    git(project, "init", "-q")
    git(project, "submodule", "--quiet", "add", str(checkout), "sub")
    git(project, "commit", "-qm", "with it")
    assert clean(project) is True
    file = project / "sub/main.go"
    if change == "edit":
        file.write_text("package other\n")
    elif change == "remove":
        file.unlink()
    elif change == "mode":
        file.chmod(0o755)
    else:
        file.write_text("package other\n")
        git(project / "sub", "add", ".")
        if change == "commit":
            git(project / "sub", "commit", "-qm", "more")
    assert clean(project) is False


def test_how_the_checkout_compares_files_is_kept(checkout: Path) -> None:
    git(checkout, "config", "core.fileMode", "false")
    (checkout / "main.go").chmod(0o755)
    assert clean(checkout) is True
    git(checkout, "config", "core.fileMode", "true")
    assert clean(checkout) is False


def test_other_kinds_of_repositories(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "update-index", "--split-index")
    (checkout / "more").write_text("1")
    git(checkout, "add", "more")
    git(checkout, "commit", "-qm", "split")
    assert clean(checkout) is True
    (checkout / "more").write_text("2")
    assert clean(checkout) is False

    tree = tmp_path / "tree"
    git(checkout, "worktree", "add", "-q", str(tree))
    assert clean(tree) is True
    (tree / "more").write_text("2")
    assert clean(tree) is False

    other = tmp_path / "sha256"
    other.mkdir()
    git(other, "init", "-q", "--object-format=sha256")
    assert read_source(other) is None
    (other / "a").write_text("1")
    git(other, "add", ".")
    git(other, "commit", "-qm", "first")
    assert clean(other) is True
    (other / "a").write_text("2")
    assert clean(other) is False


def test_the_index_is_left_alone(checkout: Path) -> None:
    index = checkout / ".git/index"
    before = index.read_bytes()
    again(checkout / "main.go")
    assert clean(checkout) is True
    assert index.read_bytes() == before


def test_the_origin_is_told_without_a_password(checkout: Path) -> None:
    git(checkout, "config", "remote.origin.url", "https://me:secret@example.com/x.git")
    source = read_source(checkout)
    assert source is not None
    assert source.origin == "https://example.com/x.git"


@pytest.mark.parametrize("what", ["config", "index"])
def test_what_is_no_file_is_not_waited_for(checkout: Path, what: str) -> None:
    file = checkout / ".git" / what
    file.unlink(missing_ok=True)
    os.mkfifo(file)
    source = read_source(checkout)
    assert source is None or source.clean is None


def test_another_directory_is_not_taken_for_the_checkouts(checkout: Path, tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir()
    (private / "main.go").write_text("package main\n")
    git(checkout, "config", "core.worktree", str(private))
    assert read_source(checkout) is None


# --- what a container gets ----------------------------------------------------------------------


def brought(project: Path, *sources: Path) -> list[Path]:
    """What a container with those directories mounted gets besides."""
    given = tuple(BindMount(source, f"/{number}") for number, source in enumerate(sources))
    plan = mount_points.with_worktrees(Plan(project, (RunContainer("i", mounts=given),)))
    (step,) = plan.steps
    assert isinstance(step, RunContainer)
    return [m.source for m in step.mounts if isinstance(m, BindMount) and m not in given]


@pytest.mark.parametrize("source", ["out", "out/deeper", "sub/../out", "sub/up", "again"])
def test_no_directory_of_the_users_is_brought_by_a_link_in_the_bundles(
    tmp_path: Path, source: str
) -> None:
    """A container of run 1 left it; run 2 has `-v bundles/out:/out` (seen with podman 4.3)."""
    bundles, private = tmp_path / "bundles", tmp_path / "private"
    (bundles / "sub").mkdir(parents=True)
    (private / "deeper").mkdir(parents=True)
    (bundles / "out").symlink_to(private)
    (bundles / "again").symlink_to("out")
    (bundles / "sub/up").symlink_to("../..")
    step = RunContainer("i", mounts=(BindMount(bundles / source, "/out"),))
    with pytest.raises(BundlesError, match="leads out of the bundles"):
        mounts.refuse_links_out(step, bundles)


@pytest.mark.parametrize(
    "source", ["bundles", "bundles/latest", "bundles/1.12", "elsewhere", "new"]
)
def test_other_mounts_are_as_they_were(tmp_path: Path, source: str) -> None:
    """The bundles themselves may be a link of the user's."""
    (tmp_path / "elsewhere/1.12").mkdir(parents=True)
    (tmp_path / "bundles").symlink_to("elsewhere")
    (tmp_path / "bundles/latest").symlink_to("1.12")
    step = RunContainer("i", mounts=(BindMount(tmp_path / source, "/out"),))
    mounts.refuse_links_out(step, tmp_path / "bundles")


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A directory of the user's that is a repository too."""
    directory = tmp_path / "private"
    directory.mkdir()
    git(directory, "init", "-q")
    git(directory, "commit", "-q", "--allow-empty", "-m", "x")
    return directory


@pytest.mark.parametrize(
    "named", ["{private}", "{private}/.git", "../private", "../private/.git", "/", "..", "/etc"]
)
@pytest.mark.parametrize("where", ["bundles", "."])
def test_no_directory_of_the_users_is_brought_by_a_file_of_a_container(
    checkout: Path, private: Path, where: str, named: str
) -> None:
    place = checkout / where
    place.mkdir(exist_ok=True)
    if where == ".":
        (checkout / ".git").rename(checkout / "old")
    (place / ".git").write_text(f"gitdir: {named.format(private=private)}\n")
    assert brought(checkout, checkout, place, private) == []


def test_a_forged_entry_of_a_worktree_brings_nothing(checkout: Path, private: Path) -> None:
    """All that a container can write of one: the entry is not in the repository that it names."""
    (checkout / ".git").rename(checkout / "old")
    entry = checkout / "bundles/worktrees/x"
    entry.mkdir(parents=True)
    (checkout / ".git").write_text(f"gitdir: {entry}\n")
    (entry / "gitdir").write_text(f"{checkout}/.git\n")
    (entry / "HEAD").write_text("ref: refs/heads/master\n")
    (entry / "commondir").write_text(f"{private}/.git\n")
    assert git(checkout, "rev-parse", "--git-common-dir").strip() == f"{private}/.git"
    assert brought(checkout, checkout) == []


def test_a_worktree_of_somebody_elses_repository_brings_nothing(
    checkout: Path, private: Path, tmp_path: Path
) -> None:
    git(private, "worktree", "add", "-q", str(tmp_path / "theirs"))
    (checkout / ".git").rename(checkout / "old")
    (checkout / ".git").write_text((tmp_path / "theirs/.git").read_text())
    assert brought(checkout, checkout) == []


def test_a_submodule_brings_its_own_git_directory(checkout: Path, tmp_path: Path) -> None:
    project = tmp_path / "above"
    project.mkdir()
    git(project, "init", "-q")
    git(project, "submodule", "--quiet", "add", str(checkout), "sub")
    assert brought(project / "sub", project / "sub") == [project / ".git/modules/sub"]
    assert brought(project, project) == []
    git(project / "sub", "config", "core.worktree", str(tmp_path))
    assert brought(project / "sub", project / "sub") == []


def test_what_is_linked_is_not_asked_for_where_there_is_a_git_directory(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    assert repository.linked(checkout) is None


# --- what a container changed -------------------------------------------------------------------


def told(project: Path, change: Callable[[], object], *given: BindMount) -> str:
    """What is said when a container with those mounts changes something."""
    recorder = Recorder()
    with tell_changes(RunContainer("i", mounts=given), project, recorder.reporter):
        change()
    return " ".join(notice.text for notice in recorder.notices)


@pytest.mark.parametrize(
    "name", ["config", "config.worktree", "info/attributes", "hooks/pre-commit", "modules/a/config"]
)
@pytest.mark.parametrize("where", [".", ".git", ".."])
def test_a_change_of_what_git_starts_is_told(checkout: Path, name: str, where: str) -> None:
    file = checkout / ".git" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    mount = BindMount((checkout / where).resolve(), "/w")

    def change() -> None:
        file.write_text("[core]\n")

    assert f"changed .git/{name}, " in told(checkout, change, mount)
    assert told(checkout, change, mount) == ""
    assert f".git/{name}" in told(checkout, file.unlink, mount)
    assert f".git/{name}" in told(checkout, lambda: file.symlink_to("/etc/passwd"), mount)


def test_what_a_container_cannot_change_is_not_looked_at(checkout: Path) -> None:
    def change() -> None:
        (checkout / ".git/config").write_text("[core]\n")

    assert told(checkout, change, BindMount(checkout, "/w", read_only=True)) == ""
    assert told(checkout, change, BindMount(checkout / "bundles", "/w")) == ""


def test_what_git_itself_does_all_day_is_not_told(checkout: Path) -> None:
    def change() -> None:
        git(checkout, "commit", "-q", "--allow-empty", "-m", "more")
        git(checkout, "branch", "other")

    assert told(checkout, change, BindMount(checkout, "/w")) == ""

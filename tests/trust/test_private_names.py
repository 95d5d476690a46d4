"""Names in places where everybody may make files: nobody who was there first stops rbuild, or has
his own taken for rbuild's.

Another user's directory is made by `chown` in a user namespace, where this user has subordinate
ids; what else others can do there is what `/tmp` allows (sticky(7)): make names, and nothing to
those of others.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from rbuild_containers import temporary
from rootless_build.bundles import swapping
from rootless_build.bundles.leftovers import abandoned, restore
from rootless_build.bundles.staging import stage
from rootless_build.host.engine_settings import (
    engine_settings,
    lasting_directories,
    private_directories,
)
from rootless_build.host.facts import Facts
from rootless_build.host.gathering import gather
from rootless_build.host.lasting_directories import RECORDS, LastingDirectory, is_safe
from rootless_build.model.structs import replace
from rootless_build.process import identities
from rootless_build.process.locks import is_private
from rootless_build.runner import exports
from rootless_build.runner.own_directories import OwnDirectories, remove_all
from tests.ordinary_host import ORDINARY

UID: Final = os.getuid()
DEAD: Final = "1.1"
"""No process that lives: the first one was started before the clock's first tick."""


def give_away(path: Path) -> None:
    """It is another user's from now on: a subordinate uid's."""
    if UID == 0:
        os.chown(path, 12345, 12345, follow_symlinks=False)
        return
    command = ["podman", "unshare", "chown", "-h", "1:1", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert path.lstat().st_uid != UID


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Path]:
    """A place like /tmp; what is another's in it goes at the end."""
    place = tmp_path / "shared"
    place.mkdir()
    place.chmod(0o1777)
    yield place
    if UID:
        subprocess.run(["podman", "unshare", "rm", "-rf", str(place)], check=False)


@pytest.fixture
def facts(tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> Facts:
    """A host without XDG_RUNTIME_DIR, whose user has his home on a file server."""
    monkeypatch.setattr("tempfile.tempdir", str(shared))
    return replace(
        ORDINARY,
        uid=UID or 1000,
        home=tmp_path,
        config_directory=tmp_path / "config",
        data_directory=tmp_path / "data",
        runtime_directory=None,
        storage_filesystem="nfs4",
        scratch=shared,
    )


def runtime(facts: Facts) -> Path:
    with engine_settings(facts, {}) as settings:
        return Path(dict(settings.environment)["XDG_RUNTIME_DIR"])


def storage(facts: Facts) -> str:
    with engine_settings(facts, {}) as settings:
        return Path(dict(settings.environment)["CONTAINERS_STORAGE_CONF"]).read_text()


def occupy(path: Path, how: str, victim: Path) -> None:
    """What somebody else may have put there first."""
    match how:
        case "a file":
            path.write_text("")
        case "a link to a directory of ours":
            path.symlink_to(victim)
        case "a link to nowhere":
            path.symlink_to("/nowhere")
        case "a directory":
            path.mkdir(mode=0o700)
        case "a directory for all":
            path.mkdir()
            path.chmod(0o777)
        case _:
            os.mkfifo(path)
    give_away(path)


OCCUPIED: Final = (
    "a file",
    "a link to a directory of ours",
    "a link to nowhere",
    "a directory",
    "a directory for all",
    "a FIFO",
)


@pytest.mark.parametrize("how", OCCUPIED)
def test_nobody_is_first_at_what_engines_get(
    facts: Facts, shared: Path, tmp_path: Path, how: str
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o700)
    for name in (f"rbuild-runtime-{facts.uid}", f"rbuild-{facts.uid}"):
        occupy(shared / name, how, victim)
    first = runtime(facts)
    assert is_private(first)
    assert first.parent == shared
    # And the next run finds the same.
    assert runtime(facts) == first
    kept = storage(facts)
    assert kept == storage(facts)
    graphroot = next(line for line in kept.splitlines() if line.startswith("graphroot"))
    assert is_private(Path(graphroot.split('"')[1]).parent)
    assert list(victim.iterdir()) == []


@pytest.mark.parametrize("how", OCCUPIED)
def test_what_is_on_record_counts_while_it_is_the_users(
    facts: Facts, tmp_path: Path, how: str
) -> None:
    """After the next boot, say, somebody else is there first."""
    first = runtime(facts)
    first.rmdir()
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o700)
    occupy(first, how, victim)
    second = runtime(facts)
    assert second != first
    assert is_private(second)
    assert runtime(facts) == second


@pytest.mark.parametrize(
    "text", ["", "relative", "/nowhere", "/\0", "/etc", "/proc/self/cwd", "/tmp"]
)
def test_a_record_is_no_order(facts: Facts, text: str) -> None:
    record = LastingDirectory("run", facts.data_directory / "rbuild", (), Path("/nowhere")).record
    record.parent.mkdir(parents=True)
    record.write_text(text)
    assert is_private(runtime(facts))
    assert runtime(facts) != Path(text)


def test_what_an_earlier_version_made_is_taken_over(facts: Facts, shared: Path) -> None:
    """Engines have images and locks there."""
    old = shared / f"rbuild-runtime-{facts.uid}"
    old.mkdir(mode=0o700)
    assert runtime(facts) == old


def test_where_nothing_can_be_recorded_there_is_one_all_the_same(
    facts: Facts, tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("no directory")
    assert is_private(runtime(facts))


def test_nothing_is_made_where_others_can_replace_it(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    for mode, safe in (
        (0o777, False),
        (0o1777, True),
        (0o775, False),
        (0o700, True),
        (0o755, True),
    ):
        place.chmod(mode)
        assert is_safe(place) is safe, oct(mode)


@pytest.mark.parametrize(
    ("mode", "taken"),
    [(0o700, True), (0o755, True), (0o777, False), (0o1777, False), (0o770, False)],
)
def test_a_runtime_directory_is_one_that_nobody_else_can_write_to(
    tmp_path: Path, mode: int, taken: bool
) -> None:
    given = tmp_path / "run"
    given.mkdir()
    given.chmod(mode)
    found = gather({"XDG_RUNTIME_DIR": str(given), "HOME": str(tmp_path)}).runtime_directory
    assert (found == given) is taken


def test_a_runtime_directory_of_somebody_elses_is_none(shared: Path, tmp_path: Path) -> None:
    given = shared / "run"
    occupy(given, "a directory", tmp_path)
    environment = {"XDG_RUNTIME_DIR": str(given), "HOME": str(tmp_path)}
    assert gather(environment).runtime_directory is None


@pytest.mark.skipif(UID == 0, reason="root's engines share no directory of caches")
def test_a_link_of_somebody_elses_to_ours_holds_no_caches(facts: Facts, shared: Path) -> None:
    own = shared / "own"
    own.mkdir(mode=0o700)
    (shared / "buildah-cache").symlink_to(own)
    with engine_settings(facts, {"TMPDIR": str(shared)}) as settings:
        assert "TMPDIR" not in dict(settings.environment)
    give_away(shared / "buildah-cache")
    with engine_settings(facts, {"TMPDIR": str(shared)}) as settings:
        assert is_private(Path(dict(settings.environment)["TMPDIR"]))


def test_what_lasts_is_told_and_stays_on_record(
    facts: Facts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`rbuild clean --everywhere`: without the record nobody would find the images again."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    made = runtime(facts)
    assert made in lasting_directories()
    data = tmp_path / "data/rbuild"
    own = OwnDirectories(data, tmp_path / "state", tmp_path / "cache")
    remove_all(own, (), dry=False)
    assert list((data / RECORDS).iterdir())
    assert runtime(facts) == made


# --- what dead runs left --------------------------------------------------------------------------


def left_behind(shared: Path, name: str = f".bundles.rbuild.{DEAD}.abc") -> Path:
    private = shared / name
    (private / swapping.PREVIOUS).mkdir(parents=True)
    (private / swapping.PREVIOUS / "dockerd").write_text("evil")
    private.chmod(0o700)
    return private


def test_bundles_of_a_dead_run_of_ours_come_back(shared: Path) -> None:
    left_behind(shared)
    assert restore(shared / "bundles")
    assert (shared / "bundles/dockerd").exists()


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o777])
def test_nobody_elses_are_taken_for_the_bundles(shared: Path, mode: int) -> None:
    private = left_behind(shared)
    private.chmod(mode)
    give_away(private)
    assert abandoned(shared / "bundles") == ()
    assert not restore(shared / "bundles")
    assert not (shared / "bundles").exists()


def test_nor_those_that_anybody_can_write_to(shared: Path) -> None:
    left_behind(shared).chmod(0o777)
    assert not restore(shared / "bundles")


@pytest.mark.parametrize("kind", ["link", "file", "fifo"])
def test_nor_what_is_no_directory(shared: Path, tmp_path: Path, kind: str) -> None:
    private = shared / f".bundles.rbuild.{DEAD}.abc"
    private.mkdir(mode=0o700)
    previous = private / swapping.PREVIOUS
    match kind:
        case "link":
            previous.symlink_to(tmp_path)
        case "file":
            previous.write_text("")
        case _:
            os.mkfifo(previous)
    assert not restore(shared / "bundles")
    assert not os.path.lexists(shared / "bundles")


def test_a_link_with_such_a_name_is_followed_by_nobody(shared: Path, tmp_path: Path) -> None:
    elsewhere = left_behind(tmp_path, "elsewhere")
    (shared / f".bundles.rbuild.{DEAD}.abc").symlink_to(elsewhere)
    assert not restore(shared / "bundles")
    with stage(shared / "bundles"):
        pass
    assert (elsewhere / swapping.PREVIOUS / "dockerd").exists()


def test_a_build_goes_on_beside_what_somebody_else_made(shared: Path) -> None:
    theirs = left_behind(shared)
    give_away(theirs)
    with stage(shared / "bundles") as staging:
        (staging.path / "new").write_text("new")
        staging.publish()
    assert [path.name for path in (shared / "bundles").iterdir()] == ["new"]


def test_an_output_goes_on_beside_what_somebody_else_made(shared: Path) -> None:
    theirs = shared / f".rbuild-{DEAD}-abc"
    (theirs / "files").mkdir(parents=True)
    give_away(theirs)
    ours = shared / f".rbuild-{DEAD}-ours"
    ours.mkdir()
    with exports.place_near(shared / "out") as place:
        assert place.is_dir()
    assert theirs.exists()
    assert not ours.exists()


def test_nobody_elses_directory_is_a_dead_runs(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(shared))
    ours, theirs = (shared / f"{identities.private_prefix(DEAD)}{name}" for name in ("a", "b"))
    for path in (ours, theirs):
        path.mkdir(mode=0o700)
    (shared / f"{identities.private_prefix(DEAD)}c").symlink_to(ours)
    give_away(theirs)
    found = private_directories(DEAD, {"XDG_RUNTIME_DIR": str(shared)})
    assert list(found) == [ours]


def test_nobody_else_names_builds_of_ours(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By these names rbuild finds states of runtimes that are to be removed."""
    monkeypatch.setenv("TMPDIR", str(shared))
    ours, theirs = (shared / f"rbuild-{DEAD}-{name}" for name in ("a", "b"))
    for path in (ours, theirs):
        (path / f"buildah{1 if path is ours else 2}").mkdir(parents=True)
    give_away(theirs)
    assert [path.name for path in temporary.bundles_of_builds()] == ["buildah1"]


def test_names_of_private_directories_can_not_be_told_before(tmp_path: Path) -> None:
    """They are made with mkdtemp(3), which takes none that is there."""
    with stage(tmp_path / "bundles") as staging:
        private = staging.path.parent
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        first = private.name
    with stage(tmp_path / "bundles") as staging:
        assert staging.path.parent.name != first

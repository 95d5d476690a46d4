"""Hosts described as data, and the engine settings each gets."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from rootless_build.backend.api import EngineSettings
from rootless_build.host.engine_settings import engine_settings
from rootless_build.host.facts import Cgroups, Facts
from rootless_build.host.gathering import gather
from rootless_build.host.settings import storage_settings
from rootless_build.model.errors import HostError
from rootless_build.model.structs import replace
from tests.ordinary_host import ORDINARY


@pytest.fixture
def plain(tmp_path: Path) -> Facts:
    """A laptop of today: nothing to adapt but what is the same everywhere."""
    for name in ("run", "config", "data"):
        (tmp_path / name).mkdir()
    return replace(
        ORDINARY,
        home=tmp_path,
        kernel=(6, 1),
        programs=("crun", "slirp4netns", "newuidmap"),
        runtime_directory=tmp_path / "run",
        config_directory=tmp_path / "config",
        data_directory=tmp_path / "data",
        engines=(),
        places=(),
    )


def written(
    facts: Facts, **environment: str
) -> tuple[EngineSettings, dict[str, dict[str, object]]]:
    """The settings, and the tables of the private containers.conf and storage.conf."""
    # What is in the machine's own place for temporary files is not these tests' business.
    with engine_settings(facts, {"TMPDIR": str(facts.home), **environment}) as settings:
        files = {
            name: tomllib.loads(Path(path).read_text())
            for name, path in settings.environment
            if path.endswith(".conf") and Path(path).is_relative_to(settings.runtime_directory)
        }
        tables = {
            f"{name}.{table}": content
            for name, file in files.items()
            for table, content in file.items()
        }
    return settings, tables


def adapted(settings: EngineSettings) -> set[str]:
    return {row.setting for row in settings.adaptations}


def test_a_host_of_today_keeps_its_runtime_limits_and_network(plain: Facts) -> None:
    settings, _ = written(plain)
    assert settings.network is None
    assert settings.isolation is None
    assert not adapted(settings) & {
        "engine.runtime",
        "engine.cgroup_manager",
        "containers.default_ulimits",
    }


def test_hybrid_cgroups_get_runc(plain: Facts) -> None:
    facts = replace(plain, cgroups=Cgroups.HYBRID, programs=("crun", "runc", "slirp4netns"))
    settings, tables = written(facts)
    assert tables["CONTAINERS_CONF.engine"]["runtime"] == "runc"
    assert settings.isolation is None


def test_hybrid_cgroups_without_runc_leave_buildah_chroot(plain: Facts) -> None:
    settings, _ = written(replace(plain, cgroups=Cgroups.HYBRID))
    assert settings.isolation == "chroot"


def test_without_control_groups_no_runtime_starts_so_buildah_has_a_chroot(plain: Facts) -> None:
    facts = replace(plain, cgroups=Cgroups.NONE, programs=("crun", "runc", "slirp4netns"))
    settings, _ = written(facts)
    assert settings.isolation == "chroot"


def test_limits_stay_under_the_hosts_own(plain: Facts) -> None:
    _, tables = written(replace(plain, hard_files=20000, hard_processes=32768))
    assert tables["CONTAINERS_CONF.containers"]["default_ulimits"] == [
        "nofile=20000:20000",
        "nproc=32768:32768",
    ]


@pytest.mark.parametrize("change", [{"tun": False}, {"programs": ("runc",)}])
def test_without_a_user_network_the_hosts_is_used(plain: Facts, change: dict[str, object]) -> None:
    settings, _ = written(replace(plain, **change))  # type: ignore[arg-type]
    assert settings.network == "host"


@pytest.mark.parametrize(
    ("change", "driver"),
    [
        ({}, "overlay"),
        ({"kernel": (5, 4)}, "overlay"),
        ({"kernel": (5, 4), "programs": ("crun",)}, "vfs"),
        ({"kernel": (5, 4), "fuse": False}, "vfs"),
        ({"storage_filesystem": "overlay"}, "vfs"),
        ({"storage_drivers": ("vfs",)}, "vfs"),
        ({"storage_drivers": ("overlay", "vfs")}, "overlay"),
    ],
)
def test_the_storage_driver_is_one_that_works(
    plain: Facts, change: dict[str, object], driver: str
) -> None:
    facts = replace(plain, programs=(*plain.programs, "fuse-overlayfs"))
    _, tables = written(replace(facts, **change))  # type: ignore[arg-type]
    assert tables["CONTAINERS_STORAGE_CONF.storage"]["driver"] == driver


def test_the_users_images_stay_where_they_are(plain: Facts) -> None:
    _, tables = written(plain)
    storage = tables["CONTAINERS_STORAGE_CONF.storage"]
    assert storage["graphroot"] == str(plain.data_directory / "containers/storage")


def test_images_are_not_kept_on_a_file_server(plain: Facts, tmp_path: Path) -> None:
    facts = replace(plain, uid=os.getuid(), storage_filesystem="nfs4", scratch=tmp_path)
    rows = {row.key: row.value for row in storage_settings(facts, has_fuse_overlayfs=False)}
    assert rows["driver"] == "overlay"
    assert Path(str(rows["graphroot"])).is_relative_to(tmp_path)


def test_a_users_own_storage_conf_is_left_in_force(plain: Facts) -> None:
    own = plain.config_directory / "containers"
    own.mkdir()
    (own / "storage.conf").write_text('[storage]\ndriver = "btrfs"\n')
    settings, _ = written(plain)
    assert "CONTAINERS_STORAGE_CONF" not in dict(settings.environment)


def test_a_users_containers_conf_wins_where_it_works(plain: Facts) -> None:
    own = plain.config_directory / "containers"
    own.mkdir()
    (own / "containers.conf").write_text(
        '[containers]\npids_limit = 99\nenv = ["A=b"]\n[engine]\nruntime = "crun"\n'
    )
    facts = replace(plain, cgroups=Cgroups.HYBRID, programs=("crun", "runc"))
    before = (own / "containers.conf").read_text()
    _, tables = written(facts)
    assert tables["CONTAINERS_CONF.containers"]["pids_limit"] == 99
    assert tables["CONTAINERS_CONF.containers"]["env"] == ["A=b"]
    assert tables["CONTAINERS_CONF.engine"]["runtime"] == "runc"
    assert (own / "containers.conf").read_text() == before


def test_a_broken_containers_conf_is_named(plain: Facts) -> None:
    own = plain.config_directory / "containers"
    own.mkdir()
    (own / "containers.conf").write_text("[containers\n")
    with pytest.raises(HostError, match=r"containers\.conf:1: "):
        written(plain)


def test_a_missing_runtime_directory_is_made_up_for(
    plain: Facts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    settings, _ = written(replace(plain, uid=os.getuid() or 1000, runtime_directory=None))
    runtime = Path(dict(settings.environment)["XDG_RUNTIME_DIR"])
    assert runtime.parent == tmp_path
    assert runtime.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.getuid() == 0, reason="root may write into everybody's directories")
@pytest.mark.parametrize("theirs", [True, False])
def test_caches_of_another_user_are_not_written_to(
    plain: Facts, tmp_path: Path, theirs: bool
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (tmp_path / "buildah-cache").symlink_to("/proc" if theirs else own)
    facts = replace(plain, uid=os.getuid(), scratch=tmp_path)
    settings, _ = written(facts, TMPDIR=str(tmp_path))
    temporary = dict(settings.environment).get("TMPDIR")
    assert (temporary is not None) is theirs
    if temporary is not None:
        assert Path(temporary).parent == tmp_path
        assert Path(temporary).stat().st_mode & 0o077 == 0


def test_nothing_private_is_left_behind(plain: Facts) -> None:
    with engine_settings(plain, {"TMPDIR": str(plain.home)}) as settings:
        private = settings.runtime_directory
        assert private.stat().st_mode & 0o077 == 0
    assert not private.exists()


def test_this_host_can_be_described() -> None:
    facts = gather(os.environ)
    assert facts.uid == os.getuid()
    assert facts.kernel > (3, 0)
    assert facts.storage_filesystem

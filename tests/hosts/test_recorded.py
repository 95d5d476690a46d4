"""Hosts as data, replayed through the probes: what the doctor says there, and what is adapted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from rootless_build.host import settings
from rootless_build.host.examination import examine
from rootless_build.host.facts_json import load
from rootless_build.host.finding import Severity
from tests.hosts.spoiled import RECORDED


@dataclass(frozen=True)
class Expected:
    """`blocks`: what stops every build, None when builds can run; `says` is found as well.
    `sets` are settings of a build there.
    """

    blocks: str | None = None
    says: tuple[str, ...] = ()
    sets: tuple[tuple[str, object], ...] = ()


EXPECTED = {
    "ubuntu-24.04": Expected(),
    "ubuntu-24.04-apparmor": Expected("apparmor-user-namespaces"),
    "ubuntu-24.04-old-crun": Expected("crun-too-old"),
    "fedora-42": Expected(says=("selinux",), sets=(("containers.label", False),)),
    "rhel-8": Expected(
        says=("cgroups-v1", "selinux", "default-ulimits"),
        sets=(
            ("engine.cgroup_manager", "cgroupfs"),
            ("storage.options.overlay.mount_program", "fuse-overlayfs"),
            ("containers.default_ulimits", ["nofile=262144:262144", "nproc=127000:127000"]),
        ),
    ),
    "rhel-7": Expected("user-namespaces-off"),
    "debian-10": Expected("user-namespaces-off"),
    "wsl2": Expected(says=("wsl2", "hybrid-cgroups"), sets=(("engine.runtime", "runc"),)),
    "wsl1": Expected("wsl1"),
    "kubernetes": Expected("user-namespaces-refused", says=("in-kubernetes",)),
    "nfs-home": Expected(
        says=("network-storage",),
        sets=(("storage.graphroot", "/var/tmp/rbuild-1000/storage"), ("storage.driver", "overlay")),
    ),
    "macos": Expected("not-linux"),
    "podman-machine": Expected(says=("in-podman-machine",)),
    "podman-5-without-pasta": Expected(
        says=("no-pasta",), sets=(("network.default_rootless_network_cmd", "slirp4netns"),)
    ),
    "directory-service": Expected(),
    "docker-alone": Expected(says=("no-subids",)),
    "board-without-clock": Expected(says=("wrong-clock", "low-space")),
}


def test_every_recorded_host_is_replayed() -> None:
    assert {file.stem for file in RECORDED} == set(EXPECTED)


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_on_a_recorded_host_the_doctor_names_the_cause_first(
    file: Path, record_property: Callable[[str, object], None]
) -> None:
    expected = EXPECTED[file.stem]
    facts = load(file)
    found = [one.finding for one in examine(facts)]
    ids = [finding.id for finding in found]
    blocks = [finding.id for finding in found if finding.severity is Severity.BLOCKS]
    worst = [finding.id for finding in found if finding.severity is Severity.WARNING]
    recorded = json.loads(file.read_text())
    said = f"no build: {blocks[0]}" if blocks else ", ".join(["builds can run", *worst])
    record_property("host", [recorded["title"], recorded["podman"], said])
    assert (blocks[0] if blocks else None) == expected.blocks
    assert set(expected.says) <= set(ids)
    rows = [
        *settings.containers_settings(facts),
        *settings.storage_settings(facts, has_fuse_overlayfs="fuse-overlayfs" in facts.programs),
    ]
    values = {f"{row.table}.{row.key}": row.value for row in rows}
    assert dict(expected.sets).items() <= values.items()


@pytest.mark.parametrize("stem", ["ubuntu-24.04", "directory-service", "podman-machine"])
def test_on_a_healthy_host_nothing_gets_in_the_way(stem: str) -> None:
    file = next(file for file in RECORDED if file.stem == stem)
    findings = [one.finding for one in examine(load(file))]
    assert {finding.severity for finding in findings} <= {Severity.NOTE, Severity.OK}

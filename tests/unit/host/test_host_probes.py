"""One thing wrong with a host, and what the doctor says of it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from rootless_build.host import probes as probes_package
from rootless_build.host.examination import GROUPS, Group, examine
from rootless_build.host.facts import (
    Account,
    Cgroups,
    Configuration,
    ConfigurationFile,
    EngineAnswer,
    Facts,
    Leftover,
    Namespaces,
    Place,
    Program,
    Range,
    Role,
    Surroundings,
)
from rootless_build.host.finding import Finding, Severity
from rootless_build.model.structs import replace
from tests.ordinary_host import GIB, HOME, ORDINARY

BLOCKS, WARNING, NOTE, OK = Severity.BLOCKS, Severity.WARNING, Severity.NOTE, Severity.OK
ALL = ORDINARY.programs


def without(*programs: str) -> tuple[str, ...]:
    return tuple(program for program in ALL if program not in programs)


def place(role: Role, **changes: object) -> tuple[Place, ...]:
    return tuple(
        replace(there, **changes) if there.role is role else there  # type: ignore[arg-type]
        for there in ORDINARY.places
    )


def engines(podman: str, *others: EngineAnswer) -> tuple[EngineAnswer, ...]:
    return (EngineAnswer("podman", podman), *others)


NO_PODMAN = EngineAnswer("podman", None, "podman is not installed")
NO_DAEMON = EngineAnswer("docker", "27.0", "no daemon answers", "start it")
BROKEN = Configuration((ConfigurationFile(HOME / ".config/containers/storage.conf", "x:1: bad"),))
REGISTRIES = Configuration(
    (ConfigurationFile(Path("/etc/containers/registries.conf"), "y:2: bad"),)
)
ONE_ID = {"subuids": (), "subgids": ()}
# What is spoiled, the finding, how bad it is.
SPOILED: tuple[tuple[dict[str, object], str, Severity], ...] = (
    ({"account": Account(name="")}, "no-account", BLOCKS),
    ({"account": Account(subuids=())}, "no-subids", BLOCKS),
    ({"account": Account(subgids=())}, "no-subids", BLOCKS),
    ({"account": Account(subuids=(Range(1, 1000),))}, "small-subids", WARNING),
    ({"account": Account(overlaps=("eve",))}, "overlapping-subids", WARNING),
    ({"programs": without("newgidmap")}, "no-newuidmap", BLOCKS),
    ({"account": Account(mappers=("newgidmap",))}, "powerless-newuidmap", BLOCKS),
    ({"account": Account(no_new_privileges=True)}, "no-new-privileges", BLOCKS),
    ({"account": Account(bounding=0)}, "bounding-set", BLOCKS),
    ({"uid": 0, "account": Account(bounding=0b11 << 6)}, "bounding-set", WARNING),
    ({"uid": 0}, "rootful-privileged", WARNING),
    ({"namespaces": Namespaces(maximum=0)}, "user-namespaces-off", BLOCKS),
    ({"namespaces": Namespaces(unprivileged=False)}, "user-namespaces-off", BLOCKS),
    ({"namespaces": Namespaces(apparmor=True)}, "apparmor-user-namespaces", BLOCKS),
    ({"namespaces": Namespaces(refusal="no")}, "user-namespaces-refused", BLOCKS),
    ({"namespaces": Namespaces(sandbox="unshare: no")}, "no-sandbox", NOTE),
    ({"cgroups": Cgroups.HYBRID, "programs": (*ALL, "runc")}, "hybrid-cgroups", NOTE),
    ({"cgroups": Cgroups.HYBRID}, "hybrid-cgroups", WARNING),
    ({"cgroups": Cgroups.HYBRID, "programs": without("buildah")}, "hybrid-cgroups", BLOCKS),
    ({"cgroups": Cgroups.V1}, "cgroups-v1", NOTE),
    ({"cgroups": Cgroups.NONE}, "no-cgroups", WARNING),
    ({"session_bus": False}, "no-systemd-session", NOTE),
    ({"delegated": ("cpu", "pids")}, "no-delegation", NOTE),
    ({"programs": without("crun")}, "no-oci-runtime", WARNING),
    ({"programs": without("crun", "buildah")}, "no-oci-runtime", BLOCKS),
    ({"runtime_directory": None}, "no-runtime-directory", NOTE),
    ({"lingers": False}, "no-lingering", OK),
    ({"engines": (NO_PODMAN,)}, "no-engine", BLOCKS),
    ({"engines": engines("5.4", NO_DAEMON)}, "docker-unusable", OK),
    (
        {"engines": engines("5.4", EngineAnswer("buildah", "", "it fails"))},
        "buildah-unusable",
        WARNING,
    ),
    ({}, "engines", OK),
    ({"engines": engines("3.4.4")}, "podman-too-old", WARNING),
    ({"engines": engines("3.0.1")}, "podman-rootless-overlay", WARNING),
    ({"engines": engines("4.3.1")}, "podman-api-network", OK),
    ({"engines": engines("5.4", EngineAnswer("buildah", "1.23.1"))}, "buildah-too-old", WARNING),
    (
        {
            "engines": engines("5.8.4"),
            "helpers": (Program("crun", Path("/usr/bin/crun"), "1.14.1"),),
        },
        "crun-too-old",
        BLOCKS,
    ),
    ({"remote": True}, "remote-engine", NOTE),
    ({"unreachable": "nobody answers at unix:///x"}, "engine-unreachable", BLOCKS),
    ({"configuration": BROKEN}, "broken-configuration", BLOCKS),
    ({"configuration": REGISTRIES}, "broken-configuration", WARNING),
    ({"configuration": Configuration(policy=None)}, "no-policy", BLOCKS),
    ({"configuration": Configuration(rejects=True)}, "rejecting-policy", WARNING),
    ({"configuration": Configuration(search=())}, "short-names", NOTE),
    ({"programs": without("pasta")}, "no-network-helper", NOTE),
    ({"tun": False}, "no-tun", NOTE),
    ({"programs": (*without("pasta"), "slirp4netns")}, "no-pasta", NOTE),
    (
        {"programs": (*without("pasta"), "slirp4netns"), "engines": engines("6.1.1")},
        "no-pasta",
        WARNING,
    ),
    ({"reachable": (("docker.io", "timed out"),)}, "registry-unreachable", WARNING),
    ({"reachable": (("docker.io", ""),)}, "registry-reachable", OK),
    ({"selinux": True}, "selinux", NOTE),
    ({"storage_filesystem": "overlay"}, "vfs-storage", WARNING),
    ({"kernel": (4, 18)}, "vfs-storage", WARNING),
    ({"storage_drivers": ("vfs",)}, "vfs-storage", WARNING),
    ({"storage_drivers": ("overlay", "vfs")}, "several-storage-drivers", NOTE),
    ({"engines": engines("4.3.1"), "fuse": False}, "other-storage-driver", NOTE),
    ({"storage_filesystem": "nfs4"}, "network-storage", NOTE),
    ({"places": place(Role.STORAGE, foreign=HOME / "x")}, "foreign-storage", BLOCKS),
    ({"places": place(Role.STORAGE, writable=False)}, "storage-not-writable", BLOCKS),
    ({"places": place(Role.STORAGE, free=1000)}, "no-space", BLOCKS),
    ({"places": place(Role.TEMPORARY, free=1000)}, "no-space", BLOCKS),
    ({"places": place(Role.STORAGE, inodes=10)}, "no-space", BLOCKS),
    ({"places": place(Role.STORAGE, free=GIB)}, "low-space", WARNING),
    ({"hard_files": 20000}, "default-ulimits", NOTE),
    ({"hard_files": 512}, "low-limits", WARNING),
    ({"hard_processes": 100}, "low-limits", WARNING),
    ({"now": 86400}, "wrong-clock", WARNING),
    ({"encoding": "ascii"}, "not-utf-8", NOTE),
    ({"leftovers": (Leftover(42, "podman system service"),)}, "leftover-processes", NOTE),
    ({"unread": (("directories", "OSError: gone"),)}, "not-checked", WARNING),
    ({"programs": without("make")}, "no-make", BLOCKS),
    ({"programs": without("make"), "makefile": False}, "no-make", WARNING),
    ({"programs": without("git")}, "no-git", WARNING),
    ({"programs": without("mmdebstrap")}, "no-mmdebstrap", OK),
    ({"places": place(Role.TEMPORARY, noexec=True)}, "noexec-temporary", WARNING),
    ({"places": place(Role.TEMPORARY, writable=False)}, "temporary-not-writable", BLOCKS),
    ({"places": place(Role.BUNDLES, noexec=True)}, "noexec-bundles", WARNING),
    ({"places": place(Role.BUNDLES, foreign=HOME / "x")}, "bundles-owned-by-root", BLOCKS),
    ({"places": place(Role.BUNDLES, writable=False)}, "bundles-not-writable", WARNING),
    ({"surroundings": Surroundings.CONTAINER}, "in-container", NOTE),
    ({"surroundings": Surroundings.KUBERNETES}, "in-kubernetes", NOTE),
    ({"surroundings": Surroundings.PODMAN_MACHINE}, "in-podman-machine", NOTE),
    ({"surroundings": Surroundings.WSL1}, "wsl1", BLOCKS),
    (
        {"surroundings": Surroundings.WSL2, "places": place(Role.PROJECT, filesystem="9p")},
        "wsl2",
        WARNING,
    ),
    ({"system": "Darwin"}, "not-linux", BLOCKS),
)


def spoiled(changes: dict[str, object]) -> Facts:
    return replace(ORDINARY, **changes)  # type: ignore[arg-type]


def said(facts: Facts) -> dict[str, Finding]:
    return {one.finding.id: one.finding for one in examine(facts)}


@pytest.mark.parametrize(("changes", "finding", "severity"), SPOILED)
def test_one_thing_wrong_is_found(
    changes: dict[str, object], finding: str, severity: Severity
) -> None:
    found = said(spoiled(changes))
    assert found[finding].severity is severity
    assert found[finding].seen
    cure = found[finding].cure
    if severity is not OK and finding != "rejecting-policy":
        assert cure is not None
        assert cure.command or cure.text


@pytest.mark.parametrize(("changes", "finding", "severity"), SPOILED)
def test_what_blocks_is_named_first(
    changes: dict[str, object], finding: str, severity: Severity
) -> None:
    first = examine(spoiled(changes))[0].finding
    assert severity is not BLOCKS or first.id == finding


def test_nothing_is_said_of_a_host_with_nothing_wrong() -> None:
    assert set(said(ORDINARY)) == {"engines"}


@pytest.mark.parametrize(
    "changes",
    [
        {"engines": engines("4.9.3")},
        {"fuse": True, "programs": (*ALL, "fuse-overlayfs")},
        {"storage_drivers": ("vfs",)},
        {"configuration": Configuration((ConfigurationFile(HOME / "containers/storage.conf"),))},
    ],
)
def test_a_driver_that_podman_takes_by_itself_is_not_worth_a_word(
    changes: dict[str, object],
) -> None:
    about = {"engines": engines("4.3.1"), "fuse": False, **changes}
    assert "other-storage-driver" not in said(spoiled(about))


def test_the_worst_comes_first() -> None:
    order = list(Severity)
    facts = replace(ORDINARY, tun=False, hard_files=512, account=Account(subuids=()))
    found = [order.index(one.finding.severity) for one in examine(facts)]
    assert found == sorted(found)
    assert len(set(found)) > 2


@pytest.mark.parametrize(
    "changes",
    [
        {"account": Account(subuids=(), subgids=())},
        {"programs": without("newuidmap")},
        {"namespaces": Namespaces(maximum=0)},
        {"configuration": BROKEN},
        {"places": place(Role.STORAGE, foreign=HOME / "x")},
    ],
)
def test_what_stops_podman_does_not_stop_a_build_where_docker_can_run(
    changes: dict[str, object],
) -> None:
    docker = replace(spoiled(changes), engines=(NO_PODMAN, EngineAnswer("docker", "27.0")))
    assert BLOCKS not in {finding.severity for finding in said(docker).values()}


def test_without_an_engine_that_is_what_is_missing_first() -> None:
    facts = replace(
        ORDINARY,
        programs=without("podman", "buildah"),
        engines=(NO_PODMAN, NO_DAEMON),
        account=Account(subuids=(), subgids=()),
    )
    assert [one.finding.id for one in examine(facts)][:2] == ["no-engine", "no-subids"]


def test_an_account_of_a_directory_service_is_not_told_that_it_has_no_ids() -> None:
    assert set(said(spoiled({"account": Account(subuids=None, subgids=None)}))) == {"engines"}


def test_the_range_to_add_is_one_that_nobody_has() -> None:
    facts = replace(ORDINARY, account=Account("me", (), (), free=427680))
    cure = said(facts)["no-subids"].cure
    assert cure is not None
    assert cure.needs_root
    assert cure.command == "usermod --add-subuids 427680-493215 --add-subgids 427680-493215 me"


def test_a_probe_that_fails_is_a_finding_and_stops_no_other() -> None:
    def failing(facts: Facts) -> Finding | None:
        raise ZeroDivisionError("by nought")

    found = [one.finding for one in examine(ORDINARY, (Group("sums", (failing,)), *GROUPS))]
    assert {finding.id for finding in found} == {"not-checked", "engines"}
    assert found[0].seen == "sums could not be checked: ZeroDivisionError: by nought"


def probes() -> Iterator[str]:
    for group in GROUPS:
        yield from (getattr(probe, "__name__", "defect") for probe in group.probes)


def test_every_probe_is_asked() -> None:
    modules = [
        importlib.import_module(f"{probes_package.__name__}.{module.name}")
        for module in pkgutil.iter_modules(probes_package.__path__)
    ]
    assert len(modules) > 5
    known = {
        name
        for module in modules
        for name, function in vars(module).items()
        if getattr(function, "__annotations__", {}).get("return") == "Finding | None"
        and function.__module__ == module.__name__
        and not name.startswith("_")
    }
    assert known == set(probes())

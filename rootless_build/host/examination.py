"""All probes over the facts of a host, in the order of causes; findings come out worst first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from msgspec import Struct

from rootless_build.host.facts import Facts
from rootless_build.host.finding import Cure, Finding, Severity
from rootless_build.host.probes import (
    engines,
    limits,
    namespaces,
    network,
    project,
    storage,
    surroundings,
    users,
)
from rootless_build.host.versions import DEFECTS

Probe = Callable[[Facts], Finding | None]


class Group(Struct, frozen=True):
    """Probes of one subject."""

    subject: str
    probes: tuple[Probe, ...]


# Causes come before what follows from them: of two findings that block, the first is the cause.
GROUPS: Final = (
    Group(
        "system",
        (
            surroundings.other_system,
            surroundings.wsl1,
            surroundings.wsl2,
            surroundings.container,
            surroundings.kubernetes,
            surroundings.podman_machine,
        ),
    ),
    Group(
        "user",
        (
            users.no_account,
            users.no_subids,
            users.no_newuidmap,
            users.powerless_newuidmap,
            users.no_new_privileges,
            users.real_root,
            users.bounding_set,
            users.small_subids,
            users.overlapping_subids,
        ),
    ),
    Group(
        "user namespaces",
        (
            namespaces.user_namespaces_off,
            namespaces.apparmor_user_namespaces,
            namespaces.user_namespaces_refused,
            namespaces.no_sandbox,
        ),
    ),
    Group("configuration", (network.broken_configuration, network.no_policy)),
    Group(
        "control groups",
        (
            namespaces.hybrid_cgroups,
            namespaces.cgroups_v1,
            namespaces.no_cgroups,
            namespaces.no_session,
            namespaces.no_delegation,
            namespaces.no_oci_runtime,
            namespaces.no_runtime_directory,
            namespaces.no_lingering,
        ),
    ),
    Group(
        "storage",
        (
            storage.foreign_storage,
            storage.storage_not_writable,
            storage.no_space,
            storage.low_space,
            storage.network_storage,
            storage.storage_driver,
            storage.several_drivers,
            storage.other_driver,
        ),
    ),
    Group(
        "engines",
        (
            engines.unreachable_engine,
            engines.no_engine,
            engines.unusable_engine,
            engines.usable_engines,
            network.remote_engine,
            *(partial(engines.defect, row) for row in DEFECTS),
        ),
    ),
    Group(
        "images and network",
        (
            network.rejecting_policy,
            network.short_names,
            network.no_network_helper,
            network.no_tun,
            network.no_pasta,
            network.registry_unreachable,
            network.online,
        ),
    ),
    Group(
        "limits and security",
        (
            limits.default_ulimits,
            limits.few_files,
            network.selinux,
        ),
    ),
    Group(
        "project",
        (
            project.no_make,
            project.no_git,
            project.no_mmdebstrap,
            project.temporary_not_writable,
            project.noexec_temporary,
            project.bundles_owned_by_root,
            project.bundles_not_writable,
            project.noexec_bundles,
            limits.wrong_clock,
            limits.not_utf8,
            limits.leftovers,
        ),
    ),
    Group("rbuild", (limits.not_checked,)),
)
_ORDER: Final = tuple(Severity)


class Examined(Struct, frozen=True):
    """A finding and the subject it belongs to."""

    subject: str
    finding: Finding


def examine(facts: Facts, groups: tuple[Group, ...] = GROUPS) -> tuple[Examined, ...]:
    """All findings, the worst first; those equally bad stay in the order of causes."""
    found = [Examined(group.subject, one) for group in groups for one in _findings(group, facts)]
    return tuple(sorted(found, key=lambda one: _ORDER.index(one.finding.severity)))


def _findings(group: Group, facts: Facts) -> Iterator[Finding]:
    for probe in group.probes:
        try:
            finding = probe(facts)
        except Exception as error:  # a mistake in one probe hides no other
            finding = Finding(
                "not-checked",
                Severity.WARNING,
                f"{group.subject} could not be checked: {type(error).__name__}: {error}",
                "what is wrong there, if anything, is not known",
                Cure("please report it", "rbuild doctor --report"),
            )
        if finding is not None:
            yield finding

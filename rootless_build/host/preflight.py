"""A look before a build, where the engine's own message would send the reader the wrong way."""

from __future__ import annotations

from typing import Final

from rootless_build.host.diagnosis import host_error
from rootless_build.host.facts import Facts
from rootless_build.host.finding import Severity
from rootless_build.host.probes import namespaces, surroundings, users

_PROBES: Final = (
    surroundings.other_system,
    users.no_account,
    users.no_subids,
    users.no_newuidmap,
    users.powerless_newuidmap,
    users.no_new_privileges,
    users.bounding_set,
    namespaces.user_namespaces_off,
)
"""Only what is certain without trying, and known from the facts of every run."""
_IN_USER_NAMESPACES: Final = frozenset({"podman", "buildah"})


def preflight(facts: Facts, backend: str) -> None:
    """Raises HostError with the finding and its cure when no build can run here with `backend`.

    Costs no system call.
    """
    if backend not in _IN_USER_NAMESPACES or facts.remote:
        return
    for probe in _PROBES:
        finding = probe(facts)
        if finding is not None and finding.severity is Severity.BLOCKS:
            raise host_error(finding)

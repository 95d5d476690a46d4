"""The user's subordinate ids, and what hands them out."""

from __future__ import annotations

from collections.abc import Sequence

from rootless_build.host.facts import WANTED_IDS, Facts, Range
from rootless_build.host.finding import Cure, Finding, Severity, as_root, by_user

_SETUID, _SETGID, _SYS_RESOURCE = 7, 6, 24
_UIDMAP = (
    "apt-get install uidmap   # Debian, Ubuntu; shadow-utils elsewhere, with set-uid newuidmap"
)


def blocking(facts: Facts) -> Severity:
    """How bad it is that podman and buildah can't run: docker may be able to, and where neither
    is installed that comes first.
    """
    if not {"podman", "buildah"} & set(facts.programs):
        return Severity.WARNING
    others = (engine for engine in facts.engines or () if engine.name not in {"podman", "buildah"})
    spared = facts.remote or any(not engine.problem for engine in others)
    return Severity.WARNING if spared else Severity.BLOCKS


def count(ranges: Sequence[Range]) -> int:
    """The ids in all the ranges."""
    return sum(found.count for found in ranges)


def no_account(facts: Facts) -> Finding | None:
    """newuidmap looks the caller up by name, and fails for a uid without one."""
    if not facts.rootless or facts.account.name or facts.ignores_owners:
        return None
    return Finding(
        "no-account",
        blocking(facts),
        f"uid {facts.uid} has no name in the user database",
        "newuidmap can't look up its subordinate ids",
        as_root(f"useradd --uid {facts.uid} --no-create-home builder"),
    )


def no_subids(facts: Facts) -> Finding | None:
    """Images have files of many owners; without subordinate ids there is one."""
    account = facts.account
    if not facts.rootless or not account.name or facts.ignores_owners:
        return None
    missing = [
        file
        for file, ranges in (("/etc/subuid", account.subuids), ("/etc/subgid", account.subgids))
        if ranges is not None and count(ranges) == 0
    ]
    if not missing:
        return None
    return Finding(
        "no-subids",
        blocking(facts),
        f"this user has no range in {' and '.join(missing)}",
        "no image with files of more than one owner can be unpacked",
        _more_ids(facts),
    )


def small_subids(facts: Facts) -> Finding | None:
    """Half of the images need ids up to 65534 (nobody)."""
    account = facts.account
    if not facts.rootless or account.subuids is None or account.subgids is None:
        return None
    least = min(count(account.subuids), count(account.subgids))
    if not 0 < least < WANTED_IDS:
        return None
    return Finding(
        "small-subids",
        Severity.WARNING,
        f"this user has {least} subordinate ids; images expect {WANTED_IDS}",
        f"images with files of an owner above {least} can't be unpacked",
        _more_ids(facts),
    )


def _more_ids(facts: Facts) -> Cure:
    account = facts.account
    ids = f"{account.free}-{account.free + WANTED_IDS - 1}"
    return as_root(
        f"usermod --add-subuids {ids} --add-subgids {ids} {account.name}",
        "then, as this user: podman system migrate",
    )


def overlapping_subids(facts: Facts) -> Finding | None:
    """Accounts that share ids own each other's containers."""
    if not facts.rootless or not facts.account.overlaps:
        return None
    return Finding(
        "overlapping-subids",
        Severity.WARNING,
        f"subordinate ids are shared with {', '.join(facts.account.overlaps)}",
        "containers of one account can change files of the other's containers",
        by_user("getent group; cat /etc/subuid /etc/subgid", "an administrator parts the ranges"),
    )


def no_newuidmap(facts: Facts) -> Finding | None:
    """Only newuidmap and newgidmap can give a user namespace more than one id."""
    if not facts.rootless or _one_id(facts):
        return None
    missing = [name for name in ("newuidmap", "newgidmap") if name not in facts.programs]
    if not missing:
        return None
    return Finding(
        "no-newuidmap",
        blocking(facts),
        f"{' and '.join(missing)} not found on PATH",
        "podman and buildah can't set up a user namespace",
        as_root(_UIDMAP),
    )


def powerless_newuidmap(facts: Facts) -> Finding | None:
    """A copy without its set-uid bit, as some container images and backups have it."""
    if not facts.rootless or _one_id(facts):
        return None
    powerless = [
        name
        for name in ("newuidmap", "newgidmap")
        if name in facts.programs and name not in facts.account.mappers
    ]
    if not powerless:
        return None
    both = " and ".join(powerless)
    paths = " ".join(f'"$(command -v {name})"' for name in powerless)
    return Finding(
        "powerless-newuidmap",
        blocking(facts),
        f"{both}: neither set-uid root nor with file capabilities",
        "writing the id map of a user namespace is refused",
        as_root(f"chmod u+s {paths}"),
    )


def no_new_privileges(facts: Facts) -> Finding | None:
    """prctl(2) PR_SET_NO_NEW_PRIVS takes the set-uid bit of newuidmap its effect."""
    if not facts.rootless or not facts.account.no_new_privileges or _one_id(facts):
        return None
    return Finding(
        "no-new-privileges",
        blocking(facts),
        "this process can't gain privileges (no_new_privs is set)",
        "newuidmap has no effect, so no user namespace gets its ids",
        Cure(
            "start rbuild outside of the sandbox: without NoNewPrivileges=yes in the systemd unit, "
            "or --security-opt no-new-privileges on the container it runs in"
        ),
    )


def _one_id(facts: Facts) -> bool:
    """Engines call newuidmap for users with ranges only."""
    account = facts.account
    return facts.ignores_owners or account.subuids == () or account.subgids == ()


def bounding_set(facts: Facts) -> Finding | None:
    """A container manager took capabilities even from root."""
    bounding = facts.account.bounding
    if bounding is None:
        return None
    if facts.rootless and not (bounding >> _SETUID & 1 and bounding >> _SETGID & 1):
        return Finding(
            "bounding-set",
            blocking(facts),
            "CAP_SETUID or CAP_SETGID is missing from the bounding set",
            "newuidmap can't write an id map",
            Cure("start the container rbuild runs in with --cap-add SETUID --cap-add SETGID"),
        )
    if not facts.rootless and not bounding >> _SYS_RESOURCE & 1:
        return Finding(
            "bounding-set",
            Severity.WARNING,
            "root has no CAP_SYS_RESOURCE here",
            "privileged containers of root don't start",
            Cure("run rbuild as an ordinary user: a user namespace has all capabilities"),
        )
    return None


def real_root(facts: Facts) -> Finding | None:
    """As root a privileged container has power over the host."""
    if facts.rootless:
        return None
    return Finding(
        "rootful-privileged",
        Severity.WARNING,
        "rbuild runs as root",
        "steps with power over the host are refused unless --rootful allows them",
        Cure("run rbuild as an ordinary user"),
    )

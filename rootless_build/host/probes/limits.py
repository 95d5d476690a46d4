"""Resource limits, the clock, the locale, and what is left of earlier runs."""

from __future__ import annotations

from typing import Final

from rootless_build.host import settings
from rootless_build.host.facts import Facts
from rootless_build.host.finding import (
    Cure,
    Finding,
    Run,
    Severity,
    as_root,
    by_fix,
    by_rbuild,
    by_user,
)

FEW_FILES: Final = 1024
"""Open files below which compilers and linkers of large projects fail."""
FEW_PROCESSES: Final = 512
_RELEASED: Final = 1_700_000_000
"""A time before which this program did not exist (November 2023)."""


def default_ulimits(facts: Facts) -> Finding | None:
    """podman raises the limits of containers above the host's hard ones, which is refused."""
    low = {
        "nofile": facts.hard_files,
        "nproc": facts.hard_processes,
    }
    beneath = [
        f"{name} {hard}"
        for name, hard in low.items()
        if hard is not None and hard < settings.DEFAULT_FILES
    ]
    if not beneath:
        return None
    return Finding(
        "default-ulimits",
        Severity.NOTE,
        f"hard limits are under podman's defaults: {', '.join(beneath)}",
        "containers that ask for more don't start ('error setting rlimit')",
        by_rbuild("containers get this host's limits (default_ulimits)"),
    )


def few_files(facts: Facts) -> Finding | None:
    """Such a limit does not stop rbuild, but it may stop what it builds."""
    tight = [
        (name, limit, hard)
        for name, limit, hard, least in (
            ("open files (nofile)", "nofile", facts.hard_files, FEW_FILES),
            ("processes (nproc)", "nproc", facts.hard_processes, FEW_PROCESSES),
        )
        if hard is not None and hard < least
    ]
    if not tight:
        return None
    name, limit, hard = tight[0]
    account = facts.account.name or "*"
    return Finding(
        "low-limits",
        Severity.WARNING,
        f"the hard limit of {name} is {hard}",
        "linkers and test suites of large projects need more",
        as_root(
            f"echo '{account} hard {limit} 65536' >> /etc/security/limits.conf",
            "then log in anew",
        ),
    )


def wrong_clock(facts: Facts) -> Finding | None:
    """Machines without a battery start in 1970; certificates are not valid yet then."""
    if facts.now is None or facts.now >= _RELEASED:
        return None
    return Finding(
        "wrong-clock",
        Severity.WARNING,
        "this host's clock is years behind",
        "registries can't be trusted, and make sees files from the future",
        as_root("timedatectl set-ntp true"),
    )


def not_utf8(facts: Facts) -> Finding | None:
    """File names of projects are UTF-8."""
    if facts.encoding.lower().replace("-", "") in {"utf8", "utf8mb4"}:
        return None
    return Finding(
        "not-utf-8",
        Severity.NOTE,
        f"the locale's encoding is {facts.encoding}",
        "file names that are not ASCII are shown as escapes",
        by_user("export LC_ALL=C.UTF-8"),
    )


def leftovers(facts: Facts) -> Finding | None:
    """rbuild ends its services itself, unless it was killed."""
    if not facts.leftovers:
        return None
    pids = " ".join(str(leftover.pid) for leftover in facts.leftovers)
    return Finding(
        "leftover-processes",
        Severity.NOTE,
        f"engine services of runs that were killed are still there (process {pids})",
        "they hold memory and locks",
        by_fix(Run(("kill", *pids.split()))),
    )


def not_checked(facts: Facts) -> Finding | None:
    """Never stops the other probes."""
    if not facts.unread:
        return None
    return Finding(
        "not-checked",
        Severity.WARNING,
        "; ".join(f"{what} could not be checked: {why}" for what, why in facts.unread),
        "what is wrong there, if anything, is not known",
        Cure("please report it", "rbuild doctor --report"),
    )

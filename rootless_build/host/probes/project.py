"""The tools a project needs, and the directories a build writes to."""

from __future__ import annotations

from rootless_build.host.facts import Facts, Role
from rootless_build.host.finding import Cure, Finding, Severity, as_root, by_user
from rootless_build.model.text import shell_quoted


def no_make(facts: Facts) -> Finding | None:
    """Asked what a Makefile would do; a project with rbuild.toml can do without."""
    if "make" in facts.programs:
        return None
    return Finding(
        "no-make",
        Severity.BLOCKS if facts.makefile else Severity.WARNING,
        "make is not installed (not found on PATH)",
        "what a project's Makefile does can't be found out",
        as_root("apt-get install make"),
    )


def no_git(facts: Facts) -> Finding | None:
    """Many Makefiles ask git for the version to build."""
    if "git" in facts.programs:
        return None
    return Finding(
        "no-git",
        Severity.WARNING,
        "git is not installed (not found on PATH)",
        "Makefiles that ask git for the commit or the branch get no answer",
        as_root("apt-get install git"),
    )


def no_mmdebstrap(facts: Facts) -> Finding | None:
    """For `rbuild base` alone."""
    if "mmdebstrap" in facts.programs:
        return None
    return Finding(
        "no-mmdebstrap",
        Severity.OK,
        "mmdebstrap is not installed",
        "rbuild base can't make a base image without a registry",
        as_root("apt-get install mmdebstrap"),
    )


def noexec_temporary(facts: Facts) -> Finding | None:
    """rbuild starts a stand-in for docker from there, to see what make would do."""
    place = facts.place(Role.TEMPORARY)
    if place is None or not place.noexec:
        return None
    return Finding(
        "noexec-temporary",
        Severity.WARNING,
        f"{place.path} is mounted noexec",
        "programs that are made there can't be started",
        by_user('export TMPDIR="$HOME/tmp"; mkdir -p "$TMPDIR"'),
    )


def temporary_not_writable(facts: Facts) -> Finding | None:
    """Engines unpack layers there."""
    place = facts.place(Role.TEMPORARY)
    if place is None or place.writable:
        return None
    return Finding(
        "temporary-not-writable",
        Severity.BLOCKS,
        f"{place.path} can't be written by this user",
        "neither rbuild nor an engine can make a temporary file",
        by_user('export TMPDIR="$HOME/tmp"; mkdir -p "$TMPDIR"'),
    )


def noexec_bundles(facts: Facts) -> Finding | None:
    """The build runs what it has just made, from the bundles' directory."""
    place = facts.place(Role.BUNDLES)
    if place is None or not place.noexec:
        return None
    return Finding(
        "noexec-bundles",
        Severity.WARNING,
        f"{place.path} is on a file system mounted noexec",
        "build scripts that run what they made fail, and bundles can't be started in place",
        Cure("put them elsewhere", "rbuild --bundles-dir DIR"),
    )


def bundles_owned_by_root(facts: Facts) -> Finding | None:
    """What `sudo make` and rootful docker leave behind."""
    place = facts.place(Role.BUNDLES)
    if not facts.rootless or place is None or place.foreign is None:
        return None
    return Finding(
        "bundles-owned-by-root",
        Severity.BLOCKS,
        f"{place.foreign} belongs to another user",
        "new bundles can't replace the old ones",
        as_root(f'chown -R "{facts.account.name}:" {shell_quoted(place.path)}'),
    )


def bundles_not_writable(facts: Facts) -> Finding | None:
    """A read-only checkout."""
    place = facts.place(Role.BUNDLES)
    if place is None or place.writable or place.foreign is not None:
        return None
    return Finding(
        "bundles-not-writable",
        Severity.WARNING,
        f"{place.path} can't be written by this user",
        "this project's bundles can't be put there",
        Cure("put them elsewhere", "rbuild --bundles-dir DIR"),
    )

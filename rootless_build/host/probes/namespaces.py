"""User namespaces, control groups, and the OCI runtime that copes with them."""

from __future__ import annotations

from rootless_build.host import settings
from rootless_build.host.facts import Cgroups, Facts
from rootless_build.host.finding import Cure, Finding, Severity, as_root, by_rbuild
from rootless_build.host.probes.users import blocking

_WANTED_CONTROLLERS = {"memory", "pids"}


def user_namespaces_off(facts: Facts) -> Finding | None:
    """The kernel's own switches (user_namespaces(7)), and Debian's."""
    if not facts.rootless:
        return None
    if not facts.namespaces.unprivileged:
        setting = "kernel.unprivileged_userns_clone=1"
    elif facts.namespaces.maximum == 0:
        setting = "user.max_user_namespaces=28633"
    else:
        return None
    return Finding(
        "user-namespaces-off",
        blocking(facts),
        f"{setting.partition('=')[0]} is 0",
        "no rootless container can start",
        as_root(f"sysctl -w {setting} && echo {setting} > /etc/sysctl.d/99-userns.conf"),
    )


def apparmor_user_namespaces(facts: Facts) -> Finding | None:
    """Ubuntu 23.10 and newer lets only programs with an AppArmor profile have them."""
    names = facts.namespaces
    if not facts.rootless or not names.apparmor:
        return None
    engines = [engine for engine in ("podman", "buildah") if engine in facts.programs]
    if set(names.profiles) & set(engines) or not engines:
        return None
    return Finding(
        "apparmor-user-namespaces",
        blocking(facts),
        f"AppArmor restricts user namespaces, and no profile exempts {' or '.join(engines)}",
        "podman and buildah start without capabilities and fail",
        as_root(
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
            "or install the distribution's own package, which has a profile for /usr/bin/podman",
        ),
    )


def no_sandbox(facts: Facts) -> Finding | None:
    """What a look at a project runs is walled in where it can be."""
    if not facts.namespaces.sandbox:
        return None
    return Finding(
        "no-sandbox",
        Severity.NOTE,
        f"what a Makefile runs while it is read can't be walled in: {facts.namespaces.sandbox}",
        "rbuild plan and --dry-run let $(shell ...) do anything, as a build does",
        Cure("look at projects that you don't trust on another host"),
    )


def user_namespaces_refused(facts: Facts) -> Finding | None:
    """A seccomp filter, a chroot or another security module refuses what the sysctls allow."""
    names = facts.namespaces
    if not facts.rootless or not names.refusal or names.maximum == 0 or not names.unprivileged:
        return None
    if names.apparmor:
        return None
    return Finding(
        "user-namespaces-refused",
        blocking(facts),
        f"a user namespace can't be made: {names.refusal}",
        "no rootless container can start",
        Cure(
            "inside a container: start that container with --security-opt seccomp=unconfined "
            "(Kubernetes: seccompProfile Unconfined), or run rbuild on the host"
        ),
    )


def hybrid_cgroups(facts: Facts) -> Finding | None:
    """crun refuses hybrid control groups (measured: crun 1.8.1; buildah's chroot needs none)."""
    if facts.cgroups is not Cgroups.HYBRID or not {"podman", "buildah"} & set(facts.programs):
        return None
    seen = "control groups are hybrid (version 1 controllers beside version 2)"
    if "runc" in facts.programs:
        return Finding(
            "hybrid-cgroups",
            Severity.NOTE,
            seen,
            "crun does not start on them",
            by_rbuild("runc is used"),
        )
    if "buildah" in facts.programs:
        return Finding(
            "hybrid-cgroups",
            Severity.WARNING,
            seen,
            "crun does not start on them, and podman has no other runtime; buildah works",
            as_root("apt-get install runc", "or use buildah: rbuild --backend buildah"),
        )
    if "crun" not in facts.programs:
        return None
    return Finding(
        "hybrid-cgroups",
        blocking(facts),
        seen,
        "crun does not start on them, and there is no other runtime",
        as_root("apt-get install runc"),
    )


def cgroups_v1(facts: Facts) -> Finding | None:
    """Works; limits of containers are not applied for ordinary users."""
    if facts.cgroups is not Cgroups.V1:
        return None
    return Finding(
        "cgroups-v1",
        Severity.NOTE,
        "control groups are version 1",
        "podman 5 and newer warn about it, and limits on memory have no effect",
        by_rbuild("control groups are left alone"),
    )


def no_cgroups(facts: Facts) -> Finding | None:
    """There are no control groups: some sandboxes mount none."""
    if facts.cgroups is not Cgroups.NONE or facts.system != "Linux":
        return None
    return Finding(
        "no-cgroups",
        Severity.WARNING,
        "no control groups are mounted at /sys/fs/cgroup",
        "crun and runc start no container, so podman does not; buildah does, in a chroot",
        Cure("use buildah", "rbuild --backend buildah"),
    )


def no_session(facts: Facts) -> Finding | None:
    """podman asks systemd for a control group, which a user without a session can't."""
    if not facts.rootless or facts.cgroups is not Cgroups.V2 or facts.session_bus:
        return None
    return Finding(
        "no-systemd-session",
        Severity.NOTE,
        "there is no systemd session of this user (as after su, or in cron)",
        "podman fails to make a control group through systemd",
        by_rbuild("control groups are left alone (cgroup_manager = cgroupfs)"),
    )


def no_delegation(facts: Facts) -> Finding | None:
    """systemd delegates memory and pids to user sessions, unless it was told otherwise."""
    if facts.delegated is None or set(facts.delegated) >= _WANTED_CONTROLLERS:
        return None
    missing = sorted(_WANTED_CONTROLLERS - set(facts.delegated))
    return Finding(
        "no-delegation",
        Severity.NOTE,
        f"this user may not use the cgroup controllers {', '.join(missing)}",
        "limits on memory and processes of containers have no effect",
        by_rbuild("no limit is asked for"),
    )


def no_oci_runtime(facts: Facts) -> Finding | None:
    """podman needs crun or runc; buildah can do with a chroot."""
    if {"runc", "crun"} & set(facts.programs) or not {"podman", "buildah"} & set(facts.programs):
        return None
    if "buildah" in facts.programs:
        chroot = settings.isolation(facts)
        return Finding(
            "no-oci-runtime",
            Severity.WARNING,
            "neither crun nor runc is installed",
            f"podman can't start a container; buildah can ({chroot.value if chroot else 'oci'})",
            as_root("apt-get install crun", "or use buildah: rbuild --backend buildah"),
        )
    return Finding(
        "no-oci-runtime",
        blocking(facts),
        "neither crun nor runc is installed",
        "podman can't start a container",
        as_root("apt-get install crun"),
    )


def no_runtime_directory(facts: Facts) -> Finding | None:
    """Locks and sockets of the engines live there."""
    if not facts.rootless or facts.runtime_directory is not None:
        return None
    return Finding(
        "no-runtime-directory",
        Severity.NOTE,
        "XDG_RUNTIME_DIR is unset, or not a directory that this user alone owns and can write",
        "podman falls back to /tmp, or fails",
        by_rbuild("a directory of this user's own in the temporary directory is used"),
    )


def no_lingering(facts: Facts) -> Finding | None:
    """systemd removes /run/user/UID and ends what runs when the last session ends."""
    if not facts.rootless or facts.lingers is not False or not facts.session_bus:
        return None
    name = facts.account.name
    return Finding(
        "no-lingering",
        Severity.OK,
        "this user's services end with the last session",
        "a build left alone in the background may be ended at logout",
        Cure("keep them", f"loginctl enable-linger {name}"),
    )

"""What this host runs in: containers, WSL, macOS."""

from __future__ import annotations

from rootless_build.host.facts import Facts, Surroundings
from rootless_build.host.finding import Cure, Finding, Severity, by_user


def other_system(facts: Facts) -> Finding | None:
    """Containers need Linux."""
    if facts.system == "Linux":
        return None
    command = "podman machine ssh" if "podman" in facts.programs else ""
    return Finding(
        "not-linux",
        Severity.BLOCKS,
        f"this is {'macOS' if facts.system == 'Darwin' else facts.system}, not Linux",
        "containers and bind mounts need a Linux kernel",
        Cure("run rbuild in a Linux virtual machine, such as podman's own", command),
    )


def container(facts: Facts) -> Finding | None:
    """Works as long as the outer container lets us make user namespaces."""
    if facts.surroundings is not Surroundings.CONTAINER:
        return None
    return Finding(
        "in-container",
        Severity.NOTE,
        "rbuild runs inside a container",
        "images are lost with it unless the storage is on a volume of it",
        Cure("give the outer container a volume at the storage, and pass it /dev/net/tun"),
    )


def kubernetes(facts: Facts) -> Finding | None:
    """Pods have a seccomp filter and no devices, unless the cluster says otherwise."""
    if facts.surroundings is not Surroundings.KUBERNETES:
        return None
    return Finding(
        "in-kubernetes",
        Severity.NOTE,
        "rbuild runs inside a Kubernetes pod",
        "user namespaces and /dev/net/tun are often not there",
        Cure("give the pod seccompProfile Unconfined, or hostUsers: false on recent clusters"),
    )


def wsl1(facts: Facts) -> Finding | None:
    """WSL 1 translates system calls and has no namespaces."""
    if facts.surroundings is not Surroundings.WSL1:
        return None
    return Finding(
        "wsl1",
        Severity.BLOCKS,
        "this is WSL 1",
        "it has no namespaces, so no container can start",
        by_user("wsl.exe --set-version $WSL_DISTRO_NAME 2", "in Windows: change to WSL 2"),
    )


def wsl2(facts: Facts) -> Finding | None:
    """Works; Windows drives are slow and have no owners."""
    if facts.surroundings is not Surroundings.WSL2:
        return None
    windows = [place for place in facts.places if place.filesystem in {"9p", "drvfs"}]
    if not windows:
        return None
    return Finding(
        "wsl2",
        Severity.WARNING,
        f"the {windows[0].role} directory is on a Windows drive ({windows[0].path})",
        "builds are slow there, and modes and owners of files are lost",
        by_user("git clone … ~/project", "keep the checkout on the Linux file system"),
    )


def podman_machine(facts: Facts) -> Finding | None:
    """The virtual machine that podman makes on macOS and Windows."""
    if facts.surroundings is not Surroundings.PODMAN_MACHINE:
        return None
    return Finding(
        "in-podman-machine",
        Severity.NOTE,
        "this is the virtual machine of `podman machine`",
        "only directories that the machine mounts are shared with the outer system",
        Cure("keep the project below a mounted directory, such as /Users"),
    )

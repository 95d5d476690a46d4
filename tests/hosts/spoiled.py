"""The hosts: those made for real, with what is spoiled and what rbuild does, and the recorded.

A real one is this machine with what plain podman needs here put right, and then one thing spoiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

RECORDED: Final = sorted((Path(__file__).parent.parent / "data" / "hosts").glob("*.json"))
"""Hosts as data: title, what plain podman says there and where that is told, and the facts."""
NO_DOCKER: Final = """\
for place in $(echo "$PATH" | tr : ' '); do rm -f "$place/docker"; done
"""
"""docker is the last resort of rbuild, and would be one on these hosts too."""
ORDINARY: Final = """\
mkdir -p /etc/containers
runtime=crun
if grep -q ' /sys/fs/cgroup[^ ]* cgroup ' /proc/self/mounts; then runtime=runc; fi
processes=$(cat /proc/sys/kernel/pid_max)
cat > /etc/containers/containers.conf <<END
[containers]
default_ulimits = ["nofile=1024:$(ulimit -Hn)", "nproc=1024:$processes"]
[engine]
runtime = "$runtime"
cgroup_manager = "cgroupfs"
END
"""
"""An administrator's cure for what plain podman stumbles over on the machine of the tests."""


@dataclass(frozen=True)
class Host:
    """`title` is for people. `spoil` is a script that root runs on it (`Machine.as_root`),
    `prepare` one that the account runs before. `finding` is what rbuild must name as the cause
    (exit 3), None where it must work. `doctor` is what the doctor must name, and first where it
    is the cause; None for nothing. `base` false: the base image is not there yet.
    """

    title: str
    spoil: str = ""
    finding: str | None = None
    doctor: str | None = None
    prepare: str = ""
    before: tuple[str, ...] = ()
    wrapper: tuple[str, ...] = ()
    environment: Mapping[str, str | None] = field(default_factory=dict)
    ordinary: bool = True
    as_account: bool = True
    base: bool = True


def _broken(name: str, content: str) -> str:
    own = '"$HOST_HOME/.config/containers"'
    # With CNI podman keeps its networks beside it, and says nothing else when it can't.
    theirs = 'chown -R "$HOST_ACCOUNT:" "$HOST_HOME/.config"'
    return f"mkdir -p {own}; printf '%s\\n' '{content}' > {own}/{name}; {theirs}"


HOSTS: Final = (
    Host("this machine as it is", ordinary=False),
    Host("nothing wrong"),
    # --- the account
    Host(
        "no subordinate ids",
        'sed -i "/^$HOST_ACCOUNT:/d" /etc/subuid /etc/subgid',
        finding="no-subids",
    ),
    Host(
        "1000 subordinate ids",
        'sed -i "/^$HOST_ACCOUNT:/s/:[0-9]*$/:1000/" /etc/subuid /etc/subgid',
        finding="small-subids",
    ),
    Host("newuidmap not installed", "rm /usr/bin/newuidmap", finding="no-newuidmap"),
    Host(
        "newuidmap without its set-uid bit",
        "chmod u-s /usr/bin/newuidmap /usr/bin/newgidmap",
        finding="powerless-newuidmap",
    ),
    Host(
        "no_new_privs (a sandboxed systemd unit)",
        wrapper=("setpriv", "--no-new-privs"),
        finding="no-new-privileges",
    ),
    Host(
        "a uid without a name (OpenShift)",
        'sed -i "/^$HOST_ACCOUNT:/d" /etc/passwd',
        finding="no-account",
    ),
    Host(
        "user namespaces refused (a chroot)",
        'mkdir "$HOST_HOME/root"; mount --rbind / "$HOST_HOME/root"',
        before=("sh", "-c", 'exec chroot "$HOME/root" "$@"', "sh"),
        finding="user-namespaces-refused",
    ),
    Host(
        "real root",
        "for place in lib run; do mkdir -p /var/$place/containers; "
        "mount -t tmpfs tmpfs /var/$place/containers; done",
        as_account=False,
        finding="rootful-privileged",
    ),
    # --- the session
    Host(
        "XDG_RUNTIME_DIR unset (su, cron)",
        'rmdir "/run/user/$(id -u "$HOST_ACCOUNT")"',
        environment={"XDG_RUNTIME_DIR": None},
        doctor="no-runtime-directory",
    ),
    Host(
        "XDG_RUNTIME_DIR of somebody else (sudo -E)",
        'chown root: "/run/user/$(id -u "$HOST_ACCOUNT")"',
        doctor="no-runtime-directory",
    ),
    Host(
        "hard limit of 512 open files",
        "sed -i /default_ulimits/d /etc/containers/containers.conf",
        wrapper=("prlimit", "--nofile=512:512"),
        doctor="low-limits",
    ),
    Host(
        "default_ulimits of containers.conf above the hard limit",
        wrapper=("prlimit", "--nofile=4096:4096"),
        doctor="default-ulimits",
    ),
    # --- programs
    Host(
        "crun as the only runtime, hybrid control groups",
        "rm -f /usr/bin/runc /usr/sbin/runc; rm /etc/containers/containers.conf",
        doctor="hybrid-cgroups",
    ),
    Host(
        "no OCI runtime",
        "rm -f /usr/bin/runc /usr/sbin/runc /usr/bin/crun",
        doctor="no-oci-runtime",
    ),
    Host(
        "no network helper",
        "rm -f /usr/bin/slirp4netns /usr/bin/pasta",
        doctor="no-network-helper",
    ),
    Host(
        "/dev/net/tun for root only",
        'mknod -m 0600 "$HOST_HOME/tun" c 10 200; mount --bind "$HOST_HOME/tun" /dev/net/tun',
        doctor="no-tun",
    ),
    Host("podman absent", "rm /usr/bin/podman"),
    Host(
        "buildah alone: no runtime, no network helper",
        "rm -f /usr/bin/podman /usr/bin/runc /usr/sbin/runc /usr/bin/crun /usr/bin/slirp4netns "
        "/usr/bin/pasta",
        doctor="no-oci-runtime",
    ),
    Host("no engine at all", "rm /usr/bin/podman /usr/bin/buildah", finding="no-engine"),
    Host("no make", "rm /usr/bin/make", finding="no-make"),
    # --- storage and directories
    Host(
        "vfs storage from before",
        prepare="podman --storage-driver vfs import base.tar localhost/before",
        doctor="vfs-storage",
    ),
    Host(
        "storage with files of root (sudo -E)",
        'mkdir -p "$HOST_HOME/.local/share/containers/storage/overlay-images"; '
        'chown "$HOST_ACCOUNT:" "$HOST_HOME/.local" "$HOST_HOME/.local/share"',
        finding="foreign-storage",
    ),
    Host(
        "a full disk (home on a small tmpfs)",
        'mkdir -p "$HOST_HOME/.local/share/containers"; '
        'mount -t tmpfs -o size=2m,mode=0700 tmpfs "$HOST_HOME/.local/share/containers"; '
        'chown -R "$HOST_ACCOUNT:" "$HOST_HOME/.local"',
        finding="no-space",
    ),
    Host(
        "bundles owned by root (sudo make)",
        'mkdir "$HOST_HOME/project/bundles/binary"; chown -R root: "$HOST_HOME/project/bundles"',
        finding="bundles-owned-by-root",
    ),
    Host(
        "/tmp mounted noexec",
        "mount -t tmpfs -o mode=1777,noexec tmpfs /tmp",
        doctor="noexec-temporary",
    ),
    # --- configuration
    Host("registries.conf missing", "rm -r /etc/containers/registries.conf*"),
    Host(
        "registries.conf broken",
        _broken("registries.conf", "unqualified-search-registries = [docker.io]"),
        finding="broken-configuration",
        base=False,
    ),
    Host("policy.json missing", "rm /etc/containers/policy.json", finding="no-policy"),
    Host(
        "policy.json broken",
        _broken("policy.json", '{"default": [}'),
        finding="broken-configuration",
    ),
    Host(
        "containers.conf broken",
        _broken("containers.conf", "[containers"),
        finding="broken-configuration",
    ),
    Host(
        "storage.conf broken",
        _broken("storage.conf", '[storage]\ndriver = "overlay'),
        finding="broken-configuration",
    ),
)

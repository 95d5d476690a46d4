"""What an engine's words mean: the finding they are a symptom of, and what cures it.

Measured with podman 4.3.1, buildah 1.28.2, crun 1.8.1 and runc 1.1.5 unless a row says otherwise.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct


class Symptom(Struct, frozen=True):
    """`pattern` is searched in the engine's words, upper and lower case alike.

    `finding` is an id of `rootless_build.host.catalogue`, empty where the host is not the cause.
    `also` are other causes of the same words.
    """

    pattern: str
    finding: str
    hint: str
    also: tuple[str, ...] = ()


_SUBIDS: Final = (
    "this user needs more subordinate ids; as root: "
    "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER, "
    "then as the user: podman system migrate"
)

# A line of an engine that asks a registry: podman and buildah, docker, BuildKit.
_REGISTRY: Final = (
    r"(pinging container registry|initializing source docker:|/v2/|error response from daemon: "
    r"(get|head) |failed to resolve (source metadata|reference))"
)
_NO_NETWORK: Final = (
    r"(lookup \S+( on \S+)?: |temporary failure (in name resolution|resolving)|no such host|"
    r"name or service not known|(could not|unable to) resolve host|i/o timeout|EAI_AGAIN|ENOTFOUND|"
    r"dial tcp.*(refused|unreachable)|connect: connection refused|failed to connect to)"
)

# The first that fits is shown, so particular words stand before general ones.
SYMPTOMS: Final = (
    Symptom(
        r"cgroups in hybrid mode not supported",
        "hybrid-cgroups",
        "crun does not start here; install runc (apt-get install runc), rbuild then uses it",
    ),
    Symptom(
        r"invalid file system type on .?/sys/fs/cgroup|no cgroup mount found in mountinfo",
        "no-cgroups",
        "no control groups are mounted here; buildah needs none: rbuild --backend buildah",
    ),
    Symptom(
        r"unknown version specified",
        "crun-too-old",
        "this crun is older than this podman needs: install crun 1.14.3 or newer, or runc",
    ),
    Symptom(
        r"error setting rlimit|rlimit.*operation not permitted|set rlimits?\b.*not permitted",
        "default-ulimits",
        "a limit is above this host's hard limit: remove default_ulimits from your containers.conf",
    ),
    Symptom(
        r"could not find (pasta|slirp4netns)|\"(pasta|slirp4netns)\": executable file not found",
        "no-network-helper",
        "use the host's network: rbuild --network host",
    ),
    Symptom(
        r"slirp4netns failed|failed to read from slirp4netns sync pipe|pasta failed|/dev/net/tun",
        "no-tun",
        "use the host's network: rbuild --network host",
    ),
    Symptom(
        r"cannot set --network other than host with --isolation chroot",
        "no-oci-runtime",
        "a chroot has the host's network only: leave out --network, or install runc",
    ),
    Symptom(
        r"default OCI runtime .* not found|no OCI runtime",
        "no-oci-runtime",
        "install crun or runc; buildah can do without: rbuild --backend buildah",
    ),
    Symptom(
        r"short-name .* did not resolve|no unqualified-search registries",
        "short-names",
        "write the image's full name, such as docker.io/library/debian:bookworm",
    ),
    Symptom(
        r"policy\.json: no such file|no policy\.json file found",
        "no-policy",
        "rbuild doctor --fix writes one for this user that accepts images without signatures",
    ),
    Symptom(
        r"rejected by policy|is rejected by policy|signature.* required, but no",
        "rejecting-policy",
        "policy.json of this host allows other images only",
    ),
    Symptom(
        r"(loading|parsing|decoding|reading).*(registries|containers|storage)\.conf|"
        r"(registries|containers|storage)\.conf.*(toml|invalid|parse|expected|syntax)|"
        r"invalid policy in",
        "broken-configuration",
        "correct the configuration file that is named",
    ),
    Symptom(
        r"no space left on device|disk quota exceeded",
        "no-space",
        "free some space: rbuild clean, then podman system df (or buildah images) shows the rest",
    ),
    Symptom(
        r"exec: \"?new[ug]idmap\"?: executable file not found|new[ug]idmap.*not found",
        "no-newuidmap",
        "install newuidmap and newgidmap, for example: apt-get install uidmap",
    ),
    Symptom(
        r"new[ug]idmap.*(operation not permitted|could not set caps|open of uid_map)|"
        r"setuid bit.*new[ug]idmap|(should have|missing).*setuid.*new[ug]idmap",
        "powerless-newuidmap",
        'newuidmap has lost its power; as root: chmod u+s "$(command -v newuidmap)" '
        '"$(command -v newgidmap)"',
    ),
    Symptom(
        r"new[ug]idmap|no sub[ug]id ranges|cannot find (UID/GID|mappings)|"
        r"insufficient UIDs|lchown .*invalid argument",
        "no-subids",
        _SUBIDS,
        also=("small-subids", "no-account"),
    ),
    Symptom(
        r"user namespaces are not enabled|userns_clone|max_user_namespaces|"
        r"cannot clone: no space left|CLONE_NEWUSER.*(no space|not supported)",
        "user-namespaces-off",
        "user namespaces are switched off; as root: sysctl kernel.unprivileged_userns_clone=1 "
        "and user.max_user_namespaces=28633",
    ),
    Symptom(
        r"cannot clone: operation not permitted|error during unshare|unshare\(.*not permitted|"
        r"cannot re-exec process|apparmor.*userns",
        "user-namespaces-refused",
        "this host refuses user namespaces to ordinary users; rbuild doctor says what does",
        also=("user-namespaces-off", "apparmor-user-namespaces", "no-new-privileges"),
    ),
    Symptom(
        r"(mkdir|stat|open|creating|chmod|lstat) .*/run/user/\d+.*"
        r"(permission denied|no such file|read-only)|XDG_RUNTIME_DIR",
        "no-runtime-directory",
        "unset XDG_RUNTIME_DIR, or set it to a directory of your own; rbuild then copes",
    ),
    Symptom(
        r"sd-bus call|dbus.*(no such file|connection refused)|"
        r"systemd cgroup flag passed.*(not available|no such)|"
        r"(creating|moving).*cgroup.*(permission denied|not permitted)",
        "no-systemd-session",
        'set cgroup_manager = "cgroupfs" under [engine] of ~/.config/containers/containers.conf',
    ),
    Symptom(
        r"unable to apply caps|error adding capabilities|apply caps: operation not permitted",
        "bounding-set",
        "root has not all capabilities here; run rbuild as an ordinary user",
    ),
    Symptom(
        r"database .* mismatch|database .*configuration mismatch|"
        r"graph driver .*overwritten by|prior storage driver .* failed",
        "storage-settings",
        "the storage was made with other settings; `podman info` shows which are in force",
    ),
    Symptom(
        r"overlay.* is not supported over|kernel does not support overlay|"
        r"mount overlay.*(invalid argument|operation not permitted)|"
        r"creating overlay mount.*(permission|not permitted|invalid)|fuse-overlayfs.*(fail|cannot)",
        "needs-fuse-overlayfs",
        'overlay can\'t be mounted on this storage; keep it on a local disk, or use driver = "vfs"',
    ),
    Symptom(
        r"(creating|open|mkdir|chown|lstat) .*containers/storage.*"
        r"(permission denied|not permitted)|storage.*owned by",
        "foreign-storage",
        "the storage has files of another user; as root: "
        "chown -R USER: ~USER/.local/share/containers",
    ),
    Symptom(
        rf"{_REGISTRY}.*{_NO_NETWORK}",
        "registry-unreachable",
        "no registry could be reached; `rbuild base IMAGE` makes a base image without one",
    ),
    Symptom(
        rf"(proxy|sum)\.golang\.org.*{_NO_NETWORK}|\bgo: .*{_NO_NETWORK}",
        "",
        "Go's modules could not be downloaded: that is the build's own doing, and no image is "
        "missing; GOPROXY names another proxy, modules in vendor/ need none (-mod=vendor)",
    ),
    Symptom(
        _NO_NETWORK,
        "",
        "what a command of the build downloads could not be reached; no image is missing",
    ),
    Symptom(
        r"toomanyrequests|429 too many requests",
        "",
        "the registry limits pulls without an account: podman login docker.io",
    ),
    Symptom(
        r"unable to find network with name",
        "",
        "`podman network ls` names the networks there are; host and none are always there",
    ),
    Symptom(
        r"container-init binary not found",
        "",
        "--init needs podman's init: install the package catatonit",
    ),
    Symptom(
        r"does not match the specified platform",
        "",
        "docker's classic builder has one platform in a build (20.10.24): install docker-buildx, "
        "or use --backend podman or --backend buildah",
    ),
    Symptom(
        r"exec format error",
        "",
        "the image is for another kind of processor, or a script in it has no #! line",
    ),
)


def find(words: str) -> Symptom | None:
    """The first symptom that is in the engine's words."""
    for symptom in SYMPTOMS:
        if re.search(symptom.pattern, words, re.IGNORECASE):
            return symptom
    return None


def hint(words: str) -> str:
    """What to do about it, and where to read more; empty for words nobody knows."""
    symptom = find(words)
    if symptom is None:
        return ""
    if not symptom.finding:
        return symptom.hint
    return f"{symptom.hint} (rbuild doctor --explain {symptom.finding})"

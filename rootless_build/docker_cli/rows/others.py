"""The commands of docker for volumes, networks, registries, the host, and what rbuild has not."""

from __future__ import annotations

from typing import Final

from rootless_build.docker_cli.row import Needs, Row, Way

_SEARCH: Final = "it asks a registry"
_EACH: Final = "podman tells less of each than docker; without it the sums are told"
_EVENTS: Final = (
    "podman's events are others, in another order (no attach, no network connect); `docker wait`, "
    "`docker logs -f` and `docker ps --filter` tell what becomes of a container, and rbuild's own "
    "events are in its log (--log-format json)"
)
_ONE_CONTEXT: Final = "there is one context: rbuild's engine"
_PLUGINS: Final = "rootless engines have no plug-ins of docker's"
_TRUST: Final = "rootless engines have no content trust"
_SWARM: Final = "there is no swarm"
_LINKS: Final = "links are of docker's bridge, which rootless engines have not"
_DRIVER: Final = "rootless engines have no such setting of a network"

ROWS: Final = (
    Row(
        "login",
        "[OPTIONS] [SERVER]",
        (0, 1),
        Way.PASSED,
        flags="p/password=string password-stdin u/username=string",
    ),
    Row(
        "logout",
        "[SERVER]",
        (0, 1),
        Way.PASSED,
    ),
    Row(
        "search",
        "[OPTIONS] TERM",
        (1, 1),
        Way.REFUSED,
        flags="f/filter=filter format=string limit=int no-trunc",
        refused=_SEARCH,
    ),
    Row(
        "version",
        "[OPTIONS]",
        (0, 0),
        Way.ANSWERED,
        flags="f/format=string",
    ),
    Row(
        "context create",
        "[OPTIONS] CONTEXT",
        (1, 1),
        Way.REFUSED,
        flags="description=string docker=stringToString from=string",
        refused=_ONE_CONTEXT,
    ),
    Row(
        "context export",
        "[OPTIONS] CONTEXT [FILE|-]",
        (1, 2),
        Way.REFUSED,
        refused=_ONE_CONTEXT,
    ),
    Row(
        "context import",
        "CONTEXT FILE|-",
        (2, 2),
        Way.REFUSED,
        refused=_ONE_CONTEXT,
    ),
    Row(
        "context inspect",
        "[OPTIONS] [CONTEXT] [CONTEXT...]",
        (0, None),
        Way.ANSWERED,
        flags="f/format=string",
    ),
    Row(
        "context ls",
        "[OPTIONS]",
        (0, 0),
        Way.ANSWERED,
        also=("context list",),
        flags="format=string q/quiet",
    ),
    Row(
        "context rm",
        "CONTEXT [CONTEXT...]",
        (1, None),
        Way.REFUSED,
        also=("context remove",),
        flags="f/force",
        refused=_ONE_CONTEXT,
    ),
    Row(
        "context show",
        "",
        (0, 0),
        Way.ANSWERED,
    ),
    Row(
        "context update",
        "[OPTIONS] CONTEXT",
        (1, 1),
        Way.REFUSED,
        flags="description=string docker=stringToString",
        refused=_ONE_CONTEXT,
    ),
    Row(
        "context use",
        "CONTEXT",
        (1, 1),
        Way.ANSWERED,
    ),
    Row(
        "network connect",
        "[OPTIONS] NETWORK CONTAINER",
        (2, 2),
        Way.PASSED,
        flags=(
            "alias=strings driver-opt=strings gw-priority=int ip=ip ip6=ip link=list "
            "link-local-ip=ipSlice"
        ),
        needs=Needs.NETWORKS,
        without={
            "driver-opt": _DRIVER,
            "gw-priority": _DRIVER,
            "link": _LINKS,
            "link-local-ip": _DRIVER,
        },
    ),
    Row(
        "network create",
        "[OPTIONS] NETWORK",
        (1, 1),
        Way.PASSED,
        flags=(
            "attachable aux-address=map config-from=string config-only d/driver=string "
            "gateway=ipSlice ingress internal ip-range=ipNetSlice ipam-driver=string "
            "ipam-opt=map ipv4 ipv6 label=list o/opt=map scope=string subnet=strings"
        ),
        needs=Needs.NETWORKS,
        without={
            "attachable": _SWARM,
            "config-from": _SWARM,
            "config-only": _SWARM,
            "ingress": _SWARM,
            "scope": _SWARM,
            "aux-address": _DRIVER,
            "ipam-driver": _DRIVER,
            "ipam-opt": _DRIVER,
        },
    ),
    Row(
        "network disconnect",
        "[OPTIONS] NETWORK CONTAINER",
        (2, 2),
        Way.PASSED,
        flags="f/force",
        needs=Needs.NETWORKS,
    ),
    Row(
        "network inspect",
        "[OPTIONS] NETWORK [NETWORK...]",
        (1, None),
        Way.ANSWERED,
        flags="f/format=string v/verbose",
        needs=Needs.NETWORKS,
        no_effect={"verbose": _SWARM},
    ),
    Row(
        "network ls",
        "[OPTIONS]",
        (0, 0),
        Way.ANSWERED,
        also=("network list",),
        flags="f/filter=filter format=string no-trunc q/quiet",
        needs=Needs.NETWORKS,
    ),
    Row(
        "network prune",
        "[OPTIONS]",
        (0, 0),
        Way.PASSED,
        flags="filter=filter f/force",
        needs=Needs.NETWORKS,
    ),
    Row(
        "network rm",
        "NETWORK [NETWORK...]",
        (1, None),
        Way.PASSED,
        also=("network remove",),
        flags="f/force",
        needs=Needs.NETWORKS,
    ),
    Row(
        "plugin create",
        "[OPTIONS] PLUGIN PLUGIN-DATA-DIR",
        (2, 2),
        Way.REFUSED,
        flags="compress",
        refused=_PLUGINS,
    ),
    Row(
        "plugin disable",
        "[OPTIONS] PLUGIN",
        (1, 1),
        Way.REFUSED,
        flags="f/force",
        refused=_PLUGINS,
    ),
    Row(
        "plugin enable",
        "[OPTIONS] PLUGIN",
        (1, 1),
        Way.REFUSED,
        flags="timeout=int",
        refused=_PLUGINS,
    ),
    Row(
        "plugin inspect",
        "[OPTIONS] PLUGIN [PLUGIN...]",
        (1, None),
        Way.REFUSED,
        flags="f/format=string",
        refused=_PLUGINS,
    ),
    Row(
        "plugin install",
        "[OPTIONS] PLUGIN [KEY=VALUE...]",
        (1, None),
        Way.REFUSED,
        flags="alias=string disable grant-all-permissions",
        refused=_PLUGINS,
    ),
    Row(
        "plugin ls",
        "[OPTIONS]",
        (0, 0),
        Way.REFUSED,
        also=("plugin list",),
        flags="f/filter=filter format=string no-trunc q/quiet",
        refused=_PLUGINS,
    ),
    Row(
        "plugin push",
        "[OPTIONS] PLUGIN[:TAG]",
        (1, 1),
        Way.REFUSED,
        refused=_PLUGINS,
    ),
    Row(
        "plugin rm",
        "[OPTIONS] PLUGIN [PLUGIN...]",
        (1, None),
        Way.REFUSED,
        also=("plugin remove",),
        flags="f/force",
        refused=_PLUGINS,
    ),
    Row(
        "plugin set",
        "PLUGIN KEY=VALUE [KEY=VALUE...]",
        (2, None),
        Way.REFUSED,
        refused=_PLUGINS,
    ),
    Row(
        "plugin upgrade",
        "[OPTIONS] PLUGIN [REMOTE]",
        (1, 2),
        Way.REFUSED,
        flags="grant-all-permissions skip-remote-check",
        refused=_PLUGINS,
    ),
    Row(
        "system df",
        "[OPTIONS]",
        (0, 0),
        Way.ANSWERED,
        flags="format=string v/verbose",
        needs=Needs.VOLUMES,
        without={"verbose": _EACH},
    ),
    Row(
        "system events",
        "[OPTIONS]",
        (0, 0),
        Way.REFUSED,
        also=("events",),
        flags="f/filter=filter format=string since=string until=string",
        refused=_EVENTS,
    ),
    Row(
        "system info",
        "[OPTIONS]",
        (0, 0),
        Way.ANSWERED,
        also=("info",),
        flags="f/format=string",
    ),
    Row(
        "system prune",
        "[OPTIONS]",
        (0, 0),
        Way.PASSED,
        flags="a/all filter=filter f/force volumes",
        needs=Needs.CONTAINERS,
    ),
    Row(
        "trust key generate",
        "NAME",
        (1, 1),
        Way.REFUSED,
        flags="dir=string",
        refused=_TRUST,
    ),
    Row(
        "trust key load",
        "[OPTIONS] KEYFILE",
        (1, 1),
        Way.REFUSED,
        flags="name=string",
        refused=_TRUST,
    ),
    Row(
        "trust signer add",
        "OPTIONS NAME REPOSITORY [REPOSITORY...]",
        (2, None),
        Way.REFUSED,
        flags="key=list",
        refused=_TRUST,
    ),
    Row(
        "trust signer remove",
        "[OPTIONS] NAME REPOSITORY [REPOSITORY...]",
        (2, None),
        Way.REFUSED,
        flags="f/force",
        refused=_TRUST,
    ),
    Row(
        "trust inspect",
        "IMAGE[:TAG] [IMAGE[:TAG]...]",
        (1, None),
        Way.REFUSED,
        flags="pretty",
        refused=_TRUST,
    ),
    Row(
        "trust revoke",
        "[OPTIONS] IMAGE[:TAG]",
        (1, 1),
        Way.REFUSED,
        flags="y/yes",
        refused=_TRUST,
    ),
    Row(
        "trust sign",
        "IMAGE:TAG",
        (1, 1),
        Way.REFUSED,
        flags="local",
        refused=_TRUST,
    ),
    Row(
        "volume create",
        "[OPTIONS] [VOLUME]",
        (0, 1),
        Way.PASSED,
        flags="name=string d/driver=string label=list o/opt=map",
        needs=Needs.VOLUMES,
    ),
    Row(
        "volume inspect",
        "[OPTIONS] VOLUME [VOLUME...]",
        (1, None),
        Way.ANSWERED,
        flags="f/format=string",
        needs=Needs.VOLUMES,
    ),
    Row(
        "volume ls",
        "[OPTIONS]",
        (0, 0),
        Way.ANSWERED,
        also=("volume list",),
        flags="f/filter=filter format=string q/quiet",
        needs=Needs.VOLUMES,
    ),
    Row(
        "volume prune",
        "[OPTIONS]",
        (0, 0),
        Way.PASSED,
        flags="a/all filter=filter f/force",
        needs=Needs.VOLUMES,
    ),
    Row(
        "volume rm",
        "[OPTIONS] VOLUME [VOLUME...]",
        (1, None),
        Way.STEP,
        also=("volume remove",),
        flags="f/force",
        needs=Needs.VOLUMES,
    ),
    Row(
        "swarm init",
        "[OPTIONS]",
        (0, 0),
        Way.REFUSED,
        flags=(
            "advertise-addr=string autolock availability=string cert-expiry=duration "
            "data-path-addr=string data-path-port=uint32 default-addr-pool=ipNetSlice "
            "default-addr-pool-mask-length=uint32 dispatcher-heartbeat=duration "
            "external-ca=external-ca force-new-cluster listen-addr=node-addr "
            "max-snapshots=uint snapshot-interval=uint task-history-limit=int"
        ),
        refused=_SWARM,
    ),
    Row(
        "swarm join",
        "[OPTIONS] HOST:PORT",
        (1, 1),
        Way.REFUSED,
        flags=(
            "advertise-addr=string availability=string data-path-addr=string "
            "listen-addr=node-addr token=string"
        ),
        refused=_SWARM,
    ),
    Row(
        "inspect",
        "[OPTIONS] NAME|ID [NAME|ID...]",
        (1, None),
        Way.ANSWERED,
        flags="f/format=string s/size type=string",
    ),
)

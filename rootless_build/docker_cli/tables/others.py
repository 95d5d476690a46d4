"""`docker volume ls`, `docker network ls` and `docker system df`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rootless_build.docker_cli import units
from rootless_build.docker_cli.listed import Network, Usage, Volume
from rootless_build.docker_cli.tables.images import short
from rootless_build.docker_cli.tables.listing import Listing, row
from rootless_build.docker_cli.templates.data import Record

_NOT_KNOWN: Final = "N/A"
VOLUMES: Final = Listing(
    "*formatter.volumeContext",
    {
        "Name": "VOLUME NAME",
        "Driver": "DRIVER",
        "Scope": "SCOPE",
        "Mountpoint": "MOUNTPOINT",
        "Labels": "LABELS",
        "Links": "LINKS",
        "Size": "SIZE",
        "Group": "GROUP",
        "Availability": "AVAILABILITY",
        "Status": "STATUS",
    },
    "{{.Driver}}\t{{.Name}}",
    quiet="{{.Name}}",
    raw="name: {{.Name}}\ndriver: {{.Driver}}\n",
)
NETWORKS: Final = Listing(
    "*network.networkContext",
    {
        "ID": "NETWORK ID",
        "Name": "NAME",
        "Driver": "DRIVER",
        "Scope": "SCOPE",
        "IPv4": "IPV4",
        "IPv6": "IPV6",
        "Internal": "INTERNAL",
        "Labels": "LABELS",
        "CreatedAt": "CREATED AT",
    },
    "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
    quiet="{{.ID}}",
    raw="network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n",
)

USAGE: Final = Listing(
    "*formatter.diskUsageImagesContext",
    {
        "Type": "TYPE",
        "TotalCount": "TOTAL",
        "Active": "ACTIVE",
        "Size": "SIZE",
        "Reclaimable": "RECLAIMABLE",
    },
    "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
)


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(sorted(f"{name}={value}" for name, value in labels.items()))


def volume_rows(volumes: Sequence[Volume]) -> list[Record]:
    """The rows of `docker volume ls`."""
    return [_volume(volume) for volume in sorted(volumes, key=lambda each: each.name)]


def _volume(volume: Volume) -> Record:
    fields = {
        "Name": volume.name,
        "Driver": volume.driver,
        "Scope": volume.scope,
        "Mountpoint": volume.mountpoint,
        "Labels": _labels(volume.labels),
    }
    unknown = dict.fromkeys(("Links", "Size", "Group", "Availability", "Status"), _NOT_KNOWN)
    return row(VOLUMES, {**fields, **unknown}, volume.labels)


def network_rows(networks: Sequence[Network], *, whole: bool) -> list[Record]:
    """The rows of `docker network ls`."""
    return [_network(network, whole) for network in sorted(networks, key=lambda each: each.name)]


def _network(network: Network, whole: bool) -> Record:
    return row(
        NETWORKS,
        {
            "ID": network.id if whole else short(network.id),
            "Name": network.name,
            "Driver": network.driver,
            "Scope": network.scope,
            "IPv4": "true",
            "IPv6": str(network.ipv6).lower(),
            "Internal": str(network.internal).lower(),
            "Labels": _labels(network.labels),
            "CreatedAt": network.created,
        },
        network.labels,
    )


def usage_rows(usages: Sequence[Usage]) -> list[Record]:
    """The rows of `docker system df`."""
    return [_usage(usage) for usage in usages]


def _usage(usage: Usage) -> Record:
    share = usage.reclaimable * 100 // usage.size if usage.size > 0 else 0
    free = units.size(usage.reclaimable)
    fields = {
        "Type": usage.kind,
        "TotalCount": str(usage.total),
        "Active": str(usage.active),
        "Size": units.size(usage.size),
        "Reclaimable": f"{free} ({share}%)" if share > 0 and usage.has_share else free,
    }
    return row(USAGE, fields)

"""JSON of `docker inspect` with the types that its client knows.

Docker fills a template in twice: with its own structs, and where that fails with the JSON as it
came. What differs: fields that JSON leaves out, null for an empty list, addresses, whole numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rootless_build.docker_cli.templates.data import Address, Json, NoList, NoMap, Record, Value

_MAPS: Final = frozenset(
    {
        *("Labels", "Volumes", "ExposedPorts", "Ports", "PortBindings", "Networks", "Options"),
        *("Sysctls", "Annotations", "StorageOpt", "Tmpfs", "DriverOpts", "Data", "Containers"),
        *("LogConfig.Config", "Status", "AuxiliaryAddresses", "Metadata", "Runtimes"),
    }
)
_TEXTS: Final = frozenset({"State.Status"})
_LISTS: Final = frozenset(
    {
        *("Args", "ExecIDs", "Mounts", "RepoTags", "RepoDigests", "Layers"),
        *("Cmd", "Entrypoint", "Env", "OnBuild", "Shell", "Test"),
        *("Binds", "CapAdd", "CapDrop", "Devices", "DeviceCgroupRules", "DeviceRequests"),
        *("Dns", "DnsOptions", "DnsSearch", "ExtraHosts", "GroupAdd", "VolumesFrom", "Ulimits"),
        *("SecurityOpt", "MaskedPaths", "ReadonlyPaths", "Links", "Aliases", "DNSNames"),
        *("BlkioWeightDevice", "BlkioDeviceReadBps", "BlkioDeviceWriteBps"),
        *("BlkioDeviceReadIOps", "BlkioDeviceWriteIOps", "Config", "Log"),
    }
)
_ADDRESSES: Final = frozenset(
    {"IPAddress", "Gateway", "IPv6Gateway", "GlobalIPv6Address", "HostIp"}
)
_LEFT_OUT: Final[Mapping[str, Mapping[str, Value]]] = {
    "": {"SizeRw": None, "SizeRootFs": None, "GraphDriver": None, "Comment": "", "Author": ""},
    "State": {"Health": None},
    "Config": {
        "Healthcheck": None,
        "StopTimeout": None,
        "StopSignal": "",
        "Shell": NoList(),
        "OnBuild": NoList(),
        "ArgsEscaped": False,
        "Volumes": NoMap(),
        "ExposedPorts": NoMap(),
        "Labels": NoMap(),
        "Entrypoint": NoList(),
        "Cmd": NoList(),
        "Env": NoList(),
        "User": "",
        "WorkingDir": "",
    },
    "HostConfig": {"Annotations": NoMap(), "Sysctls": NoMap(), "Init": None, "Mounts": NoList()},
    "Mounts": {"Name": "", "Driver": ""},
}
_MORE: Final = {"ID": "Id", "HostIP": "HostIp", "DNS": "Dns"}


def typed(value: Json, key: str = "", parent: str = "") -> Value:
    """A value of docker's JSON as its client has it, by its key and that of what it is in."""
    match value:
        case None:
            return _nothing(key, parent)
        case list():
            return [typed(each, key, parent) for each in value]
        case dict():
            return _object(value, key, parent)
        case str() if key in _ADDRESSES:
            return Address(value)
        case _:
            return value


def _is_map(key: str, parent: str) -> bool:
    return (key in _MAPS or f"{parent}.{key}" in _MAPS) and f"{parent}.{key}" not in _TEXTS


def _nothing(key: str, parent: str) -> Value:
    if _is_map(key, parent):
        return NoMap()
    return NoList() if (key in _LISTS and parent != "") or key in _LISTS else None


def _object(value: dict[str, Json], key: str, parent: str) -> Value:
    if _is_map(key, parent):
        # What is in a map has a type of its own, whatever its key is.
        return {name: typed(each, f"{key}[]", parent) for name, each in value.items()}
    fields = {name: typed(each, name, key) for name, each in value.items()}
    known = _LEFT_OUT.get(key, {})
    left_out = {name: each for name, each in known.items() if name not in value}
    return Record(key.removesuffix("[]") or "struct", fields, left_out, _MORE)

"""Commands that change images, volumes and networks: `rmi`, `volume create`, `prune`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_network
from typing import Final
from urllib.parse import quote

from rootless_build.docker_cli import units
from rootless_build.docker_cli.reading import Given
from rootless_build.docker_cli.shapes.json import a_list, a_map, text, texts, whole
from rootless_build.docker_cli.shapes.names import digest, familiar, familiar_names, in_full
from rootless_build.docker_cli.tables.images import short
from rootless_build.docker_cli.told import Told
from rootless_build.live.daemon import DaemonError, for_each
from rootless_build.live.doing import Doing
from rootless_build.live.listing import all_containers, all_images
from rootless_build.model import references
from rootless_build.model.plan import Json
from rootless_build.model.structs import replace

_GONE: Final = 404
_OF_NO_NAME: Final = f"{references.OWN}built/"
_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_Prune = Callable[[Doing, dict[str, list[str]]], dict[str, Json]]
_PREDEFINED: Final = ("bridge", "host", "none")

# --- images ---------------------------------------------------------------------------------------


def remove_images(doing: Doing) -> Told:
    """`docker rmi`."""
    force = doing.given.has("force")

    def act(name: str) -> str:
        try:
            path = f"/images/{quote(name, safe='/:@')}"
            if force and (kept := _of_containers(doing, name)) is not None:
                return kept
            said = doing.daemon.ask("DELETE", path, {"force": str(force).lower()})
        except DaemonError as error:
            if error.status == _GONE:
                raise DaemonError(f"No such image: {in_full(name)}", _GONE) from error
            raise DaemonError(_conflict(doing, name, error.words)) from error
        lines = [line for each in a_list(said) for line in _removed(a_map(each))]
        # podman says first which image has gone.
        return "".join(sorted(lines, key=lambda line: not line.startswith("Untagged")))

    told = for_each(doing.operands, act)
    only_gone = all("No such image" in line for line in told.err.splitlines())
    return Told(told.out, told.err, 0 if force and only_gone else told.status)


def _of_containers(doing: Doing, name: str) -> str | None:
    """What is printed where containers are of the image; None where none is. podman's `force`
    removes those too, docker's takes the names away from the image of stopped ones.
    """
    if not doing.daemon.commands.keeps_containers:
        return None
    image = a_map(doing.daemon.image(name))
    identity, names = digest(text(image.get("Id"))), texts(image.get("RepoTags"))
    users = [each for each in all_containers(doing.daemon) if digest(each.image_id) == identity]
    is_name = familiar(in_full(name)) in map(familiar, names)
    if not users or (is_name and len(names) > 1):
        return None
    running = next((each for each in users if each.state in {"running", "paused"}), None)
    if running is not None:
        why = f"container {short(running.id)} is using its referenced image {short(identity)}"
        raise DaemonError(f"conflict: unable to delete {name} (cannot be forced) - {why}", 409)
    for each in names:
        repository, _, tag = each.rpartition(":")
        path = f"/libpod/images/{quote(each, safe='/:@')}/untag"
        doing.daemon.ask("POST", path, {"repo": repository, "tag": tag})
    return "".join(f"Untagged: {each}\n" for each in familiar_names(names))


def _conflict(doing: Doing, name: str, words: str) -> str:
    container = re.search(r"used by ([0-9a-f]{64})", words)
    why = words
    if container is not None:
        image = text(a_map(doing.daemon.image(name)).get("Id"))
        why = f"container {short(container[1])} is using its referenced image {short(image)}"
        return f"conflict: unable to delete {name} (must be forced) - {why}"
    return f"conflict: unable to delete {name}: {why}"


def _removed(report: Mapping[str, Json]) -> Iterator[str]:
    for key in ("Untagged", "Deleted"):
        value = report.get(key)
        if isinstance(value, str) and value:
            if key == "Untagged" and value.startswith(_OF_NO_NAME):
                # The caller gave it none.
                continue
            shown = familiar(value) if key == "Untagged" else digest(value)
            yield f"{key}: {shown}\n"


# --- volumes and networks -------------------------------------------------------------------------


def create_volume(doing: Doing) -> Told:
    """`docker volume create`."""
    given = doing.given
    name = given.operands[0] if given.operands else given.value("name") or ""
    try:
        _check_volume_name(name)
        _check_driver(name, given.value("driver") or "local")
        said = _volume_made(doing, name)
    except DaemonError as error:
        return Told(err=error.line, status=1)
    return Told(f"{said}\n")


def _volume_made(doing: Doing, name: str) -> str:
    try:
        if name:
            return text(a_map(doing.daemon.volume(name)).get("Name"))
    except DaemonError as error:
        if error.status != _GONE:
            raise
    body: dict[str, Json] = {
        "Name": name,
        "Labels": _pairs(doing.given.values("label")),
        "DriverOpts": _pairs(doing.given.values("opt")),
    }
    return text(a_map(doing.daemon.ask("POST", "/volumes/create", body=body)).get("Name"))


def _check_driver(name: str, driver: str) -> None:
    if driver != "local":
        words = f'error looking up volume plugin {driver}: plugin "{driver}" not found'
        raise DaemonError(f"create {name}: {words}")


def _check_volume_name(name: str) -> None:
    if name and len(name) < 2:
        words = "volume name is too short, names should be at least two alphanumeric characters"
        raise DaemonError(f"create {name}: {words}")
    if name and not _NAME.fullmatch(name):
        raise DaemonError(
            f'create {name}: "{name}" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, '
            "use absolute path"
        )


def _pairs(words: tuple[str, ...]) -> dict[str, Json]:
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def create_network(doing: Doing) -> Told:
    """`docker network create`."""
    given = doing.given
    name = given.operands[0]
    if name in _PREDEFINED:
        words = f"operation is not permitted on predefined {name} network"
        return Told(err=f"Error response from daemon: {words}\n", status=1)
    try:
        ranges = _ranges(given)
    except ValueError as error:
        return Told(err=f"{error}\n", status=1)
    body: dict[str, Json] = {
        "Name": name,
        "CheckDuplicate": True,
        "Driver": given.value("driver") or "bridge",
        "Internal": given.has("internal"),
        "EnableIPv6": given.has("ipv6"),
        "Options": _pairs(given.values("opt")),
        "Labels": _pairs(given.values("label")),
    }
    if ranges:
        body["IPAM"] = {"Config": [*ranges]}
    try:
        said = a_map(doing.daemon.ask("POST", "/networks/create", body=body))
    except DaemonError as error:
        words = error.words
        if "already" in words:
            words = f"network with name {name} already exists"
        return Told(err=f"Error response from daemon: {words}\n", status=1)
    return Told(f"{text(said.get('Id'))}\n")


def _ranges(given: Given) -> list[dict[str, Json]]:
    """The subnets of a network, each with its gateway and range. Raises ValueError in the words of
    docker's client.
    """
    subnets = [ip_network(each, strict=False) for each in _listed(given, "subnet")]
    found: list[dict[str, Json]] = [{"Subnet": each} for each in _listed(given, "subnet")]
    for key, flag, what in (("IPRange", "ip-range", "range"), ("Gateway", "gateway", "gateway")):
        for each in _listed(given, flag):
            first = ip_network(each, strict=False).network_address
            fitting = (one for one, subnet in zip(found, subnets, strict=True) if first in subnet)
            taker = next(fitting, None)
            if taker is None:
                raise ValueError(f"no matching subnet for {what} {each}")
            taker[key] = each
    return found


def _listed(given: Given, flag: str) -> list[str]:
    return [each for value in given.values(flag) for each in value.split(",")]


def remove_networks(doing: Doing) -> Told:
    """`docker network rm`."""
    force = doing.given.has("force")

    def act(name: str) -> str:
        if name in _PREDEFINED:
            raise DaemonError(f"{name} is a pre-defined network and cannot be removed")
        doing.daemon.network(name)
        try:
            doing.daemon.ask("DELETE", f"/networks/{quote(name, safe='')}")
        except DaemonError as error:
            used = any(words in error.words for words in ("in use", "being used"))
            raise DaemonError(_in_use(doing, name) if used else error.words) from error
        return f"{name}\n"

    told = for_each(doing.operands, act)
    gone = all(line.endswith("not found") for line in told.err.splitlines())
    if force and gone:
        return Told(told.out)
    return Told(told.out, told.err + ("exit status 1\n" if told.status else ""), told.status)


def _in_use(doing: Doing, name: str) -> str:
    found = [each for each in all_containers(doing.daemon) if name in each.networks]
    shown = ", ".join(f'name:"{each.name}" id:"{short(each.id)}"' for each in found)
    return f"error while removing network: network {name} has active endpoints ({shown})"


def connect(doing: Doing) -> Told:
    """`docker network connect`."""
    network, name = doing.operands
    given = doing.given
    settings: dict[str, Json] = {"Aliases": [*given.values("alias")]}
    addresses: dict[str, Json] = {
        key: value
        for key, flag in (("IPv4Address", "ip"), ("IPv6Address", "ip6"))
        if (value := given.value(flag))
    }
    if addresses:
        settings["IPAMConfig"] = addresses
    return _joined(doing, network, name, "connect", {"EndpointConfig": settings})


def disconnect(doing: Doing) -> Told:
    """`docker network disconnect`."""
    network, name = doing.operands
    return _joined(doing, network, name, "disconnect", {"Force": doing.given.has("force")})


def _joined(doing: Doing, network: str, name: str, then: str, body: dict[str, Json]) -> Told:
    try:
        identity = doing.daemon.identity(name)
        doing.daemon.network(network)
        path = f"/networks/{quote(network, safe='')}/{then}"
        doing.daemon.ask("POST", path, body={**body, "Container": identity})
    except DaemonError as error:
        return Told(err=error.line, status=1)
    return Told()


# --- what nobody needs ----------------------------------------------------------------------------


def prune_containers(doing: Doing) -> Told:
    """`docker container prune`."""
    return _pruned(doing, "containers", "This will remove all stopped containers.")


def prune_images(doing: Doing) -> Told:
    """`docker image prune`."""
    if not doing.given.has("all"):
        return _pruned(doing, "images", "This will remove all dangling images.", dangling="true")
    warning = "This will remove all images without at least one container associated to them."
    return _pruned(doing, "images", warning, prune=_prune_all_images)


def _prune_all_images(doing: Doing, wanted: dict[str, list[str]]) -> dict[str, Json]:
    """podman's service has this under its own interface alone (4.3.1), and names no names."""
    names = {digest(each.id): each.names for each in all_images(doing.daemon)}
    query = {"all": "true", "filters": json.dumps(wanted)}
    said = map(a_map, a_list(doing.daemon.ask("POST", "/libpod/images/prune", query)))
    gone = [(digest(text(each.get("Id"))), whole(each.get("Size"))) for each in said]
    reports: list[Json] = []
    for image, _ in gone:
        reports += [{"Untagged": name} for name in names.get(image, ())]
        reports.append({"Deleted": image})
    return {"ImagesDeleted": reports, "SpaceReclaimed": sum(size for _, size in gone)}


def prune_volumes(doing: Doing) -> Told:
    """`docker volume prune`."""
    warning = "This will remove anonymous local volumes not used by at least one container."
    return _pruned(doing, "volumes", warning, prune=_prune_volumes)


def _prune_volumes(doing: Doing, wanted: dict[str, list[str]]) -> dict[str, Json]:
    """podman's own prune takes volumes with a name too, which docker keeps without `all`; and of
    two filters podman 4.3.1 may go by one alone.
    """
    every = doing.given.has("all") or wanted.pop("all", ["false"])[-1] in {"1", "true"}
    query = {"filters": json.dumps({"dangling": ["true"]})}
    found = map(a_map, a_list(doing.daemon.ask("GET", "/libpod/volumes/json", query)))
    names = [
        text(each.get("Name"))
        for each in found
        if (every or each.get("Anonymous") is True) and _has_labels(each, wanted)
    ]
    for name in names:
        doing.daemon.ask("DELETE", f"/volumes/{quote(name, safe='')}")
    return {"VolumesDeleted": [*names]}


def _has_labels(said: Mapping[str, Json], wanted: Mapping[str, Sequence[str]]) -> bool:
    """Whether a volume has all labels that are wanted, and none that are not."""
    if unknown := next((name for name in wanted if name not in {"label", "label!"}), ""):
        raise DaemonError(f"invalid filter '{unknown}'")
    labels = {name: text(value) for name, value in a_map(said.get("Labels")).items()}

    def has(word: str) -> bool:
        name, equals, value = word.partition("=")
        return name in labels and (not equals or labels[name] == value)

    return all(map(has, wanted.get("label", ()))) and not any(map(has, wanted.get("label!", ())))


def prune_networks(doing: Doing) -> Told:
    """`docker network prune`."""
    warning = "This will remove all custom networks not used by at least one container."
    return _pruned(doing, "networks", warning)


def _pruned(
    doing: Doing, kind: str, warning: str, dangling: str = "", prune: _Prune | None = None
) -> Told:
    """Have what nobody needs removed; asked on a terminal, where `--force` is not given."""
    if not doing.given.has("force"):
        question = f"WARNING! {warning}\nAre you sure you want to continue? [y/N] "
        sys.stdout.write(question)
        sys.stdout.flush()
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            return Told()
    wanted: dict[str, list[str]] = {"dangling": [dangling]} if dangling else {}
    for word in doing.given.values("filter"):
        name, _, value = word.partition("=")
        wanted.setdefault(name, []).append(value)
    query = {"filters": json.dumps(wanted)} if wanted else {}
    try:
        if prune is not None:
            said: Mapping[str, Json] = prune(doing, wanted)
        else:
            said = a_map(doing.daemon.ask("POST", f"/{kind}/prune", query))
    except DaemonError as error:
        return Told(err=error.line, status=1)
    head, gone = _HEADS[kind]
    names = [_gone_name(each) for each in a_list(said.get(gone))]
    out = f"{head}\n{''.join(names)}\n" if names else ""
    if kind == "networks":
        return Told(out)
    reclaimed = units.size(whole(said.get("SpaceReclaimed")), 4)
    return Told(f"{out}Total reclaimed space: {reclaimed}\n")


def _gone_name(said: Json) -> str:
    if isinstance(said, str):
        return f"{said}\n"
    pairs = ((key, text(a_map(said).get(key))) for key in ("Untagged", "Deleted"))
    return "".join(
        f"{key.lower()}: {familiar(name) if key == 'Untagged' else digest(name)}\n"
        for key, name in pairs
        if name
    )


_HEADS: Final = {
    "containers": ("Deleted Containers:", "ContainersDeleted"),
    "images": ("Deleted Images:", "ImagesDeleted"),
    "volumes": ("Deleted Volumes:", "VolumesDeleted"),
    "networks": ("Deleted Networks:", "NetworksDeleted"),
}


def prune_system(doing: Doing) -> Told:
    """`docker system prune`: of each kind in turn."""
    kinds = [prune_containers, prune_networks, prune_images]
    kinds += [prune_volumes] if doing.given.has("volumes") else []
    given = replace(doing.given, flags={**doing.given.flags, "force": ("true",)})
    if not doing.given.has("force"):
        asked = _pruned(doing, "containers", "This will remove what is not used.")
        if not asked.out:
            return asked
    all_told = [prune(replace(doing, given=given)) for prune in kinds]
    out = "".join(_without_total(told.out) for told in all_told)
    err, status = "".join(told.err for told in all_told), max(told.status for told in all_told)
    return Told(f"{out}Total reclaimed space: 0B\n", err, status)


def _without_total(out: str) -> str:
    return "".join(
        line for line in out.splitlines(keepends=True) if not line.startswith("Total reclaimed")
    )

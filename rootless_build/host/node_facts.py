"""What is known of a node, out of what its sh says (`node_scripts.FACTS`)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.host import settings
from rootless_build.host.facts import Account, Facts
from rootless_build.host.gathering import (
    cgroups,
    filesystem,
    from_elsewhere,
    kernel,
    ours,
    ranges_in,
)
from rootless_build.model import platforms
from rootless_build.model.errors import BackendUnavailableError
from rootless_build.process import mount_table

_LIMIT: Final = re.compile(r"Max (open files|processes) +\S+ +(\S+)")
_VERSION: Final = re.compile(r"\d+(\.\d+)+\S*")


class NodeFacts(Struct, frozen=True):
    """A node as data. `free` is in bytes, where its images are; None where it did not say.

    `configuration` are the containers.conf of the node, the strongest last, each with its text.
    `podman` and `buildah` are their versions, empty where they are not there.
    """

    facts: Facts
    platform: str
    free: int | None
    podman: str
    buildah: str
    own_storage_conf: bool
    configuration: tuple[tuple[str, str], ...]


def read(text: str, private: Path, name: str) -> NodeFacts:
    """What a node said. `private` is a directory for files. Raises BackendUnavailableError."""
    said, files = _parse(text)
    if "end" not in said:
        message = f"the node {name} has no sh that answers: {text.strip()[:200] or 'no word'}"
        raise BackendUnavailableError(message, finding="node-unreachable")

    def one(key: str) -> str:
        return said.get(key, [""])[-1]

    def content(key: str) -> str:
        return "\n".join(body for _, body in files.get(key, ()))

    uid = int(one("uid"))
    data = Path(one("data"))
    storage = data / "containers/storage" if uid else Path("/var/lib/containers/storage")
    table = private / "node-mounts"
    table.write_text(f"{content('mounts')}\n", errors="surrogateescape")
    mounted = tuple((Path(m.point), m.kind, m.options) for m in mount_table.mounts(table))
    limits = dict(_LIMIT.findall(content("limits")))
    runtime = one("runtime")
    facts = Facts(
        uid=uid,
        home=Path(one("home")),
        kernel=kernel(one("release")),
        machine=one("machine"),
        cgroups=cgroups(mounted),
        programs=tuple(said.get("program", ())),
        hard_files=_number(limits.get("open files")),
        hard_processes=_least(limits.get("processes"), content("pids")),
        tun=bool(one("tun")),
        fuse=bool(one("fuse")),
        session_bus=bool(one("bus")),
        selinux=content("selinux").strip() == "1",
        runtime_directory=Path(runtime) if runtime else None,
        config_directory=Path(one("config")),
        data_directory=data,
        storage_drivers=tuple(sorted(set(said.get("driver", ())))),
        storage_filesystem=filesystem(storage, mounted)[0],
        system=one("system"),
        account=_account(one("account"), uid, said.get("mapper", ()), content),
    )
    return NodeFacts(
        facts,
        platforms.of_machine(one("machine")),
        _free(one("free")),
        _version(one("podman")),
        _version(one("buildah")),
        bool(one("own-storage")),
        tuple(files.get("conf", ())),
    )


def containers_conf(node: NodeFacts, name: str) -> Sequence[Mapping[str, object]]:
    """The node's own containers.conf files, the strongest last. Raises BackendUnavailableError."""
    found = []
    for file, text in node.configuration:
        try:
            found.append(tomllib.loads(text))
        except ValueError as error:
            raise BackendUnavailableError(
                f"{file} on the node {name} can't be read: {error}",
                finding="broken-configuration",
                hint="podman can't read it either; correct it there",
            ) from error
    return found


def problem(node: NodeFacts) -> tuple[str, str]:
    """Why no build can go there, and what to do about it; empty where one can."""
    return next(_problems(node), ("", ""))


def _problems(node: NodeFacts) -> Iterator[tuple[str, str]]:
    facts, account = node.facts, node.facts.account
    if facts.system != "Linux":
        yield f"it is no Linux: {facts.system}", "containers need one"
    if not node.podman:
        has = "buildah alone, which builds on no node yet" if node.buildah else "no podman"
        yield f"it has {has}", "there, as root: apt-get install podman uidmap slirp4netns"
    if node.platform != platforms.host():
        yield (
            f"it is {node.platform}, and recipes are read for this host, {platforms.host()}",
            "a node of another platform builds nothing yet",
        )
    if settings.isolation(facts) is not None:
        yield "it has no OCI runtime that copes with its control groups", "there: install runc"
    if not facts.rootless:
        return
    if len(account.mappers) < 2:
        yield "newuidmap or newgidmap is missing there, or has no rights", "install uidmap there"
    if account.subuids == () or account.subgids == ():
        command = f"usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {account.name}"
        yield f"{account.name} has no subordinate ids there", f"there, as root: {command}"
    if facts.storage_filesystem in settings.NETWORK_FILESYSTEMS:
        where = f"its images would be on a file server ({facts.storage_filesystem})"
        yield where, "set XDG_DATA_HOME there to a directory of a local disk"


def _parse(text: str) -> tuple[dict[str, list[str]], dict[str, list[tuple[str, str]]]]:
    """Values by name, and files by name: each with its path and its text."""
    said: dict[str, list[str]] = {}
    files: dict[str, list[tuple[str, list[str]]]] = {}
    last: list[str] | None = None
    for line in text.split("\n"):
        if line.startswith("@"):
            name, _, value = line[1:].partition(" ")
            said.setdefault(name, []).append(value)
            last = []
            files.setdefault(name, []).append((value, last))
        elif line.startswith(" ") and last is not None:
            last.append(line[1:])
    joined = {
        name: [(value, "\n".join(lines)) for value, lines in each] for name, each in files.items()
    }
    return said, joined


def _number(text: str | None) -> int | None:
    return int(text) if text and text.strip().isdigit() else None


def _least(*texts: str | None) -> int | None:
    numbers = (_number(text) for text in texts)
    return min((number for number in numbers if number is not None), default=None)


def _account(name: str, uid: int, mappers: Sequence[str], content: Callable[[str], str]) -> Account:
    names = {name, str(uid)}
    uids, others = ours(ranges_in(content("subuid")), names)
    gids, more = ours(ranges_in(content("subgid")), names)
    elsewhere = from_elsewhere(content("names"))
    return Account(
        name=name,
        subuids=None if elsewhere else uids,
        subgids=None if elsewhere else gids,
        overlaps=tuple(sorted({*others, *more})),
        mappers=tuple(mappers),
    )


def _free(line: str) -> int | None:
    """Of a line of `df -Pk`."""
    words = line.split()
    return int(words[3]) * 1024 if len(words) >= 4 and words[3].isdigit() else None


def _version(line: str) -> str:
    found = _VERSION.search(line)
    return found[0] if found else ""

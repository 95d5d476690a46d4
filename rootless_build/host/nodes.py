"""A node, connected: the settings of its engine for one run, in private files there; and what is
found when it is only looked at.
"""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import tomli_w
from msgspec import Struct

from rootless_build.backend.api import EngineSettings, Node
from rootless_build.backend.named_engines import ping_socket
from rootless_build.files.private_directories import private_directory
from rootless_build.host import node_facts, settings
from rootless_build.host.engine_settings import engine_settings
from rootless_build.host.facts import Facts
from rootless_build.host.node_facts import NodeFacts
from rootless_build.host.node_scripts import FACTS, KEEPER
from rootless_build.model.errors import BackendUnavailableError, RbuildError
from rootless_build.model.nodes import NodeAddress
from rootless_build.model.structs import replace
from rootless_build.process import identities, user_directories
from rootless_build.process.ssh import Connection

_WAITS: Final = "echo ready; exec cat >/dev/null"
"""What is kept of a node that is only looked at: nothing."""
_WRITES: Final = 'umask 077; exec cat > "$1"'
_AT_ONCE: Final = 16
"""Nodes that are looked at at a time."""
_PATIENCE: Final = 15.0
"""Seconds the node's service has to answer."""


class Seen(Struct, frozen=True):
    """What `rbuild nodes` finds: `problem` is empty where builds can go there. `platform` is empty
    and `free` (bytes) None where it did not say; `version` is the engine's.
    """

    name: str
    url: str
    platform: str = ""
    engine: str = ""
    version: str = ""
    free: int | None = None
    problem: str = ""
    hint: str = ""


def look_at(addresses: Sequence[NodeAddress]) -> Sequence[Seen]:
    """Look at nodes, several at a time; nothing is left there."""
    if not addresses:
        return ()
    runtime = user_directories.runtime()
    with (
        private_directory(runtime if runtime.is_dir() else None) as private,
        ThreadPoolExecutor(_AT_ONCE, "rbuild-nodes") as threads,
    ):
        places = [private / str(number) for number in range(len(addresses))]
        for place in places:
            place.mkdir()
        return tuple(threads.map(_look, addresses, places))


def _look(address: NodeAddress, private: Path) -> Seen:
    seen = Seen(address.name, address.url)
    try:
        with Connection(address, private, _WAITS) as opened:
            node = _ask(opened, address, private)
    except RbuildError as error:
        return replace(seen, problem=error.message, hint=error.hint)
    problem, hint = node_facts.problem(node)
    return replace(
        seen,
        platform=node.platform,
        engine="podman" if node.podman else "",
        version=node.podman,
        free=node.free,
        problem=problem,
        hint=hint,
    )


@contextlib.contextmanager
def node_settings(
    address: NodeAddress, facts: Facts
) -> Iterator[tuple[EngineSettings, Connection]]:
    """The settings of a node's engine for one run, which listens, and the connection to it; `facts`
    are this host's.

    What there is of it on the node goes when the context ends, or the connection. Raises
    BackendUnavailableError where no build can go there.
    """
    with contextlib.ExitStack() as stack:
        here = stack.enter_context(engine_settings(facts))
        private = here.runtime_directory
        own = identities.of_this()
        opened = stack.enter_context(Connection(address, private, KEEPER, own))
        node = _ask(opened, address, private)
        problem, hint = node_facts.problem(node)
        if problem:
            raise BackendUnavailableError(
                f"no build can go to the node {address.name}: {problem}",
                finding="node-unusable",
                hint=hint,
            )
        there = _write(opened, opened.ready, node, address, here)
        opened.tell("service")
        socket = private / "node"
        opened.forward(socket, f"{opened.ready}/s")
        _await(opened, socket, address)
        yield replace(there, node=Node(address.name, address.url, socket)), opened
        with contextlib.suppress(RbuildError):
            opened.tell("end")


def _ask(opened: Connection, address: NodeAddress, private: Path) -> NodeFacts:
    done = opened.run(FACTS)
    return node_facts.read(done.text or done.words, private, address.name)


def _write(
    opened: Connection, there: str, node: NodeFacts, address: NodeAddress, here: EngineSettings
) -> EngineSettings:
    """Put the settings into the private directory `there`, for what is known of the node."""
    facts = node.facts
    user: settings.Table = {}
    for table in node_facts.containers_conf(node, address.name):
        user = settings.merge(user, table)
    containers, adaptations = settings.apply(settings.containers_settings(facts), user)
    files = {"containers.conf": tomli_w.dumps(containers)}
    variables = {"CONTAINERS_CONF": f"{there}/containers.conf"}
    if facts.rootless and not node.own_storage_conf:
        rows = settings.storage_settings(
            facts, has_fuse_overlayfs="fuse-overlayfs" in facts.programs and facts.fuse
        )
        storage, made = settings.apply(rows, {})
        files["storage.conf"] = tomli_w.dumps(storage)
        variables["CONTAINERS_STORAGE_CONF"] = f"{there}/storage.conf"
        adaptations += made
    if facts.runtime_directory is not None:
        variables["XDG_RUNTIME_DIR"] = str(facts.runtime_directory)
    words = (f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
    files["environment"] = "".join(words)
    for name, text in files.items():
        done = opened.run(_WRITES, f"{there}/{name}", stdin=text.encode())
        if done.status != 0:
            raise BackendUnavailableError(
                f"nothing can be written on the node {address.name}: {done.words}",
                finding="node-unusable",
            )
    network = settings.network(facts)
    return replace(
        here,
        network=network.value if network else None,
        isolation=None,
        rootless=facts.rootless,
        adaptations=adaptations + ((network,) if network else ()),
        identity=settings.identity(containers, ""),
        subordinate_ids=(
            settings.subordinate(facts.account.subuids),
            settings.subordinate(facts.account.subgids),
        ),
    )


def _await(opened: Connection, socket: Path, address: NodeAddress) -> None:
    """Until the service answers. Raises BackendUnavailableError with its words."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            ping_socket(str(socket))
        except OSError as error:
            if not opened.is_open:
                raise opened.lost() from error
            if time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            words = opened.run('cat "$1/log"', opened.ready).text.strip()
            raise BackendUnavailableError(
                f"podman's service on the node {address.name} did not start",
                finding="node-unusable",
                hint="does podman run there by hand? `podman info`",
                engine_words=words,
            ) from error
        return

"""The node that --on names: where this run's engine is."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

from rootless_build.backend import discovery
from rootless_build.backend.discovery import Choice
from rootless_build.cli.command import Command
from rootless_build.host.facts import Facts
from rootless_build.host.nodes import node_settings
from rootless_build.model.errors import RbuildError, UsageError
from rootless_build.model.nearest import nearest
from rootless_build.model.nodes import NodeAddress, is_url, parse
from rootless_build.model.structs import replace
from rootless_build.process.ssh import Connection

_ENGINE: Final = "podman"
_REFUSED: Final = (
    ("live", "--live: the script's docker would be this host's"),
    ("dry_run", "--dry-run shows what this host would do, and a node is not asked for it"),
    ("allow_push", "--allow-push: a node pushes nothing"),
)


def node_name(command: Command) -> str:
    """What --on says; empty where the engine is this host's own."""
    return command.option("on") or ""


def node_of(command: Command) -> NodeAddress | None:
    """The node's address; None where none is named. Raises UsageError, ConfigError."""
    named = node_name(command)
    if not named:
        return None
    if is_url(named):
        return parse(named)
    return configured(command, named)


def configured(command: Command, name: str) -> NodeAddress:
    """The address of a node of the user's configuration. Raises UsageError, ConfigError."""
    nodes = command.config.nodes
    if name not in nodes:
        near = nearest(name, tuple(nodes))
        meant = f"did you mean {near}? " if near else ""
        known = f"known are: {', '.join(sorted(nodes))}" if nodes else "none is configured"
        raise UsageError(
            f"--on {name}: there is no such node",
            hint=f"{meant}{known}; [nodes.NAME] in the user's config.toml, or ssh://USER@HOST",
        )
    try:
        return parse(nodes[name].url, name)
    except UsageError as error:
        keys = ("nodes", name, "url")
        raise command.config_error(keys, error.message, error.hint) from error


def choose_on_node(command: Command, facts: Facts, opened: ExitStack) -> tuple[Choice, Connection]:
    """The node's engine, and the connection, which ends with `opened`. `facts` are this host's.

    Raises UsageError, and BackendUnavailableError where it is not reached or no build can go there.
    """
    address = node_of(command)
    assert address is not None  # it is asked for
    settings, connection = opened.enter_context(node_settings(address, facts))
    choice = discovery.choose(_ENGINE, settings)
    return replace(choice, reason=f"on the node {address.name}"), connection


def why_lost(connection: Connection, error: RbuildError) -> RbuildError | None:
    """The error to show instead of one that came of a lost connection; None where it stands."""
    if connection.is_open:
        return None
    lost = connection.lost()
    lost.where, lost.step, lost.seconds = error.where, error.step, error.seconds
    for note in getattr(error, "__notes__", ()):
        lost.add_note(note)
    return lost


def check_node(command: Command) -> None:
    """Say before anything is done what can't be done on a node. Raises UsageError, ConfigError."""
    address = node_of(command)
    if address is None:
        return
    for option, why in _REFUSED:
        if command.flag(option):
            raise UsageError(f"--on {address.name}: {why}", hint="leave one of them away")
    asked = command.option("backend")
    there = command.config.nodes.get(address.name)
    wanted = asked if asked not in {None, "auto"} else there.backend if there else _ENGINE
    if wanted != _ENGINE:
        raise UsageError(
            f"--on {address.name}: no build goes to a node's {wanted} yet",
            hint="podman can: --backend podman",
        )

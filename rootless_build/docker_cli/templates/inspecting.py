"""`--format` of docker's inspect commands: its template filled in with one object after another."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from rootless_build.docker_cli.templates import nodes
from rootless_build.docker_cli.templates.data import Json, untyped
from rootless_build.docker_cli.templates.execution import Rules, execute
from rootless_build.docker_cli.templates.functions import FUNCTIONS
from rootless_build.docker_cli.templates.parser import parse
from rootless_build.docker_cli.templates.tokens import TemplateError
from rootless_build.docker_cli.templates.typed import typed

UNREADABLE: Final = 64
"""The status of an inspect command whose template can't be read."""
_FAULT: Final = "template parsing error: "
_ADDRESSES: Final[dict[str, Json]] = {
    **dict.fromkeys(("EndpointID", "Gateway", "GlobalIPv6Address"), ""),
    **dict.fromkeys(("IPAddress", "IPv6Gateway", "MacAddress"), ""),
    **dict.fromkeys(("GlobalIPv6PrefixLen", "IPPrefixLen"), 0),
}
"""What a container's NetworkSettings had until docker 28, with what it is without a network."""
_DEFAULT_NETWORKS: Final = ("bridge", "podman")


def reader(text: str) -> Callable[[Json], str]:
    """What makes a template's text of an object. Raises TemplateError where it can't be read; what
    it gives raises TemplateError for an object that it does not fit, and UnprintableError.
    """
    try:
        template = parse(text, FUNCTIONS)
    except TemplateError as error:
        raise TemplateError(f"{_FAULT}{error}") from error
    return lambda value: _filled_in(template, value)


def _filled_in(template: nodes.Template, value: Json) -> str:
    try:
        return execute(template, typed(value))
    except TemplateError:
        pass
    try:
        return execute(template, untyped(value), Rules(untyped=True))
    except TemplateError as error:
        refused = TemplateError(f"{_FAULT}{error}")
    try:
        return execute(template, untyped(_formerly(value)), Rules(untyped=True))
    except TemplateError:
        raise refused from None


def _formerly(value: Json) -> Json:
    """The object with what docker 28 still had: scripts that are older ask a container's address
    of its settings, as the one of the default network.
    """
    settings = value.get("NetworkSettings") if isinstance(value, dict) else None
    networks = settings.get("Networks") if isinstance(settings, dict) else None
    if not (isinstance(value, dict) and isinstance(settings, dict) and isinstance(networks, dict)):
        return value
    default = next((networks[name] for name in _DEFAULT_NETWORKS if name in networks), None)
    own = default if isinstance(default, dict) else {}
    addresses = {name: own.get(name, none) for name, none in _ADDRESSES.items()}
    return {**value, "NetworkSettings": {**settings, **addresses}}


def in_one_line(objects: list[Json]) -> str:
    """What `--format json` gives."""
    return _in_go(json.dumps(objects, ensure_ascii=False, separators=(",", ":")))


def indented(objects: list[Json]) -> str:
    """What is printed without a format."""
    return _in_go(json.dumps(objects, ensure_ascii=False, indent=4))


def _in_go(text: str) -> str:
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")

"""Nodes: other machines whose engine builds, and how each is reached."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from rootless_build.model.errors import UsageError

_SCHEME: Final = "ssh://"
_WORD: Final = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")
"""A user or a host: what ssh can't take for an option, and no shell for more than a word."""
_ADDRESS: Final = re.compile(r"[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?")
"""An address of IPv6, which stands in brackets in a URL."""
_HINT: Final = "a node is written ssh://USER@HOST:PORT; user and port may be left out"


class NodeAddress(Struct, frozen=True):
    """How a node is reached: `user` is empty and `port` None for what the user's ssh_config says.

    `name` is what the user calls it: the key in the configuration, or the URL.
    """

    name: str
    host: str
    user: str = ""
    port: int | None = None

    @property
    def url(self) -> str:
        """The same for all names of one address."""
        user = f"{self.user}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{_SCHEME}{user}{host}{'' if self.port is None else f':{self.port}'}"

    @property
    def destination(self) -> str:
        """What ssh is told beside the port."""
        return f"{self.user}@{self.host}" if self.user else self.host


def is_url(text: str) -> bool:
    """Whether a word is meant for a URL, and no name."""
    return "://" in text


def parse(url: str, name: str = "") -> NodeAddress:
    """The address in a URL. Raises UsageError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{url}: {error}", hint=_HINT) from error
    if f"{parts.scheme}://" != _SCHEME:
        raise UsageError(f"{url}: nodes are reached by ssh", hint=_HINT)
    if parts.password is not None:
        raise UsageError("a node's URL has no password: ssh has keys", hint=_HINT)
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise UsageError(f"{url}: nothing comes after the host and the port", hint=_HINT)
    # `hostname` is in small letters, and a Host of ssh_config need not be.
    host = parts.netloc.rpartition("@")[2]
    host = host[1 : host.index("]")] if host.startswith("[") else host.partition(":")[0]
    if not (_WORD.fullmatch(host) or (":" in host and _ADDRESS.fullmatch(host))):
        raise UsageError(f"{url}: {host or 'nothing'} is no host", hint=_HINT)
    user = parts.username or ""
    if user and not _WORD.fullmatch(user):
        raise UsageError(f"{url}: {user} is no user", hint=_HINT)
    return NodeAddress(name or url, host, user, port)

"""Which daemon is meant by a call's variables, and what those find who speak docker's API.

rbuild does docker's commands, and is no daemon. Where the user has named no socket, DOCKER_HOST is
one that says so to whoever asks it for anything: an SDK would else look for a daemon of the host.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from rootless_build.docker_cli import reading
from rootless_build.model.socket_mounts import OWN_HOSTS

HOST: Final = "DOCKER_HOST"
_CONTEXT: Final = "DOCKER_CONTEXT"
_SAYS: Final = (
    "rbuild does docker's commands here and is no daemon; --docker-socket SOCKET names one for "
    "programs that speak docker's API"
)
_MOST: Final = 64
_CHUNK: Final = 64 * 1024
_HEAD: Final = b"\r\n\r\n"
_USUAL: Final = {HOST: ("", *OWN_HOSTS), _CONTEXT: ("", reading.OWN_CONTEXT)}


def elsewhere(of_call: Mapping[str, str], began: Mapping[str, str]) -> str:
    """Why a call with these variables is for another daemon than rbuild stands for; empty where it
    is not. `began` are the variables with which the command was started.
    """
    for name, usual in _USUAL.items():
        value = of_call.get(name, "")
        if value not in {*usual, began.get(name)}:
            return (
                f"{name}={value} names another daemon, and this docker is rbuild: it goes by its"
                " own engine alone (--backend)"
            )
    return ""


class Watching(Protocol):
    """What waits for descriptors."""

    def watch(self, descriptor: int, act: Callable[[], object]) -> None:
        """Have something done when it can be read."""

    def unwatch(self, descriptor: int) -> None:
        """Have nothing more done."""


class NoDaemon:
    """A socket that answers whatever it is asked with 501, and why."""

    def __init__(self, place: Path, watching: Watching) -> None:
        self._watching = watching
        self._asking: dict[int, socket.socket] = {}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(os.fspath(place))
        self._socket.listen(_MOST)
        self._socket.setblocking(False)
        watching.watch(self._socket.fileno(), self._accept)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Those that are open for it."""
        return (self._socket.fileno(), *self._asking)

    def end(self) -> None:
        """Nobody is answered any more."""
        for peer in (self._socket, *self._asking.values()):
            self._watching.unwatch(peer.fileno())
            peer.close()

    def _accept(self) -> None:
        try:
            peer, _ = self._socket.accept()
        except OSError:
            return
        if len(self._asking) >= _MOST:
            peer.close()
            return
        peer.setblocking(False)
        self._asking[peer.fileno()] = peer
        asked = bytearray()
        self._watching.watch(peer.fileno(), lambda: self._read(peer, asked))

    def _read(self, peer: socket.socket, asked: bytearray) -> None:
        """Take what is asked, and answer when its head has come; then take the rest of it: who is
        cut off while he sends hears nothing.
        """
        try:
            data = peer.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(peer)
            return
        was_answered = _HEAD in asked
        asked += data
        if _HEAD in asked:
            del asked[: asked.index(_HEAD)], asked[len(_HEAD) :]
            if not was_answered:
                self._answer(peer)
        elif len(asked) > _CHUNK:
            self._close(peer)

    def _answer(self, peer: socket.socket) -> None:
        text = json.dumps({"message": _SAYS}).encode()
        head = (
            "HTTP/1.1 501 Not Implemented\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
        )
        try:
            # It is less than any socket holds.
            peer.send(head.encode() + text)
            peer.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(peer)

    def _close(self, peer: socket.socket) -> None:
        self._watching.unwatch(peer.fileno())
        del self._asking[peer.fileno()]
        peer.close()

"""A registry of this host's own that takes what is pushed."""

from __future__ import annotations

import hashlib
import http.server
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from tests.reference.served import at_work


class Taken:
    """What a registry has got: blobs by digest, and the digest of each manifest by its tag."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, str] = {}

    def take(self, content: bytes) -> str:
        """Keep a blob; its digest."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.blobs[digest] = content
        return digest


@contextmanager
def registry() -> Iterator[tuple[str, Taken]]:
    """Its host and port, and what it gets (distribution's API, version 2)."""
    taken = Taken()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        begun = b""

        def do_HEAD(self) -> None:
            found = taken.blobs.get(self.path.rpartition("/")[2])
            # Whoever does not send it again has its size from here.
            status = HTTPStatus.NOT_FOUND if found is None else HTTPStatus.OK
            self._answer(status, **{"Content-Length": str(len(found or b""))})

        def do_GET(self) -> None:
            self._answer(HTTPStatus.OK if self.path == "/v2/" else HTTPStatus.NOT_FOUND)

        def do_POST(self) -> None:
            type(self).begun = self._body()
            self._answer(HTTPStatus.ACCEPTED, Location=f"{self.path}1")

        def do_PATCH(self) -> None:
            type(self).begun += self._body()
            self._answer(HTTPStatus.ACCEPTED, Location=self.path)

        def do_PUT(self) -> None:
            body = self._body()
            if "/manifests/" in self.path:
                digest = taken.take(body)
                taken.manifests[self.path.rpartition("/")[2]] = digest
            else:
                digest = taken.take(type(self).begun + body)
                type(self).begun = b""
            self._answer(HTTPStatus.CREATED, **{"Docker-Content-Digest": digest})

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _answer(self, status: HTTPStatus, **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with at_work(Handler) as port:
        yield f"127.0.0.1:{port}", taken

"""A registry of this host's own, which has images of several platforms and takes none."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus

from tests.reference.served import at_work

_TYPE = "application/vnd.docker."
_LIST = f"{_TYPE}distribution.manifest.list.v2+json"
_MANIFEST = f"{_TYPE}distribution.manifest.v2+json"


class _Blobs:
    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, bytes]] = {}

    def add(self, kind: str, content: bytes | dict[str, object]) -> dict[str, object]:
        """Keep it; how a manifest names it."""
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.kept[digest] = kind, data
        return {"mediaType": kind, "digest": digest, "size": len(data)}


def _layer(text: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("platform")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


def _image(blobs: _Blobs, architecture: str) -> dict[str, object]:
    """An image whose one file says for which architecture it is."""
    layer = _layer(architecture)
    root = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}
    configuration: dict[str, object] = {
        "architecture": architecture,
        "os": "linux",
        "config": {},
        "rootfs": root,
    }
    manifest: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": blobs.add(f"{_TYPE}container.image.v1+json", configuration),
        "layers": [blobs.add(f"{_TYPE}image.rootfs.diff.tar", layer)],
    }
    platform = {"architecture": architecture, "os": "linux"}
    return {**blobs.add(_MANIFEST, manifest), "platform": platform}


@contextmanager
def registry(architectures: Sequence[str]) -> Iterator[str]:
    """The name of an image for these architectures, which is served meanwhile."""
    blobs = _Blobs()
    images = [_image(blobs, architecture) for architecture in architectures]
    whole: dict[str, object] = {"schemaVersion": 2, "mediaType": _LIST, "manifests": images}
    latest = str(blobs.add(_LIST, whole)["digest"])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(whole=False)

        def do_GET(self) -> None:
            self._answer(whole=True)

        def _answer(self, *, whole: bool) -> None:
            name = self.path.rpartition("/")[2]
            kind, data = blobs.kept.get(latest if name == "latest" else name, ("", b""))
            found = bool(data) or self.path == "/v2/"
            self.send_response(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND)
            self.send_header("Content-Type", kind or "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Docker-Content-Digest", latest if name == "latest" else name)
            self.end_headers()
            if whole:
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with at_work(Handler) as port:
        yield f"127.0.0.1:{port}/several/platforms"

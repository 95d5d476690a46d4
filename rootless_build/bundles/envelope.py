"""DSSE envelopes, version 1.0 (github.com/secure-systems-lab/dsse): read and written, without keys.

Whether a signature is right is told by `rootless_build.bundles.signing`. What rbuild takes is
narrower than what DSSE allows: one envelope, one signature, no name twice in an object.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Final, cast

from msgspec import Struct

from rootless_build.bundles import statement
from rootless_build.bundles.statement import NoStatementError
from rootless_build.model.plan import Json

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
_LARGEST: Final = statement.LARGEST * 4 // 3 + 64 * 1024
_MOST_VALUES: Final = 256
_URL_SAFE: Final = str.maketrans("-_", "+/")


class Envelope(Struct, frozen=True):
    """`payload` is what `signature` may be of. What an envelope says of its key is not believed."""

    payload: bytes
    payload_type: str
    signature: bytes


def read(root: Path, path: str) -> Envelope:
    """The envelope in a file of a bundle. Raises NoStatementError, PermissionError."""
    return parse(statement.read(root, path, _LARGEST))


def parse(content: bytes) -> Envelope:
    """One envelope, and nothing else. Raises NoStatementError."""
    values = sum(content.count(mark) for mark in (b",", b"[", b"{"))
    if len(content) > _LARGEST or values > _MOST_VALUES:
        raise NoStatementError("is too large for a signed statement")
    try:
        found = json.loads(content, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise NoStatementError("is no DSSE envelope") from error
    if not isinstance(found, dict):
        raise NoStatementError("is no DSSE envelope")
    signatures = found.get("signatures")
    if not isinstance(signatures, list) or not signatures:
        raise NoStatementError("has no signature")
    if len(signatures) > 1:
        raise NoStatementError(f"has {len(signatures)} signatures, where rbuild takes one")
    kind, (signature,) = found.get("payloadType"), signatures
    if not isinstance(kind, str) or not isinstance(signature, dict):
        raise NoStatementError("is no DSSE envelope")
    return Envelope(_bytes(found.get("payload")), kind, _bytes(signature.get("sig")))


def compose(payload: bytes, keyid: str, signature: bytes) -> bytes:
    """The envelope of a statement, as a line of a file `*.intoto.jsonl`."""
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": keyid, "sig": base64.b64encode(signature).decode()}],
    }
    return json.dumps(envelope).encode() + b"\n"


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found


def _bytes(said: Json) -> bytes:
    """Either alphabet of base64 is to be taken, says the specification."""
    try:
        return base64.b64decode(cast("str", said).translate(_URL_SAFE), validate=True)
    except (AttributeError, ValueError) as error:
        raise NoStatementError("is no DSSE envelope") from error

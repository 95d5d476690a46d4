"""Data of a kept run as JSON, whatever names of files are in it.

A name that is no UTF-8 has halves of surrogate pairs for its bytes, which JSON has as escapes.
"""

from __future__ import annotations

import json

import msgspec


def encode(data: object) -> bytes:
    """On one line, without its end. Paths are strings."""
    try:
        return msgspec.json.encode(data, enc_hook=str)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(data, enc_hook=str)).encode()

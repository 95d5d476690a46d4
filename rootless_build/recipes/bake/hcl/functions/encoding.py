"""Functions that encode, digest and compute addresses (hashicorp/go-cty-funcs)."""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import io
import ipaddress
import posixpath
import urllib.parse
import uuid
from collections.abc import Mapping
from typing import Final

from rootless_build.recipes.bake.hcl.functions.function import ArgumentError, Function, function
from rootless_build.recipes.bake.hcl.values import Value, from_json, to_json


def _base64_decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ArgumentError(f"it is not the base64 of a string: {error}") from error


def _json_decoded(text: str) -> Value:
    try:
        return from_json(text)
    except ValueError as error:
        raise ArgumentError(f"it is not JSON: {error}") from error


def _csv_decoded(text: str) -> Value:
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise ArgumentError(f"it is not CSV: {error}") from error
    if not rows:
        raise ArgumentError("there is no header line")
    if any(len(row) != len(rows[0]) for row in rows):
        raise ArgumentError("the lines are not of one length")
    return tuple(dict(zip(rows[0], row, strict=True)) for row in rows[1:])


def _digest(name: str) -> Function:
    def run(text: str) -> str:
        return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()

    return function("string", run)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ArgumentError(str(error)) from error


def _host(prefix: str, number: int) -> str:
    network = _network(prefix)
    if not -network.num_addresses <= number < network.num_addresses:
        raise ArgumentError(f"{prefix} has no host {number}")
    return str(network[number])


def _netmask(prefix: str) -> str:
    return str(_network(prefix).netmask)


def _subnet(prefix: str, bits: int, number: int) -> str:
    network = _network(prefix)
    length = network.prefixlen + bits
    if length > network.max_prefixlen or not 0 <= number < 2**bits:
        raise ArgumentError(f"{prefix} has no subnet {number} of {bits} bits more")
    size = 2 ** (network.max_prefixlen - length)
    return f"{network.network_address + number * size}/{length}"


def _subnets(prefix: str, *more: int) -> Value:
    network = _network(prefix)
    made: list[str] = []
    at = int(network.network_address)
    for bits in more:
        length = network.prefixlen + bits
        if bits < 1 or length > network.max_prefixlen:
            raise ArgumentError(f"{prefix} can't be extended by {bits} bits")
        size = 2 ** (network.max_prefixlen - length)
        at = -(-at // size) * size
        if at + size - 1 > int(network.broadcast_address):
            raise ArgumentError(f"{prefix} has no room for a prefix of {length} bits")
        made.append(f"{type(network.network_address)(at)}/{length}")
        at += size
    return tuple(made)


def _uuid5(namespace: str, name: str) -> str:
    known = {
        "dns": uuid.NAMESPACE_DNS,
        "url": uuid.NAMESPACE_URL,
        "oid": uuid.NAMESPACE_OID,
        "x500": uuid.NAMESPACE_X500,
    }
    try:
        return str(uuid.uuid5(known.get(namespace) or uuid.UUID(namespace), name))
    except ValueError as error:
        raise ArgumentError(f"{namespace!r} is no UUID") from error


FUNCTIONS: Final[Mapping[str, Function]] = {
    "base64decode": function("string", _base64_decoded),
    "base64encode": function("string", lambda text: base64.b64encode(text.encode()).decode()),
    "cidrhost": function("string whole", _host),
    "cidrnetmask": function("string", _netmask),
    "cidrsubnet": function("string whole whole", _subnet),
    "cidrsubnets": function("string whole...", _subnets),
    "csvdecode": function("string", _csv_decoded),
    "homedir": function("", lambda: posixpath.expanduser("~")),
    "jsondecode": function("string", _json_decoded),
    "jsonencode": function("any", to_json),
    "md5": _digest("md5"),
    "sha1": _digest("sha1"),
    "sha256": _digest("sha256"),
    "sha512": _digest("sha512"),
    "urlencode": function("string", lambda text: urllib.parse.quote_plus(text, safe="")),
    "uuidv4": function("", lambda: str(uuid.uuid4())),
    "uuidv5": function("string string", _uuid5),
}

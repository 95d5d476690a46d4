"""Facts as JSON: to paste into a bug report, and to replay a host elsewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

import rootless_build
from rootless_build.host.facts import Facts
from rootless_build.host.finding import Finding
from rootless_build.model import structs
from rootless_build.model.errors import UsageError, reason
from rootless_build.model.structs import replace

SCHEMA: Final = 1
_OTHERS: Final = "other"
_ADDRESSES: Final = frozenset({"CONTAINER_HOST", "DOCKER_HOST"})
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")
_PASSWORD: Final = re.compile(r"(\b[a-z][a-z0-9+]*://)[^/\s@]*@")


def to_data(facts: Facts) -> dict[str, object]:
    """The facts as JSON values, without the names of accounts; the home directory is `~`."""
    account = facts.account
    anonymous = replace(
        facts,
        account=replace(
            account,
            name="user" if account.name else "",
            overlaps=(_OTHERS,) if account.overlaps else (),
        ),
    )
    data = msgspec.to_builtins(anonymous, enc_hook=str)
    shortened = _shorten(data, str(facts.home), account.name)
    return {"schema": SCHEMA, **shortened} if isinstance(shortened, dict) else {}


def report(
    facts: Facts, findings: Sequence[Finding], environment: Mapping[str, str]
) -> dict[str, object]:
    """Facts and findings as JSON values, for strangers to read: no account names, no values of
    the environment's addresses of engines and proxies, which may hold passwords.
    """
    home, name = str(facts.home), facts.account.name
    found: list[object] = [
        {"id": finding.id, "severity": str(finding.severity), "seen": finding.seen}
        for finding in findings
    ]
    whole = {
        "schema": SCHEMA,
        "rbuild": rootless_build.__version__,
        "facts": to_data(facts),
        "findings": _shorten(found, home, name),
    }
    hidden = {
        part: f"${variable}"
        for variable, value in environment.items()
        if variable in _ADDRESSES or variable.lower().endswith("_proxy")
        for part in _parts(value)
    }
    without = _replace(whole, hidden)
    return without if isinstance(without, dict) else {}


def _parts(address: str) -> tuple[str, ...]:
    """An address, and what engines say of it in their own words; the longest first."""
    try:
        split = urlsplit(address)
    except ValueError:
        return (address,) if address else ()
    found = {address, split.netloc, split.hostname or ""} - set(_LOCAL)
    # A shorter one is also a part of ordinary words.
    return tuple(sorted((part for part in found if len(part) > 3), key=len, reverse=True))


def _replace(value: object, hidden: Mapping[str, str]) -> object:
    match value:
        case str():
            value = _PASSWORD.sub(r"\1", value)
            for secret, name in hidden.items():
                value = value.replace(secret, name)
            return value
        case dict():
            return {key: _replace(item, hidden) for key, item in value.items()}
        case list():
            return [_replace(item, hidden) for item in value]
        case _:
            return value


def _short(text: str, home: str, name: str) -> str:
    text = text.replace(home, "~") if len(home) > 1 else text
    for place in ("/home/", "/Users/"):
        text = text.replace(f"{place}{name}", f"{place}user") if name else text
    return text


def _shorten(value: object, home: str, name: str) -> object:
    match value:
        case str():
            return _short(value, home, name)
        case dict():
            return {key: _shorten(item, home, name) for key, item in value.items()}
        case list() | tuple():
            return [_shorten(item, home, name) for item in value]
        case _:
            return value


def load(path: Path) -> Facts:
    """The facts in a report, or in a file that has them alone. Raises UsageError."""
    try:
        data = json.loads(path.read_text())
    except OSError as error:
        raise UsageError(f"{path} can't be read: {reason(error)}") from error
    except ValueError as error:
        raise UsageError(f"{path} is no report of `rbuild doctor --report`: {error}") from error
    if isinstance(data, dict) and isinstance(data.get("facts"), dict):
        data = data["facts"]
    return from_data(data, str(path))


def from_data(data: object, origin: str) -> Facts:
    """Facts from JSON values; what is missing has its default. Raises UsageError."""
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise UsageError(f"{origin}: these are no facts about a host (schema {SCHEMA})")
    known = {key: value for key, value in data.items() if key not in {"schema", "comment"}}
    try:
        return structs.from_data(known, Facts)
    except ValueError as error:
        raise UsageError(f"{origin}: {error}") from error

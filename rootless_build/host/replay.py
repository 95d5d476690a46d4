"""Facts as JSON: to paste into a bug report, and to replay a host elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rootless_build.errors import UsageError
from rootless_build.host.facts import Facts

if TYPE_CHECKING:
    from cattrs import Converter

SCHEMA = 1
_OTHERS = "other"


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
    data = _converter().unstructure(anonymous)
    shortened = _shortened(data, str(facts.home), account.name)
    return {"schema": SCHEMA, **shortened} if isinstance(shortened, dict) else {}


def shortened(text: str, facts: Facts) -> str:
    """Without the home directory's path and the account's name."""
    return _short(text, str(facts.home), facts.account.name)


def _short(text: str, home: str, name: str) -> str:
    text = text.replace(home, "~") if len(home) > 1 else text
    for place in ("/home/", "/Users/"):
        text = text.replace(f"{place}{name}", f"{place}user") if name else text
    return text


def _shortened(value: object, home: str, name: str) -> object:
    match value:
        case str():
            return _short(value, home, name)
        case dict():
            return {key: _shortened(item, home, name) for key, item in value.items()}
        case list() | tuple():
            return [_shortened(item, home, name) for item in value]
        case _:
            return value


def load(path: Path) -> Facts:
    """The facts in a report, or in a file that has them alone. Raises UsageError."""
    try:
        data = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from error
    if isinstance(data, dict) and isinstance(data.get("facts"), dict):
        data = data["facts"]
    return from_data(data, str(path))


def from_data(data: object, origin: str) -> Facts:
    """Facts from JSON values; what is missing has its default. Raises UsageError."""
    # cattrs costs 50 ms; only replayed hosts need it.
    import cattrs  # noqa: PLC0415

    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise UsageError(f"{origin}: these are no facts about a host (schema {SCHEMA})")
    known = {key: value for key, value in data.items() if key not in {"schema", "comment"}}
    try:
        return _converter().structure(known, Facts)
    except cattrs.BaseValidationError as error:
        problems = "; ".join(cattrs.transform_error(error))
        raise UsageError(f"{origin}: {problems}") from error


def _converter() -> Converter:
    import cattrs  # noqa: PLC0415 - as above

    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(Path, str)
    converter.register_structure_hook(Path, lambda value, _: Path(str(value)))
    return converter

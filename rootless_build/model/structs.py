"""What data are made of beside `msgspec.Struct`: changed copies, and data from JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

if TYPE_CHECKING:
    # msgspec declares Any for the values. The standard library does too, but mypy checks each of
    # its calls against the class, be it one of msgspec's or of the library's.
    from dataclasses import replace
else:
    from msgspec.structs import replace

__all__ = ("Strict", "from_data", "replace")

T = TypeVar("T")


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Data of which JSON with a key that is no field's is none."""


def from_data(data: object, kind: type[T]) -> T:
    """What `json.loads` read, as `kind`; paths are strings.

    Raises ValueError, which says what is wrong and where.
    """
    try:
        return msgspec.convert(data, kind, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


def _path(kind: type, value: object) -> Path:
    if kind is not Path or not isinstance(value, str):
        raise TypeError(f"expected a path, got {type(value).__name__}")
    return Path(value)

"""The events of a run, from the classes that the JSON log is written from."""

from __future__ import annotations

import inspect
import re
import typing
from enum import StrEnum
from types import NoneType
from typing import Literal, get_args, get_origin

from msgspec import Struct

from rootless_build.model import event_data
from rootless_build.model.errors import RbuildError
from rootless_build.model.events import OutputLine
from tests.docs.attributes import meanings
from tests.docs.tables import table


def event_table() -> str:
    """Name, fields and meaning of each."""
    rows = [(f"`{name}`", _fields(kind), _said(kind)) for name, kind in event_data.NAMES.items()]
    output = event_data.of_output(OutputLine(1, "stdout", b""))
    error = event_data.of_error(RbuildError(""))
    hints = typing.get_type_hints(OutputLine)
    shown = ", ".join(_named(name, hints.get(name)) for name in output)
    rows.insert(3, (f"`{event_data.OUTPUT}`", shown, _said(event_data.of_output)))
    rows.append((f"`{event_data.ERROR}`", ", ".join(error), _said(RbuildError)))
    return table(["event", "fields", "meaning"], rows)


def _fields(kind: type) -> str:
    assert issubclass(kind, Struct)
    hints = typing.get_type_hints(kind)
    return ", ".join(_named(name, hints[name]) for name in kind.__struct_fields__)


def _named(name: str, hint: object) -> str:
    """The field, with the words that it can be where they are few."""
    inner = [each for each in get_args(hint) if each is not NoneType]
    kind = inner[0] if len(inner) == 1 else hint
    words: list[str] = []
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        words = [str(each) for each in kind]
    elif get_origin(hint) is Literal:
        words = list(get_args(hint))
    return f"{name} ({', '.join(f'`{word}`' for word in words)})" if words else name


def _said(told: object) -> str:
    """Its docstring, with what stands below the fields of a class."""
    text = inspect.getdoc(told) or ""
    below = meanings(told).items() if isinstance(told, type) else ()
    parts = [text, *(f"`{name}`: {_within(meaning)}" for name, meaning in below)]
    return re.sub(r"\bNone\b", "null", " ".join(" ".join(parts).split()))


def _within(text: str) -> str:
    """A sentence as it goes on after a colon."""
    return text[:1].lower() + text[1:]

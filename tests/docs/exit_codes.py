"""Every way to fail with its exit status, from `rootless_build.model.errors`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from rootless_build.model import errors
from rootless_build.model.errors import RbuildError
from tests.docs.tables import table


def kinds() -> Iterator[type[RbuildError]]:
    """The errors that the JSON log has a word for, by exit status."""
    of_code: dict[str, type[RbuildError]] = {}
    for name in errors.__all__:
        kind = getattr(errors, name)
        if inspect.isclass(kind) and issubclass(kind, RbuildError):
            known = of_code.get(kind.code, kind)
            # One that has the word of another above it is no other to a reader of the log.
            of_code[kind.code] = kind if issubclass(known, kind) else known
    yield from sorted(of_code.values(), key=lambda kind: (kind.exit_code, kind.code))


def summary(kind: type) -> str:
    """The first paragraph of its docstring."""
    return " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())


def error_table() -> str:
    """Status, word and meaning of each."""
    rows = [(str(kind.exit_code), f"`{kind.code}`", summary(kind)) for kind in kinds()]
    return table(["status", "code", "what happened"], rows)

"""Ignore files: which of a context's files there are for COPY."""

from __future__ import annotations

from typing import Final

from tests.reference.case import Case, scratch

ALL = scratch("COPY . /")
IGNORE: Final = (
    Case(
        "an exception with a wildcard",
        ALL,
        {"cmd/main.go": "1", "go.mod": "2", "a": "3", "cmd/sub/t.go": "4"},
        ignore="**\n!**/*.go\n!go.mod\n",
    ),
    Case("a bom", ALL, {"a": "1", "b": "2"}, ignore=b"\xef\xbb\xbfa\n"),
)

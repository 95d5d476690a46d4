"""`--format` of a listing command: columns, JSON, or a template for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from rootless_build.docker_cli.tables.columns import aligned
from rootless_build.docker_cli.templates.data import Record, Value
from rootless_build.docker_cli.templates.execution import Rules, execute
from rootless_build.docker_cli.templates.functions import FUNCTIONS, Function
from rootless_build.docker_cli.templates.parser import parse
from rootless_build.docker_cli.templates.tokens import TemplateError

_JSON: Final = "{{json .}}"
_SAME: Final = ("json", "split", "join", "title", "lower", "upper", "pad", "truncate", "println")


class Listing(Struct, frozen=True):
    """A listing command: the type of its rows in Go, the heads of their fields, its table.

    `quiet` is the template for `--quiet`, `raw` that of `--format raw`. `unread` and `unfilled` are
    docker's words before those of a template that can't be read, or not be filled in. `tried`: one
    that can't be is told where there are no rows either.
    """

    type: str
    heads: Mapping[str, str]
    table: str
    quiet: str = ""
    raw: str = ""
    unread: str = "template parsing error: "
    unfilled: str = "template parsing error: "
    tried: bool = False


def row(
    listing: Listing, fields: Mapping[str, Value], labels: Mapping[str, str] | None = None
) -> Record:
    """A row of a listing; of what has labels, `.Label NAME` gives one."""
    methods = {"Label": lambda name: labels.get(name, "")} if labels is not None else {}
    ordered = {name: fields[name] for name in sorted(fields)}
    return Record(listing.type, ordered, methods=methods, row=True)


def printed(
    listing: Listing, rows: Sequence[Record], form: str = "", *, quiet: bool = False
) -> str:
    """All that is printed. Raises TemplateError in docker's words, and UnprintableError."""
    form = form or "table"
    is_table = form.startswith("table")
    source = _source(listing, form, is_table=is_table, quiet=quiet)
    is_table = is_table and not (quiet and form.strip() == "table")
    source = source.strip(" ").replace("\\t", "\t").replace("\\n", "\n")
    # `docker ps` tries it with a row of nothing; the others only read it.
    nothing = row(listing, dict.fromkeys(listing.heads, ""), {}) if listing.tried else None
    _filled_in(listing, source, nothing)
    lines = [_filled_in(listing, source, each) for each in rows]
    if not is_table:
        return "".join(f"{line}\n" for line in lines)
    return aligned("\n".join((_head(listing, source), *lines))) + "\n"


def _source(listing: Listing, form: str, *, is_table: bool, quiet: bool) -> str:
    if form == "json":
        return _JSON
    if form == "raw" and listing.raw:
        return listing.raw
    if not is_table:
        return form
    if form.strip() == "table":
        return listing.quiet if quiet and listing.quiet else listing.table
    return form.removeprefix("table")


def _filled_in(listing: Listing, source: str, of: Record | None) -> str:
    try:
        template = parse(source, FUNCTIONS)
    except TemplateError as error:
        raise TemplateError(f"{listing.unread}{error}") from error
    try:
        return execute(template, of) if of else ""
    except TemplateError as error:
        raise TemplateError(f"{listing.unfilled}{error}") from error


def _head(listing: Listing, source: str) -> str:
    # The heads are texts: what a template does to a field's value is not done to them.
    functions = {
        **FUNCTIONS,
        **{name: Function(_first, FUNCTIONS[name].takes, FUNCTIONS[name].last) for name in _SAME},
    }
    heads: dict[str, Value] = {**listing.heads}
    methods = {"Label": lambda name: name.rpartition(".")[2]}
    data = Record("map[string]string", heads, methods=methods)
    try:
        return execute(parse(source, functions), data, Rules(functions=functions))
    except TemplateError:
        # One that rows can't be filled into has been refused before; there are none.
        return ""


def _first(values: Sequence[Value]) -> Value:
    return next((value for value in values if isinstance(value, str)), "")

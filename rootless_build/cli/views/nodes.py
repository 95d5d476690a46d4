"""What `rbuild nodes` prints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import msgspec

from rootless_build.cli.views.tables import columns, size
from rootless_build.host.nodes import Seen
from rootless_build.model.text import shown

_NONE = 'no node is configured: [nodes.NAME] in the user\'s config.toml, with url = "ssh://…"'


def as_text(seen: Sequence[Seen]) -> str:
    """One line a node, and below what is to be done where something is wrong."""
    if not seen:
        return _NONE
    rows = [
        (
            shown(each.name),
            each.platform or "?",
            f"{each.engine} {each.version}".strip() or "?",
            "?" if each.free is None else size(each.free),
            shown(each.problem) or "can build",
        )
        for each in seen
    ]
    table = columns(("node", "platform", "engine", "free", ""), rows)
    hints = [f"{shown(each.name)}: {each.hint}" for each in seen if each.problem and each.hint]
    return "\n".join([table, *hints])


def as_json(seen: Sequence[Seen]) -> str:
    """A list of objects with the fields of Seen, and whether a build can go there."""
    return json.dumps([fields(each) for each in seen], indent=2)


def fields(seen: Seen) -> Mapping[str, object]:
    """One of them, as JSON has it."""
    return {**msgspec.structs.asdict(seen), "usable": not seen.problem}

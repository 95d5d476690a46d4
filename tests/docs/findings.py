"""The findings of `rbuild doctor`, from its catalogue."""

from __future__ import annotations

from rootless_build.host.catalogue import BACKGROUND
from tests.docs.tables import table


def finding_table() -> str:
    """Each id, with what `rbuild doctor --explain ID` says."""
    rows = [(f"`{finding}`", text) for finding, text in BACKGROUND.items()]
    return table(["finding", "background"], rows)

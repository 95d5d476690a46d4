"""What a recipe front end is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from rootless_build.model.plan import Pairs

if TYPE_CHECKING:
    from rootless_build.process.sandbox.running import Sandbox


class Request(Struct, frozen=True):
    """`project` is absolute. `targets` may be empty: the recipe's default. `variables` are the
    NAME=VALUE words of the command line. `environment` is rbuild's own. `terminal`: standard
    input is one. `looking` runs the project's programs where nothing is to be built; None: they run
    as make would run them. `meanwhile` is done while make is waited for.
    """

    project: Path
    targets: tuple[str, ...]
    variables: Pairs
    environment: Mapping[str, str]
    terminal: bool
    looking: Sandbox | None = None
    meanwhile: Callable[[], object] | None = None

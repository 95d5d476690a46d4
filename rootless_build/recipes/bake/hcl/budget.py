"""How much a bake file's values may be, and how much work it is to find them out.

A file of a few hundred bytes can ask for more than any machine has: a string that is doubled forty
times, a list of lists of the same list, a function that calls another twice. buildx has no limit;
these are far above what anybody writes, and the same on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rootless_build.recipes.bake.hcl.values import Value
from rootless_build.recipes.bake.source import Place, refused

_LARGEST: Final = 100_000
"""What a value may weigh: each of its parts 1, and of a string each sixteen characters."""
_WORK: Final = 500_000
"""How many expressions may be evaluated, and parts of values be looked at."""
_CHARACTERS: Final = 16


class Budget:
    """What is left of it, for all files of a run together."""

    def __init__(self) -> None:
        self._left = _WORK
        # By id, with the value itself, so that the id stays its own.
        self._weights: dict[int, tuple[Value, int]] = {}

    def spend(self, work: int, place: Place) -> None:
        """Take away from what is left. Raises BakeError where there is too little."""
        self._left -= work
        if self._left < 0:
            raise refused(place, f"this takes more than {_WORK:,} steps to evaluate")

    def used(self, values: Sequence[Value], place: Place) -> None:
        """Values are gone through. Raises BakeError."""
        for value in values:
            self.spend(self._weight(value), place)

    def made(self, value: Value, place: Place) -> Value:
        """The value. Raises BakeError for one that is too large, or took too much."""
        weight = self._weight(value)
        if weight > _LARGEST:
            raise refused(place, "this value has more than a hundred thousand parts")
        self.spend(weight, place)
        return value

    def _weight(self, value: Value) -> int:
        if isinstance(value, str):
            return 1 + len(value) // _CHARACTERS
        if not isinstance(value, tuple | Mapping):
            return 1
        known = self._weights.get(id(value))
        if known is None:
            parts = value if isinstance(value, tuple) else (*value, *value.values())
            known = value, 1 + sum(map(self._weight, parts))
            self._weights[id(value)] = known
        return known[1]

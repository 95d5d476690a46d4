"""Choices at random that are the same each time, for cases that nobody thought of."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """The choices of one case; each number gives others."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def one(self, *choices: T) -> T:
        """One of these."""
        return self._random.choice(choices)

    def number(self, low: int, high: int) -> int:
        """One of the numbers from `low` to `high`."""
        return self._random.randint(low, high)

    def often(self, share: float) -> bool:
        """True in that share of all cases."""
        return self._random.random() < share

    def weighed(self, choices: Sequence[tuple[int, T]]) -> T:
        """One of these, each as often as its number says."""
        values = [value for _, value in choices]
        return self._random.choices(values, [weight for weight, _ in choices])[0]

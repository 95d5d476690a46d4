"""Values of options that have few."""

from __future__ import annotations

import os

from rootless_build.model.errors import UsageError
from rootless_build.model.nearest import nearest

_DIGITS = 9
"""Longer ones are no number of anything that is here."""


class Text:
    """What an option takes that has any value but an empty one: a switch's type for plumbum."""

    def __init__(self, option: str) -> None:
        self._option = option

    def __call__(self, value: str) -> str:
        """The value. Raises UsageError for an empty one."""
        if not value:
            hint = "is a variable of your shell empty?"
            raise UsageError(f"{self._option}: its value is empty", hint=hint)
        return value


class Number:
    """What an option takes that says how many."""

    def __init__(self, option: str, least: int = 0) -> None:
        self._option = option
        self._least = least

    def __call__(self, value: str) -> int:
        """The value. Raises UsageError."""
        if value.isascii() and value.isdecimal() and len(value) <= _DIGITS:
            number = int(value)
            if number >= self._least:
                return number
        raise UsageError(f"{self._option} {value}: it is a number, {self._least} or more")


class Choice:
    """What an option takes that has few values: a switch's type for plumbum."""

    def __init__(self, option: str, *values: str) -> None:
        self._option = option
        self.values = values

    def __call__(self, value: str) -> str:
        """The value. Raises UsageError, which names those there are."""
        if value in self.values:
            return value
        *others, last = self.values
        near = nearest(value.lower(), self.values)
        raise UsageError(
            f"{self._option} {value}: it is {', '.join(others)} or {last}",
            hint=f"did you mean {near}?" if near else "",
        )


class Progress(Choice):
    """What `--progress` takes, as docker's does, where that is of use here."""

    def __init__(self, option: str) -> None:
        super().__init__(option, "auto", "plain", "tty", "quiet")

    def __call__(self, value: str) -> str:
        """The value. Raises UsageError, also for a terminal that is none."""
        if value == "rawjson":
            raise UsageError(f"{self._option} rawjson: --log-format json is rbuild's")
        value = super().__call__(value)
        if value == "tty" and not os.isatty(2):
            raise UsageError(f"{self._option} tty: standard error is no terminal")
        return value

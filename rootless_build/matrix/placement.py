"""What cells need, and what places them: the interface of executors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Protocol

from msgspec import Struct


class Needs(Struct, frozen=True):
    """What a cell asks of a worker: its platform (empty for any), memory in bytes and cores, each
    of which it has for itself; 0 where nothing was said.
    """

    platform: str = ""
    memory: int = 0
    cores: int = 0


class Factory(Protocol):
    """Makes executors, whose workers have what cells need."""

    @property
    def shares_files(self) -> bool:
        """Whether the workers have the files of this machine, by the same names."""

    def where(self, needs: Needs) -> str:
        """Where a cell with these needs would be done, for a person."""

    def __call__(self, needs: Needs) -> Executor:
        """An executor for cells with these needs; it may be the same for others. Raises UsageError
        where no worker has them.
        """

    def close(self) -> None:
        """End what was started; work that goes on is stopped."""


Options = Mapping[str, str]
MakeFactory = Callable[[Options], Factory]

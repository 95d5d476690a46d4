"""Dataclasses without compiled methods are as the standard library's."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from rootless_build.model.data import dataclass as ours

DECORATORS = [ours, dataclasses.dataclass]


@ours(frozen=True, slots=True)
class Point:
    x: int
    y: int = 2
    names: list[str] = dataclasses.field(default_factory=list)


def make(decorator: Callable[..., Any], *, frozen: bool) -> Any:
    @decorator(frozen=frozen, slots=True)
    class Made:
        """Some data."""

        x: int
        y: int = 2
        names: list[str] = dataclasses.field(default_factory=list)

        @property
        def total(self) -> int:
            return self.x + self.y

    return Made


@pytest.fixture(params=DECORATORS, ids=["ours", "library"])
def decorator(request: pytest.FixtureRequest) -> Callable[..., Any]:
    chosen: Callable[..., Any] = request.param
    return chosen


def test_values_defaults_and_comparison(decorator: Callable[..., Any]) -> None:
    made = make(decorator, frozen=False)
    one = made(1, names=["a"])
    assert (one.x, one.y, one.names, one.total) == (1, 2, ["a"], 3)
    assert one == made(x=1, y=2, names=["a"])
    assert one != made(1)
    assert one != make(decorator, frozen=False)(1, 2, ["a"])
    assert repr(one).endswith("Made(x=1, y=2, names=['a'])")
    assert made(1).names is not made(1).names
    one.x = 5
    assert one.total == 7
    with pytest.raises(TypeError):
        hash(one)


@pytest.mark.parametrize(
    ("values", "named"), [((), {}), ((1, 2, [], 4), {}), ((1,), {"x": 1}), ((1,), {"z": 1})]
)
def test_wrong_values(
    decorator: Callable[..., Any], values: tuple[object, ...], named: dict[str, object]
) -> None:
    with pytest.raises(TypeError, match=r"Made|__init__"):
        make(decorator, frozen=True)(*values, **named)


def test_frozen(decorator: Callable[..., Any]) -> None:
    one = make(decorator, frozen=True)(1, names=())
    assert hash(one) == hash(dataclasses.replace(one))
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.x = 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        del one.x
    with pytest.raises((AttributeError, TypeError)):
        one.other = 3
    assert dataclasses.asdict(one) == {"x": 1, "y": 2, "names": ()}
    assert type(one).__match_args__ == ("x", "y", "names")


def test_copies() -> None:
    point = Point(1, names=["a"])
    assert pickle.loads(pickle.dumps(point)) == point
    twin = copy.deepcopy(point)
    assert twin == point
    assert twin.names is not point.names


def test_own_methods_stay() -> None:
    @ours(frozen=True)
    class Secret:
        value: str

        def __post_init__(self) -> None:
            if not self.value:
                message = "empty"
                raise ValueError(message)

        def __repr__(self) -> str:
            return "***"

    assert repr(Secret("x")) == "***"
    with pytest.raises(ValueError, match="empty"):
        Secret("")

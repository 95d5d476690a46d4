"""`dataclass`, as the standard library's, for modules that every run imports.

The library writes and compiles the methods of each class anew, 0.5 ms a class with Python 3.11: a
quarter of the time of a run that has nothing to do. Here all classes share them. To mypy it is the
library's own, and the library's functions take these classes for dataclasses. It knows
`default` and `default_factory` of `field`; a class that needs more of it uses the library's.
"""

from __future__ import annotations

import dataclasses
import reprlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - exported

T = TypeVar("T")
_set = object.__setattr__


def _made(cls: type[T], *, frozen: bool, slots: bool) -> type[T]:
    # Without one, the library writes the signature there.
    cls.__doc__ = cls.__doc__ or cls.__name__
    own = vars(cls).keys()
    made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(cls)
    methods: dict[str, object] = {
        "__init__": _initialiser(made),
        "__repr__": _repr,
        "__eq__": _equal,
        "__hash__": _hash if frozen else None,
        "__reduce__": _reduce,
    }
    if frozen:
        methods |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
    for name in methods.keys() - own:
        setattr(made, name, methods[name])
    return made


def _initialiser(cls: type) -> Callable[..., None]:
    given = [field for field in dataclasses.fields(cls) if field.init]
    names = tuple(field.name for field in given)
    known = frozenset(names)
    defaults = {f.name: f.default for f in given if f.default is not dataclasses.MISSING}
    factories = tuple(
        (f.name, f.default_factory) for f in given if f.default_factory is not dataclasses.MISSING
    )
    required = known - defaults.keys() - {name for name, _ in factories}
    after: Callable[[object], None] | None = getattr(cls, "__post_init__", None)

    def initialise(self: object, /, *values: object, **named: object) -> None:
        by_place = dict(zip(names, values, strict=False))
        chosen = {**defaults, **by_place, **named}
        if len(values) > len(names) or named.keys() & by_place.keys() or chosen.keys() - known:
            raise TypeError(f"{cls.__name__}({', '.join(names)}): given {values!r} and {named!r}")
        if not required <= chosen.keys():
            raise TypeError(f"{cls.__name__} needs {', '.join(sorted(required - chosen.keys()))}")
        for name, factory in factories:
            if name not in chosen:
                chosen[name] = factory()
        for name, value in chosen.items():
            _set(self, name, value)
        if after is not None:
            after(self)

    return initialise


def _values(item: object) -> tuple[object, ...]:
    return tuple(getattr(item, name) for name in item.__match_args__)  # type: ignore[attr-defined]


@reprlib.recursive_repr()
def _repr(self: object) -> str:
    pairs = zip(self.__match_args__, _values(self), strict=True)  # type: ignore[attr-defined]
    return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in pairs)})"


def _equal(self: object, other: object) -> bool:
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def _hash(self: object) -> int:
    return hash(_values(self))


def _reduce(self: object) -> tuple[type, tuple[object, ...]]:
    return type(self), _values(self)


def _refuse_to_set(_self: object, name: str, _value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


if not TYPE_CHECKING:

    def dataclass(cls=None, /, *, frozen=False, slots=False):
        """Make a dataclass: every field is compared, shown, and taken by `__init__` in order."""
        if cls is None:
            return lambda cls: _made(cls, frozen=frozen, slots=slots)
        return _made(cls, frozen=frozen, slots=slots)

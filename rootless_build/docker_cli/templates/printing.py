"""Values as text: Go's package fmt, as far as what docker prints is made of."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from rootless_build.docker_cli.templates.data import (
    MISSING,
    Address,
    Missing,
    NoList,
    NoMap,
    Number,
    Record,
    Value,
    type_of,
)
from rootless_build.docker_cli.templates.tokens import quoted


class UnprintableError(Exception):
    """A value that Go prints and rbuild does not: all of a struct, most of whose fields are its
    own affair. It is refused, never printed otherwise.
    """


def shown(value: Value) -> str:
    """A value as `{{…}}` prints it, and %v. Raises UnprintableError."""
    if value is None or isinstance(value, bool | Missing):
        return _WORDS[value]
    match value:
        case float():
            return _shortest(value)
        case list() | NoList():
            return f"[{' '.join(map(_inside, value if isinstance(value, list) else []))}]"
        case dict() | NoMap():
            known = value if isinstance(value, dict) else {}
            return f"map[{' '.join(f'{key}:{_inside(known[key])}' for key in sorted(known))}]"
        case Record():
            return _record(value)
        case _:
            return value.text if isinstance(value, Number) else str(value)


_WORDS: Final = {None: "<nil>", MISSING: "<no value>", True: "true", False: "false"}


def _inside(value: Value) -> str:
    return "<nil>" if isinstance(value, Missing) else shown(value)


def _record(value: Record) -> str:
    if (
        value.row
        or value.left_out
        or any(isinstance(each, Record) for each in value.fields.values())
    ):
        raise UnprintableError(f"all of {value.type} at once is not printed here: name its fields")
    return f"{{{' '.join(map(_inside, value.fields.values()))}}}"


def spaced(values: Sequence[Value]) -> str:
    """fmt.Sprint: a space between two operands neither of which is a string."""
    text = ""
    for before, value in zip((None, *values), values, strict=False):
        plain = not isinstance(before, str) and not isinstance(value, str)
        text += f" {shown(value)}" if text and plain else shown(value)
    return text


def lined(values: Sequence[Value]) -> str:
    """fmt.Sprintln."""
    return " ".join(map(_inside, values)) + "\n"


def _shortest(value: float) -> str:
    """strconv.FormatFloat with the least precision that is exact, as %v has it."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    digits = next(text for n in range(17) if float(text := f"{value:.{n}e}") == value)
    mantissa, _, power = digits.partition("e")
    exponent = int(power)
    if -4 <= exponent < 21:
        places = max(0, len(mantissa.lstrip("-").replace(".", "")) - 1 - exponent)
        return f"{value:.{places}f}"
    return f"{mantissa}e{exponent:+03d}"


class _Verb(Struct, frozen=True):
    """A verb of a format, with its flags; `precision` and `width` are None where not given."""

    letter: str
    flags: str = ""
    width: int | None = None
    precision: int | None = None


_VERB: Final = re.compile(
    r"%(?P<flags>[-+# 0]*)(?P<width>\*|\d+)?(?:\.(?P<precision>\*|\d+)?(?P<dot>))?(?P<letter>.)?",
    re.DOTALL,
)


def formatted(format_: str, values: Sequence[Value]) -> str:
    """fmt.Sprintf. What fits no verb is told in the text, as Go does."""
    return _Formatting(list(values)).text(format_)


class _Formatting:
    """The operands of one format, taken one by one."""

    def __init__(self, values: list[Value]) -> None:
        self._values = values

    def text(self, format_: str) -> str:
        """The whole of it."""
        text = _VERB.sub(self._replaced, format_)
        if not self._values:
            return text
        return text + f"%!(EXTRA {', '.join(_described(each) for each in self._values)})"

    def _replaced(self, found: re.Match[str]) -> str:
        width = self._number(found["width"])
        precision = self._number(found["precision"]) if found["dot"] is not None else None
        if found["dot"] is not None and precision is None:
            precision = 0
        letter, flags = found["letter"], found["flags"]
        if letter is None:
            return "%!(NOVERB)"
        if letter == "%":
            return "%"
        if not self._values:
            return f"%!{letter}(MISSING)"
        if width is not None and width < 0:
            flags, width = f"{flags}-", -width
        return one(self._values.pop(0), _Verb(letter, flags, width, precision))

    def _number(self, written: str | None) -> int | None:
        if written != "*":
            return int(written) if written else None
        value = self._values.pop(0) if self._values else None
        return value if isinstance(value, int) else None


def _described(value: Value) -> str:
    text = _inside(value)
    return text if text == "<nil>" else f"{type_of(value)}={text}"


def one(value: Value, verb: _Verb) -> str:
    """A value by a verb."""
    if verb.letter in "Tv":
        return _padded(type_of(value) if verb.letter == "T" else _by_v(value, verb), verb)
    match value:
        case list():
            return f"[{' '.join(one(each, verb) for each in value)}]"
        case dict():
            pairs = (f"{one(key, verb)}:{one(value[key], verb)}" for key in sorted(value))
            return f"map[{' '.join(pairs)}]"
        case NoList() | NoMap():
            return shown(value)
        case _:
            text = _scalar(value, verb)
    return f"%!{verb.letter}({_described(value)})" if text is None else text


def _by_v(value: Value, verb: _Verb) -> str:
    if "#" not in verb.flags:
        return _inside(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list | dict | Record | NoList | NoMap):
        raise UnprintableError(f"%#v of {type_of(value)} is not printed here")
    return _inside(value)


def _scalar(value: Value, verb: _Verb) -> str | None:
    """A value that has no others in it; None where the verb is not for its type."""
    match value:
        case bool():
            return _padded(shown(value), verb) if verb.letter == "t" else None
        case int():
            return _whole(value, verb)
        case float():
            return _real(value, verb)
        case Number() | Address() | str():
            return _string(str(value) if isinstance(value, str) else shown(value), verb)
        case _:
            return None


def _string(text: str, verb: _Verb) -> str | None:
    if verb.letter in "sq" and verb.precision is not None:
        text = text[: verb.precision]
    match verb.letter:
        case "s":
            return _padded(text, verb)
        case "q":
            return _padded(quoted(text), verb)
        case "x" | "X":
            return _padded(format_hexadecimal(text, verb.letter), verb)
        case _:
            return None


def format_hexadecimal(text: str, letter: str) -> str:
    """The bytes of a text in hexadecimal digits."""
    digits = text.encode(errors="surrogateescape").hex()
    return digits.upper() if letter == "X" else digits


_BASES: Final[dict[str, Callable[[int], str]]] = {
    "d": str,
    "b": "{:b}".format,
    "o": "{:o}".format,
    "O": "0o{:o}".format,
    "x": "{:x}".format,
    "X": "{:X}".format,
}
_PREFIXES: Final = {"x": "0x", "X": "0X", "o": "0", "b": "0b"}


def _whole(value: int, verb: _Verb) -> str | None:
    if verb.letter == "c":
        return _padded(chr(value), verb)
    if verb.letter == "q":
        return _padded(f"'{chr(value)}'", verb)
    if verb.letter == "U":
        return _padded(f"U+{value:04X}", verb)
    if verb.letter not in _BASES:
        return None
    digits = _BASES[verb.letter](abs(value)).rjust(verb.precision or 0, "0")
    prefix = _PREFIXES.get(verb.letter, "") if "#" in verb.flags else ""
    return _signed(value < 0, prefix + digits, verb)


def _real(value: float, verb: _Verb) -> str | None:
    if verb.letter not in "eEfFgG":
        return None
    if verb.letter in "gG" and verb.precision is None:
        digits = _shortest(abs(value))
    else:
        precision = 6 if verb.precision is None else verb.precision
        digits = f"{abs(value):.{precision}{verb.letter}}"
    return _signed(value < 0, digits, verb)


def _signed(negative: bool, digits: str, verb: _Verb) -> str:
    sign = "-" if negative else "+" if "+" in verb.flags else " " if " " in verb.flags else ""
    if "0" in verb.flags and "-" not in verb.flags and verb.width:
        digits = digits.rjust(verb.width - len(sign), "0")
    return _padded(sign + digits, verb)


def _padded(text: str, verb: _Verb) -> str:
    width = verb.width or 0
    return text.ljust(width) if "-" in verb.flags else text.rjust(width)

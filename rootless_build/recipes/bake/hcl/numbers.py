"""Numbers as HCL has them: 512 bits of precision, rounded to the nearest, halves to the even.

cty (github.com/zclconf/go-cty) counts with Go's big.Float, and so does this; the texts are those
that buildx 0.30 prints. A value of which cty knows fewer bits (the result of `pow` or `log`, a
variable of the environment) counts here as the decimal number that it is printed as.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Final

Number = int | Fraction | float
"""A whole number, or another one; a float is one that neither can be: -0, or an infinity."""

INFINITY: Final = math.inf
_NEGATIVE_ZERO: Final = -0.0
_BITS: Final = 512
_FARTHEST: Final = 1400
"""Exponents of ten, and digits, that are more than anybody writes and less than a machine minds."""
_FARTHEST_BITS: Final = 5000
"""Exponents of two that are more than anybody writes and less than a machine minds."""
_WRITTEN: Final = re.compile(
    r"(?P<sign>[+-]?)(?:(?P<infinite>[Ii]nf)|(?P<digits>[0-9]+\.?[0-9]*|\.[0-9]+)"
    r"(?:(?P<base>[eEpP])(?P<exponent>[+-]?[0-9]{1,18}))?)"
)


class NumberError(ValueError):
    """There is no such number; the text says why."""


def parse(text: str) -> Number:
    """A number as it is written. Raises NumberError."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise NumberError(f"{text!r} is no number")
    if found["infinite"]:
        return -INFINITY if found["sign"] == "-" else INFINITY
    whole, _, rest = found["digits"].partition(".")
    exponent = int(found["exponent"] or 0)
    if abs(exponent) > _FARTHEST or len(rest) > _FARTHEST or len(whole) > _FARTHEST:
        raise NumberError(f"{text!r} is too far from 0, or from 1")
    base = 2 if found["base"] in {"p", "P"} else 10
    value = Fraction(int(whole + rest or "0"), 10 ** len(rest)) * Fraction(base) ** exponent
    made = rounded(value)
    return negated(made) if found["sign"] == "-" else made


def from_float(value: float) -> Number:
    """A number of 64 bits, as the decimal number that it is printed as. Raises NumberError."""
    if math.isnan(value):
        raise NumberError("that is no number")
    if math.isinf(value) or (value == 0 and math.copysign(1, value) < 0):
        return value
    return rounded(Fraction(repr(value)))


def rounded(value: Fraction | int) -> int | Fraction:
    """The nearest number with as many bits as there are; whole ones are int. Raises NumberError."""
    if isinstance(value, int) and value.bit_length() <= _BITS:
        return value
    mantissa, exponent = _mantissa(Fraction(value))
    if abs(exponent) > _FARTHEST_BITS:
        raise NumberError("the number is too large, or too near to 0")
    return _plain(Fraction(mantissa) * Fraction(2) ** exponent)


def _plain(value: Fraction) -> int | Fraction:
    return value.numerator if value.denominator == 1 else value


def _mantissa(value: Fraction) -> tuple[int, int]:
    """The value as MANTISSA * 2 ** EXPONENT, with a mantissa of all bits, rounded."""
    if value == 0:
        return 0, 0
    top, bottom = abs(value.numerator), value.denominator
    shift = _BITS - (top.bit_length() - bottom.bit_length())
    while True:
        over, under = (top << shift, bottom) if shift >= 0 else (top, bottom << -shift)
        mantissa, rest = divmod(over, under)
        if mantissa.bit_length() == _BITS:
            break
        shift += 1 if mantissa.bit_length() < _BITS else -1
    if rest * 2 > under or (rest * 2 == under and mantissa % 2):
        mantissa += 1
        if mantissa.bit_length() > _BITS:
            mantissa, shift = mantissa >> 1, shift - 1
    return (-mantissa if value < 0 else mantissa), -shift


# --- arithmetic ---------------------------------------------------------------------------------


def _is_negative(value: Number) -> bool:
    return math.copysign(1, value) < 0 if isinstance(value, float) else value < 0


def _is_infinite(value: Number) -> bool:
    return isinstance(value, float) and math.isinf(value)


def _exact(value: Number) -> int | Fraction:
    return 0 if isinstance(value, float) else value


def negated(value: Number) -> Number:
    """The number with the other sign; 0 has one too."""
    if isinstance(value, float):
        return 0 if value == 0 else -value
    return _NEGATIVE_ZERO if value == 0 else -value


def added(left: Number, right: Number) -> Number:
    """The sum. Raises NumberError."""
    if _is_infinite(left) or _is_infinite(right):
        if _is_infinite(left) and _is_infinite(right) and left != right:
            raise NumberError("infinities of different signs have no sum")
        return left if _is_infinite(left) else right
    if left == 0 and right == 0 and _is_negative(left) and _is_negative(right):
        return left
    return rounded(_exact(left) + _exact(right))


def subtracted(left: Number, right: Number) -> Number:
    """The difference. Raises NumberError."""
    return added(left, negated(right))


def multiplied(left: Number, right: Number) -> Number:
    """The product. Raises NumberError."""
    negative = _is_negative(left) != _is_negative(right)
    if _is_infinite(left) or _is_infinite(right):
        if left == 0 or right == 0:
            raise NumberError("0 and an infinity have no product")
        return -INFINITY if negative else INFINITY
    made = rounded(_exact(left) * _exact(right))
    return _NEGATIVE_ZERO if made == 0 and negative else made


def divided(left: Number, right: Number) -> Number:
    """The quotient; what is divided by 0 is infinite. Raises NumberError."""
    negative = _is_negative(left) != _is_negative(right)
    if (left == 0 and right == 0) or (_is_infinite(left) and _is_infinite(right)):
        raise NumberError("0 by 0, or an infinity by another, has no quotient")
    if _is_infinite(left) or right == 0:
        return -INFINITY if negative else INFINITY
    if _is_infinite(right) or left == 0:
        return _NEGATIVE_ZERO if negative else 0
    return rounded(Fraction(_exact(left)) / _exact(right))


def remainder(left: Number, right: Number) -> Number:
    """What is left over, with the sign of `left`; all, where it is by 0. Raises NumberError."""
    if _is_infinite(left) or _is_infinite(right):
        raise NumberError("an infinity leaves no remainder")
    if right == 0:
        return left
    times = divided(left, right)
    return subtracted(left, multiplied(right, truncated(times)))


def truncated(value: Number) -> Number:
    """The whole number towards 0."""
    if isinstance(value, float):
        return value if math.isinf(value) else 0
    return math.trunc(value)


# --- text ---------------------------------------------------------------------------------------


def text(value: Number) -> str:
    """The number with all its digits, and as few as tell it from its neighbours."""
    if isinstance(value, int) and value.bit_length() <= _BITS:
        return str(value)
    if isinstance(value, float):
        return _special(value)
    digits, point = _digits(value)
    sign = "-" if value < 0 else ""
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if len(digits) <= point:
        return sign + digits + "0" * (point - len(digits))
    return f"{sign}{digits[:point]}.{digits[point:]}"


def short_text(value: Number) -> str:
    """The number as the verbs %v and %g of `format` have it: with an exponent from 1e+06 on."""
    if isinstance(value, float):
        return _special(value)
    if value == 0:
        return "0"
    digits, point = _digits(value)
    exponent = point - 1
    if -4 <= exponent < 6:
        return text(value)
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    sign = "-" if value < 0 else ""
    return f"{sign}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02}"


def _special(value: float) -> str:
    if value == 0:
        return "-0"
    return "+Inf" if value > 0 else "-Inf"


def _digits(value: Fraction | int) -> tuple[str, int]:
    """The fewest decimal digits that are nearest to this value, and where the point is.

    They lie between the halves of the way to both neighbours, as Go finds them.
    """
    mantissa, exponent = _mantissa(abs(Fraction(value)))
    exact, point = _decimal(mantissa * 2, exponent - 1)
    lower, _ = _decimal(mantissa * 2 - 1, exponent - 1)
    upper, _ = _decimal(mantissa * 2 + 1, exponent - 1)
    inclusive = mantissa % 2 == 0
    for i, digit in enumerate(exact):
        below = lower[i] if i < len(lower) else "0"
        above = upper[i] if i < len(upper) else "0"
        down = below != digit or (inclusive and i + 1 == len(lower))
        up = digit != above and (inclusive or int(digit) + 1 < int(above) or i + 1 < len(upper))
        if down and up:
            return _cut(exact, point, i + 1, up=_rounds_up(exact, i + 1))
        if down or up:
            return _cut(exact, point, i + 1, up=up)
    return exact, point


def _decimal(mantissa: int, exponent: int) -> tuple[str, int]:
    shifted = mantissa << exponent if exponent >= 0 else mantissa * 5**-exponent
    digits = str(shifted)
    return digits.rstrip("0"), len(digits) + min(exponent, 0)


def _rounds_up(digits: str, count: int) -> bool:
    if count >= len(digits):
        return False
    if digits[count] == "5" and count + 1 == len(digits):
        return count > 0 and int(digits[count - 1]) % 2 == 1
    return digits[count] >= "5"


def _cut(digits: str, point: int, count: int, *, up: bool) -> tuple[str, int]:
    kept = digits[:count]
    if up:
        raised = str(int(kept) + 1)
        point += len(raised) - len(kept)
        kept = raised
    return kept.rstrip("0"), point

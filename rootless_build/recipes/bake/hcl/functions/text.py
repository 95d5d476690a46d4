"""Functions of strings (go-cty's function/stdlib: string.go, format.go, regexp.go)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import islice
from typing import Final

from rootless_build.recipes.bake.hcl.functions.function import (
    LONGEST,
    MOST,
    ArgumentError,
    Function,
    function,
    within,
)
from rootless_build.recipes.bake.hcl.functions.patterns import compiled, limited
from rootless_build.recipes.bake.hcl.numbers import Number, short_text
from rootless_build.recipes.bake.hcl.values import (
    Value,
    ValueTypeError,
    to_bool,
    to_json,
    to_number,
    to_text,
    to_whole,
)

_FLOAT_DIGITS: Final = 15
_WIDEST: Final = 4
"""Digits of a width or a precision."""
_VERB: Final = re.compile(
    r"%(?P<flags>[-+# 0]*)(?P<width>\d+)?(?:\.(?P<precision>\d+))?"
    r"(?:\[(?P<index>\d+)\])?(?P<verb>.?)",
    re.DOTALL,
)
_GROUP: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+)|\$)")


def formatted(pattern: str, *arguments: Value) -> str:
    """Text by a pattern with `%s`, `%d`, `%v`, `%q`, `%t`, `%f`, `%x` and their like."""
    waiting = iter(enumerate(arguments))
    used: set[int] = set()

    def replaced(found: re.Match[str]) -> str:
        verb = found["verb"]
        if verb == "%":
            return "%"
        number = int(found["index"]) - 1 if found["index"] else next(waiting, (-1, None))[0]
        if not 0 <= number < len(arguments):
            raise ArgumentError(f"the pattern has more verbs than there are arguments: {found[0]}")
        used.add(number)
        return _one(found, arguments[number])

    made = _VERB.sub(replaced, pattern)
    if len(used) < len(arguments):
        raise ArgumentError("there are more arguments than the pattern has verbs")
    return made


def _one(found: re.Match[str], value: Value) -> str:  # noqa: PLR0911 - one for each verb
    verb, flags = found["verb"], found["flags"]
    width, precision = found["width"] or "", found["precision"]
    if len(width) > _WIDEST or len(precision or "") > _WIDEST:
        raise ArgumentError(f"{found[0]} is wider than anything")
    dotted = f".{precision}" if precision is not None else ""
    try:
        if verb in "sqv":
            text = _text(verb, value, int(precision or 0) or None, sharp="#" in flags)
            return _padded(text, flags, int(width or 0))
        if verb == "t":
            return f"%{flags}{width}s" % to_text(to_bool(value))
        if verb == "o" and "#" in flags:
            raise ArgumentError(f"the verb {found[0]} is not known here")
        if verb in "dxXo":
            return f"%{flags}{width}{verb}" % to_whole(value)
        if verb == "b":
            return f"%{flags}{width}s" % format(to_whole(value), "b")
        if verb in "gG" and precision is None:
            short = short_text(to_number(value))
            return f"%{flags}{width}s" % (short.upper() if verb == "G" else short)
        if verb in "fF":
            places = 6 if precision is None else int(precision)
            return _signed(_fixed(to_number(value), places), flags, int(width or 0))
        if verb in "eEgG":
            if int(precision or 0) > _FLOAT_DIGITS:
                raise ArgumentError(f"the verb {found[0]} wants more digits than are counted here")
            return f"%{flags}{width}{dotted}{verb}" % float(to_number(value))
    except ValueTypeError as error:
        raise ArgumentError(f"{found[0]}: {error}") from error
    raise ArgumentError(f"the verb {found[0]} is not known here")


def _fixed(number: Number, places: int) -> str:
    if isinstance(number, float):
        return f"{number:.{places}f}"
    digits = str(abs(round(Fraction(number) * 10**places))).rjust(places + 1, "0")
    sign = "-" if number < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else sign + digits


def _signed(text: str, flags: str, width: int) -> str:
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    sign = sign or ("+" if "+" in flags else " " if " " in flags else "")
    if "0" in flags and "-" not in flags:
        digits = digits.rjust(width - len(sign), "0")
    return _padded(sign + digits, flags.replace("0", ""), width)


def _padded(text: str, flags: str, width: int) -> str:
    fill = "0" if "0" in flags else " "
    return text.ljust(width, fill) if "-" in flags else text.rjust(width, fill)


def _text(verb: str, value: Value, length: int | None, *, sharp: bool) -> str:
    if verb == "q":
        return to_json(to_text(value)[:length])
    if verb == "s":
        return to_text(value)[:length]
    if isinstance(value, str) and not sharp:
        return value
    if isinstance(value, Number) and not isinstance(value, bool) and not sharp:
        return short_text(value)
    return to_json(value)


def _formatted_list(pattern: str, *arguments: Value) -> Value:
    sizes = {len(a) for a in arguments if isinstance(a, tuple)}
    if len(sizes) > 1:
        raise ArgumentError("the lists are not of one length")
    count = sizes.pop() if sizes else 1
    longest = max((len(str(a)) for a in arguments if not isinstance(a, tuple)), default=0)
    within(count * (len(pattern) + longest), LONGEST)
    return tuple(
        formatted(pattern, *(a[i] if isinstance(a, tuple) else a for a in arguments))
        for i in range(count)
    )


def _captured(found: re.Match[str]) -> Value:
    if found.re.groupindex:
        return dict(found.groupdict())
    return tuple(found.groups()) if found.re.groups else found[0]


def _regex(pattern: str, text: str) -> Value:
    with limited(pattern):
        found = compiled(pattern).search(text)
    if found is None:
        raise ArgumentError(f"the pattern {pattern!r} is nowhere in {text!r}")
    return _captured(found)


def _regex_replace(text: str, pattern: str, replacement: str) -> str:
    found_by = compiled(pattern)

    def replaced(found: re.Match[str]) -> str:
        def group(reference: re.Match[str]) -> str:
            name = reference[1] or reference[2]
            if name is None:
                return "$"
            # A group that there is not is empty.
            if name.isdecimal():
                return (found[int(name)] or "") if int(name) <= found_by.groups else ""
            return (found[name] or "") if name in found_by.groupindex else ""

        return _GROUP.sub(group, replacement)

    with limited(pattern):
        count = sum(1 for _ in found_by.finditer(text))
        within(count * len(replacement) * (1 + len(text) // 100), 100 * LONGEST)
        return found_by.sub(replaced, text)


def _cased(change: Callable[[str], str]) -> Function:
    """Letter by letter, as Go has it: one stays one."""

    def run(text: str) -> str:
        return "".join(change(c) if len(change(c)) == 1 else c for c in text)

    return function("string", run)


def _title(text: str) -> str:
    return re.sub(r"(?<!\w)\w", lambda found: found[0].title(), text)


def _substring(text: str, start: int, length: int) -> str:
    first = start + (len(text) if start < 0 else 0)
    return text[first:] if length < 0 else text[first : first + length]


def _indent(width: int, text: str) -> str:
    within(width * text.count("\n"), LONGEST)
    return text.replace("\n", "\n" + " " * width)


def _joined(separator: str, *lists: tuple[Value, ...]) -> str:
    within(len(separator) * sum(map(len, lists)), LONGEST)
    return separator.join(to_text(item) for items in lists for item in items)


def _dirname(path: str) -> str:
    return posixpath.normpath(path.rpartition("/")[0] or ("/" if path[:1] == "/" else "."))


def _basename(path: str) -> str:
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


def _all_of(pattern: str, text: str) -> Value:
    with limited(pattern):
        found = list(islice(compiled(pattern).finditer(text), MOST + 1))
    within(len(found))
    return tuple(map(_captured, found))


def _replaced(text: str, old: str, new: str) -> str:
    within(text.count(old) * len(new), LONGEST)
    return text.replace(old, new)


FUNCTIONS: Final[Mapping[str, Function]] = {
    "basename": function("string", _basename),
    "chomp": function("string", lambda text: re.sub(r"[\r\n]+\Z", "", text)),
    "dirname": function("string", _dirname),
    "format": function("string any...", formatted),
    "formatlist": function("string any...", _formatted_list),
    "indent": function("whole string", _indent),
    "join": function("string list...", _joined),
    "lower": _cased(str.lower),
    "regex": function("string string", _regex),
    "regex_replace": function("string string string", _regex_replace),
    "regexall": function("string string", _all_of),
    "replace": function("string string string", _replaced),
    "reverse": function("string", lambda text: text[::-1]),
    "sanitize": function("string", lambda text: re.sub(r"[^a-zA-Z0-9_-]", "_", text)),
    "split": function("string string", lambda by, t: tuple(t.split(by) if by else t)),
    "strlen": function("string", len),
    "substr": function("string whole whole", _substring),
    "title": function("string", _title),
    "trim": function("string string", lambda text, chars: text.strip(chars) if chars else text),
    "trimprefix": function("string string", str.removeprefix),
    "trimspace": function("string", str.strip),
    "trimsuffix": function("string string", str.removesuffix),
    "upper": _cased(str.upper),
}

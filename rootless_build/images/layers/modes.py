"""`--chmod`: octal, or symbolic as chmod(1) and BSD's setmode(3) have it."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from rootless_build.images.layers.problems import RefusedError

_OCTAL: Final = re.compile("[0-7]+")
_CLAUSE: Final = re.compile(r"(?P<who>[augo]*)(?P<actions>(?:[-+=][rwxXstugo]*)+)")
_ACTION: Final = re.compile(r"([-+=])([rwxXstugo]*)")
_SET_ID: Final = {"u": stat.S_ISUID, "g": stat.S_ISGID, "o": 0}
_SHIFTS: Final = {"u": 6, "g": 3, "o": 0}
_STANDARD: Final = 0o6777
_LETTERS: Final = {"r": 0o444, "w": 0o222, "x": 0o111, "s": 0o6000}


class _Change(Struct, frozen=True):
    """One thing that is done to a mode.

    `how` is `+` or `-` for `bits`, `X` for `bits` where it may be executed already or is a
    directory; `u`, `g` or `o` copies those bits to the places of `whom`, as `action` says.
    """

    how: str
    bits: int = 0
    action: str = ""
    whom: str = ""


class Modes(Struct, frozen=True):
    """What `--chmod` says. `octal` is None for a symbolic one."""

    octal: int | None
    changes: tuple[_Change, ...] = ()

    def of(self, mode: int) -> int:
        """The mode, with its type, of a file that had `mode`."""
        if self.octal is not None:
            return stat.S_IFMT(mode) | self.octal
        made = mode & 0o7777
        for change in self.changes:
            made = _changed(change, made, mode)
        return stat.S_IFMT(mode) | made

    @property
    def of_parents(self) -> int:
        """The mode of directories that the copying makes: dockerd's umask takes bits of an octal
        one.
        """
        return 0o755 if self.octal is None else self.octal & 0o755


def parsed(text: str) -> Modes | None:
    """What `--chmod` says, None for nothing. Raises RefusedError."""
    if not text:
        return None
    if _OCTAL.fullmatch(text) and int(text, 8) <= 0o7777:
        return Modes(int(text, 8))
    clauses = [_CLAUSE.fullmatch(clause) for clause in text.split(",")]
    if not all(clauses):
        message = f"--chmod={text} is neither an octal mode up to 7777 nor a symbolic one"
        raise RefusedError(message)
    changes = [
        change
        for clause in clauses
        if clause is not None
        for change in _clause(clause["who"], clause["actions"])
    ]
    return Modes(None, tuple(changes))


def _clause(whom: str, actions: str) -> Iterator[_Change]:
    everybody = "".join(dict.fromkeys(whom.replace("a", "ugo")))
    places = sum(0o7 << _SHIFTS[one] | _SET_ID[one] for one in everybody)
    for action, letters in _ACTION.findall(actions):
        # The sticky bit is asked for anew by each action.
        yield from _action(action, letters, everybody, places)


def _action(action: str, letters: str, whom: str, places: int) -> Iterator[_Change]:
    bits = searching = 0
    cleared = False
    for letter in letters:
        if letter in _SHIFTS:
            if bits:
                yield from _set(action, bits, places)
            if searching:
                yield _Change("X", _limited(searching, places))
            cleared = cleared or action == "="
            yield _Change(letter, action=action, whom=whom or "ugo")
            bits = searching = 0
        elif letter == "X" and action != "-":
            searching = 0o111
        elif letter in "xX":
            bits |= 0o111
        elif letter == "t":
            if not whom or places & ~0o7:
                places |= stat.S_ISVTX  # of nobody in particular, this is all that is set
                bits |= stat.S_ISVTX
        elif letter != "s" or not whom or places & ~0o7:
            bits |= _LETTERS[letter]
    if bits or (action == "=" and not cleared):
        yield from _set(action, bits, places)
    if searching:
        yield _Change("X", _limited(searching, places))


def _set(action: str, bits: int, places: int) -> Iterator[_Change]:
    if action == "=":
        yield _Change("-", places or _STANDARD)
    yield _Change("+" if action == "=" else action, _limited(bits, places))


def _limited(bits: int, places: int) -> int:
    return bits & places if places else bits


def _changed(change: _Change, made: int, before: int) -> int:
    if change.how == "+":
        return made | change.bits
    if change.how == "-":
        return made & ~change.bits
    if change.how == "X":
        searched = before & 0o111 or stat.S_ISDIR(before)
        return made | change.bits if searched else made
    value = made >> _SHIFTS[change.how] & 0o7
    for one in change.whom:
        if change.action in "-=":
            made &= ~((0o7 if change.action == "=" else value) << _SHIFTS[one])
        if change.action in "+=":
            made |= value << _SHIFTS[one]
    return made

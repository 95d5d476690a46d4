"""The words of a docker command line become a row of `commands` with its flags and operands.

Source of the rules: github.com/spf13/pflag and cobra, and what docker 29.1 prints.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from rootless_build.docker_cli import usage
from rootless_build.docker_cli.commands import REFUSED_GROUPS, Named, find, group_of
from rootless_build.docker_cli.row import Flag, Flags, Row, Way
from rootless_build.docker_cli.told import Told
from rootless_build.model.go import parse_bool
from rootless_build.model.socket_mounts import OWN_HOSTS

BAD_FLAG: Final = 125
OWN_CONTEXT: Final = "default"
"""Of the daemon in whose place rbuild is."""
_GLOBAL: Final = Row(
    "",
    "[OPTIONS] COMMAND [ARG...]",
    (0, None),
    Way.ANSWERED,
    flags=(
        "config=string c/context=string D/debug H/host=string l/log-level=string tls "
        "tlscacert=string tlscert=string tlskey=string tlsverify v/version"
    ),
    ends_at_first=True,
)
_LEVELS: Final = frozenset({"debug", "info", "warn", "warning", "error", "fatal", "panic", "trace"})
_WHOLE: Final = re.compile(r"[+-]?\d+|0[xX][0-9a-fA-F]+")
_HELP: Final = Flag("help", "h")


class Given(Struct, frozen=True):
    """A command with what it was given.

    `shown` is the command as docker's messages have it. `rest` are the words after its name as
    they came; those of a step are read by what plans it.
    """

    row: Row
    shown: str
    rest: tuple[str, ...]
    flags: Mapping[str, tuple[str, ...]] = {}
    operands: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        """Whether a flag that takes nothing is on."""
        return self.value(name) == "true"

    def value(self, name: str) -> str | None:
        """What a flag was given last; None where it was not."""
        values = self.flags.get(name)
        return values[-1] if values else None

    def values(self, name: str) -> tuple[str, ...]:
        """All that a flag was given."""
        return self.flags.get(name, ())


class _MisuseError(Exception):
    """A command line that docker refuses; `told` is what it prints."""

    def __init__(self, told: Told) -> None:
        super().__init__(told.err)
        self.told = told


def read(words: Sequence[str]) -> Given | Told:
    """The command that a command line is, or what docker prints where it is none.

    Flags and operands of a step are not looked at.
    """
    try:
        given, rest = _flags(words, _GLOBAL, "docker")
        asked = _check_global(given, rest)
        return asked or _read(rest)
    except _MisuseError as error:
        return error.told


def misuse(words: Sequence[str]) -> Told | None:
    """What docker prints of a step's flags and operands; None where it has nothing against them."""
    given = read(words)
    if isinstance(given, Told):
        return given
    try:
        # BuildKit's client is who speaks of a build.
        shown = (
            f"docker {row.name}" if (row := given.row).name.startswith("buildx") else given.shown
        )
        _, operands = _flags(given.rest, row, shown)
        _check_count(row, shown, operands)
    except _MisuseError as error:
        return error.told
    return None


def _check_global(given: Mapping[str, Sequence[str]], rest: Sequence[str]) -> Told | None:
    level = given.get("log-level", ("info",))[-1]
    if level not in _LEVELS:
        return Told(err=f"Unable to parse logging level: {level}\n", status=1)
    if given.get("help") and not rest:
        return Told(usage.of_docker())
    if not rest and given.get("version", ("false",))[-1] == "true":
        return Told(usage.version())
    for name, allowed in (("host", OWN_HOSTS), ("context", (OWN_CONTEXT,))):
        value = given.get(name, ("",))[-1]
        if value not in {*allowed, ""}:
            words = f"rbuild's docker is its own engine, and --{name} {value} names another one"
            return Told(err=f"docker: {words}\n", status=1)
    return None


def _read(words: Sequence[str]) -> Given | Told:
    if words[:1] == ("help",):
        words = (*words[1:], "--help")
    named = find(words)
    if named is not None:
        return _command(named)
    if not words:
        return Told(err=usage.of_docker())
    if words[0] in {"--help", "-h"}:
        return Told(usage.of_docker())
    if words[0] in REFUSED_GROUPS:
        return Told(err=f"docker: {words[0]}: {REFUSED_GROUPS[words[0]]}\n", status=BAD_FLAG)
    return _no_command(words)


def _no_command(words: Sequence[str]) -> Told:
    group = group_of(words)
    shown = " ".join(("docker", *group))
    rest = words[len(group) :]
    if group and not rest:
        return Told(err=usage.of_group(group))
    if group and rest[0] in {"--help", "-h"}:
        return Told(usage.of_group(group))
    flag = next((word for word in rest if word.startswith("-") and word != "-"), None)
    if flag in {"--help", "-h"}:
        return Told(usage.of_docker())
    line = f"Usage:  {shown}\n\n" if group else ""
    again = f"Run '{shown} --help' for more information\n"
    if flag is not None:
        name = flag.partition("=")[0]
        line = line or f"Usage:  {_GLOBAL_USAGE}\n\n"
        return Told(err=f"unknown flag: {name}\n\n{line}{again}", status=BAD_FLAG)
    unknown = f"docker: unknown command: {shown} {rest[0]}\n\n"
    return Told(err=f"{unknown}{line}{again}", status=1)


_READ: Final = ("image pull", "image tag", "volume rm")
"""Steps whose words are read here too, for docker's own refusals."""
_GLOBAL_USAGE: Final = f"docker {_GLOBAL.usage}"


def _command(named: Named) -> Given | Told:
    row = named.row
    if row.way is Way.STEP and row.name not in _READ:
        asked = named.rest[:1] in {("--help",), ("-h",)} and named.rest != ("-h",)
        return Told(usage.of(named)) if asked else Given(row, named.shown, named.rest)
    flags, operands = _flags(named.rest, row, named.shown)
    if flags.pop("help", None):
        return Told(usage.of(named))
    _check_count(row, named.shown, operands)
    for name in flags:
        why = row.table.by_name[name].refused if name in row.table.by_name else ""
        if why:
            return Told(err=f"{named.shown}: --{name}: {why}\n", status=BAD_FLAG)
    if row.refused:
        return Told(err=f"{named.shown}: {row.refused}\n", status=BAD_FLAG)
    return Given(row, named.shown, named.rest, flags, operands)


# --- flags --------------------------------------------------------------------------------------


def _flags(
    words: Sequence[str], row: Row, shown: str
) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """The flags among words, and the operands."""
    found: dict[str, tuple[str, ...]] = {}
    operands: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--":
            operands += left
            break
        if word == "-" or not word.startswith("-"):
            operands.append(word)
            if row.ends_at_first:
                operands += left
                break
            continue
        read = _long if word.startswith("--") else _letters
        for flag, value in read(word, left, row, shown):
            found[flag.name] = (*found.get(flag.name, ()), _checked(flag, value, row, shown))
    return found, tuple(operands)


def _long(word: str, left: list[str], row: Row, shown: str) -> Iterator[tuple[Flag, str]]:
    name, equals, value = word[2:].partition("=")
    flag = _HELP if name == "help" else row.table.by_name.get(_FORMER.get(name, name))
    if flag is None or not name:
        raise _misuse(f"unknown flag: --{name}" if name else f"bad flag syntax: {word}", row, shown)
    if equals:
        yield flag, value
    elif not flag.takes:
        yield flag, "true"
    elif left:
        yield flag, left.pop(0)
    else:
        raise _misuse(f"flag needs an argument: --{name}", row, shown)


_FORMER: Final = {"time": "timeout"}
"""Names that docker still takes and shows no more."""


def _letters(word: str, left: list[str], row: Row, shown: str) -> Iterator[tuple[Flag, str]]:
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        flag = _of_letter(letter, row.table)
        if flag is None:
            raise _misuse(f"unknown shorthand flag: '{letter}' in -{letter}{letters}", row, shown)
        if letters.startswith("="):
            yield flag, letters[1:]
            return
        if not flag.takes:
            yield flag, "true"
            continue
        if not letters and not left:
            raise _misuse(f"flag needs an argument: '{letter}' in -{letter}", row, shown)
        yield flag, letters or left.pop(0)
        return


def _of_letter(letter: str, flags: Flags) -> Flag | None:
    return flags.by_letter.get(letter) or (_HELP if letter == "h" else None)


def _checked(flag: Flag, value: str, row: Row, shown: str) -> str:
    fault = _CHECKS[flag.takes](value) if flag.takes in _CHECKS else ""
    if fault:
        words = f'invalid argument "{value}" for "{flag.shown}" flag: {fault}'
        raise _misuse(words, row, shown)
    return ("true" if parse_bool(value) else "false") if not flag.takes else value


def _no_bool(value: str) -> str:
    return (
        f'strconv.ParseBool: parsing "{value}": invalid syntax' if parse_bool(value) is None else ""
    )


def _no_number(value: str) -> str:
    return "" if _WHOLE.fullmatch(value) else f'strconv.ParseInt: parsing "{value}": invalid syntax'


def _no_filter(value: str) -> str:
    return "" if "=" in value or not value else "bad format of filter (expected name=value)"


_CHECKS: Final[Mapping[str, Callable[[str], str]]] = {
    "": _no_bool,
    "int": _no_number,
    "filter": _no_filter,
}


def _misuse(words: str, row: Row, shown: str) -> _MisuseError:
    line = usage.line(shown, row)
    again = f"Usage:  {line}\n\nRun '{shown} --help' for more information\n"
    return _MisuseError(Told(err=f"{words}\n\n{again}", status=BAD_FLAG))


def _check_count(row: Row, shown: str, operands: Sequence[str]) -> None:
    least, most = row.operands
    if least <= len(operands) and (most is None or len(operands) <= most):
        return
    again = "Run"
    if most == 0:
        words = "accepts no arguments"
    elif most == least:
        words = f"requires {_counted(least)}"
    elif most is None:
        words, again = f"requires at least {_counted(least)}", "See"
    elif least:
        words = f"requires at least {least} and at most {_counted(most)}"
    else:
        words = f"requires at most {_counted(most)}"
    line = usage.line(shown, row)
    head = "ERROR: " if shown.startswith("docker buildx") else ""
    text = f"{head}docker: '{shown}' {words}\n\nUsage:  {line}\n\n"
    raise _MisuseError(Told(err=f"{text}{again} '{shown} --help' for more information\n", status=1))


def _counted(number: int) -> str:
    return f"{number} argument" if number == 1 else f"{number} arguments"

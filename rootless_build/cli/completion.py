"""What may stand next on a command line: contrib/completion/rbuild.bash asks rbuild for it.

Nothing of the project is run: who presses Tab has not asked for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rootless_build.cli import command_line
from rootless_build.cli.application import Application
from rootless_build.cli.commands import WITH_TARGETS
from rootless_build.cli.option_types import Choice
from rootless_build.host.catalogue import BACKGROUND

if TYPE_CHECKING:
    from plumbum.cli.switches import SwitchInfo

DIRECTORIES: Final = "<directories>"
FILES: Final = "<files>"
_PATHS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("directory", "bundles-dir", "prefix"), DIRECTORIES),
        **dict.fromkeys(
            ("file", "makefile", "docker-socket", "from", "replay", "key", "require-signature"),
            FILES,
        ),
    }
)
_NETWORKS: Final = ("host", "none", "slirp4netns", "pasta")
_BASES: Final = ("debian:bookworm", "debian:trixie", "ubuntu:noble")


def complete(root: Application, words: Sequence[str]) -> tuple[str, ...]:
    """What the last of the words can be; `DIRECTORIES` or `FILES` stand for those there are."""
    *before, current = words or ("",)
    found: Iterable[str]
    if current == "=":  # bash gives --backend=po as three words
        current = ""
    elif before and before[-1] == "=":
        before.pop()
    command, name, option, given = _read(root, before)
    if option is not None:
        found = _values(option, words)
    elif current.startswith("-"):
        found = (f"--{each}" for each in command.switches if len(each) > 1)
    else:
        found = _words(root, name, given, words)
    paths = {DIRECTORIES, FILES}
    return tuple(each for each in found if each.startswith(current) or each in paths)


def _read(
    root: Application, words: Sequence[str]
) -> tuple[Application, str, SwitchInfo | None, list[str]]:
    """The command and its name, the option that waits for its value, and the words given."""
    command, name, waiting = root, "", None
    given: list[str] = []
    for word in words:
        if waiting is not None:
            waiting = None if word != "=" else waiting
        elif word == "--":
            return command, "--", None, given
        elif word.startswith("-"):
            waiting = command.switches.get(word.lstrip("-"))
            waiting = waiting if waiting and waiting.argtype else None
        elif not name and word in root.command_names():
            command, name = root.command_named(word), word
        else:
            given.append(word)
    return command, name, waiting, given


def _values(option: SwitchInfo, words: Sequence[str]) -> Iterable[str]:
    name = option.names[-1]
    if isinstance(option.argtype, Choice):
        return option.argtype.values
    match name:
        case "backend":
            from rootless_build.backend import discovery  # noqa: PLC0415 - who asks for them

            return (discovery.AUTO, *discovery.names())
        case "explain":
            return BACKGROUND
        case "target":
            return command_line.target_names(words)
        case "network":
            return _NETWORKS
        case _:
            return (_PATHS[name],) if name in _PATHS else ()


def _words(
    root: Application, name: str, given: Sequence[str], words: Sequence[str]
) -> Iterable[str]:
    """What may stand where no option does."""
    match name:
        case "" if not given:
            return (*root.command_names(), *command_line.target_names(words))
        case "bundles":
            return () if given else ("list", "verify")
        case "help":
            return () if given else root.command_names()
        case "base":
            return () if given else _BASES
        case "" | "--":
            return command_line.target_names(words)
        case _:
            return command_line.target_names(words) if name in WITH_TARGETS else ()

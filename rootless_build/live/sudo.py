"""`sudo docker …` of a script: rbuild's docker needs no root, and does it as the user.

sudo gives what it runs a PATH of its own (`secure_path`), on which docker is the daemon's or none.
What stands for sudo asks here what is meant. Docker is done as any other call, in the environment
that sudo would give it; `podman` and `buildah` are the engines' own programs with rbuild's
settings; anything else is the real sudo's, with all its words. Options are those of sudo 1.9.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.live.calls import Call
from rootless_build.model.structs import replace
from rootless_build.recipes.docker import argv
from rootless_build.recipes.shell.names import PROGRAMS, SHELLS

NAME: Final = "sudo"
_DOCKERS: Final = frozenset({"docker", "docker-buildx"})
_ENGINES: Final = frozenset({"podman", "buildah"})
_TAKE: Final = {
    "a": "auth-type",
    "C": "close-from",
    "c": "login-class",
    "D": "chdir",
    "g": "group",
    "p": "prompt",
    "R": "chroot",
    "r": "role",
    "T": "command-timeout",
    "t": "type",
    "U": "other-user",
    "u": "user",
}
"""Options that take a word."""
_ALONE: Final = {
    "A": "askpass",
    "B": "bell",
    "b": "background",
    "E": "preserve-env",
    "e": "edit",
    "H": "set-home",
    "h": "help",
    "i": "login",
    "K": "remove-timestamp",
    "N": "no-update",
    "k": "reset-timestamp",
    "l": "list",
    "n": "non-interactive",
    "P": "preserve-groups",
    "S": "stdin",
    "s": "shell",
    "V": "version",
    "v": "validate",
}
_LONG_ONLY: Final = frozenset({"host"})
_NAMES: Final = frozenset({*_TAKE.values(), *_ALONE.values(), *_LONG_ONLY})
_NOT_DONE: Final = frozenset({"background", "chroot", "command-timeout", "help", "host", "login"})
"""Options with which docker would be another thing than a call of this user's."""
_RUNS_NOTHING: Final = frozenset({"edit", "list", "other-user"})
_VARIABLE: Final = re.compile(r"[^=/-][^=/]*=", re.DOTALL)
_KEPT: Final = re.compile(
    r"COLORS|DISPLAY|HOSTNAME|KRB5CCNAME|LS_COLORS|PATH|PS[12]|XAUTHORI(TY|ZATION)|COLORTERM|LANG"
    r"|LANGUAGE|LC_.*|LINGUAS|TERM|TZ"
)
"""Variables that sudo leaves to what it runs, unless sudoers says otherwise (its env.c)."""
_RUNNERS: Final = frozenset(
    {"env", "nice", "nohup", "timeout", "time", "setsid", "stdbuf", "xargs", "ionice", "flock"}
    | {"unshare", "nsenter", "systemd-run", "su", "runuser", "setpriv", "chrt", "taskset"}
)
"""Programs that run another one, named in their words."""
_MAKES: Final = frozenset({"make", "gmake", "ninja", "just", "task"})
_PLACES: Final = re.compile(r"/(usr/(local/)?)?s?bin")
_DOCKER: Final = re.compile(r"docker|podman")


class Meant(Struct, frozen=True):
    """What a call of sudo is: a `call` of docker's; or a program that its stand-in becomes, with
    its words, none for sudo itself; or it is `refused`, for a reason.

    `remark` is for the log. `password`: its first line of input may be one.
    """

    call: Call | None = None
    becomes: tuple[str, ...] = ()
    refused: str = ""
    remark: str = ""
    password: bool = False


class _Given(Struct):
    """A command line of sudo's, read. `is_odd`: it has what nobody knows here."""

    options: dict[str, str]
    variables: dict[str, str]
    command: Sequence[str] = ()
    is_odd: bool = False


def meant(call: Call) -> Meant:
    """What a call of sudo is."""
    given = _read(call.words)
    if given.is_odd and any(word in _DOCKERS for word in call.words):
        return _refused(call, "sudo has no such options that rbuild knows of")
    if given.is_odd or not given.command or given.options.keys() & _RUNS_NOTHING:
        return Meant()
    place, _, name = given.command[0].rpartition("/")
    stand_ins = call.program.rpartition("/")[0]
    if name not in _DOCKERS | _ENGINES or place not in {"", stand_ins}:
        return Meant(remark=_remark(call, given.command))
    if why := _why_not(given):
        return _refused(call, why)
    return (_docker if name in _DOCKERS else _engine)(call, given)


def _refused(call: Call, why: str) -> Meant:
    return Meant(refused=f"`{_line(call)}` is not done in docker's place: {why}")


def _line(call: Call) -> str:
    return shlex.join((NAME, *call.words))


def _why_not(given: _Given) -> str:
    """Why docker is not done with such options; empty where it is."""
    odd = sorted(given.options.keys() & _NOT_DONE)
    if odd:
        return f"sudo's --{odd[0]} is not known to it"
    user = given.options.get("user", "root")
    if _user(user) is None:
        return f"rbuild is docker for its own user, and that is not {user}"
    return ""


def _user(name: str) -> pwd.struct_passwd | None:
    """The user that a word names: root or the caller; None for anybody else."""
    try:
        found = pwd.getpwuid(int(name[1:])) if name.startswith("#") else pwd.getpwnam(name)
    except (KeyError, ValueError, OverflowError):
        return None
    return found if found.pw_uid in {0, os.getuid()} else None


def _docker(call: Call, given: _Given) -> Meant:
    directory = Path(call.directory, given.options.get("chdir", ""))
    if not directory.is_dir():
        return Meant(refused=f"sudo: unable to change directory to {given.options['chdir']}")
    user = _user(given.options.get("user", "root"))
    assert user is not None  # `_why_not` has looked
    environment = _environment(call, given, user)
    words = argv.of_program(tuple(given.command))
    made = replace(
        call,
        words=tuple(words),
        directory=directory,
        environment=environment,
        program=given.command[0],
    )
    return Meant(call=made, password="stdin" in given.options)


def _engine(call: Call, given: _Given) -> Meant:
    program = f"{call.program.rpartition('/')[0]}/{given.command[0].rpartition('/')[2]}"
    if os.access(program, os.X_OK):
        return Meant(becomes=(program, *given.command[1:]))
    return Meant(remark=f"`{_line(call)}` is root's own engine, and not rbuild's")


def _environment(call: Call, given: _Given, user: pwd.struct_passwd) -> dict[str, str]:
    """The environment that sudo gives, as it comes: what sudoers says of it only root can read."""
    before, kept = call.environment, given.options.get("preserve-env")
    named = set((kept or "").split(","))
    of_user = {"LOGNAME": user.pw_name, "USER": user.pw_name}
    if kept == "":
        found = {**before, **of_user}
    else:
        found = {
            **{name: value for name, value in before.items() if _KEPT.fullmatch(name)},
            **of_user,
            "HOME": user.pw_dir,
            "SHELL": user.pw_shell or "/bin/sh",
            "MAIL": f"/var/mail/{user.pw_name}",
            **{name: value for name, value in before.items() if name in named},
        }
    if "set-home" in given.options:
        found["HOME"] = user.pw_dir
    caller = _name_of(os.getuid())
    own = {
        "SUDO_COMMAND": shlex.join(given.command),
        "SUDO_USER": caller,
        "SUDO_UID": str(os.getuid()),
        "SUDO_GID": str(os.getgid()),
    }
    return {**found, **own, **given.variables}


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


# --- its command line -----------------------------------------------------------------------------


def _read(words: Sequence[str]) -> _Given:
    """The options, the variables and the command, as sudo reads them (its parse_args.c)."""
    given = _Given({}, {})
    left = list(words)
    while left and not given.is_odd:
        word = left[0]
        if word == "--":
            given.command = left[1:]
            return given
        if word.startswith("--"):
            _take_long(left, given)
        elif word.startswith("-") and word != "-":
            _take_letters(left, given)
        elif _VARIABLE.match(word):
            name, _, value = left.pop(0).partition("=")
            given.variables[name] = value
        else:
            break
    given.command = left
    return given


def _take_long(left: list[str], given: _Given) -> None:
    name, equals, value = left.pop(0)[2:].partition("=")
    # getopt takes the beginning of a name too.
    found = {name} & _NAMES or {each for each in _NAMES if each.startswith(name)}
    if len(found) != 1:
        given.is_odd = True
        return
    (name,) = found
    if name in {*_TAKE.values(), *_LONG_ONLY} and not equals:
        if not left:
            given.is_odd = True
            return
        value = left.pop(0)
    given.options[name] = value


def _take_letters(left: list[str], given: _Given) -> None:
    letters = left.pop(0)[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in _ALONE:
            given.options[_ALONE[letter]] = ""
            continue
        if letter not in _TAKE or not (letters or left):
            given.is_odd = True
            return
        given.options[_TAKE[letter]] = letters or left.pop(0)
        return


# --- what it runs besides -------------------------------------------------------------------------


def _remark(call: Call, command: Sequence[str]) -> str:
    """What is to be said of a command that the real sudo runs; empty for one of which nobody would
    think that it calls docker.
    """
    if not _may_call_docker(command):
        return ""
    why = "sudo gives it a PATH of its own"
    if command[0].rpartition("/")[2] in PROGRAMS:
        why = "it is called by its path"
    return f"`{_line(call)}`: what it does with docker is not rbuild's, for {why}"


def _may_call_docker(command: Sequence[str]) -> bool:
    place, _, name = command[0].rpartition("/")
    if name in PROGRAMS or name in _MAKES or (place and not _PLACES.fullmatch(place)):
        return True
    others = command[1:]
    if name in SHELLS and not any(re.fullmatch(r"-[a-z]*c[a-z]*", word) for word in others):
        return True
    return name in SHELLS | _RUNNERS and any(map(_DOCKER.search, others))

"""What is wrong in a containerfile: unknown instructions, flags and mounts, by place and name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from rootless_build.images.containerfile import mounts
from rootless_build.images.containerfile.parser import heredoc_of, logical_words
from rootless_build.images.containerfile.syntax import Containerfile, Flag, Instruction
from rootless_build.images.containerfile.words import WordError, expand, raw_words
from rootless_build.model import nearest as likely
from rootless_build.model.errors import ContainerfileError
from rootless_build.model.text import shown

_BOOLEAN: Final = ("link", "parents", "keep-git-dir", "unpack")
_REPEATED: Final = ("mount", "exclude", "device")
_COPIES: Final = ("chown", "chmod", "link", "exclude")
FLAGS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ADD": (*_COPIES, "keep-git-dir", "checksum", "unpack"),
        "ARG": (),
        "CMD": (),
        "COPY": (*_COPIES, "from", "parents"),
        "ENTRYPOINT": (),
        "ENV": (),
        "EXPOSE": (),
        "FROM": ("platform",),
        "HEALTHCHECK": ("interval", "timeout", "start-period", "start-interval", "retries"),
        "LABEL": (),
        "MAINTAINER": (),
        "ONBUILD": (),
        "RUN": ("mount", "network", "security", "device"),
        "SHELL": (),
        "STOPSIGNAL": (),
        "USER": (),
        "VOLUME": (),
        "WORKDIR": (),
    }
)
"""Every instruction, with its flags."""
_ONE: Final = ("MAINTAINER", "STOPSIGNAL", "USER", "WORKDIR")
_SOME: Final = ("ARG", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "SHELL", "VOLUME")
_STAGE_NAME: Final = re.compile(r"[a-z][a-z0-9_.-]*")
_FRONTEND: Final = re.compile(r"(?:\S+/)?dockerfile(?:-upstream)?(?:[:@]\S*)?")
_CHECKS: Final = re.compile(
    r"(?:(?:skip|experimental)=.*|error=(?:1|t|true|0|f|false))\s*", re.IGNORECASE
)
_CHOICES: Final = MappingProxyType(
    {"network": ("default", "none", "host"), "security": ("sandbox", "insecure")}
)


def check(file: Containerfile) -> None:
    """Raises ContainerfileError for the first thing that BuildKit would refuse or not know."""
    _check_directives(file)
    staged = False
    for instruction in file.instructions:
        check_instruction(file, instruction)
        if instruction.keyword == "FROM":
            staged = True
        elif not staged and instruction.keyword != "ARG":
            message = f"{instruction.keyword} stands before the first FROM"
            raise error(file, instruction, message)
    if not staged:
        raise error(file, file.instructions[-1], "there is no FROM in it")


def _check_directives(file: Containerfile) -> None:
    frontend = file.directive("syntax")
    if frontend is not None and not _FRONTEND.fullmatch(frontend.split(" ")[0]):
        line = next(line for name, _, line in file.directives if name == "syntax")
        message = f"it is written for another language, {frontend}, which only BuildKit can load"
        raise ContainerfileError(message, file.name, line, hint="use --backend docker with buildx")
    for name, value, line in file.directives:
        if name == "check" and not all(map(_CHECKS.fullmatch, value.split(";"))):
            message = f"{value} is not what checks are told: skip=…, error=true, experimental=…"
            raise ContainerfileError(message, file.name, line)


def error(
    file: Containerfile, instruction: Instruction, message: str, offset: int = 0, hint: str = ""
) -> ContainerfileError:
    """The error at an offset of an instruction's text."""
    place = instruction.position(offset)
    return ContainerfileError(message, file.name, place.line, place.column, hint=hint)


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean …?`, or what there is."""
    names = tuple(known)
    near = likely.nearest(word, names, 0.5)
    return f"did you mean {near}?" if near else f"known are {', '.join(names)}"


def check_instruction(file: Containerfile, instruction: Instruction) -> None:
    """Raise ContainerfileError for what BuildKit would refuse in one instruction."""
    keyword = instruction.keyword
    if keyword not in FLAGS:
        message = f"there is no instruction {shown(logical_words(instruction.text)[0])}"
        raise error(file, instruction, message, hint=nearest(keyword, FLAGS))
    _check_flags(file, instruction)
    if keyword == "RUN":
        for flag in instruction.flags:
            if flag.name == "mount":
                _check_mount(file, instruction, flag)
    _check_arguments(file, instruction)
    # What else may be wrong in a trigger docker says to whoever builds on the image.
    inner = instruction.inner
    if inner is not None and inner.keyword in {"ONBUILD", "FROM", "MAINTAINER"}:
        raise error(file, inner, f"{inner.keyword} can't be the trigger of ONBUILD")
    if inner is not None and inner.keyword in {"ENV", "LABEL"} and inner.body:
        _check_pairs(file, inner)


def _check_flags(file: Containerfile, instruction: Instruction) -> None:
    if instruction.keyword == "ARG":
        return  # docker 29 does not look at them
    known = FLAGS[instruction.keyword]
    seen: set[str] = set()
    for flag in instruction.flags:
        if flag.name not in known:
            message = f"{instruction.keyword} has no flag --{flag.name}"
            hint = nearest(flag.name, known) if known else f"{instruction.keyword} has no flags"
            raise error(file, instruction, message, flag.offset, hint.replace("mean ", "mean --"))
        if flag.name in seen and flag.name not in _REPEATED:
            raise error(file, instruction, f"--{flag.name} stands there twice", flag.offset)
        seen.add(flag.name)
        if flag.name in _BOOLEAN:
            if flag.value is not None and flag.value.lower() not in {"true", "false"}:
                raise error(
                    file,
                    instruction,
                    f"--{flag.name} is true or false, not {flag.value}",
                    flag.offset,
                )
        elif flag.value is None:
            raise error(file, instruction, f"--{flag.name} needs a value", flag.offset)
        choices = _CHOICES.get(flag.name)
        if choices and flag.value not in choices:
            message = f"--{flag.name} can't be {flag.value}"
            raise error(file, instruction, message, flag.offset, nearest(flag.value or "", choices))


def _check_mount(file: Containerfile, instruction: Instruction, flag: Flag) -> None:
    try:
        mounts.parse(flag.value or "")
    except mounts.MountError as wrong:
        hint = nearest(wrong.word, wrong.known) if wrong.known else ""
        raise error(file, instruction, str(wrong), flag.offset, hint) from wrong


def _check_arguments(file: Containerfile, instruction: Instruction) -> None:
    keyword = instruction.keyword
    if not instruction.body and keyword in _ONE:
        raise error(file, instruction, f"{keyword} needs an argument")
    if keyword in _SOME and (not instruction.body or instruction.json == ()):
        raise error(file, instruction, f"{keyword} needs at least one argument")
    if keyword in _ARGUMENTS:
        _ARGUMENTS[keyword](file, instruction)
    if keyword in {"ENV", "LABEL", "ARG", "WORKDIR", "USER", "EXPOSE", "STOPSIGNAL"}:
        _check_words(file, instruction)


def _check_copy(file: Containerfile, instruction: Instruction) -> None:
    words = instruction.json
    if words is None:
        words = logical_words(instruction.body)
    offset = instruction.body_offset if instruction.body else 0
    if len(words) < 2:
        message = f"{instruction.keyword} needs a source and a destination"
        raise error(file, instruction, message, offset)
    if instruction.heredocs and heredoc_of(words[-1]) is not None:
        message = f"a heredoc can't be the destination of {instruction.keyword}"
        raise error(file, instruction, message, instruction.text.rindex("<<"))


def _check_argument(file: Containerfile, instruction: Instruction) -> None:
    if any(word.startswith("=") for word in raw_words(instruction.body, file.escape)):
        raise error(file, instruction, "an ARG has no name", instruction.body_offset)


def _check_shell(file: Containerfile, instruction: Instruction) -> None:
    if not instruction.json:
        message = "SHELL takes a JSON array of strings"
        raise error(file, instruction, message, instruction.body_offset)


def _check_health(file: Containerfile, instruction: Instruction) -> None:
    kind = logical_words(instruction.body)[0].upper()
    if kind not in {"NONE", "CMD"}:
        message, hint = f"HEALTHCHECK has no {kind}", nearest(kind, ("CMD", "NONE"))
        raise error(file, instruction, message, instruction.body_offset, hint)
    if kind == "NONE" and len(logical_words(instruction.body)) > 1:
        raise error(
            file, instruction, "HEALTHCHECK NONE takes no arguments", instruction.body_offset
        )


def _check_words(file: Containerfile, instruction: Instruction) -> None:
    """Quotes and substitutions have an end; whether `${X:?}` holds is known when it is built."""
    try:
        expand(instruction.body, _Anything(), file.escape)
    except WordError as wrong:
        raise error(file, instruction, str(wrong), instruction.body_offset) from wrong


class _Anything(dict[str, str]):
    """Every variable is set."""

    def get(self, key: str, *_: object) -> str:
        """A value that no pattern matches."""
        return key


def _check_from(file: Containerfile, instruction: Instruction) -> None:
    words = logical_words(instruction.body)
    if len(words) == 3 and words[1].upper() == "AS":
        name = words[2]
        if not _STAGE_NAME.fullmatch(name.lower()):
            message = f"{name} can't be the name of a stage: letters, digits, `-`, `_` and `.`"
            raise error(file, instruction, message, instruction.text.rindex(name))
    elif len(words) != 1:
        message = "FROM takes an image, or an image, AS and a name"
        raise error(file, instruction, message, instruction.body_offset)


def _check_pairs(file: Containerfile, instruction: Instruction) -> None:
    words = raw_words(instruction.body, file.escape)
    offset = instruction.body_offset
    if not words or "=" not in words[0]:
        if len(logical_words(instruction.body)) < 2:
            message = f"{instruction.keyword} needs a name and a value"
            raise error(file, instruction, message, offset)
        return
    for word in words:
        if "=" not in word or word.startswith("="):
            message = f"{word} is not NAME=VALUE"
            raise error(file, instruction, message, instruction.text.find(word, offset))


_ARGUMENTS: Final[Mapping[str, Callable[[Containerfile, Instruction], None]]] = MappingProxyType(
    {
        "FROM": _check_from,
        "COPY": _check_copy,
        "ADD": _check_copy,
        "ENV": _check_pairs,
        "LABEL": _check_pairs,
        "ARG": _check_argument,
        "SHELL": _check_shell,
        "HEALTHCHECK": _check_health,
    }
)

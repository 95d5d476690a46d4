"""What the instructions that make no files put into an image's configuration.

Facts: frontend/dockerfile/dockerfile2llb/convert.go of moby/buildkit; docker 29.1.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from rootless_build.images.configuration import Configuration, Healthcheck
from rootless_build.images.containerfile.parser import logical_words
from rootless_build.images.containerfile.stages import Scope, pairs
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.containerfile.words import expand
from rootless_build.model.structs import replace

_PORTS: Final = re.compile(
    r"(?:(?:[\d.]+|\[[\da-f:.]+\]):(?=.*:))?(?:(?:\d+(?:-\d+)?)?:)?"
    r"(\d+)(?:-(\d+))?(?:/(tcp|udp|sctp)?)?",
    re.IGNORECASE,
)
"""A port of a container; an address and a port of the host before it have no meaning."""
_LAST_PORT: Final = 65535
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,18}")
_OF_REAL_TIME: Final = frozenset(
    {f"RTMIN+{n}" for n in range(1, 16)} | {f"RTMAX-{n}" for n in range(1, 15)}
)
_DURATION: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_INTERVALS: Final = ("interval", "timeout", "start-period", "start-interval")


class SettingError(ValueError):
    """An instruction says what can't be, and docker refuses it too."""


def apply(instruction: Instruction, scope: Scope, configuration: Configuration) -> Configuration:
    """The configuration after the instruction; `scope` is that after it too.

    Raises SettingError, WordError. An instruction that sets nothing changes nothing.
    """
    setter = _SETTERS.get(instruction.keyword)
    return configuration if setter is None else setter(instruction, scope, configuration)


def _environment(_: Instruction, scope: Scope, now: Configuration) -> Configuration:
    return replace(now, environment=tuple(scope.environment.items()))


def _working_directory(instruction: Instruction, scope: Scope, now: Configuration) -> Configuration:
    # docker 29 keeps an absolute path as it is written.
    written = expand(instruction.body, scope.variables).text
    absolute = written.startswith("/")
    return replace(now, working_directory=written if absolute else scope.working_directory)


def _user(instruction: Instruction, scope: Scope, now: Configuration) -> Configuration:
    return replace(now, user=expand(instruction.body, scope.variables).text)


def _shell(instruction: Instruction, _: Scope, now: Configuration) -> Configuration:
    return replace(now, shell=instruction.json or ())


def _command(instruction: Instruction, scope: Scope, now: Configuration) -> Configuration:
    return replace(now, command=_argv(instruction, scope), arguments_escaped=True)


def _entrypoint(instruction: Instruction, scope: Scope, now: Configuration) -> Configuration:
    escaped = now.arguments_escaped or instruction.json is not None
    return replace(now, entrypoint=_argv(instruction, scope), arguments_escaped=escaped)


def _argv(instruction: Instruction, scope: Scope) -> tuple[str, ...]:
    if instruction.json is not None:
        return instruction.json
    return (*scope.shell, instruction.body)


def _volumes(instruction: Instruction, scope: Scope, now: Configuration) -> Configuration:
    words = instruction.json if instruction.json is not None else logical_words(instruction.body)
    paths = [expand(word, scope.variables).text for word in words]
    if not all(path.strip() for path in paths):
        raise SettingError("VOLUME names an empty path")
    return replace(now, volumes=_sorted((*now.volumes, *paths)))


def _ports(instruction: Instruction, scope: Scope, now: Configuration) -> Configuration:
    words = [
        word
        for written in logical_words(instruction.body)
        for word in expand(written, scope.variables).words
    ]
    ports = (port for word in words for port in _port_range(word))
    return replace(now, ports=_sorted((*now.ports, *ports)))


def _port_range(word: str) -> Iterator[str]:
    match = _PORTS.fullmatch(word)
    if match is None:
        raise SettingError(f"{word} is no port; one is written 8080, 8080-8090 or 53/udp")
    first, last = int(match[1]), int(match[2] or match[1])
    if not first <= last <= _LAST_PORT:
        raise SettingError(f"{word} is no port, or no range of ports")
    for number in range(first, last + 1):
        yield f"{number}/{(match[3] or 'tcp').lower()}"


def _sorted(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(words)))


def _labels(instruction: Instruction, scope: Scope, now: Configuration) -> Configuration:
    labels = dict(now.labels)
    for name, value in pairs(instruction):
        labels[expand(name, scope.variables).text] = expand(value, scope.variables).text
    return replace(now, labels=tuple(labels.items()))


def _stop_signal(instruction: Instruction, scope: Scope, now: Configuration) -> Configuration:
    word = expand(instruction.body, scope.variables).text
    if not _is_signal(word):
        raise SettingError(f"{word} is no signal")
    return replace(now, stop_signal=word)


def _is_signal(word: str) -> bool:
    if _NUMBER.fullmatch(word):
        return int(word) != 0
    name = word.upper().removeprefix("SIG")
    return f"SIG{name}" in signal.Signals.__members__ or name in _OF_REAL_TIME


def _health_check(instruction: Instruction, _scope: Scope, now: Configuration) -> Configuration:
    kind, *words = instruction.body.split(maxsplit=1)
    rest = words[0] if words else ""
    if kind.upper() == "NONE":
        if rest:
            raise SettingError("HEALTHCHECK NONE takes no arguments")
        return replace(now, healthcheck=Healthcheck(test=("NONE",)))
    if instruction.json is not None:
        test: tuple[str, ...] = ("CMD", *instruction.json)
    else:
        test = ("CMD-SHELL", rest.strip())
    if len(test) < 2 or not test[1]:
        raise SettingError("HEALTHCHECK CMD names no command")
    durations = {name.replace("-", "_"): _duration(instruction, name) for name in _INTERVALS}
    retries = instruction.value("retries") or "0"
    if not retries.isdecimal():
        raise SettingError(f"--retries={retries} is no number")
    return replace(now, healthcheck=Healthcheck(test=test, retries=int(retries), **durations))


def _duration(instruction: Instruction, name: str) -> int:
    """In nanoseconds, 0 where the flag is not there."""
    text = instruction.value(name) or "0"
    found = _DURATION.findall(text)
    if text != "0" and "".join(number + unit for number, unit in found) != text:
        raise SettingError(f"--{name}={text} is no duration; one is written 30s or 1m30s")
    nanoseconds = sum(round(float(number) * _NANOSECONDS[unit]) for number, unit in found)
    if 0 < nanoseconds < _NANOSECONDS["ms"]:
        raise SettingError(f"--{name}={text} is less than a millisecond")
    return nanoseconds


def _trigger(instruction: Instruction, _: Scope, now: Configuration) -> Configuration:
    heredocs = "".join(f"\n{each.content}{each.name}" for each in instruction.heredocs)
    return replace(now, triggers=(*now.triggers, instruction.body + heredocs))


def _maintainer(instruction: Instruction, _: Scope, now: Configuration) -> Configuration:
    return replace(now, author=instruction.body)


_Setter = Callable[[Instruction, Scope, Configuration], Configuration]
_SETTERS: Final[Mapping[str, _Setter]] = {
    "CMD": _command,
    "ENTRYPOINT": _entrypoint,
    "ENV": _environment,
    "EXPOSE": _ports,
    "HEALTHCHECK": _health_check,
    "LABEL": _labels,
    "MAINTAINER": _maintainer,
    "ONBUILD": _trigger,
    "SHELL": _shell,
    "STOPSIGNAL": _stop_signal,
    "USER": _user,
    "VOLUME": _volumes,
    "WORKDIR": _working_directory,
}

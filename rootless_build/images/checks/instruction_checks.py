"""Checks of the instructions of a stage, one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from rootless_build.images.checks.file_checks import warn
from rootless_build.images.checks.warning import CheckWarning, meant
from rootless_build.images.containerfile.parser import heredoc_of, logical_words
from rootless_build.images.containerfile.patterns import Patterns
from rootless_build.images.containerfile.stages import (
    DEFAULT_SHELL,
    Scope,
    declared_arguments,
    pairs,
)
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.containerfile.words import Modes, WordError, expand, raw_words

_ONCE: Final = ("CMD", "ENTRYPOINT", "HEALTHCHECK")
_COMMANDS: Final = ("CMD", "ENTRYPOINT")
_SECRET: Final = re.compile(
    r"(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)",
    re.IGNORECASE,
)
_PUBLIC: Final = re.compile(r"(?:_|^)public(?:_|$)", re.IGNORECASE)
_MAPPED: Final = re.compile(r"[^/]*:")
_PLAIN: Final = Modes(plain=True)


class InstructionChecks:
    """Goes through one stage; what is declared goes on in the stages that begin with it."""

    def __init__(self, ignored: Patterns, escape: str) -> None:
        self._ignored = ignored
        self._escape = escape
        self._last: dict[str, Instruction] = {}
        self._declared: set[str] = set()
        self._placed = False

    def upon(self) -> InstructionChecks:
        """Those of a stage that begins with this one."""
        checks = InstructionChecks(self._ignored, self._escape)
        checks._declared.update(self._declared)
        checks._placed = self._placed
        return checks

    def check(self, instruction: Instruction, scope: Scope) -> Iterator[CheckWarning]:
        """What there is to say of it; `scope` is what holds before it. Raises WordError."""
        yield from self._check_variables(instruction, scope.variables)
        match instruction.keyword:
            case "ENV" | "LABEL":
                yield from self._check_pairs(instruction)
            case "ARG":
                names = [name for name, _ in declared_arguments(instruction, self._escape)]
                self._declared.update(names)
                yield from _check_secrets(instruction, names)
            case "EXPOSE":
                yield from self._check_ports(instruction, scope.variables)
            case "WORKDIR":
                yield from self._check_directory(instruction, scope.variables)
            case "COPY" | "ADD":
                yield from self._check_sources(instruction, scope.variables)
            case keyword if keyword in _ONCE:
                yield from self._check_command(instruction, scope)
            case _:
                pass

    def _check_variables(
        self, instruction: Instruction, variables: Mapping[str, str]
    ) -> Iterator[CheckWarning]:
        for word, modes in self._words(instruction):
            for name in expand(word, variables, self._escape, modes).unset:
                if name not in self._declared:
                    near = meant(name, variables, "$")
                    detail = f"Usage of undefined variable '${name}'{near}"
                    yield warn("UndefinedVar", detail, instruction)

    def _words(self, instruction: Instruction) -> Iterator[tuple[str, Modes]]:
        """What docker looks for variables in."""
        usual = Modes()
        match instruction.keyword:
            case "ENV" | "LABEL":
                for pair in pairs(instruction, self._escape):
                    yield from ((word, usual) for word in pair)
            case "ARG":
                for _, default in declared_arguments(instruction, self._escape):
                    yield default or "", usual
            case "COPY" | "ADD":
                for name in ("chown", "chmod", "checksum"):
                    yield instruction.value(name) or "", usual
                yield from ((word, usual) for word in _paths(instruction))
                bodies = (each.text for each in instruction.heredocs if each.expand)
                yield from ((text, _PLAIN) for text in bodies)
            case "RUN":
                yield from ((f.value or "", usual) for f in instruction.flags if f.name == "mount")
            case "USER" | "WORKDIR" | "STOPSIGNAL":
                yield instruction.body, usual
            case "VOLUME":
                yield from ((word, usual) for word in instruction.json or _paths(instruction))
            case _:
                pass

    def _check_pairs(self, instruction: Instruction) -> Iterator[CheckWarning]:
        keyword = instruction.keyword
        words = raw_words(instruction.body, self._escape)
        if words and "=" not in words[0]:
            detail = f'"{keyword} key=value" should be used instead of legacy "{keyword} key value"'
            yield warn("LegacyKeyValueFormat", f"{detail} format", instruction)
        if keyword == "ENV":
            names = [name for name, _ in pairs(instruction, self._escape)]
            yield from _check_secrets(instruction, names)

    def _check_ports(
        self, instruction: Instruction, variables: Mapping[str, str]
    ) -> Iterator[CheckWarning]:
        words = expand(instruction.body, variables, self._escape).words
        for port in sorted(words):
            if _MAPPED.match(port):
                detail = (
                    "EXPOSE instruction should not define an IP address or host-port mapping,"
                    f" found '{port}'"
                )
                yield warn("ExposeInvalidFormat", detail, instruction)
            protocol = port.partition("/")[2]
            if protocol != protocol.lower():
                detail = f"Defined protocol '{port}' in EXPOSE instruction should be lowercase"
                yield warn("ExposeProtoCasing", detail, instruction)

    def _check_directory(
        self, instruction: Instruction, variables: Mapping[str, str]
    ) -> Iterator[CheckWarning]:
        path = expand(instruction.body, variables, self._escape).text
        if not self._placed and not path.startswith("/"):
            detail = f'Relative workdir "{path}" can have unexpected results'
            yield warn("WorkdirRelativePath", f"{detail} if the base image changes", instruction)
        self._placed = True

    def _check_sources(
        self, instruction: Instruction, variables: Mapping[str, str]
    ) -> Iterator[CheckWarning]:
        if "$" in (instruction.value("from") or ""):
            raise WordError(f"--from={instruction.value('from')}: a variable can't stand there")
        if instruction.flag("from") is not None:
            return
        for word in _paths(instruction)[:-1]:
            path = expand(word, variables, self._escape).text
            if "://" in path or heredoc_of(word) is not None:
                continue
            if self._ignored.match(path.rstrip("/")):
                verb = instruction.keyword.capitalize()
                detail = f'Attempting to {verb} file "{path}" that is excluded by .dockerignore'
                yield warn("CopyIgnoredFile", detail, instruction)

    def _check_command(self, instruction: Instruction, scope: Scope) -> Iterator[CheckWarning]:
        keyword = instruction.keyword
        shell = keyword in _COMMANDS and instruction.json is None
        if shell and tuple(scope.shell) == DEFAULT_SHELL:
            detail = f"JSON arguments recommended for {keyword} to prevent unintended behavior"
            yield warn("JSONArgsRecommended", f"{detail} related to OS signals", instruction)
        if keyword in self._last:
            detail = (
                f"Multiple {keyword} instructions should not be used in the same stage because"
                " only the last one will be used"
            )
            yield warn("MultipleInstructionsDisallowed", detail, self._last[keyword])
        self._last[keyword] = instruction


def _paths(instruction: Instruction) -> tuple[str, ...]:
    return instruction.json if instruction.json is not None else logical_words(instruction.body)


def _check_secrets(instruction: Instruction, names: list[str]) -> Iterator[CheckWarning]:
    for name in names:
        if _SECRET.search(name) and not _PUBLIC.search(name):
            detail = (
                "Do not use ARG or ENV instructions for sensitive data"
                f' ({instruction.keyword} "{name}")'
            )
            yield warn("SecretsUsedInArgOrEnv", detail, instruction)

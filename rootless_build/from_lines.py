"""The images that a build needs from outside: what its FROM, COPY --from and mount from= name."""

from __future__ import annotations

import io
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, cast

from rootless_build.plan import BuildImage
from rootless_build.reference import canonical

_SCRATCH: Final = "scratch"
_VARIABLE: Final = re.compile(
    r"\$(?:(?P<plain>\w+)|\{(?P<braced>\w+)(?:(?P<operator>:?[-+])(?P<word>[^{}]*))?\}|(?P<odd>.?))"
)
_COPY_FROM: Final = re.compile(r"(?:--\w[\w-]*(?:=\S+)?\s+)*?--from=(\S+)")
_MOUNT: Final = re.compile(r"--mount=(\S+)")
_HEREDOC: Final = re.compile(r"<<(-?)(['\"]?)([A-Za-z_]\w*)\2")
_HEREDOC_INSTRUCTION: Final = re.compile(r"\s*(?:RUN|COPY|ADD)\s", re.IGNORECASE)
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


class _Instruction(NamedTuple):
    word: str
    value: str


@dataclass(slots=True)
class _Stage:
    base: str | None
    name: str | None
    others: list[str] = field(default_factory=list)


def external_bases(step: BuildImage) -> tuple[str, ...]:
    """The references, as written, that no stage of the containerfile provides.

    Only the stages that `step.target` (default: the last) needs count. A variable is replaced as
    docker replaces it: build argument, else the default of its ARG before the first FROM. What
    can't be resolved, or is provided by a build context or substitute of the step, is left out;
    so is everything when there is no readable containerfile: the engine says it better.
    """
    path = step.containerfile
    if path is None:
        named = (step.context / name for name in ("Dockerfile", "Containerfile"))
        path = next((file for file in named if file.is_file()), None)
    try:
        text = path.read_text(errors="surrogateescape") if path else ""
    except OSError:
        return ()
    stages = _stages(_instructions(text), dict(step.build_args), _platform_arguments(step))
    provided = {canonical(name) for name, _ in (*step.build_contexts, *step.substitutes)}
    wanted = _outside(stages, step.target)
    return tuple(name for name in wanted if name != _SCRATCH and canonical(name) not in provided)


def _instructions(text: str) -> Iterator[_Instruction]:
    # Only a build reads a containerfile, and the library costs 20 ms.
    from dockerfile_parse import DockerfileParser  # noqa: PLC0415

    source = io.BytesIO("".join(_without_heredocs(text)).encode(errors="replace"))
    structure = cast("list[dict[str, str]]", DockerfileParser(fileobj=source).structure)
    return (_Instruction(part["instruction"], part["value"]) for part in structure)


def _without_heredocs(text: str) -> Iterator[str]:
    """The parser knows no heredocs, and would take a Python program's `from` for a FROM line."""
    waiting: list[tuple[bool, str]] = []
    continued = False
    for line in text.splitlines(keepends=True):
        if waiting:
            tabs, end = waiting[0]
            if (line.lstrip("\t") if tabs else line).rstrip("\r\n") == end:
                waiting.pop(0)
            continue
        if continued or _HEREDOC_INSTRUCTION.match(line):
            waiting = [(bool(dash), word) for dash, _, word in _HEREDOC.findall(line)]
            continued = not waiting and line.rstrip().endswith("\\")
        yield line


def _stages(
    instructions: Iterable[_Instruction], given: Mapping[str, str], known: Mapping[str, str]
) -> list[_Stage]:
    # See `_instructions`.
    from dockerfile_parse.parser import image_from  # noqa: PLC0415

    stages: list[_Stage] = []
    arguments = dict(known)
    for word, value in instructions:
        if word == "FROM":
            image, name = cast("tuple[str | None, str | None]", image_from(value))
            stages.append(_Stage(_expanded(image or "", arguments), name))
        elif not stages:
            if word == "ARG":
                arguments.update(_declared(value, given, arguments))
        elif word in {"COPY", "ADD"}:
            stages[-1].others += _COPY_FROM.findall(value)[:1]
        elif word == "RUN":
            stages[-1].others += _mounted(value)
    return stages


def _declared(
    value: str, given: Mapping[str, str], before: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    for word in value.split():
        name, _, default = word.partition("=")
        found = given[name] if name in given else _expanded(default.strip("\"'"), before)
        if found is not None:
            yield name, found


def _mounted(value: str) -> Iterator[str]:
    for mount in _MOUNT.findall(value):
        options = dict(part.partition("=")[::2] for part in mount.split(","))
        if "from" in options:
            yield options["from"]


def _expanded(text: str, variables: Mapping[str, str]) -> str | None:
    """The text with its variables replaced; None where one has an operator docker has not."""
    odd = False

    def replaced(match: re.Match[str]) -> str:
        nonlocal odd
        odd = odd or match["odd"] is not None
        value = variables.get(match["plain"] or match["braced"] or "")
        operator, word = match["operator"] or "", match["word"] or ""
        present = bool(value) if operator.startswith(":") else value is not None
        if operator.endswith("+"):
            return word if present else ""
        return (value or "") if present or not operator else word

    expanded = _VARIABLE.sub(replaced, text)
    return None if odd or (text and not expanded) else expanded


def _outside(stages: list[_Stage], target: str | None) -> tuple[str, ...]:
    if not stages:
        return ()
    first = len(stages) - 1 if target is None else _index(target, stages)
    # An unknown target: the engine refuses it, and names it.
    pending = [first] if first is not None else []
    needed: set[int] = set()
    found: dict[str, None] = {}
    while pending:
        number = pending.pop()
        if number in needed:
            continue
        needed.add(number)
        stage = stages[number]
        for name in (stage.base, *stage.others):
            # Variables of COPY --from and mounts are those of the stage, which only engines know.
            if not name or "$" in name:
                continue
            # FROM takes no number, and a stage only sees those before it.
            earlier = _index(name, stages[:number], numbers=name != stage.base)
            if earlier is not None:
                pending.append(earlier)
            else:
                found[name] = None
    return tuple(found)


def _index(name: str, stages: list[_Stage], *, numbers: bool = True) -> int | None:
    for index in reversed(range(len(stages))):
        if (stages[index].name or "").lower() == name.lower():
            return index
    return int(name) if numbers and name.isdecimal() and int(name) < len(stages) else None


def build_platform() -> str:
    """The platform that builds run on: this host's."""
    machine = platform.machine()
    return f"linux/{_ARCHITECTURES.get(machine, machine)}"


def _platform_arguments(step: BuildImage) -> dict[str, str]:
    """The arguments that BuildKit and buildah set by themselves (docs.docker.com, ARG)."""
    build = build_platform()
    wanted = step.platforms[0] if len(step.platforms) == 1 else build
    arguments: dict[str, str] = {}
    for prefix, name in (("BUILD", build), ("TARGET", wanted)):
        system, architecture, variant = [*name.split("/"), "", ""][:3]
        arguments |= {
            f"{prefix}PLATFORM": name,
            f"{prefix}OS": system,
            f"{prefix}ARCH": architecture,
            f"{prefix}VARIANT": variant,
        }
    return arguments

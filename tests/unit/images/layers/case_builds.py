"""A case of the reference, built by the maker of layers alone: no engine, no RUN.

It reads of a containerfile what such cases have, and no more: the words and the refusals of the
whole are the driver's.
"""

from __future__ import annotations

import io
import json
import os
import posixpath
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.images.containerfile.parser import heredoc_of, logical_words, parse
from rootless_build.images.containerfile.patterns import PatternError, ignore_lines
from rootless_build.images.containerfile.syntax import Heredoc, Instruction
from rootless_build.images.containerfile.words import Modes, WordError, expand
from rootless_build.images.layers.client import LayerMaker, LayerRefusedError
from rootless_build.images.layers.request import (
    Copying,
    Directory,
    ImageFiles,
    Inline,
    LayersRequest,
    Operation,
    Source,
    WorkingDirectory,
)
from rootless_build.images.segments.copying import together
from rootless_build.model.errors import ContainerfileError
from rootless_build.model.structs import replace
from rootless_build.testing.base_root import BASE
from tests.reference.case import Case, Context, File
from tests.reference.contexts import write_context
from tests.reference.images import Image, read_image
from tests.reference.random_cases import BASE_FILES
from tests.reference.served import needs_servers

_FLAGS: Final = frozenset({"from", "chown", "chmod", "link", "parents", "exclude", "unpack"})
_OF_THE_CONFIGURATION: Final = frozenset(
    {"CMD", "ENTRYPOINT", "LABEL", "EXPOSE", "VOLUME", "SHELL", "STOPSIGNAL", "HEALTHCHECK"}
)
_OWNING: Final = ("--chown", "USER", "ADD a", f'ADD ["{BASE_FILES}"')
"""What gives files of a stage to others than root."""
_AS_IT_STANDS: Final = Modes(plain=True)


class BeyondTheMakerError(Exception):
    """The maker alone does not build the case."""


class RefusedAtError(Exception):
    """The build ends at a line, which is 0 where none is known."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class _Stage(Struct):
    """What a stage does, each with its line, and what holds for its next instruction."""

    name: str
    operations: list[tuple[int, Operation]] = []
    variables: dict[str, str] = {}
    directory: str = "/"
    user: str = ""
    on_base: bool = False
    parent: int | None = None


class CaseBuild:
    """One build; `place` is a directory that is not there yet, and is made by `image`. `base` is
    the archive of the tests' base image.

    Raises BeyondTheMakerError, RefusedAtError.
    """

    def __init__(self, case: Case, place: Path, base: Path | None = None) -> None:
        self._base = base if BASE in case.text else None
        self._case = case
        self._place = place
        self._stages: list[_Stage] = []
        self._given = dict(case.args)
        self._made: dict[int, list[Path]] = {}
        if needs_servers(case):
            raise BeyondTheMakerError("what is elsewhere")
        try:
            file = parse(case.text)
        except ContainerfileError as error:
            raise RefusedAtError(error.line, str(error)) from error
        for instruction in file.instructions:
            self._add(instruction, file.escape)
        if case.target is not None:
            raise BeyondTheMakerError("a target")

    @property
    def needs_owners(self) -> bool:
        """Whether files of a stage have other owners than root, which root alone can give."""
        text = self._case.text
        if any(stage.on_base for stage in self._stages):
            return True
        taken = "--from=" in text or any(stage.parent is not None for stage in self._stages)
        return taken and any(each in text for each in _OWNING)

    def image(self, maker: LayerMaker) -> Image:
        """What comes out. Raises RefusedAtError."""
        write_context(self._place / "context", self._case.files())
        for name, more in self._case.more.items():
            write_context(self._place / "more" / name, more)
        if self._base is not None:
            _extract(self._base, self._place / "base")
        self._tell_what_is_sent()
        layers = self._layers(len(self._stages) - 1, maker)
        if self._stages[-1].on_base and self._base is not None:
            layers.insert(0, self._base)
        return read_layers(self._place / "image.tar", layers)

    # --- the containerfile ----------------------------------------------------------------------

    def _add(self, instruction: Instruction, escape: str) -> None:
        if instruction.keyword == "FROM":
            self._start(logical_words(instruction.body))
            return
        if not self._stages:
            raise BeyondTheMakerError(f"{instruction.keyword} before FROM")
        stage = self._stages[-1]

        def expanded(text: str) -> str:
            return expand(text, stage.variables, escape).text

        line = instruction.line
        try:
            self._add_to(stage, instruction, expanded)
        except WordError as error:
            raise RefusedAtError(line, str(error)) from error

    def _start(self, words: tuple[str, ...]) -> None:
        name = words[2].lower() if len(words) == 3 else ""
        if words[0] == "scratch":
            self._stages.append(_Stage(name))
            return
        if words[0] == BASE:
            self._stages.append(_Stage(name, on_base=True))
            return
        number = self._number(words[0])
        if number is None:
            raise BeyondTheMakerError(f"the image {words[0]}")
        parent = self._stages[number]
        made = _Stage(name, [], {**parent.variables})
        made.parent = number
        made.directory, made.user, made.on_base = parent.directory, parent.user, parent.on_base
        self._stages.append(made)

    def _number(self, name: str) -> int | None:
        found = [
            n for n, stage in enumerate(self._stages) if stage.name and stage.name == name.lower()
        ]
        if found:
            return found[-1]
        return int(name) if name.isdigit() and int(name) < len(self._stages) else None

    def _add_to(
        self, stage: _Stage, instruction: Instruction, expanded: Callable[[str], str]
    ) -> None:
        keyword, body = instruction.keyword, instruction.body
        if keyword == "WORKDIR":
            stage.directory = posixpath.normpath(posixpath.join(stage.directory, expanded(body)))
            made = WorkingDirectory(stage.directory, stage.user)
            stage.operations.append((instruction.line, made))
        elif keyword == "USER":
            stage.user = expanded(body)
        elif keyword in {"ENV", "ARG"}:
            for word in expand(body, stage.variables).words:
                name, equals, value = word.partition("=")
                if keyword == "ARG" and (name in self._given or not equals):
                    value = self._given.get(name, "")
                stage.variables[name] = value
        elif keyword in {"COPY", "ADD"}:
            copying = self._copying(stage, instruction, expanded)
            stage.operations.append((instruction.line, copying))
        elif keyword not in _OF_THE_CONFIGURATION:
            raise BeyondTheMakerError(keyword)

    def _copying(
        self, stage: _Stage, instruction: Instruction, expanded: Callable[[str], str]
    ) -> Copying:
        names = [flag.name for flag in instruction.flags]
        if len(set(names) - {"exclude"}) + names.count("exclude") != len(names) or not (
            _FLAGS.issuperset(names)
        ):
            raise BeyondTheMakerError(f"the flags {names}")
        words = instruction.json or logical_words(instruction.body)
        if len(words) < 2 or (instruction.json and any("<<" in word for word in words)):
            raise BeyondTheMakerError(f"the words {words}")
        heredocs = iter(instruction.heredocs)
        written = [
            self._source(word, instruction, expanded, stage, heredocs) for word in words[:-1]
        ]
        inline = [source for source in written if isinstance(source, Inline)]
        destination = expanded(words[-1])
        return Copying(
            (*together(source for source in written if not isinstance(source, Inline)), *inline),
            _absolute(stage.directory, destination),
            add=instruction.keyword == "ADD",
            unpack=_switch(instruction, "unpack"),
            link=bool(_switch(instruction, "link")),
            parents=bool(_switch(instruction, "parents")),
            exclude=tuple(flag.value or "" for flag in instruction.flags if flag.name == "exclude"),
            chown=expanded(instruction.value("chown") or ""),
            chmod=expanded(instruction.value("chmod") or ""),
        )

    def _source(
        self,
        word: str,
        instruction: Instruction,
        expanded: Callable[[str], str],
        stage: _Stage,
        heredocs: Iterator[Heredoc],
    ) -> Source:
        if instruction.heredocs and heredoc_of(word) is not None:
            heredoc = next(heredocs)
            text = heredoc.text
            if heredoc.expand:
                text = expand(text, stage.variables, "\\", _AS_IT_STANDS).text
            return Inline(heredoc.name, text.encode(errors="surrogateescape"))
        path = expanded(word)
        if "://" in path or path.startswith("git@"):
            raise BeyondTheMakerError(path)
        named = instruction.value("from")
        if named is None:
            return self._directory(self._place / "context", self._case.files(), path)
        if named in self._case.more:
            files = self._case.more[named]
            source = self._directory(self._place / "more" / named, files, path)
            return replace(source, sent=(path,))
        if named == BASE:
            return ImageFiles((self._place / "base",), path)
        number = self._number(named)
        if number in {None, len(self._stages) - 1}:
            raise BeyondTheMakerError(f"--from={named}")
        # Where its files will lie once it is built.
        return ImageFiles((self._place / f"stage{number}",), path)

    def _directory(self, root: Path, files: Context, path: str) -> Directory:
        names = (f"{self._case.file}.dockerignore", ".dockerignore")
        ignore = next((files[name] for name in names if name in files), "")
        while isinstance(ignore, str) and ignore.startswith("->"):
            ignore = files[ignore[2:]]
        content = ignore.content if isinstance(ignore, File) else ignore
        if not isinstance(content, str | bytes):
            raise BeyondTheMakerError("an ignore file that is none")
        text = content if isinstance(content, str) else content.decode(errors="surrogateescape")
        try:
            return Directory(root, path, tuple(ignore_lines(text)))
        except PatternError as error:
            raise RefusedAtError(0, str(error)) from error

    # --- the build ------------------------------------------------------------------------------

    def _tell_what_is_sent(self) -> None:
        """Of each context what the stages name that are needed."""
        named: dict[Path, list[str]] = {}
        needed, seen = [len(self._stages) - 1], set[int]()
        while needed:
            number = needed.pop()
            if number in seen:
                continue
            seen.add(number)
            parent = self._stages[number].parent
            needed += [] if parent is None else [parent]
            for source in self._sources(number):
                if isinstance(source, Directory) and not source.sent:
                    named.setdefault(source.root, []).append(source.path)
                elif isinstance(source, ImageFiles) and source.layers[0].name != "base":
                    needed.append(int(source.layers[0].name.removeprefix("stage")))
        for stage in self._stages:
            stage.operations = [(line, _sent(made, named)) for line, made in stage.operations]

    def _sources(self, number: int) -> Iterator[Source]:
        for _, operation in self._stages[number].operations:
            if isinstance(operation, Copying):
                yield from operation.sources

    def _layers(self, number: int, maker: LayerMaker) -> list[Path]:
        stage = self._stages[number]
        for source in self._sources(number):
            if isinstance(source, ImageFiles):
                self._unpack(source.layers[0], maker)
        before: list[Path] = []
        base = (self._place / "base",) if stage.on_base else ()
        if stage.parent is not None:
            base = (self._place / f"stage{stage.parent}",)
            self._unpack(base[0], maker)
            before = self._made[stage.parent]
        output = self._place / f"layers{number}"
        output.mkdir()
        operations = tuple(operation for _, operation in stage.operations)
        try:
            maker.make(LayersRequest(base, operations, output))
        except LayerRefusedError as error:
            raise RefusedAtError(stage.operations[error.operation][0], error.message) from error
        made = [output / f"{count}.tar" for count in range(len(operations))]
        self._made[number] = [*before, *made]
        return self._made[number]

    def _unpack(self, root: Path, maker: LayerMaker) -> None:
        if root.exists():
            return
        root.mkdir()
        number = int(root.name.removeprefix("stage"))
        if self._stages[number].on_base and self._base is not None:
            _extract(self._base, root)
        for layer in self._layers(number, maker):
            _extract(layer, root)


def _sent(operation: Operation, named: dict[Path, list[str]]) -> Operation:
    if not isinstance(operation, Copying):
        return operation
    sources = (
        replace(source, sent=tuple(named.get(source.root, ())))
        if isinstance(source, Directory) and not source.sent
        else source
        for source in operation.sources
    )
    return replace(operation, sources=tuple(sources))


def _extract(layer: Path, root: Path) -> None:
    root.mkdir(exist_ok=True)
    owners = "--same-owner" if os.geteuid() == 0 else "--no-same-owner"
    words = ["--numeric-owner", owners, "--preserve-permissions", "--delay-directory-restore"]
    subprocess.run(["tar", "--extract", "--file", layer, *words, "-C", root], check=True)


def _absolute(directory: str, path: str) -> str:
    made = posixpath.normpath(posixpath.join(directory, path))
    is_directory = posixpath.basename(path) in {"", ".", ".."}
    return f"{made.rstrip('/')}/" if is_directory else made


def _switch(instruction: Instruction, name: str) -> bool | None:
    flag = instruction.flag(name)
    if flag is None or flag.value in {None, "true", "1"}:
        return None if flag is None else True
    if flag.value in {"false", "0"}:
        return False
    raise BeyondTheMakerError(str(flag))


def read_layers(path: Path, layers: list[Path]) -> Image:
    """The layers as an image without a configuration."""
    names = [f"{number}.tar" for number in range(len(layers))]
    parts: dict[str, object] = {
        "manifest.json": [{"Config": "config.json", "Layers": names}],
        "config.json": {"config": {}, "rootfs": {"diff_ids": names}},
    }
    with tarfile.open(path, "w") as archive:
        for name, part in parts.items():
            text = json.dumps(part).encode()
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
        for name, layer in zip(names, layers, strict=True):
            archive.add(layer, name)
    return read_image(path)

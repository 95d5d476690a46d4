"""What engines answered, kept in the user's cache: a JSON file for each engine as it was then.

An engine that was replaced, or set otherwise, has another file, and is asked again. What can't be
read counts as not asked; where two runs ask at once, the last one wins.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct, ValidationError, convert, to_builtins

from rootless_build.backend.api import EngineSettings
from rootless_build.files import plain
from rootless_build.files.replacing import replace_content
from rootless_build.images.asking.identity import identify
from rootless_build.images.rewrite.features import ASKED, Answer, Answers

_VERSION: Final = 1
_DIGITS: Final = 24


class _Stored(Struct, frozen=True, forbid_unknown_fields=True):
    """What a file has. `engine` is the whole identity: its digest is the file's name."""

    version: int
    engine: str
    answers: Mapping[str, Answer]


class Memory:
    """What one engine answered. `directory` is where all engines' files are, `engine` is what tells
    this one from others (`images.asking.identity`).
    """

    def __init__(self, directory: Path, engine: str) -> None:
        digest = hashlib.sha256(engine.encode(errors="surrogateescape")).hexdigest()
        self._file = directory / f"{digest[:_DIGITS]}.json"
        self._engine = engine

    def answers(self) -> Answers:
        """All of them."""
        try:
            stored = convert(json.loads(plain.content(self._file)), _Stored)
        except (OSError, ValueError, ValidationError):
            return {}
        if (stored.version, stored.engine) != (_VERSION, self._engine):
            return {}
        return {each: stored.answers[each.name] for each in ASKED if each.name in stored.answers}

    def add(self, answers: Answers) -> None:
        """Keep these too. A full disk is no error: the engine is asked again."""
        whole = {each.name: answer for each, answer in {**self.answers(), **answers}.items()}
        stored = _Stored(_VERSION, self._engine, whole)
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_content(self._file, json.dumps(to_builtins(stored)).encode())


def memory_of(directory: Path, backend: str, builder: str, settings: EngineSettings) -> Memory:
    """The memory of the engine of a backend as it is now; `builder` is what builds, with its
    version.
    """
    return Memory(directory, identify(backend, builder, settings))

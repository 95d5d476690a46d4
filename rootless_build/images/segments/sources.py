"""Build contexts as sources of COPY and ADD: each with its own ignore file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from rootless_build.backend.build_files import containerfile, own_ignore_file
from rootless_build.images.containerfile import ignore_file
from rootless_build.images.containerfile.patterns import PatternError, ignore_lines
from rootless_build.images.layers.request import Directory
from rootless_build.images.own_files import OwnFiles, with_rules
from rootless_build.images.segments.limits import IMAGES
from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import BuildImage
from rootless_build.model.references import canonical
from rootless_build.model.structs import replace


class Contexts(Protocol):
    """The build contexts, as a build asks for them: see ContextFiles."""

    def at(self, path: str) -> Directory:
        """What is at a path of the build context."""

    def of_name(self, name: str, path: str) -> Directory | None:
        """What is at a path of the context of that full name; None where it is no directory."""

    def is_directory(self, name: str) -> bool:
        """Whether the context of that full name is a directory."""


class ContextFiles(Struct, frozen=True):
    """The build context, and those with a name that are directories; the path is empty in each.
    Those with a name are found by it in full, as a reference to an image is written.
    """

    main: Directory
    named: Mapping[str, Directory]

    @classmethod
    def of(cls, step: BuildImage, own: OwnFiles, fetched: Collection[str] = ()) -> ContextFiles:
        """The contexts of a step, without rbuild's own files. `fetched` are the full names of those
        that are from elsewhere, whose ignore files nobody reads. Raises RecipeError.
        """
        own_ignore = own_ignore_file(containerfile(step))
        named = {
            canonical(name): Directory(
                Path(value),
                "",
                () if canonical(name) in fetched else _lines(Path(value), None, own),
            )
            for name, value in step.build_contexts
            if not value.startswith(IMAGES)
        }
        return cls(Directory(step.context, "", _lines(step.context, own_ignore, own)), named)

    def with_sent(self, paths: tuple[str, ...]) -> ContextFiles:
        """The same, of whose main one a build takes these paths."""
        return ContextFiles(replace(self.main, sent=paths), self.named)

    def at(self, path: str) -> Directory:
        """What is at a path of the build context."""
        return replace(self.main, path=path)

    def of_name(self, name: str, path: str) -> Directory | None:
        """What is at a path of the context of that full name; None where it is no directory.

        BuildKit asks for one with a name anew for each instruction, and for nothing else of it.
        """
        found = self.named.get(name)
        return replace(found, path=path, sent=(path,)) if found else None

    def is_directory(self, name: str) -> bool:
        """Whether the context of that full name is a directory."""
        return name in self.named


def _lines(context: Path, first: Path | None, own: OwnFiles) -> tuple[str, ...]:
    """What docker reads: the `first` ignore file, where it is there, else that of the context."""
    try:
        text = ignore_file.text_of(first.parent, first.name) if first else None
        if text is None:
            text = ignore_file.text_of(context, ".dockerignore") or ""
        return tuple(ignore_lines(with_rules(text, own.rules(context))))
    except OSError as error:
        message = f"the ignore file of {context} can't be read: {error.strerror}"
        raise RecipeError(message) from error
    except PatternError as error:
        message = f"the ignore file of {context}: {error}"
        raise RecipeError(message, hint="mend the line; docker refuses it too") from error

"""Build contexts as sources of COPY and ADD: each with its own ignore file."""

from __future__ import annotations

from pathlib import Path

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


class ContextFiles(Struct, frozen=True):
    """The build context, and those with a name that are directories: where they are, and the lines
    of their ignore files.
    Those with a name are found by it in full, as a reference to an image is written.
    """

    main: tuple[Path, tuple[str, ...]]
    named: dict[str, tuple[Path, tuple[str, ...]]]

    @classmethod
    def of(cls, step: BuildImage, own: OwnFiles) -> ContextFiles:
        """The contexts of a step, without rbuild's own files. Raises RecipeError."""
        own_ignore = own_ignore_file(containerfile(step))
        named = {
            canonical(name): (Path(value), _lines(Path(value), None, own))
            for name, value in step.build_contexts
            if not value.startswith(IMAGES)
        }
        return cls((step.context, _lines(step.context, own_ignore, own)), named)

    def at(self, path: str) -> Directory:
        """What is at a path of the build context."""
        root, ignored = self.main
        return Directory(root, path, ignored)

    def of_name(self, name: str, path: str) -> Directory | None:
        """What is at a path of the context of that full name; None where it is no directory."""
        found = self.named.get(name)
        return Directory(found[0], path, found[1]) if found else None


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

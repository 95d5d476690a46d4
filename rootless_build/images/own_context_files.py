"""Keeps rbuild's own files out of the build contexts of an engine that does COPY and ADD itself: by
an ignore file, or by a copy without them.
"""

from __future__ import annotations

from pathlib import Path

from rootless_build.backend.build_files import own_ignore_file
from rootless_build.files import copying
from rootless_build.images.containerfile import file as containerfile
from rootless_build.images.containerfile import ignore_file
from rootless_build.images.containerfile.patterns import PatternError, Patterns, parse_ignore_file
from rootless_build.images.own_files import OwnFiles, with_rules
from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace


def ignore_patterns(step: BuildImage, file: Path, own: OwnFiles) -> Patterns:
    """What the ignore file of the build leaves out, and which files of rbuild's are left out too.

    Raises RecipeError for what no engine takes.
    """
    try:
        return parse_ignore_file(with_rules(_read_ignore_file(step, file), own.rules(step.context)))
    except PatternError as error:
        message = f"the ignore file of {containerfile.display(step, file)}: {error}"
        raise RecipeError(message, hint="mend the line; docker refuses it too") from error


def with_ignore_file(step: BuildImage, file: Path, own: OwnFiles, directory: Path) -> BuildImage:
    """The step with an ignore file that leaves rbuild's files out too, where its own does not, and
    which is read from the context alone.

    It stands beside a containerfile of rbuild's.
    """
    given = _read_ignore_file(step, file)
    leaves = _leaves_out(given, own.find(step.context))
    if leaves and not ignore_file.leads_out(step.context, file):
        return step
    new = directory / file.name
    if step.containerfile != new:
        new.write_bytes(file.read_bytes())
    text = with_rules(given, own.rules(step.context))
    encoded = text.encode("utf-8", errors="surrogateescape")
    own_ignore_file(new).write_bytes(encoded)
    return replace(step, containerfile=new)


def without_own_files(step: BuildImage, own: OwnFiles, directory: Path) -> BuildImage:
    """The step with copies of those named contexts that have rbuild's files in them: for these no
    ignore file can be given.
    """

    def without(context: str, name: str) -> str:
        if "://" in context or not Path(context).is_dir() or not own.find(Path(context)):
            return context
        return str(_copy_without(Path(context), own, directory / "contexts" / name))

    contexts = tuple(
        (name, without(value, str(number)))
        for number, (name, value) in enumerate(step.build_contexts)
    )
    return replace(step, build_contexts=contexts)


def _read_ignore_file(step: BuildImage, file: Path) -> str:
    try:
        return ignore_file.read(step.context, file)
    except OSError as error:
        shown = containerfile.display(step, file)
        message = f"the ignore file of {shown} can't be read: {error.strerror}"
        raise RecipeError(message) from error


def _leaves_out(text: str, paths: tuple[str, ...]) -> bool:
    """Whether an ignore file leaves out all of them for certain."""
    try:
        return all(map(parse_ignore_file(text).match, paths))
    except PatternError:
        return False


def _copy_without(context: Path, own: OwnFiles, target: Path) -> Path:
    target.mkdir(parents=True)
    copying.copy_tree(context.resolve(), target, [], leave_out=own.find(context))
    return target

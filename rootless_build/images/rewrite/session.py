"""Around the build of a segment: its RUNs rewritten, an engine's errors in the original's words."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from rootless_build.backend.api import Engine
from rootless_build.backend.build_files import existing_containerfile, own_ignore_file
from rootless_build.files import below, plain
from rootless_build.images.containerfile import file as containerfile
from rootless_build.images.containerfile import ignore_file
from rootless_build.images.containerfile.edit import at_lines
from rootless_build.images.containerfile.parser import parse
from rootless_build.images.containerfile.stages import DEFAULT_SHELL, Given, Image
from rootless_build.images.rewrite import cache_locks, features
from rootless_build.images.rewrite.build_context import BuildContext
from rootless_build.images.rewrite.features import NO_ANSWERS, Answers, Builder
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.images.rewrite.parts import Rewritten
from rootless_build.images.rewrite.rewriter import rewrite, unchanged
from rootless_build.images.rewrite.source_map import OriginalReporter
from rootless_build.images.rewrite.state import Rewrite, RewriteState
from rootless_build.model import references
from rootless_build.model.errors import ContainerfileError, ImageBuildError, RecipeError
from rootless_build.model.events import Level, StepReporter
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.process import identities

_LOCKS: Final = "cache-locks"


@contextlib.contextmanager
def rewrite_build(
    step: BuildImage, engine: Engine, reporter: StepReporter, options: RewriteOptions
) -> Iterator[tuple[BuildImage, StepReporter]]:
    """Give the step and the reporter that the engine is to have, its RUNs rewritten where it needs
    that. The builder is known.

    Raises ContainerfileError for what can't be rewritten; an ImageBuildError of the engine leaves
    in the words of the original.
    """
    builder = features.of(options.builder, options.answers)
    file = existing_containerfile(step)
    if builder is None or file is None:
        message = "nothing is known of what builds it"
        raise ValueError(message)
    with tempfile.TemporaryDirectory(prefix=identities.private_prefix()) as place:
        directory = Path(place)
        shown = options.shown or containerfile.display(step, file)
        state = _begin(step, file, shown, builder, _lookup(step, engine, options), options)
        state.directory = directory / "files"
        state.directory.mkdir()
        state.local, state.allow_inexact = not engine.remote, options.allow_inexact
        # Else the engine locks them, in its own way.
        state.locks = state.local and _can_lock(options.data)
        made = rewrite(state, step.target)
        if made is not None:
            _tell(made, builder, file, shown, reporter)
        speaker = OriginalReporter(
            reporter,
            made or unchanged(state),
            shown,
            classic=builder.is_classic,
            renames=made is not None,
            target=step.target,
        )
        try:
            with _locked(made, options.data, reporter):
                yield _with_text(step, file, made, directory) if made else step, speaker
        except ImageBuildError as error:
            speaker.translate(error)
            raise


def _can_lock(data: Path | None) -> bool:
    return data is not None and cache_locks.are_possible(data / _LOCKS)


@contextlib.contextmanager
def _locked(made: Rewritten | None, data: Path | None, reporter: StepReporter) -> Iterator[None]:
    """Nobody else's RUN has the caches meanwhile. Raises RecipeError where they can't be locked."""
    if made is None or data is None or not made.locked:
        yield
        return
    text = "waiting for another build, which has locked a cache that a RUN wants for itself"
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(
                cache_locks.held(
                    data / _LOCKS, made.locked, lambda: reporter.notice("cache-locked", text)
                )
            )
        except OSError as error:
            message = f"a cache can't be locked: {error.filename}: {error.strerror}"
            raise RecipeError(message, hint="make that directory writable") from error
        yield


def explain(step: BuildImage, name: str, answers: Answers = NO_ANSWERS) -> tuple[Rewrite, ...]:
    """What would be rewritten for a builder of that name and version, and why. `answers` are those
    that it gave.

    Nothing is fetched or written. Raises ContainerfileError for what is wrong in the file.
    """
    builder, file = features.of(name, answers), existing_containerfile(step)
    if builder is None or file is None:
        return ()
    check_inside(file, step)
    shown = containerfile.display(step, file)
    made = rewrite(
        _begin(step, file, shown, builder, lambda _: None, RewriteOptions()), step.target
    )
    return made.rewrites if made else ()


def check_inside(file: Path, step: BuildImage) -> None:
    """BuildKit follows a link of that name no further than the directory it is in, and the engines
    follow it wherever it leads. Raises ContainerfileError.
    """
    if not file.is_symlink():
        return
    directory = Path(os.path.realpath(file.parent))
    with contextlib.suppress(OSError):
        if os.path.realpath(file) == str(directory / below.resolved(directory, file.name)):
            return
    raise ContainerfileError(
        f"it is a link that leads out of {file.parent}, to {os.path.realpath(file)}",
        containerfile.display(step, file),
        1,
        hint="docker's BuildKit does not follow it either; name the file itself with -f",
    )


def _begin(
    step: BuildImage,
    file: Path,
    shown: str,
    builder: Builder,
    image: Callable[[str], Image | None],
    options: RewriteOptions,
) -> RewriteState:
    # Lines of heredocs keep the ends that they have.
    text = plain.content(file).decode(errors="surrogateescape")
    platform = step.platforms[0] if len(step.platforms) == 1 else None
    parsed = at_lines(parse(text, shown), options.lines)
    return RewriteState(
        parsed,
        builder,
        Given.of(parsed, step, platform),
        BuildContext(step.context),
        image,
        contexts=step.build_contexts,
    )


def _lookup(
    step: BuildImage, engine: Engine, options: RewriteOptions
) -> Callable[[str], Image | None]:
    substitutes = {references.canonical(name): local for name, local in step.substitutes}
    contexts = {references.canonical(name): value for name, value in step.build_contexts}
    known: dict[str, Image | None] = {
        references.canonical(name): image for name, image in options.images.items()
    }

    def look_up(name: str) -> Image | None:
        full = name if references.is_id(name) else references.canonical(name)
        if full in contexts:
            return None
        if full not in known:
            found = engine.find_image(substitutes.get(full, full))
            known[full] = None
            if found is not None:
                known[full] = Image(
                    found.environment, found.working_directory, DEFAULT_SHELL, found.id
                )
        return known[full]

    return look_up


def _tell(
    made: Rewritten, builder: Builder, file: Path, shown: str, reporter: StepReporter
) -> None:
    rules = ", ".join(dict.fromkeys(each.rule for each in made.rewrites))
    text = f"{file.name} rewritten for {builder.shown}: {rules}; rbuild plan --explain says why"
    reporter.notice("rewritten", text)
    for each in made.rewrites:
        if each.differs:
            where = f"{shown}:{each.line}: {each.instruction}"
            reporter.notice("inexact", f"{where}: {each.differs}", Level.WARNING)


def _with_text(step: BuildImage, file: Path, made: Rewritten, directory: Path) -> BuildImage:
    """The step with the new containerfile, and the build context of files if that needs it."""
    new = directory / file.name
    new.write_text(made.text, errors="surrogateescape")
    ignore = own_ignore_file(file)
    own = ignore_file.text_of(ignore.parent, ignore.name)
    if own is not None:
        own_ignore_file(new).write_bytes(own.encode("utf-8", errors="surrogateescape"))
    if made.files:
        files = (made.files, str(directory / "files"))
        step = replace(step, build_contexts=(*step.build_contexts, files))
    elif made.files is not None:
        step = replace(step, context=directory / "files")
    secrets = (*step.secrets, *_named_anew(step.secrets, made.secrets))
    return replace(step, containerfile=new, secrets=secrets)


def _named_anew(secrets: Sequence[str], names: Sequence[tuple[str, str]]) -> Iterator[str]:
    """The secrets of a step that have more names: `id=ID,src=FILE` with another id."""
    for name, known in names:
        head = f"id={known},"
        yield from (
            f"id={name},{words[len(head) :]}" for words in secrets if words.startswith(head)
        )

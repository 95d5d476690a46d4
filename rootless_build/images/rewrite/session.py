"""Around one image build: its containerfile rewritten, and the engine's errors in its own words."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from rootless_build.backend.api import Engine
from rootless_build.backend.build_files import existing_containerfile, own_ignore_file
from rootless_build.files import below, plain
from rootless_build.images.containerfile import file as containerfile
from rootless_build.images.containerfile import ignore_file
from rootless_build.images.containerfile.edit import at_lines
from rootless_build.images.containerfile.parser import parse
from rootless_build.images.containerfile.stages import DEFAULT_SHELL, Given, Image, split, target_of
from rootless_build.images.rewrite import features, own_context_files
from rootless_build.images.rewrite.build_context import BuildContext
from rootless_build.images.rewrite.features import NO_ANSWERS, Answers, Builder
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.images.rewrite.parts import Rewritten
from rootless_build.images.rewrite.rewriter import rewrite, unchanged
from rootless_build.images.rewrite.source_map import OriginalReporter
from rootless_build.images.rewrite.state import FILES, Rewrite, RewriteState
from rootless_build.model import references
from rootless_build.model.errors import ContainerfileError, ImageBuildError
from rootless_build.model.events import Level, StepReporter
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.process import identities


@contextlib.contextmanager
def rewrite_build(
    step: BuildImage, engine: Engine, reporter: StepReporter, options: RewriteOptions
) -> Iterator[tuple[BuildImage, StepReporter]]:
    """Give the step and the reporter that the engine is to have, rewritten where it needs that.

    The containerfile stays as it is where it needs no change or the builder is not known. Raises
    ContainerfileError for what is wrong in it or can't be rewritten; an ImageBuildError of the
    engine leaves in the words of the original.
    """
    builder = features.of(options.builder, options.answers)
    file = existing_containerfile(step)
    if file is None:
        yield step, reporter
        return
    check_inside(file, step)
    with tempfile.TemporaryDirectory(prefix=identities.private_prefix()) as place:
        directory = Path(place)
        step = own_context_files.without_own_files(
            step, options.own, directory, classic=_is_classic(builder)
        )
        if builder is None:
            try:
                yield (
                    own_context_files.with_ignore_file(step, file, options.own, directory),
                    reporter,
                )
            except ImageBuildError as error:
                _locate(error, step, file)
                raise
            return
        shown = options.shown or containerfile.display(file, step.context)
        state = _begin(step, file, shown, builder, _lookup(step, engine, options), options)
        state.directory = directory / "files"
        state.directory.mkdir()
        state.data, state.local = options.data, not engine.remote
        state.allow_inexact = options.allow_inexact
        made = rewrite(state, step.target)
        if made is not None:
            _tell(made, builder, file, shown, reporter)
        speaker = OriginalReporter(
            reporter,
            made or unchanged(state),
            shown,
            classic=_is_classic(builder),
            renames=made is not None,
            target=step.target,
        )
        try:
            changed = (
                _write_containerfile(step, file, made.text, directory, files=made.files)
                if made
                else step
            )
            if made is None and builder.kind == "buildah":
                changed = _without_later_stages(step, file, state, directory)
            if not _is_classic(builder):
                changed = own_context_files.with_ignore_file(changed, file, options.own, directory)
            yield changed, speaker
        except ImageBuildError as error:
            speaker.translate(error)
            raise


def _locate(error: ImageBuildError, step: BuildImage, file: Path) -> None:
    """Put the line of the instruction that failed into the error, where it is the only such one."""
    failed = error.failed
    if failed is None:
        return
    try:
        parsed = parse(plain.text(file, errors="surrogateescape"))
    except (OSError, ContainerfileError):
        return
    wanted = failed.text.split()
    lines = [each.line for each in parsed.instructions if each.text.split() == wanted]
    if len(lines) == 1:
        error.at(replace(failed, place=f"{containerfile.display(file, step.context)}:{lines[0]}"))


def explain(step: BuildImage, name: str, answers: Answers = NO_ANSWERS) -> tuple[Rewrite, ...]:
    """What would be rewritten for a builder of that name and version, and why. `answers` are those
    that it gave.

    Nothing is fetched or written. Raises ContainerfileError for what is wrong in the file.
    """
    builder, file = features.of(name, answers), existing_containerfile(step)
    if builder is None or file is None:
        return ()
    check_inside(file, step)
    shown = containerfile.display(file, step.context)
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
        containerfile.display(file, step.context),
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
        BuildContext(step.context, own_context_files.ignore_patterns(step, file, options.own)),
        image,
        contexts=step.build_contexts,
        replaced=frozenset(
            references.canonical(name)
            for name in (*dict(step.build_contexts), *dict(step.substitutes), *options.images)
        ),
        network=step.network,
        platform=platform,
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


def _without_later_stages(
    step: BuildImage, file: Path, state: RewriteState, directory: Path
) -> BuildImage:
    """The step with a containerfile that ends with the stage that is built.

    podman 4.3.1 and buildah 1.28.2 give `--label` to the last stage of the file; the one that is
    built then has those of an earlier build, where all of it comes out of the cache.
    """
    if step.target is None:
        return step
    _, stages = split(state.file, state.given)
    built = target_of(step.target, stages)
    if built is None or built + 1 == len(stages):
        return step
    after = stages[built + 1].begin
    lines = plain.text(file, errors="surrogateescape").split("\n")
    text = "\n".join((*lines[: after.line - 1], ""))
    return _write_containerfile(step, file, text, directory)


def _write_containerfile(
    step: BuildImage, file: Path, text: str, directory: Path, *, files: bool = False
) -> BuildImage:
    """The step with another containerfile; `files`: it needs the build context FILES."""
    new = directory / file.name
    new.write_text(text, errors="surrogateescape")
    ignore = own_ignore_file(file)
    own = ignore_file.text_of(ignore.parent, ignore.name)
    if own is not None:
        own_ignore_file(new).write_bytes(own.encode("utf-8", errors="surrogateescape"))
    contexts = step.build_contexts
    if files:
        contexts = (*contexts, (FILES, str(directory / "files")))
    return replace(step, containerfile=new, build_contexts=contexts)


def _is_classic(builder: Builder | None) -> bool:
    return builder is not None and builder.kind == "docker-classic"

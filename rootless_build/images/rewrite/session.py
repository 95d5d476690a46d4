"""An image build with a containerfile that the engine at hand understands, if it needs one."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from rootless_build.backend.api import Engine
from rootless_build.files import below, plain
from rootless_build.images.containerfile import ignore_file
from rootless_build.images.containerfile.parser import parse
from rootless_build.images.containerfile.patterns import PatternError, Patterns, parse_ignore_file
from rootless_build.images.containerfile.stages import DEFAULT_SHELL, Given, Image, earlier, split
from rootless_build.images.own_files import OwnFiles, with_rules
from rootless_build.images.rewrite import features
from rootless_build.images.rewrite.build_context import BuildContext
from rootless_build.images.rewrite.features import Builder
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.images.rewrite.rewriter import Rewritten, rewrite, unchanged
from rootless_build.images.rewrite.source_map import OriginalReporter
from rootless_build.images.rewrite.state import FILES, Rewrite, RewriteState
from rootless_build.model import platforms, references
from rootless_build.model.errors import ContainerfileError, ImageBuildError, RecipeError
from rootless_build.model.events import Level, StepReporter
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.process import identity


@contextlib.contextmanager
def rewrite_build(
    step: BuildImage, engine: Engine, reporter: StepReporter, building: RewriteOptions
) -> Iterator[tuple[BuildImage, StepReporter]]:
    """The step, and the reporter to give to the engine, while it builds.

    The step's own containerfile where it needs no change, or the builder is not known. Raises
    ContainerfileError for what is wrong in it or can't be rewritten; an ImageBuildError of the
    engine leaves in the words of the original.
    """
    builder, file = _builder(building.builder), containerfile(step)
    if file is None:
        yield step, reporter
        return
    _check_inside(file, step)
    with tempfile.TemporaryDirectory(prefix=identity.private_prefix()) as place:
        directory = Path(place)
        step = _without_own(step, building.own, directory, classic=_is_classic(builder))
        if builder is None:
            try:
                yield _with_ignore_file(step, file, building.own, directory), reporter
            except ImageBuildError as error:
                _locate(error, step, file)
                raise
            return
        work = _begin(step, file, builder, _lookup(step, engine), building.own)
        work.directory = directory / "files"
        work.directory.mkdir()
        work.data, work.local = building.data, not engine.remote
        work.allow_inexact = building.allow_inexact
        made = rewrite(work, step.target)
        if made is not None:
            _tell(made, builder, file, reporter)
        speaker = OriginalReporter(
            reporter,
            made or unchanged(work),
            _display_name(file, step),
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
                changed = _without_later_stages(step, file, work, directory)
            if not _is_classic(builder):
                changed = _with_ignore_file(changed, file, building.own, directory)
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
        error.at(replace(failed, place=f"{_display_name(file, step)}:{lines[0]}"))


def explain(step: BuildImage, name: str) -> tuple[Rewrite, ...]:
    """What would be rewritten for a builder of that name and version, and why.

    Nothing is fetched or written. Raises ContainerfileError for what is wrong in the file.
    """
    builder, file = _builder(name), containerfile(step)
    if builder is None or file is None:
        return ()
    _check_inside(file, step)
    made = rewrite(_begin(step, file, builder, lambda _: None, OwnFiles()), step.target)
    return made.rewrites if made else ()


def containerfile(step: BuildImage) -> Path | None:
    """The file that is built, None where there is none: the engine says it."""
    if step.containerfile is not None:
        return step.containerfile if step.containerfile.is_file() else None
    named = (step.context / name for name in ("Dockerfile", "Containerfile"))
    return next((file for file in named if file.is_file()), None)


def _check_inside(file: Path, step: BuildImage) -> None:
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
        _display_name(file, step),
        1,
        hint="docker's BuildKit does not follow it either; name the file itself with -f",
    )


def _builder(name: str) -> Builder | None:
    engine, _, version = name.partition(" ")
    return features.builder(engine, version)


def _begin(
    step: BuildImage,
    file: Path,
    builder: Builder,
    image: Callable[[str], Image | None],
    own: OwnFiles,
) -> RewriteState:
    text = plain.text(file, errors="surrogateescape")
    platform = step.platforms[0] if len(step.platforms) == 1 else None
    given = Given(dict(step.build_args), platforms.arguments(platform))
    return RewriteState(
        parse(text, _display_name(file, step)),
        builder,
        given,
        BuildContext(step.context, _ignore_patterns(step, file, own)),
        image,
        contexts=step.build_contexts,
        replaced=frozenset(
            references.canonical(name) for name, _ in (*step.build_contexts, *step.substitutes)
        ),
        network=step.network,
        platform=platform,
    )


def _display_name(file: Path, step: BuildImage) -> str:
    """The file's path, relative to the context where it is in it."""
    return str(file.relative_to(step.context)) if file.is_relative_to(step.context) else str(file)


def _ignore_patterns(step: BuildImage, file: Path, own: OwnFiles) -> Patterns:
    """What the ignore file of the build leaves out, and which files of rbuild's are left out too.

    Raises RecipeError for what no engine takes.
    """
    try:
        return parse_ignore_file(with_rules(_read_ignore_file(step, file), own.rules(step.context)))
    except PatternError as error:
        message = f"the ignore file of {_display_name(file, step)}: {error}"
        raise RecipeError(message, hint="mend the line; docker refuses it too") from error


def _read_ignore_file(step: BuildImage, file: Path) -> str:
    try:
        return ignore_file.read(step.context, file)
    except OSError as error:
        message = f"the ignore file of {_display_name(file, step)} can't be read: {error.strerror}"
        raise RecipeError(message) from error


def _leaves_out(text: str, paths: tuple[str, ...]) -> bool:
    """Whether an ignore file leaves out all of them for certain."""
    try:
        return all(map(parse_ignore_file(text).match, paths))
    except PatternError:
        return False


def _lookup(step: BuildImage, engine: Engine) -> Callable[[str], Image | None]:
    substitutes = {references.canonical(name): local for name, local in step.substitutes}
    contexts = {references.canonical(name): value for name, value in step.build_contexts}
    known: dict[str, Image | None] = {}

    def look_up(name: str) -> Image | None:
        full = references.canonical(name)
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


def _tell(made: Rewritten, builder: Builder, file: Path, reporter: StepReporter) -> None:
    rules = ", ".join(dict.fromkeys(each.rule for each in made.rewrites))
    text = f"{file.name} rewritten for {builder.shown}: {rules}; rbuild plan --explain says why"
    reporter.notice("rewritten", text)
    for each in made.rewrites:
        if each.differs:
            where = f"{file.name}:{each.line}: {each.instruction}"
            reporter.notice("inexact", f"{where}: {each.differs}", Level.WARNING)


def _without_later_stages(
    step: BuildImage, file: Path, work: RewriteState, directory: Path
) -> BuildImage:
    """The step with a containerfile that ends with the stage that is built.

    podman 4.3.1 and buildah 1.28.2 give `--label` to the last stage of the file; the one that is
    built then has those of an earlier build, where all of it comes out of the cache.
    """
    if step.target is None:
        return step
    _, stages = split(work.file, work.given)
    built = earlier(step.target, stages, len(stages))
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
    name = f"{file.name}.dockerignore"
    own = ignore_file.text_of(file.parent, name)
    if own is not None:
        new.with_name(name).write_bytes(own.encode("utf-8", errors="surrogateescape"))
    contexts = step.build_contexts
    if files:
        contexts = (*contexts, (FILES, str(directory / "files")))
    return replace(step, containerfile=new, build_contexts=contexts)


def _is_classic(builder: Builder | None) -> bool:
    return builder is not None and builder.kind == "docker-classic"


def _with_ignore_file(step: BuildImage, file: Path, own: OwnFiles, directory: Path) -> BuildImage:
    """The step with an ignore file that leaves rbuild's files out too, where its own does not, and
    which is read from the context alone.

    It stands beside a containerfile of rbuild's; all engines but the classic builder look there.
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
    new.with_name(f"{new.name}.dockerignore").write_bytes(encoded)
    return replace(step, containerfile=new)


def _without_own(step: BuildImage, own: OwnFiles, directory: Path, *, classic: bool) -> BuildImage:
    """The step with copies of those contexts that have rbuild's files in them, and for which no
    ignore file can be given: those with a name, and all of the classic builder.
    """

    def without(context: str, name: str) -> str:
        if "://" in context or not Path(context).is_dir() or not own.find(Path(context)):
            return context
        return str(_copy_without(Path(context), own, directory / "contexts" / name))

    contexts = tuple(
        (name, without(value, str(number)))
        for number, (name, value) in enumerate(step.build_contexts)
    )
    context = step.context
    file = containerfile(step) if classic else None
    if file and not _leaves_out(_read_ignore_file(step, file), own.find(context)):
        context = Path(without(str(context), "context"))
        step = replace(step, containerfile=file)
    return replace(step, context=context, build_contexts=contexts)


def _copy_without(context: Path, own: OwnFiles, target: Path) -> Path:
    # Few contexts are copied.
    from rootless_build.files.copying import copy_tree  # noqa: PLC0415

    target.mkdir(parents=True)
    copy_tree(context.resolve(), target, [], leave_out=own.find(context))
    return target

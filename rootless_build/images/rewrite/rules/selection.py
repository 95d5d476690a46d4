"""`COPY --exclude` and `COPY --parents`: the files are chosen before they are copied."""

from __future__ import annotations

import posixpath
import shlex
from typing import Final

from rootless_build.files import archives
from rootless_build.images.containerfile.edit import copy, exec_form, new, without
from rootless_build.images.containerfile.parser import logical_words
from rootless_build.images.containerfile.patterns import PatternError, Patterns, extended_expression
from rootless_build.images.containerfile.stages import DEFAULT_SHELL, earlier
from rootless_build.images.containerfile.syntax import Flag, Instruction
from rootless_build.images.containerfile.words import WordError, expand
from rootless_build.images.rewrite.build_context import has_wildcards
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.rules.mount_content import stage_name
from rootless_build.images.rewrite.state import FILES, Site

_FOR_FILES: Final = ("chown", "chmod", "link")
_URLS: Final = ("http://", "https://")
_REMOVE: Final = (
    "cd {root} && find . -mindepth 1 | grep -E {pattern} | sort -r |"
    ' while IFS= read -r file; do rm -rf -- "$file"; done'
)


def selection(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """A COPY of the chosen files alone."""
    parents = (instruction.value("parents") or "true").lower() == "true"
    parents = parents and instruction.flag("parents") is not None
    patterns = [flag.value or "" for flag in instruction.flags if flag.name == "exclude"]
    feature = Feature.PARENTS if parents else Feature.EXCLUDE
    if not (parents or patterns):
        return _not_wanted(instruction, at)
    instruction = without(instruction, "parents") if not parents else instruction
    try:
        patterns = [expand(pattern, at.scope.variables).text for pattern in patterns]
        words = (
            instruction.json if instruction.json is not None else logical_words(instruction.body)
        )
        *sources, destination = (expand(word, at.scope.variables).text for word in words)
    except WordError as wrong:
        raise at.error(str(wrong)) from wrong
    if all(source.startswith(_URLS) for source in sources):
        at.note("selection", "--exclude left out, nothing of an URL is excluded")
        return (without(instruction, "exclude"),)
    origin = instruction.value("from")
    if origin == FILES:
        return _from_files(instruction, patterns, at)
    if origin is not None:
        return _from_stage(instruction, origin, sources, destination, patterns, at, parents=parents)
    if not at.work.takes_files:
        at.refuse("selection", feature, "the chosen files can't be given to the build")
        return None
    at.note("selection", f"chosen on this host: {at.work.builder.why(feature)}")
    chosen = [path for source in sources for path in _choose(source, patterns, at, parents=parents)]
    if instruction.keyword == "ADD" and not at.work.explains:
        _no_archives(chosen, at)
    flags = (Flag("from", FILES), *(f for f in instruction.flags if f.name in _FOR_FILES))
    several = len(chosen) > 1 or any(path.endswith("/") for path in chosen)
    slash = "/" if several and not destination.endswith("/") else ""
    return (copy(instruction, flags, chosen, _escape(destination) + slash),)


def _not_wanted(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """`--parents=false` is no `--parents`."""
    if instruction.flag("parents") is None:
        return None
    at.note("selection", f"left out: {at.work.builder.why(Feature.PARENTS)}")
    return (without(instruction, "parents"),)


def _escape(destination: str) -> str:
    """The engine expands it once more."""
    return destination.replace("\\", "\\\\").replace("$", "\\$")


def _choose(source: str, patterns: list[str], at: Site, *, parents: bool) -> list[str]:
    """Paths in FILES; those of directories end with a slash."""
    content, exclude = at.work.content, Patterns(patterns)
    include = Patterns(())
    root = source
    if parents:
        before, pivot, after = source.partition("/./")
        root, wanted = (before, after) if pivot else ("", source)
        include = Patterns([posixpath.normpath("/" + wanted).lstrip("/")])
        if not (has_wildcards(root) or has_wildcards(wanted)):
            _must_exist(posixpath.join(root, wanted), at)
    roots = content.matches(root)
    if not roots and not has_wildcards(root):
        _must_exist(root, at)
    paths = []
    for found in roots:
        directory = content.is_directory(found)
        path = at.work.new_path("tree" if directory else posixpath.basename(found))
        if at.work.directory is not None:
            there = content.copy(found, at.work.directory / path, exclude, include)
            _is_there(found, at, there=there)
        paths.append(f"{path}/" if directory else path)
    return paths or _nothing(at)


def _nothing(at: Site) -> list[str]:
    """Wildcards that match nothing copy nothing, and the directory is made."""
    path = at.work.new_path("tree")
    if at.work.directory is not None:
        (at.work.directory / path).mkdir(parents=True)
    return [f"{path}/"]


def _must_exist(path: str, at: Site) -> None:
    _is_there(path, at, there=at.work.explains or bool(at.work.content.matches(path)))


def _is_there(path: str, at: Site, *, there: bool) -> None:
    if not there:
        message = f"there is no {path} in the build context, or a link that leads out of it"
        raise at.error(message)


def _no_archives(paths: list[str], at: Site) -> None:
    """ADD unpacks archives, COPY does not; a directory's files stay as they are."""
    for path in paths:
        file = at.work.directory / path if at.work.directory else None
        if file is not None and file.is_file() and archives.is_tar(file):
            at.refuse("selection", Feature.EXCLUDE, f"{file.name} would be unpacked")


def _from_files(
    instruction: Instruction, patterns: list[str], at: Site
) -> tuple[Instruction, ...] | None:
    """What a rule before has put there."""
    directory, excluded = at.work.directory, Patterns(patterns)
    if directory is not None:
        for word in logical_words(instruction.body)[:-1]:
            root = directory / word
            for path in sorted(root.rglob("*"), reverse=True) if root.is_dir() else ():
                if excluded.match(str(path.relative_to(root))):
                    path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    return (without(instruction, "exclude"),)


def _from_stage(
    instruction: Instruction,
    origin: str,
    sources: list[str],
    destination: str,
    patterns: list[str],
    at: Site,
    *,
    parents: bool,
) -> tuple[Instruction, ...] | None:
    if parents:
        return _parents_of_stage(instruction, sources, destination, patterns, at)
    if any(map(has_wildcards, sources)) or any(p.startswith("!") for p in patterns):
        at.refuse(
            "selection", Feature.EXCLUDE, "--exclude of a stage with wildcards in its sources"
        )
        return None
    at.note("selection", f"excluded in a stage: {at.work.builder.why(Feature.EXCLUDE)}")
    index = earlier(origin, at.stages, at.number)
    name = stage_name(index) if index is not None and at.stages[index].name is None else origin
    pattern = "|".join(_grep_expression(p, at) for p in patterns)
    script = " && ".join(
        "if [ -d {root} ]; then {remove}; fi".format(
            root=shlex.quote(f"/{source.lstrip('/')}"),
            remove=_REMOVE.format(
                root=shlex.quote(f"/{source.lstrip('/')}"), pattern=shlex.quote(pattern)
            ),
        )
        for source in sources
    )
    begin = (
        new("FROM", name),
        new("USER", "0"),
        exec_form(new("RUN", ""), (*DEFAULT_SHELL, f"set -e; {script}")),
    )
    chosen = at.work.stage_before(at.number, begin)
    flags = [f for f in instruction.flags if f.name not in {"exclude", "from"}]
    return (copy(instruction, (Flag("from", chosen), *flags), sources, _escape(destination)),)


def _grep_expression(pattern: str, at: Site) -> str:
    """For `grep -E`, of a path that begins with `./`; what is below a match is meant too."""
    try:
        text = extended_expression(pattern)
    except PatternError as wrong:
        raise at.error(f"--exclude={pattern}: {wrong}") from wrong
    return rf"^\./{text}(/.*)?$"


def _parents_of_stage(
    instruction: Instruction, sources: list[str], destination: str, patterns: list[str], at: Site
) -> tuple[Instruction, ...] | None:
    if patterns or any(map(has_wildcards, sources)):
        at.refuse("selection", Feature.PARENTS, "--parents of a stage, with wildcards or --exclude")
        return None
    differs = "directories on the way get mode 0755 and root as their owner"
    at.inexact("selection", Feature.PARENTS, differs)
    flags = tuple(flag for flag in instruction.flags if flag.name != "parents")
    done = []
    for source in sources:
        before, pivot, after = source.partition("/./")
        path = posixpath.normpath("/" + (after if pivot else before)).lstrip("/")
        whole = posixpath.normpath("/" + source.lstrip("/"))
        target = posixpath.join(destination, path)
        done.append(copy(instruction, flags, (whole,), _escape(target)))
    return tuple(done)

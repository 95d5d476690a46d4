"""What a bind mount holds: no ignored files, no writes that last, and a step that is done again
when it changed.
"""

from __future__ import annotations

import posixpath
from pathlib import Path

from rootless_build.images.containerfile.edit import copy, new
from rootless_build.images.containerfile.mounts import Mount
from rootless_build.images.containerfile.stages import earlier
from rootless_build.images.containerfile.syntax import Flag, Instruction
from rootless_build.images.containerfile.words import WordError, expand
from rootless_build.images.rewrite.build_context import BuildContext
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.rules.mount_flags import change_mounts
from rootless_build.images.rewrite.state import CONTEXT, Site, fingerprint
from rootless_build.model.structs import replace


def mount_content(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """Mount a stage instead of the context itself, and mark the mount with what it holds."""
    return change_mounts(instruction, lambda mount: _rewrite_mount(mount, at))


def _rewrite_mount(mount: Mount, at: Site) -> Mount:
    if mount.type != "bind":
        return mount
    mount = _inside(mount, at)
    source, origin = mount.source or ".", mount.origin
    if origin is None and at.work.content.ignores_any(source):
        at.note("mount-content", _why(at, Feature.MOUNT_IGNORES))
        mount = replace(mount, origin=CONTEXT)
        at.work.needs_context = True
    if mount.writable and not _forgets_writes(mount, at):
        at.note("mount-content", _why(at, Feature.MOUNT_DISCARDS_WRITES))
        mount = replace(mount, origin=_copy_into_stage(mount.origin, at))
    at.note("mount-content", _why(at, Feature.MOUNT_CONTENT_CACHED))
    # All files that it holds are read for it.
    digest = at.work.context_digest(source) if origin is None else at.marker(origin)
    # An option that engines take and that means nothing; it is part of what they compare.
    return replace(mount, others=(*mount.others, f"consistency={digest}"))


def _forgets_writes(mount: Mount, at: Site) -> bool:
    """Whether the engine is left to do so. A stage of its own costs nothing where what is mounted
    is a stage or an image, and a copy where it is a directory.
    """
    is_directory = mount.origin is None or _content(mount.origin, at) is not None
    return is_directory and at.has(Feature.MOUNT_DISCARDS_WRITES)


def _inside(mount: Mount, at: Site) -> Mount:
    """With what its source leads to in the context: the engines follow a link wherever it leads."""
    content = _content(mount.origin, at)
    if content is None or not mount.source:
        return mount
    try:
        source = expand(mount.source, at.scope.variables).text
    except WordError as wrong:
        raise at.error(str(wrong)) from wrong
    real = content.real(source)
    if real is None:
        if at.work.explains:
            return mount
        message = f"there is no {source} in the build context, or a link that leads out of it"
        raise at.error(message)
    if real == posixpath.normpath(f"/{source}").lstrip("/"):
        return mount
    at.note("mount-content", _why(at, Feature.MOUNT_INSIDE))
    return replace(mount, source=real or ".")


def _content(origin: str | None, at: Site) -> BuildContext | None:
    """The context that is mounted; None for a stage or an image."""
    if origin is None:
        return at.work.content
    directory = dict(at.work.contexts).get(origin)
    if directory is None or "://" in directory or not Path(directory).is_dir():
        return None
    return BuildContext(Path(directory))


def _why(at: Site, feature: Feature) -> str:
    return at.work.builder.why(feature)


def _copy_into_stage(origin: str | None, at: Site) -> str:
    """A stage of its own, made of what is mounted, which is forgotten after the step."""
    directory = dict(at.work.contexts).get(origin or "")
    if origin is None or origin == CONTEXT:
        at.work.needs_context = True
        begin: tuple[Instruction, ...] = (new("FROM", CONTEXT),)
    elif directory is not None and "://" not in directory:
        files = copy(new("COPY", ""), (Flag("from", origin),), (".",), "/")
        begin = (new("FROM", "scratch"), files)
    else:
        index = earlier(origin, at.stages, at.number)
        name = origin
        if index is not None and at.stages[index].name is None:
            name = stage_name(index)
        begin = (new("FROM", name),)
    return at.work.stage_before(at.number, begin)


def stage_name(index: int) -> str:
    """What a stage is called that has no name in the file."""
    return f"rbuild-stage-{index}"


def context_stage() -> tuple[Instruction, ...]:
    """The stage CONTEXT."""
    return (new("FROM", f"scratch AS {CONTEXT}"), new("COPY", ". /"))


def file_marker(name: str, content: bytes) -> str:
    """What tells a file from another of that name."""
    return fingerprint(name, content.decode("latin-1"))

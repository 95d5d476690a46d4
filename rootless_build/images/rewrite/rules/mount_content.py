"""What a bind mount holds: no writes that last, and a step that is done again when it changed."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Final

from rootless_build.images.containerfile.mounts import Mount
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.containerfile.words import WordError, expand
from rootless_build.images.rewrite.build_context import BuildContext
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.rules.mount_flags import change_mounts
from rootless_build.images.rewrite.state import Site, fingerprint
from rootless_build.model.structs import replace

_TELLS: Final = re.compile(r"rbuild-[0-9a-f]{24}")
"""A name that segments give: it tells what is in the image."""
_DIGITS: Final = 12


def mount_content(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """Mount a stage instead of an image, and mark the mount with what it holds. A build context
    that is written to, or of which files are ignored, is an image already.

    The stage forgets what is written to it. buildah 1.33.7 (podman 4.9.3) takes no RUN from its
    cache that mounts an image or a build context with a name.
    """
    return change_mounts(instruction, lambda mount: _rewrite_mount(mount, at))


def _rewrite_mount(mount: Mount, at: Site) -> Mount:
    if mount.type != "bind":
        return mount
    mount = _inside(mount, at)
    source, origin = mount.source or ".", mount.origin
    if origin is not None and _content(origin, at) is None:
        if mount.writable:
            at.note("mount-content", _why(at, Feature.MOUNT_DISCARDS_WRITES))
        mount = replace(mount, origin=at.work.stage_upon(origin, shared=not mount.writable))
    at.note("mount-content", _why(at, Feature.MOUNT_CONTENT_CACHED))
    # All files that it holds are read for it.
    digest = at.work.context_digest(source) if origin is None else _marker(origin, at)
    # An option that engines take and that means nothing; it is part of what they compare.
    return replace(mount, others=(*mount.others, f"consistency={digest}"))


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


def _marker(origin: str, at: Site) -> str:
    """Twelve hex digits for what an image or a build context of that name holds: an engine that
    does not see that what a RUN mounts has changed has them as part of the RUN.
    """
    if _TELLS.fullmatch(origin):
        return fingerprint(origin)
    content = _content(origin, at)
    if content is not None and not at.work.explains:
        return content.digest("")[:_DIGITS]
    directory = dict(at.work.contexts).get(origin)
    image = at.work.image(origin) if directory is None else None
    return fingerprint(origin, directory or (image.id if image else ""))


def _why(at: Site, feature: Feature) -> str:
    return at.work.builder.why(feature)


def file_marker(name: str, content: bytes) -> str:
    """What tells a file from another of that name."""
    return fingerprint(name, content.decode("latin-1"))

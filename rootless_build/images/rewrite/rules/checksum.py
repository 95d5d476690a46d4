"""`ADD --checksum` of an URL: fetched and compared on this host, and copied from there."""

from __future__ import annotations

from rootless_build.images.containerfile.edit import copy
from rootless_build.images.containerfile.parser import logical_words
from rootless_build.images.containerfile.syntax import Flag, Instruction
from rootless_build.images.containerfile.words import WordError, expand
from rootless_build.images.rewrite import downloads
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.state import FILES, Site

_FOR_FILES = ("chown", "chmod", "link")


def checksum(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """A COPY of the file, which is there only if its checksum is right."""
    written = instruction.value("checksum")
    if written is None:
        return None
    words = instruction.json if instruction.json is not None else logical_words(instruction.body)
    try:
        wanted = expand(written, at.scope.variables).text
        url = expand(words[0], at.scope.variables).text
    except WordError as wrong:
        raise at.error(str(wrong)) from wrong
    if len(words) != 2 or not url.startswith(("http://", "https://")):
        raise at.error("--checksum is for one source, which is an URL or a git repository")
    if not at.work.takes_files:
        at.refuse("checksum", Feature.CHECKSUM, "the file can't be given to the build")
        return None
    at.note("checksum", at.work.builder.why(Feature.CHECKSUM))
    try:
        path = at.work.new_path(downloads.file_name(url))
        if at.work.directory is not None:
            downloads.download(url, wanted, at.work.directory / path, at.work.data)
    except downloads.RemoteError as wrong:
        raise at.error(str(wrong), wrong.hint) from wrong
    flags = (Flag("from", FILES), *(f for f in instruction.flags if f.name in _FOR_FILES))
    return (copy(instruction, flags, (path,), words[1]),)

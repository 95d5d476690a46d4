"""Heredocs of COPY and ADD: files in a build context of their own."""

from __future__ import annotations

import posixpath

from rootless_build.images.containerfile.edit import copy, with_parts
from rootless_build.images.containerfile.parser import heredoc_of, logical_words
from rootless_build.images.containerfile.syntax import Flag, Heredoc, Instruction
from rootless_build.images.containerfile.words import Modes, WordError, expand
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.state import FILES, Site

_FOR_FILES = ("chown", "chmod", "link")


def copy_heredoc(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """A COPY from there, after one of the other sources if there are any."""
    if not instruction.heredocs:
        return None
    if not at.work.takes_files:
        at.refuse("copy-heredoc", Feature.COPY_HEREDOC, "the content can't be given to the build")
        return None
    at.note("copy-heredoc", at.work.builder.why(Feature.COPY_HEREDOC))
    contents = {heredoc.name: heredoc for heredoc in instruction.heredocs}
    *sources, destination = logical_words(instruction.body)
    files, others = [], []
    for word in sources:
        heredoc = heredoc_of(word)
        if heredoc is None:
            others.append(word)
        else:
            files.append(_file(contents.get(heredoc.name, heredoc), at))
    done: list[Instruction] = []
    if others:
        body = " ".join([*others, destination])
        done.append(with_parts(_plain(instruction), instruction.flags, body, None))
    flags = (Flag("from", FILES), *(f for f in instruction.flags if f.name in _FOR_FILES))
    # With no directory to go to, each file is written over the one before it.
    groups = [files] if destination.endswith("/") else [[file] for file in files]
    done += [copy(instruction, flags, group, destination) for group in groups]
    return tuple(done)


def _plain(instruction: Instruction) -> Instruction:
    return Instruction(instruction.keyword, "", line=instruction.line)


def _file(heredoc: Heredoc, at: Site) -> str:
    text = heredoc.text
    if heredoc.expand:
        try:
            found = expand(text, at.scope.variables, "\\", Modes(plain=True))
        except WordError as wrong:
            raise at.error(str(wrong)) from wrong
        if found.unset and not at.scope.complete:
            names = ", ".join(found.unset)
            reason = f"whether {names} is set can't be told without the base image"
            hint = "pull or make the base image first"
            at.refuse("copy-heredoc", Feature.COPY_HEREDOC, reason, hint)
        text = found.text
    name = posixpath.basename(heredoc.name) or "file"
    return at.work.add_file(name, text.encode(errors="surrogateescape"))

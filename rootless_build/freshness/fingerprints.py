"""The fingerprint of a step: everything that went into it, part by part, so that a later run can
say whether, and why, it would come to something else.

As in docker's own cache a command is taken to do the same with the same inputs: what a RUN, an
`ADD https://…` or the make container fetches from the network does not count. Neither do secrets,
of which no record is to be made, nor what named volumes hold: they are caches.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.backend.api import LABEL_PREFIX, Image
from rootless_build.backend.build_files import containerfile
from rootless_build.files import plain
from rootless_build.freshness.ignore import Rules
from rootless_build.freshness.index import Index
from rootless_build.freshness.tree import Tree, scan
from rootless_build.images.containerfile import ignore_file
from rootless_build.images.own_files import SIGNED, OwnFiles, with_rules
from rootless_build.model import plan
from rootless_build.model.mounts import real_path
from rootless_build.model.plan import BindMount, BuildImage, Pairs, RunContainer

CONTEXT: Final = "the context"
"""The part that stands for the files of a build context."""
_MOUNT: Final = re.compile(r"--mount=(\S*)")
_QUOTING: Final = frozenset("\"'\\`$")
_WITHOUT_FILES: Final = frozenset({"cache", "tmpfs", "secret", "ssh"})
_IN_STORAGE: Final = re.compile(r"(?:docker-image|container-image)://(?P<reference>.+)")
_NAMED_BUILD: Final = frozenset(
    {"context", "containerfile", "build_args", "platforms", "target", "build_contexts"}
)
_NO_MATTER_TO_BUILD: Final = frozenset(
    {"tags", "origin", "pull", "no_cache", "substitutes", "image_id_file", "cache_from", "secrets"}
)
_NAMED_RUN: Final = frozenset({"image", "environment"})
_NO_MATTER_TO_RUN: Final = frozenset(
    {
        *("origin", "labels", "name", "interactive", "tty", "remove", "pull", "always", "caches"),
        "caller_ids",
    }
)
_SIGNATURES: Final = Rules(f"**/{SIGNED}")
_SHOWN: Final = 3


class Unknown(Struct, frozen=True):
    """What goes into a step, or came out of it, can't be told; `reason` says what, for a person."""

    reason: str


class Fingerprint(Struct, frozen=True):
    """`parts` are names, as a person would call them, with what stands for their content.
    `changed` are files that changed since they were looked at last, by the part's name. `context`
    is what is known of the files of a build context.
    """

    parts: Pairs
    changed: Mapping[str, tuple[str, ...]]
    context: Index | None = None

    def plus(self, parts: Pairs) -> Fingerprint:
        """With more parts."""
        return Fingerprint((*self.parts, *parts), self.changed, self.context)

    @property
    def digest(self) -> str:
        """64 hex digits that stand for all parts."""
        return hashlib.sha256(json.dumps(self.parts).encode()).hexdigest()

    def differs(self, before: Mapping[str, str]) -> str:
        """What is not as it was, for a person; empty for nothing."""
        now = dict(self.parts)
        names = [name for name in now if before.get(name) != now[name]]
        said = [self._said(name, known=name in before) for name in names]
        said += [f"{name} is gone" for name in before if name not in now]
        more = len(said) - _SHOWN
        return "; ".join(said[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")

    def _said(self, name: str, *, known: bool) -> str:
        if not known:
            return f"{name} is new"
        files = self.changed.get(name, ())
        if not files:
            return f"{name} changed"
        more = ", …" if len(files) > _SHOWN else ""
        return f"{name} changed ({', '.join(files[:_SHOWN])}{more})"


def of_build(step: BuildImage, cache: Path, own: OwnFiles) -> Fingerprint | Unknown:
    """What goes into an image build, without its base images and the engine.

    `cache` is the directory of the indexes. `own` are rbuild's files, which reach no build context;
    bundles that are ignored do not count where a RUN mounts the context past its ignore file.
    """
    file = containerfile(step)
    changed: dict[str, tuple[str, ...]] = {}
    try:
        text = plain.content(file)
        parts = [("the containerfile", _short(text))]
        tree = _context(step, file, text.decode(errors="replace"), cache, own)
        parts.append((CONTEXT, tree.digest))
        changed[CONTEXT] = tree.changed
        parts += _ignored(step, file, text)
        for name, value in step.build_contexts:
            if _IN_STORAGE.fullmatch(value) is not None:
                # Its image is a part of its own, which does not say what takes it.
                parts.append((f"the context {name}", value))
                continue
            other = _other_context(value, cache, own)
            if isinstance(other, Unknown):
                return other
            parts.append((f"the context {name}", other.digest))
    except OSError as error:
        return _unreadable(error, file)
    parts += ((f"build argument {name}", _short(value)) for name, value in step.build_args)
    parts.append(("the platform", ",".join(step.platforms)))
    parts.append(("the target stage", step.target or ""))
    parts.append(("an option of the build", _rest(step, _NAMED_BUILD | _NO_MATTER_TO_BUILD)))
    return Fingerprint(_last_of(parts), changed, tree.index)


def of_run(step: RunContainer, image: Image, cache: Path, bundles: Path) -> Fingerprint | Unknown:
    """What goes into a container, without the engine: its image, command, environment, and the
    mounts it can read but for the bundles in them.
    """
    parts = [("the image", identity(image))]
    parts += (
        (f"environment variable {name}", _short(value))
        for name, value in step.environment
        if name not in step.secret_environment
    )
    parts.append(("the command or an option", _rest(step, _NAMED_RUN | _NO_MATTER_TO_RUN)))
    if step.user or image.user:
        # Whether it is the caller decides what it may do (`rootless_build.backend.caller`).
        parts.append(("your user or group id", f"{os.getuid()}:{os.getgid()}"))
    changed: dict[str, tuple[str, ...]] = {}
    for mount in step.mounts:
        if not isinstance(mount, BindMount) or mount.source.is_relative_to(bundles):
            continue
        name = f"the mounted {mount.source}"
        try:
            tree = scan(
                real_path(mount.source),
                Index.load(index_file(cache, "mount", mount.source)),
                skip=frozenset({bundles, real_path(bundles)}),
            )
        except OSError as error:
            return _unreadable(error, name)
        parts.append((name, tree.digest))
        changed[name] = tree.changed
    return Fingerprint(_last_of(parts), changed)


def of_bundles(directory: Path, cache: Path) -> str | Unknown:
    """What stands for the bundles as they are, signed or not."""
    root = real_path(directory)
    try:
        return scan(root, Index.load(index_file(cache, "bundles", directory)), _SIGNATURES).digest
    except OSError as error:
        return _unreadable(error, directory)


def identity(image: Image) -> str:
    """What a container sees of an image: its layers and configuration, not rbuild's own labels."""
    if not image.layers:
        return image.id
    labels = sorted(pair for pair in image.labels if not pair[0].startswith(LABEL_PREFIX))
    seen = (
        image.layers,
        image.entrypoint,
        image.command,
        image.environment,
        image.working_directory,
        image.user,
        labels,
        sorted(image.volumes),
    )
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def stored_contexts(step: BuildImage) -> Iterator[str]:
    """The images in storage that the step names as build contexts."""
    for _, value in step.build_contexts:
        found = _IN_STORAGE.fullmatch(value)
        if found is not None:
            yield found["reference"]


def index_file(cache: Path, purpose: str, root: Path) -> Path:
    """Where what is known about the files below `root` is kept."""
    return cache / f"{purpose}-{hashlib.sha256(os.fsencode(root)).hexdigest()[:16]}.index"


def _ignored(step: BuildImage, file: Path, text: bytes) -> Iterator[tuple[str, str]]:
    """The ignore file, which may be no file of the context, where the files that are looked at do
    not tell what it leaves out.
    """
    said = ignore_file.read_of_docker(step.context, file)
    looked_at = ignore_file.read_common(step.context, file)
    mounts = _mounts_context(text.decode(errors="replace"))
    if said and (mounts or said != looked_at or not Rules(said).is_certain):
        yield "the ignore file", _short(said)


def _mounts_context(text: str) -> bool:
    return any(not _is_elsewhere(found) for found in _MOUNT.findall(text))


def _context(step: BuildImage, file: Path, text: str, cache: Path, own: OwnFiles) -> Tree:
    root = real_path(step.context)
    ignored, own_rules = ignore_file.read_common(step.context, file), own.rules(root)
    skip: frozenset[Path] = frozenset()
    if _mounts_context(text):
        # podman and buildah (all versions) mount the context as it is, ignored files included.
        rules = Rules(ignored)
        skip = frozenset(
            bundles
            for bundles in map(real_path, own.bundles)
            if bundles.is_relative_to(root)
            and rules.match(bundles.relative_to(root).as_posix()).left_out
        )
        ignored = ""
    index = Index.load(index_file(cache, f"context-{_short(str(file))}", step.context))
    return scan(root, index, Rules(with_rules(ignored, own_rules)), skip)


def _is_elsewhere(mount: str) -> bool:
    """Whether a mount, as it is written, is for certain none of the build context."""
    if _QUOTING.intersection(mount):
        return False
    options = dict(option.partition("=")[::2] for option in mount.split(","))
    return bool(options.get("from")) or options.get("type") in _WITHOUT_FILES


def _unreadable(error: OSError, place: Path | str) -> Unknown:
    return Unknown(f"{error.filename or place}: {error.strerror}")


def _other_context(value: str, cache: Path, own: OwnFiles) -> Tree | Unknown:
    directory = Path(value)
    if not directory.is_absolute() or not directory.is_dir():
        return Unknown(f"the build context {value} is not a directory of this host")
    # Engines do not agree on whether an ignore file counts here, so none does.
    rules = Rules(with_rules("", own.rules(directory)))
    return scan(real_path(directory), Index.load(index_file(cache, "context", directory)), rules)


def _rest(step: BuildImage | RunContainer, without: frozenset[str]) -> str:
    rest = {name: value for name, value in plan.to_dict(step).items() if name not in without}
    return _short(json.dumps(rest, sort_keys=True))


def _last_of(parts: Iterable[tuple[str, str]]) -> Pairs:
    """Of two arguments or variables of one name the later one wins, in every engine."""
    return tuple(dict(parts).items())


def _short(content: str | bytes) -> str:
    encoded = content if isinstance(content, bytes) else os.fsencode(content)
    return hashlib.sha256(encoded).hexdigest()[:32]

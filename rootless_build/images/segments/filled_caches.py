"""Caches of a RUN that begin with files of an image (`--mount=type=cache,from=…`).

Engines mount that image itself, and nothing can be written to it (podman 4.3.1, buildah 1.28.2). So
the RUN has a cache without from=, and what it begins with is put into it before, by a build that is
made for that alone. BuildKit has one cache for an id and an image, whatever its source is.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.backend.api import Engine, ImageLabel
from rootless_build.files.private_directories import private_directory
from rootless_build.images.asking.program import put_programs
from rootless_build.images.containerfile import mounts
from rootless_build.images.containerfile.edit import with_flags
from rootless_build.images.containerfile.mounts import Mount
from rootless_build.images.containerfile.stages import Scope
from rootless_build.images.containerfile.syntax import Flag, Instruction
from rootless_build.images.containerfile.words import expand
from rootless_build.images.passing_build import build_and_forget
from rootless_build.images.rewrite.state import fingerprint
from rootless_build.images.segments.steps import Mounted
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage, PullPolicy
from rootless_build.model.structs import replace

_OWNED: Final = ("mode", "uid", "gid")
_ROOT: Final = "root"
_NO_DIRECTORY: Final = "rbuild-no-directory"
_FILLED: Final = "rbuild-filled"
# A link in the source may lead out of the image, which is this host's file to an engine. What is
# not whole is filled again: the mark comes last.
_SCRIPT: Final = f"""\
test -e /mark/whole && echo {_FILLED} && exit
cd -P "/from/$1" 2>/dev/null || cd /
case "$(pwd -P)/" in /from/*) ;; *) echo {_NO_DIRECTORY}; exit ;; esac
cp -a . /cache/ && : > /mark/whole && echo {_FILLED}
"""


class FilledCache(Struct, frozen=True):
    """What the engine calls it, and what it begins with: what is at `source` of an image."""

    name: str
    image: str
    source: str


class FilledCaches:
    """Those of one build. `labels` are those of its step."""

    def __init__(self, engine: Engine, labels: Iterable[tuple[str, str]]) -> None:
        self._engine = engine
        label = ImageLabel.of(tuple(labels))
        # Its project marks containers that are left.
        self._labels = (ImageLabel(label.project).pair,) if label else ()
        self._known: dict[tuple[str, str], dict[str, bool]] = {}

    def without_origins(
        self,
        run: Instruction,
        scope: Scope,
        mounted: Callable[[Mount], Mounted | None],
        reporter: StepReporter,
    ) -> Instruction:
        """The RUN with caches that have what they begin with. One stays as it is where that can't
        be had: what it begins with is no directory, or lies in that of another cache, or this host
        has no program to copy it.
        """

        def change(flag: Flag) -> Flag:
            mount = mounts.parse(flag.value or "") if flag.name == "mount" else None
            if mount is None or mount.type != "cache" or mount.origin is None:
                return flag
            made = self._filled(mount, scope, mounted(mount), reporter)
            return flag if made is None else Flag(flag.name, str(made), flag.offset)

        flags = tuple(map(change, run.flags))
        return run if flags == run.flags else with_flags(run, flags)

    def _filled(
        self, mount: Mount, scope: Scope, found: Mounted | None, reporter: StepReporter
    ) -> Mount | None:
        name = posixpath.normpath(_value(mount.id or mount.target or ".", scope))
        others = tuple(each for each in mount.others if not each.startswith("id="))
        written = _value(mount.source or "", scope).strip("/.")
        key = (found.key or found.image) if found else ""
        plain = replace(mount, origin=None, source=None)
        if not written and (found is None or any(map(_owns, others))):
            # With another owner, and without a source, it begins with nothing.
            return replace(plain, others=(*others, f"id=of-{fingerprint(name, key)}"))
        if found is None:
            return None
        source = posixpath.normpath(found.source or _value(mount.source or "/", scope)).strip("/.")
        cache = FilledCache(f"of-{fingerprint(name, key, source)}", found.image, source)
        if not self._is_filled(cache, (name, key), reporter):
            return None
        others = tuple(each for each in others if not _owns(each))
        return replace(plain, others=(*others, f"id={cache.name}"))

    def _is_filled(
        self, cache: FilledCache, shared: tuple[str, str], reporter: StepReporter
    ) -> bool:
        known = self._known.setdefault(shared, {})
        if any(_overlap(cache.source, each) for each in known if each != cache.source):
            return False
        if cache.source not in known:
            known[cache.source] = self._fill(cache, reporter)
        return known[cache.source]

    def _fill(self, cache: FilledCache, reporter: StepReporter) -> bool:
        """Put what a cache begins with into it, unless it is there. Raises an RbuildError of the
        engine's.
        """
        with private_directory() as place:
            try:
                step = _prepare(place, cache)
            except OSError:
                return False
            lines = build_and_forget(self._engine, replace(step, labels=self._labels), reporter)
        return _FILLED in lines


def _prepare(place: Path, cache: FilledCache) -> BuildImage:
    """What is built. Raises OSError where this host has no program for it."""
    context = place / "context"
    put_programs(context / _ROOT, ("sh", "cp"))
    flags = (
        f"type=cache,id={cache.name},target=/cache",
        # Others that fill it wait.
        f"type=cache,id={cache.name}-mark,target=/mark,sharing=locked",
        "from=begins,target=/from",
    )
    argv = json.dumps(["/bin/sh", "-c", _SCRIPT, "sh", cache.source])
    mounted = " ".join(f"--mount={flag}" for flag in flags)
    # podman 4.3.1 mounts a stage, and no build context that is an image.
    lines = (f"FROM {cache.image} AS begins", "FROM scratch", f"COPY {_ROOT} /")
    (place / "Dockerfile").write_text("\n".join((*lines, f"RUN {mounted} {argv}", "")))
    return BuildImage(
        context,
        place / "Dockerfile",
        no_cache=True,
        pull=PullPolicy.NEVER,
        image_id_file=place / "image-id",
    )


def _value(text: str, scope: Scope) -> str:
    return expand(text, scope.variables).text


def _owns(option: str) -> bool:
    return option.partition("=")[0] in _OWNED


def _overlap(one: str, other: str) -> bool:
    """Whether one of two paths is below the other."""
    shorter, longer = sorted((f"{one.rstrip('/')}/", f"{other.rstrip('/')}/"), key=len)
    return longer.startswith(shorter)

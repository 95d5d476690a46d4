"""The words of a mount as engines read them: variables have their values, names are small letters.

Facts, podman 4.3.1 and buildah 1.28.2: a variable is expanded in the target of a bind mount alone,
and `type=Cache` or `sharing=LOCKED` are refused.
"""

from __future__ import annotations

import posixpath
import re
from types import MappingProxyType
from typing import Final

from rootless_build.images.containerfile.mounts import Mount
from rootless_build.images.containerfile.stages import join
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.containerfile.words import WordError, expand
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.rules.mount_flags import change_mounts
from rootless_build.images.rewrite.state import Site, fingerprint
from rootless_build.model.structs import replace

_CAPITALS: Final = re.compile(r"(?:^|,)\"?(?:[a-z]*[A-Z]|(?:type|sharing)=[^,]*[A-Z])")
_OWNED: Final = ("mode", "uid", "gid")
_NO_NAME: Final = re.compile(r"[^\w.]+", re.ASCII)
_DIGITS: Final = 12
_WHY: Final = "written out: engines read variables, capitals and secrets otherwise"
_MEANINGLESS: Final = MappingProxyType(
    {"bind": ("env", "id"), "tmpfs": ("env", "id"), "cache": ("env",)}
)
"""Options that BuildKit takes for a type, and that mean nothing there."""


def mount_words(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """Write out what variables stand for, and names in small letters."""

    def change(mount: Mount) -> Mount:
        return _secret(_expanded(mount, at), at)

    return change_mounts(instruction, change, lambda text: _has_capitals(text, at))


def mount_cache(instruction: Instruction, at: Site) -> tuple[Instruction, ...] | None:
    """Give each cache a name that is no path.

    To BuildKit a cache of another mode or owner is another one, and none is in another; engines
    keep it in a directory of its name, so that that of /root/.cache/go is in that of /root/.cache.
    """
    return change_mounts(instruction, lambda mount: _named(mount, at))


def _has_capitals(text: str, at: Site) -> bool:
    if not _CAPITALS.search(text):
        return False
    at.note("mount-words", _WHY)
    return True


def _expanded(mount: Mount, at: Site) -> Mount:
    def value(text: str | None) -> str | None:
        if text is None or "$" not in text:
            return text
        try:
            return expand(text, at.scope.variables).text
        except WordError as wrong:
            raise at.error(str(wrong)) from wrong

    sharing = value(mount.sharing)
    done = replace(
        mount,
        type=(value(mount.type) or mount.type).lower(),
        source=value(mount.source),
        target=value(mount.target),
        sharing=sharing.lower() if sharing else sharing,
        size=value(mount.size),
        others=tuple(value(each) or each for each in mount.others if _means(mount, each)),
    )
    if done != mount:
        at.note("mount-words", _WHY)
    return done


def _means(mount: Mount, option: str) -> bool:
    """Whether an option means something to the type; BuildKit takes some that do not."""
    return option.partition("=")[0] not in _MEANINGLESS.get(mount.type, ())


def _secret(mount: Mount, at: Site) -> Mount:
    """A secret with all that BuildKit takes for it, where something is not written."""
    if mount.type != "secret":
        return mount
    target = mount.target
    name = mount.id or mount.source or (posixpath.basename(target) if target else None)
    if name is None:
        return mount
    if target and not target.startswith("/"):
        if not at.scope.directory_known:
            reason = "where a secret goes depends on the WORKDIR of the base image"
            at.refuse("mount-words", Feature.MOUNT_TARGET, reason, "pull the base image first")
        target = join(at.scope.working_directory, target)
    others = [each for each in mount.others if not each.startswith("id=")]
    others = ["required=true" if each.lower() == "required" else each for each in others]
    done = replace(mount, source=None, target=target, others=(f"id={name}", *others))
    if done == mount or (done.target, set(done.others)) == (mount.target, set(mount.others)):
        return mount
    at.note("mount-words", _WHY)
    return done


def _named(mount: Mount, at: Site) -> Mount:
    if mount.type != "cache":
        return mount
    name = mount.id or posixpath.normpath(mount.target or ".")
    owned = sorted(each for each in mount.others if each.partition("=")[0] in _OWNED)
    if not owned and name not in {".", ".."} and "/" not in name[1:]:
        return mount
    others = tuple(each for each in mount.others if not each.startswith("id="))
    words = _NO_NAME.sub("-", name).strip("-.") or "cache"
    own = f"{words}-{fingerprint(name, *owned)[:_DIGITS]}"
    at.note("mount-cache", f"id={own}: to an engine a cache is a directory of that path")
    return replace(mount, others=(f"id={own}", *others))

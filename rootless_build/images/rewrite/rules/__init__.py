"""The rewrites: one module each, with one function that takes an instruction and where it stands.

It returns the instructions that take its place, or None where it has nothing to do. Whatever it
does it takes down with `Site.note`; what can't be exact goes through `Site.inexact`, what can't be
done at all through `Site.refuse`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rootless_build.images.containerfile.patterns import PatternError
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.rewrite.rules.checksum import checksum
from rootless_build.images.rewrite.rules.chmod import chmod
from rootless_build.images.rewrite.rules.copy_heredoc import copy_heredoc
from rootless_build.images.rewrite.rules.from_argument import from_argument
from rootless_build.images.rewrite.rules.git import git
from rootless_build.images.rewrite.rules.health import start_interval
from rootless_build.images.rewrite.rules.link import link
from rootless_build.images.rewrite.rules.mount_content import mount_content
from rootless_build.images.rewrite.rules.mount_locked import mount_locked
from rootless_build.images.rewrite.rules.mount_options import mount_options
from rootless_build.images.rewrite.rules.mount_order import mount_order
from rootless_build.images.rewrite.rules.mount_target import mount_target
from rootless_build.images.rewrite.rules.mount_words import mount_cache, mount_words
from rootless_build.images.rewrite.rules.network import network
from rootless_build.images.rewrite.rules.platform import platform
from rootless_build.images.rewrite.rules.run_heredoc import run_heredoc
from rootless_build.images.rewrite.rules.secret_variable import secret_variable
from rootless_build.images.rewrite.rules.security import device, security
from rootless_build.images.rewrite.rules.selection import selection
from rootless_build.images.rewrite.rules.substitutions import substitutions
from rootless_build.images.rewrite.rules.unpack import unpack
from rootless_build.images.rewrite.state import Site

Rule = Callable[[Instruction, Site], tuple[Instruction, ...] | None]

_COPIES: Final[tuple[Rule, ...]] = (
    substitutions,
    link,
    unpack,
    git,
    checksum,
    copy_heredoc,
    selection,
    chmod,
)
RULES: Final[dict[str, tuple[Rule, ...]]] = {
    "ADD": _COPIES,
    "ARG": (substitutions,),
    "COPY": _COPIES,
    "ENV": (substitutions,),
    "EXPOSE": (substitutions,),
    "FROM": (from_argument, substitutions, platform),
    "HEALTHCHECK": (start_interval,),
    "LABEL": (substitutions,),
    "RUN": (
        substitutions,
        mount_words,
        mount_target,
        mount_cache,
        mount_options,
        mount_locked,
        mount_content,
        mount_order,
        network,
        security,
        device,
        run_heredoc,
        secret_variable,
    ),
    "STOPSIGNAL": (substitutions,),
    "USER": (substitutions,),
    "VOLUME": (substitutions,),
    "WORKDIR": (substitutions,),
}
"""The rules of each instruction, in the order in which they are applied."""


def apply_rules(instruction: Instruction, at: Site) -> tuple[Instruction, ...]:
    """Apply the rules of an instruction, one after the other, to what the last one left."""
    now: tuple[Instruction, ...] = (instruction,)
    try:
        for rule in RULES.get(instruction.keyword, ()):
            now = tuple(new for each in now for new in (rule(each, at) or (each,)))
    except PatternError as wrong:
        raise at.error(str(wrong)) from wrong
    except OSError as wrong:
        what = f"{wrong.filename}: " if wrong.filename else ""
        raise at.error(f"{what}{wrong.strerror or wrong}") from wrong
    return now

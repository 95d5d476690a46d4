"""The rewrites of RUN: one module each, with one function that takes it and where it stands.

It returns the instructions that take its place, or None where it has nothing to do. Whatever it
does it takes down with `Site.note`; what can't be exact goes through `Site.inexact`, what can't be
done at all through `Site.refuse`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rootless_build.images.containerfile.patterns import PatternError
from rootless_build.images.containerfile.syntax import Instruction
from rootless_build.images.rewrite.rules.mount_content import mount_content
from rootless_build.images.rewrite.rules.mount_options import mount_options
from rootless_build.images.rewrite.rules.mount_order import mount_order
from rootless_build.images.rewrite.rules.mount_target import mount_target
from rootless_build.images.rewrite.rules.mount_words import mount_cache, mount_words
from rootless_build.images.rewrite.rules.network import network
from rootless_build.images.rewrite.rules.run_heredoc import run_heredoc
from rootless_build.images.rewrite.rules.secret_owners import secret_owners
from rootless_build.images.rewrite.rules.secret_variable import secret_variable
from rootless_build.images.rewrite.rules.security import device, security
from rootless_build.images.rewrite.state import Site

Rule = Callable[[Instruction, Site], tuple[Instruction, ...] | None]

RULES: Final[tuple[Rule, ...]] = (
    mount_words,
    mount_target,
    mount_cache,
    mount_options,
    mount_content,
    mount_order,
    network,
    security,
    device,
    run_heredoc,
    secret_variable,
    secret_owners,
)
"""The rules of a RUN, in the order in which they are applied."""


def apply_rules(instruction: Instruction, at: Site) -> tuple[Instruction, ...]:
    """Apply the rules to a RUN, one after the other, to what the last one left."""
    now: tuple[Instruction, ...] = (instruction,)
    try:
        for rule in RULES:
            now = tuple(new for each in now for new in (rule(each, at) or (each,)))
    except PatternError as wrong:
        raise at.error(str(wrong)) from wrong
    except OSError as wrong:
        what = f"{wrong.filename}: " if wrong.filename else ""
        raise at.error(f"{what}{wrong.strerror or wrong}") from wrong
    return now

"""The standard library of bake's HCL (docs of buildx: bake-stdlib).

bcrypt and rsadecrypt are missing: they need secrets. So are those of bytes, which no literal gives.

`try`, `can` and `convert` take expressions instead of values; `evaluate` knows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rootless_build.recipes.bake.hcl.functions import (
    arithmetic,
    dates,
    encoding,
    sequences,
    text,
    versions,
)
from rootless_build.recipes.bake.hcl.functions.function import ArgumentError, Function

STANDARD: Final[Mapping[str, Function]] = {
    **sequences.FUNCTIONS,
    **encoding.FUNCTIONS,
    **arithmetic.FUNCTIONS,
    **text.FUNCTIONS,
    **dates.FUNCTIONS,
    **versions.FUNCTIONS,
}

__all__ = ["STANDARD", "ArgumentError", "Function"]

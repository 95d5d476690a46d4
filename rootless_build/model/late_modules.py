"""Modules of a package that are imported when something first asks for one (PEP 562)."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType


def find(package: str, name: str, modules: Mapping[str, str]) -> ModuleType:
    """The module by that name; `modules` has the full name of each by its short one.

    Called by the package's own `__getattr__`. Raises AttributeError for what it has not.
    """
    if name not in modules:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return importlib.import_module(modules[name])

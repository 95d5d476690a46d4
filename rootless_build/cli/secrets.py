"""Secrets on the command line: named there, never spelt out."""

from __future__ import annotations

import os
from pathlib import Path

from rootless_build.model import build_secrets
from rootless_build.model.errors import UsageError
from rootless_build.model.plan import Pairs
from rootless_build.model.text import shown


def build_secret(word: str) -> str:
    """`id=ID,src=FILE`, `id=ID,env=NAME` or `id=ID`, which is either, for the engine.

    Raises UsageError for one that is malformed or not there.
    """
    try:
        made = build_secrets.parse(word, Path.cwd(), os.environ)
    except build_secrets.BadSecretError as error:
        usage = "write --secret id=ID,src=FILE or --secret id=ID,env=NAME"
        raise UsageError(f"--secret {shown(word)}: {shown(str(error))}", hint=usage) from error
    if made.file is not None and not _is_readable(made.file):
        raise UsageError(f"--secret {shown(word)}: there is no file {shown(made.file)}")
    if made.variable is not None and made.variable not in os.environ:
        raise UsageError(f"--secret {shown(word)}: the variable {made.variable} is not set")
    return str(made)


def _is_readable(file: Path) -> bool:
    try:
        return file.is_file()
    except (OSError, ValueError):
        return False


def secret_pairs(names: tuple[str, ...]) -> Pairs:
    """The variables of those names with the values that rbuild's environment has.

    Raises UsageError for one that is not set, and for a value: everybody on the host could read
    it in the list of processes.
    """
    found = []
    for name in names:
        if "=" in name:
            raise UsageError(
                f"--secret-env {name.partition('=')[0]}=…: give the name alone",
                hint="set the variable in rbuild's environment; arguments can be read by everybody",
            )
        if name not in os.environ:
            raise UsageError(f"--secret-env {name}: the variable is not set")
        found.append((name, os.environ[name]))
    return tuple(found)

"""Secrets on the command line: named there, never spelt out."""

from __future__ import annotations

import os
from pathlib import Path

from rootless_build.errors import UsageError
from rootless_build.plan import Pairs

_KEYS = {"id", "src", "source", "env", "type"}


def build_secret(word: str) -> str:
    """`id=ID,src=FILE` or `id=ID,env=NAME` for the engine: the file's path absolute.

    Raises UsageError for one that is malformed or not there.
    """
    usage = "write --secret id=ID,src=FILE or --secret id=ID,env=NAME"
    fields = {}
    for part in word.split(","):
        key, equals, value = part.partition("=")
        if not equals or not value or key not in _KEYS or key in fields:
            raise UsageError(f"--secret {word}: {part} is not understood", hint=usage)
        fields[key] = value
    source = fields.get("src") or fields.get("source")
    if "id" not in fields or (source is None) == ("env" not in fields):
        raise UsageError(f"--secret {word}: it needs an id, and a file or a variable", hint=usage)
    if source is not None:
        path = Path(source).absolute()
        if not path.is_file():
            raise UsageError(f"--secret {word}: there is no file {path}")
        if "," in str(path):
            raise UsageError(f"--secret {word}: the engines allow no comma in its path")
        return f"id={fields['id']},src={path}"
    if fields["env"] not in os.environ:
        raise UsageError(f"--secret {word}: the variable {fields['env']} is not set")
    return f"id={fields['id']},env={fields['env']}"


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

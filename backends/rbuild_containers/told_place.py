"""Where an engine keeps images, as it told an earlier run (`rbuild_containers.witness`)."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Final

from rbuild_containers.working import Storage
from rootless_build.backend import EngineSettings

_FILE: Final = "storage-{}.json"
"""In the private directory of a run, for a program."""


def as_text(storage: Storage) -> str:
    """A storage, to be kept."""
    run_root = None if storage.run_root is None else str(storage.run_root)
    return json.dumps([str(storage.root), storage.driver, run_root, storage.mount_program])


def from_text(text: str) -> Storage:
    """The storage that was kept."""
    root, driver, run_root, mount_program = json.loads(text)
    return Storage(Path(root), driver, run_root and Path(run_root), mount_program)


def tell(settings: EngineSettings, program: str, text: str) -> None:
    """Have the engines of this run whose program that is know it."""
    with contextlib.suppress(OSError):
        (settings.runtime_directory / _FILE.format(program)).write_text(text)


def told(settings: EngineSettings, program: str) -> Storage | None:
    """What is known of it; None where nothing is."""
    try:
        return from_text((settings.runtime_directory / _FILE.format(program)).read_text())
    except (OSError, ValueError):
        return None

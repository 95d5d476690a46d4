"""Where rbuild keeps what is its own, in the user's directories."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rootless_build.process import user_directories
from rootless_build.runner import journal

_OWN: Final = "rbuild"


def data_directory() -> Path:
    """Where records are kept (`EngineSettings.data_directory`, without looking at the host)."""
    return user_directories.data() / _OWN


def state_directory() -> Path:
    """Where what runs said and left is kept, and which images were built."""
    return user_directories.state() / _OWN


def own_directories() -> tuple[Path, Path, Path]:
    """Every directory of the user's that holds nothing but rbuild's own files: for data, state and
    caches.
    """
    return (data_directory(), state_directory(), user_directories.cache() / _OWN)


def failed_directory(project: Path) -> Path:
    """Where the files of the project's last failed container are kept."""
    return state_directory() / "failed" / f"{project.name}-{journal.key(project)}"


def history_directory(project: Path) -> Path:
    """Where the runs of a project are kept."""
    return state_directory() / "history" / f"{project.name}-{journal.key(project)}"


def images_directory() -> Path:
    """The directory in which it is put down which images were built."""
    return state_directory() / "images"


def engines_directory() -> Path:
    """The directory in which it is kept what engines answered when they were asked."""
    return user_directories.cache() / _OWN / "engines"

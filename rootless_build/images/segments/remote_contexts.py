"""Build contexts with a name that are elsewhere: fetched, as BuildKit does, when a build has to do
with them. An URL is a directory with one file, a git repository is its files.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from rootless_build.images.containerfile.gitref import GitRefError, parse
from rootless_build.images.layers.request import Directory
from rootless_build.images.rewrite.downloads import RemoteError
from rootless_build.images.segments.limits import IMAGES
from rootless_build.images.segments.remote import Fetching, Remote, is_remote
from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import BuildImage
from rootless_build.model.references import canonical
from rootless_build.model.structs import replace

_MODE = 0o600
"""What BuildKit gives a file that it has fetched."""


def with_fetched(
    step: BuildImage, used: Collection[str], fetching: Fetching
) -> tuple[BuildImage, frozenset[str]]:
    """The step with directories in the place of what is elsewhere, and the full names of these.

    `used` are the full names of all that the build takes files from; what it does not is left out.
    Raises RecipeError.
    """
    contexts, fetched = [], set[str]()
    for name, value in step.build_contexts:
        if value.startswith(IMAGES) or not is_remote(value):
            contexts.append((name, value))
        elif canonical(name) in used:
            contexts.append((name, str(_fetch(name, value, fetching))))
            fetched.add(canonical(name))
    return replace(step, build_contexts=tuple(contexts)), frozenset(fetched)


def _fetch(name: str, value: str, fetching: Fetching) -> Path:
    try:
        repository = parse(value)
        keep = repository is not None and bool(repository.keep_git_dir)
        checksum = repository.checksum if repository is not None else ""
        source = fetching.fetch(Remote(value, checksum, repository, keep))
    except (GitRefError, RemoteError) as wrong:
        hint = wrong.hint if isinstance(wrong, RemoteError) else ""
        raise RecipeError(f"the build context {name}: {wrong}", hint=hint) from wrong
    if isinstance(source, Directory):
        return source.root
    source.file.chmod(_MODE)
    time = source.modified or 0
    os.utime(source.file, (time, time))
    return source.file.parent

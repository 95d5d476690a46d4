"""Build contexts with a name that are git repositories: fetched when a build has to do with them.

One that is the URL of a file docker 29.1.3 refuses when it is asked for ("invalid argument").
"""

from __future__ import annotations

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
        if repository is None:
            message = f"the build context {name} is the URL of a file, which docker refuses too"
            raise RecipeError(message, hint=f"take it of a stage that has it: ADD {value} /")
        keep = bool(repository.keep_git_dir)
        source = fetching.fetch(Remote(value, repository.checksum, repository, keep))
    except (GitRefError, RemoteError) as wrong:
        hint = wrong.hint if isinstance(wrong, RemoteError) else ""
        raise RecipeError(f"the build context {name}: {wrong}", hint=hint) from wrong
    return source.root if isinstance(source, Directory) else source.file.parent

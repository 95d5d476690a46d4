"""Build contexts with a name that are git repositories: fetched when a build has to do with them.

One that is the URL of a file docker 29.1.3 refuses when it is asked for ("invalid argument").
"""

from __future__ import annotations

from pathlib import Path

from rootless_build.images.containerfile import grammar
from rootless_build.images.containerfile.gitref import GitRefError, parse
from rootless_build.images.layers.request import Directory
from rootless_build.images.rewrite.downloads import RemoteError
from rootless_build.images.rewrite.state import abbreviate
from rootless_build.images.segments.limits import IMAGES
from rootless_build.images.segments.remote import Fetching, Remote, is_remote
from rootless_build.images.segments.stages import Plan
from rootless_build.model.plan import BuildImage
from rootless_build.model.references import canonical
from rootless_build.model.structs import replace


def with_fetched(
    step: BuildImage, plan: Plan, fetching: Fetching
) -> tuple[BuildImage, frozenset[str]]:
    """The step with directories in the place of what is elsewhere, and the full names of these;
    without what the build does not take files from.

    Raises ContainerfileError, of the instruction that is the first to name it.
    """
    contexts, fetched = [], set[str]()
    for name, value in step.build_contexts:
        if value.startswith(IMAGES) or not is_remote(value):
            contexts.append((name, value))
            continue
        naming = plan.naming(canonical(name))
        if naming is None:
            continue
        try:
            contexts.append((name, str(_fetch(value, fetching))))
        except (GitRefError, RemoteError) as wrong:
            hint = wrong.hint if isinstance(wrong, RemoteError) else ""
            message = f"{abbreviate(naming)}: the build context {name}: {wrong}"
            raise grammar.error(plan.file, naming, message, 0, hint) from wrong
        fetched.add(canonical(name))
    return replace(step, build_contexts=tuple(contexts)), frozenset(fetched)


def _fetch(value: str, fetching: Fetching) -> Path:
    """Where its files are now. Raises GitRefError, RemoteError."""
    repository = parse(value)
    if repository is None:
        message = "it is the URL of a file, which docker refuses too"
        raise RemoteError(message, f"take it of a stage that has it: ADD {value} /")
    keep = bool(repository.keep_git_dir)
    source = fetching.fetch(Remote(value, repository.checksum, repository, keep))
    return source.root if isinstance(source, Directory) else source.file.parent

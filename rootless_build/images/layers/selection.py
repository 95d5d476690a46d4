"""What of a source a COPY or ADD takes, and whether that is there."""

from __future__ import annotations

from msgspec import Struct

from rootless_build.images.containerfile.patterns import clean
from rootless_build.images.layers.destination import cleaned, resolved
from rootless_build.images.layers.directories import Directories
from rootless_build.images.layers.globbing import has_wildcards, matches
from rootless_build.images.layers.problems import RefusedError
from rootless_build.images.layers.request import Copying, Directory, Inline
from rootless_build.images.layers.sources import Tree
from rootless_build.model.structs import replace


class Selection(Struct, frozen=True):
    """What is copied: what is at `start`, which may have wildcards; with `--parents` what `include`
    means below that. `required`: there has to be something.
    """

    start: str
    include: tuple[str, ...] = ()
    required: bool = False


def selected(tree: Tree, path: str, *, parents: bool, checked: bool = True) -> Selection:
    """What a path of a source means; `checked`: as far as BuildKit looks at that beforehand.

    Raises RefusedError, OSError.
    """
    if not parents:
        return Selection(path)
    start, include = _pivot(path)
    return Selection(start, (include,), checked and _requires(tree, start, include))


def check_there(operation: Copying, directories: Directories) -> None:
    """Raise RefusedError where the files of a COPY or ADD are not there, as far as they are of
    directories of the host, or a heredoc has a name that no file can have; OSError, ChangedError.
    """
    for source in operation.sources:
        if isinstance(source, Inline):
            file_name(source.name)
        elif isinstance(source, Directory):
            tree = directories.tree(source)
            start = selected(tree, source.path, parents=operation.parents).start
            for path in matches(tree, start):
                check_path(replace(source, path=path), directories)


def check_path(source: Directory, directories: Directories) -> None:
    """Raise RefusedError where there is nothing at the path of a source, links on the way followed,
    which has no wildcards; OSError.
    """
    if _is_there(source, directories):
        return
    path = source.path
    if source.ignored and _is_there(replace(source, ignored=()), directories):
        raise RefusedError(f"{path} is excluded by the ignore file")
    raise RefusedError(f"{path} is not there, in {source.root}")


def _is_there(source: Directory, directories: Directories) -> bool:
    tree = directories.tree(source)
    return tree.find(resolved(tree, source.path)) is not None


def file_name(name: str) -> str:
    """What a heredoc is called: its name can't lead out of nothing, nor into it."""
    made = cleaned(name).strip("/")
    if not made or "/" in made:
        raise RefusedError(f"a heredoc can't be called {name}")
    return made


def _pivot(path: str) -> tuple[str, str]:
    """Where `--parents` begins to keep directories, and what it takes below."""
    start, mark, rest = path.partition("/./")
    start, rest = (start, rest) if mark else ("/", path)
    return start, clean(f"/{rest}").strip("/")


def _requires(tree: Tree, start: str, include: str) -> bool:
    """Whether that is written without wildcards; it has to be there then, with no link on the way.

    Raises RefusedError, OSError.
    """
    if not include:
        raise RefusedError("--parents needs the path of something in the source")
    if any(map(has_wildcards, (start, include))):
        return False
    place = "/".join(filter(None, (resolved(tree, start), include)))
    if tree.find(place) is None:
        raise RefusedError(f"{include} is not there")
    return True

"""A git repository as ADD names it (frontend/dockerfile/dfgitutil of moby/buildkit).

`https://host/x.git`, `ssh://…`, `git://…`, `git@host:x.git`, each with `#REF:SUBDIR` or
`?ref=…&subdir=…&keep-git-dir=1`.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from rootless_build.model.go import parse_bool

_SCP: Final = re.compile(r"[a-zA-Z0-9_.-]+@[a-zA-Z0-9.-]+:(?!//)[^#?]+")
_KNOWN: Final = (
    *("ref", "tag", "branch", "subdir", "checksum", "commit"),
    *("keep-git-dir", "submodules", "mtime", "fetch-by-commit"),
)


class GitRefError(ValueError):
    """What is asked of a git repository contradicts itself or is not known."""


class GitRef(Struct, frozen=True):
    """`ref` is a branch, a tag or a commit, empty for the default branch. None: not said."""

    remote: str
    ref: str = ""
    subdir: str = ""
    checksum: str = ""
    keep_git_dir: bool | None = None
    submodules: bool = True


def parse(text: str) -> GitRef | None:
    """The repository, or None for anything else. Raises GitRefError."""
    location, _, fragment = text.partition("#")
    location, _, query = location.partition("?")
    try:
        url = urlsplit(location if "://" in location else "")
    except ValueError as error:
        raise GitRefError(f"{location} is no address: {error}") from error
    scheme = url.scheme
    if scheme in {"http", "https"}:
        if not url.path.endswith(".git"):
            return None
    elif scheme not in {"ssh", "git"} and not _SCP.fullmatch(location):
        return None
    ref, _, subdir = fragment.partition(":")
    return _with_query(location, ref, subdir, query)


def _with_query(location: str, ref: str, subdir: str, query: str) -> GitRef:
    options: dict[str, str] = {}
    for name, values in parse_qs(query, keep_blank_values=True).items():
        if name not in _KNOWN:
            raise GitRefError(f"a git repository has no option {name}: {', '.join(_KNOWN)}")
        if len(values) > 1:
            raise GitRefError(f"{name} stands there twice")
        if not values[0] and name not in {"submodules", "keep-git-dir", "fetch-by-commit"}:
            raise GitRefError(f"{name} needs a value")
        options[name] = values[0]
    if "tag" in options and "branch" in options:
        raise GitRefError("it is a branch or a tag, not both")
    refs = [
        ref,
        options.get("ref", ""),
        _add_prefix("refs/tags/", options.get("tag")),
        _add_prefix("refs/heads/", options.get("branch")),
    ]
    subdirs = [subdir, options.get("subdir", "")]
    keep = options.get("keep-git-dir")
    return GitRef(
        location,
        _one(refs, "references"),
        _one(subdirs, "subdirectories").strip("/"),
        _one([options.get("checksum", ""), options.get("commit", "")], "checksums"),
        None if keep is None else _flag("keep-git-dir", keep),
        _flag("submodules", options.get("submodules", "1")),
    )


def _add_prefix(prefix: str, name: str | None) -> str:
    return f"{prefix}{name.removeprefix(prefix)}" if name else ""


def _one(values: list[str], what: str) -> str:
    found = list(dict.fromkeys(filter(None, values)))
    if len(found) > 1:
        raise GitRefError(f"two {what} are given: {', '.join(found)}")
    return found[0] if found else ""


def _flag(name: str, value: str) -> bool:
    found = parse_bool(value or "true")
    if found is None:
        raise GitRefError(f"{name} is true or false, not {value}")
    return found

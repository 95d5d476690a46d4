"""What ADD takes from elsewhere, fetched on this host: files with a checksum, git repositories."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from rootless_build.images.containerfile.gitref import GitRef
from rootless_build.process import programs

_CHUNK: Final = 1024 * 1024
_TIMEOUT: Final = 60.0
"""Seconds without an answer after which a server is given up."""
_CHECKSUM: Final = re.compile(r"(sha256|sha384|sha512):([0-9a-f]+)")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NO_QUESTIONS: Final = {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"}


class RemoteError(Exception):
    """A download could not be had, or is not what it should be."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def file_name(url: str) -> str:
    """What the file of an URL is called. Raises RemoteError for what no file can be called."""
    name = Path(unquote(urlsplit(url).path, errors="surrogateescape")).name or "__unnamed__"
    if name == ".." or "\0" in name:
        raise RemoteError(f"{url} has no name that a file can have")
    return name


def download(url: str, checksum: str, target: Path, data: Path | None) -> None:
    """Fetch a file, which has mode 0600 as ADD gives it and the server's time.

    One that was fetched before is in `data`. Raises RemoteError.
    """
    match = _CHECKSUM.fullmatch(checksum)
    if match is None:
        raise RemoteError(f"{checksum} is no checksum", "it is written sha256:… in lower case")
    target.parent.mkdir(parents=True, exist_ok=True)
    kept = data / "downloads" / checksum.replace(":", "-") if data else None
    if kept is not None and kept.is_file() and _digest(kept, match[1]) == match[2]:
        shutil.copy2(kept, target)
        return
    modified = fetch(url, target)
    found = _digest(target, match[1])
    if found != match[2]:
        target.unlink()
        raise RemoteError(f"{url} has the checksum {match[1]}:{found}, not {checksum}")
    target.chmod(0o600)
    os.utime(target, (modified, modified))
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_name(f".{kept.name}.{os.getpid()}")
        shutil.copy2(target, partial)
        partial.replace(kept)


def fetch(url: str, target: Path) -> float:
    """Write what is at the address to the file; its time, in seconds since 1970, 0 where the
    server does not say.
    """
    # It costs 40 ms, and few containerfiles fetch anything.
    import urllib.request  # noqa: PLC0415

    try:
        # Only http and https come here.
        with (
            urllib.request.urlopen(url, timeout=_TIMEOUT) as answer,  # noqa: S310
            target.open("wb") as file,
        ):
            shutil.copyfileobj(answer, file, _CHUNK)
            modified = answer.headers.get("Last-Modified")
    except (OSError, ValueError) as error:
        target.unlink(missing_ok=True)
        raise RemoteError(f"{url} could not be fetched: {error}") from error
    with contextlib.suppress(TypeError, ValueError):
        return parsedate_to_datetime(modified or "").timestamp()
    return 0.0


def _digest(file: Path, algorithm: str) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, algorithm).hexdigest()


def checkout(
    repository: GitRef, target: Path, *, keep_git_dir: bool, checksum: str, data: Path | None
) -> None:
    """A checkout of the repository, without `.git` unless that is to be kept.

    The same commit is the same content for an engine, and the same time of every file, that of the
    commit. Nothing in it tells of this host. Raises RemoteError.
    """
    if programs.which("git") is None:
        raise RemoteError("git is not installed", "apt-get install git")
    target.mkdir(parents=True)
    work = target if not repository.subdir else target.with_name(f"{target.name}.whole")
    work.mkdir(exist_ok=True)
    commit = _check_out(repository, work, data)
    if checksum and not commit.startswith(checksum):
        raise RemoteError(f"{repository.remote} is at commit {commit}, not {checksum}")
    seconds = int(_git(work, "log", "-1", "--format=%ct").strip())
    if keep_git_dir:
        _forget_this_host(work)
    else:
        for found in (work / ".git", *work.rglob(".git")):
            _remove(found)
    if repository.subdir:
        part = (work / repository.subdir).resolve()
        if not part.is_dir() or work.resolve() not in part.parents:
            raise RemoteError(f"{repository.remote} has no directory {repository.subdir}")
        target.rmdir()
        part.rename(target)
        _remove(work)
    _settle(target, seconds)


def _check_out(repository: GitRef, work: Path, data: Path | None) -> str:
    remote = repository.remote
    _git(work, "init", "--quiet", "--initial-branch=master", "--template=")
    _git(work, "remote", "add", "origin", remote)
    name = _resolve_ref(work, repository.ref)
    if data is None:
        _fetch_into(work, remote, name)
    else:
        # What was fetched for an earlier build is not fetched again.
        store = data / "git" / hashlib.sha256(os.fsencode(remote)).hexdigest()
        store.mkdir(parents=True, exist_ok=True)
        with _alone(store):
            _git(store, "init", "--quiet", "--bare")
            # Packs made by several threads are not the same twice.
            _git(store, "config", "pack.threads", "1")
            _fetch_into(store, remote, f"+{name}:refs/rbuild")
            _fetch_into(work, str(store), "refs/rbuild")
    _git(work, "checkout", "--quiet", "--detach", "FETCH_HEAD")
    if name.startswith("refs/tags/"):
        # The tag itself, not its commit: `git describe` passes over a tag without a message.
        _git(work, "update-ref", name, "FETCH_HEAD")
    if repository.submodules and (work / ".gitmodules").is_file():
        _git(work, "submodule", "--quiet", "update", "--init", "--recursive", "--depth=1")
    return _git(work, "rev-parse", "HEAD").strip()


def _fetch_into(repository: Path, source: str, wanted: str) -> None:
    _git(repository, "fetch", "--quiet", "--depth=1", "--no-tags", source, wanted)


@contextlib.contextmanager
def _alone(store: Path) -> Iterator[None]:
    """Keep other runs out: one would move the reference, before it is read, to another version."""
    descriptor = os.open(store, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # not on NFS
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _forget_this_host(work: Path) -> None:
    """Leave no paths, accounts and times of this host in `.git`, and in those of submodules."""
    for head in sorted((work / ".git").rglob("HEAD")):
        directory = head.parent
        if not (directory / "objects").is_dir():
            continue
        for name in ("FETCH_HEAD", "ORIG_HEAD", "logs", "index"):
            _remove(directory / name)
        # An index that knows no inodes and times. git compares the files themselves.
        _git(work, f"--git-dir={directory}", "read-tree", "HEAD")


def _resolve_ref(work: Path, ref: str) -> str:
    """The full name of a branch or tag, or the commit."""
    if not ref:
        return "HEAD"
    if _COMMIT.fullmatch(ref) or ref.startswith("refs/"):
        return ref
    names = _names(work, ref)
    for candidate in (f"refs/heads/{ref}", f"refs/tags/{ref}"):
        if candidate in names:
            return candidate
    if re.fullmatch(r"[0-9a-f]{7,}", ref):
        raise RemoteError(f"no branch or tag {ref}", "a commit is written in full, 40 digits")
    raise RemoteError(f"there is no branch or tag {ref}")


def _names(work: Path, ref: str) -> set[str]:
    listed = _git(work, "ls-remote", "origin", f"refs/heads/{ref}", f"refs/tags/{ref}")
    return {line.split("\t")[1] for line in listed.splitlines() if "\t" in line}


def _git(directory: Path, *arguments: str) -> str:
    # An account that is not the owner of a directory above must not stop it.
    done = programs.capture(["git", "-C", str(directory), *arguments], environment=_NO_QUESTIONS)
    if done.status != 0:
        words = done.words.strip().splitlines()
        raise RemoteError(f"git {arguments[0]} failed: {words[-1] if words else done.status}")
    return done.text


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _settle(target: Path, seconds: int) -> None:
    """Modes that no umask has touched, and one time."""
    for path in (*target.rglob("*"), target):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
        os.utime(path, (seconds, seconds), follow_symlinks=False)

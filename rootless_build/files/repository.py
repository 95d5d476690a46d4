"""The git repository of a checkout, asked so that nothing runs which the checkout names.

Whoever can write a checkout's `.git`, such as a container into which it is mounted, can name
programs there that git starts: filters, fsmonitor, hooks, gpg, ssh. `git status` and `git log` do
so. Where they are needed, git is given a repository of rbuild's own, with the checkout's index and
objects and a configuration in which no program is named (git 2.39.5: gitrepository-layout(5), the
variables of git(1)). `git rev-parse` and `git config` start nothing.
"""

from __future__ import annotations

import re
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from msgspec import Struct

from rootless_build.process import identities, programs

_PATIENCE: Final = 5.0
"""Seconds for an answer: a checkout may have a FIFO where git expects a file."""
_LONG: Final = 120.0
"""Seconds for one that may take reading every file."""
_MANY: Final = 500
"""Submodules, nested ones included; who has more is not told whether all are clean."""
_CONFIGURATION: Final = re.compile(
    r"(core\.(filemode|symlinks|ignorecase|autocrlf|eol|safecrlf|checkstat|trustctime"
    r"|precomposeunicode)|extensions\.objectformat)"
)
"""What decides whether a file counts as changed, and can name no program."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9-]{0,20}")
_OTHERS: Final = (
    *("GIT_COMMON_DIR", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_CONFIG"),
    *("GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS", "GIT_EXTERNAL_DIFF", "GIT_REPLACE_REF_BASE"),
)
"""Variables of the user's that would lead git elsewhere."""
_GITLINK: Final = b"160000"


class Source(Struct, frozen=True):
    """The commit of a checkout. `clean`: no tracked file was changed; None where only a program
    that the checkout names (a filter) could tell. `date`: the committer's, seconds since 1970.
    `origin` is the remote's address, without a password.
    """

    commit: str
    clean: bool | None
    date: int
    origin: str


class _Repository(Struct, frozen=True):
    """`top` is the checkout's directory, `directory` its own git directory, `common` the one that
    it shares with its other worktrees. All are absolute, without links.
    """

    top: Path
    directory: Path
    common: Path


def read_source(project: Path) -> Source | None:
    """The commit that is checked out, None where git knows none."""
    if programs.which("git") is None:
        return None
    try:
        return _source(project)
    except subprocess.TimeoutExpired:
        return None


def linked(project: Path) -> tuple[Path, Path] | None:
    """The `.git` file of the project's checkout, and the git directory that it shares; None for a
    checkout with a git directory of its own.

    The file is one that a container may write. So what it names counts only where that, too, names
    this checkout: a worktree by its entry there, a submodule by `core.worktree`.
    """
    pointer = next((p / ".git" for p in (project, *project.parents) if _exists(p / ".git")), None)
    if pointer is None or not _is_file(pointer) or programs.which("git") is None:
        return None
    try:
        found = _find(pointer.parent)
        if found is None or found.top != pointer.parent.resolve():
            return None
        if not _names_back(found, pointer):
            return None
    except (subprocess.TimeoutExpired, OSError):
        return None
    return pointer, found.common


def _names_back(found: _Repository, pointer: Path) -> bool:
    if found.directory != found.common:
        listed = found.directory / "gitdir"
        if found.directory.parent != found.common / "worktrees" or not _is_file(listed):
            return False
        named = listed.read_text(errors="surrogateescape").strip()
        return (found.directory / named).resolve() == pointer.resolve()
    config = found.directory / "config"
    if not _is_file(config):
        return False
    asked = ("git", "config", "--file", str(config), "--no-includes", "--get", "core.worktree")
    named = programs.capture(asked, timeout=_PATIENCE).text.strip()
    return bool(named) and (found.directory / named).resolve() == found.top


def _source(project: Path) -> Source | None:
    found = _find(project)
    # A checkout's configuration can name any directory as its own.
    if found is None or not project.resolve().is_relative_to(found.top):
        return None
    commit = _ask(found.top, "rev-parse", "--verify", "--quiet", "HEAD").strip()
    if not commit:
        return None
    with _Walled.of(found, commit) as walled:
        date = walled.ask("log", "-1", "--format=%ct", commit).strip()
        if not date.isdigit():
            return None
        clean = walled.is_clean()
    for submodule in walled.submodules if clean else ():
        clean = clean and _is_clean(submodule)
    origin = _ask(project, "config", "--get", "remote.origin.url").strip()
    return Source(commit, clean, int(date), _without_password(origin))


def _is_clean(submodule: Path) -> bool | None:
    """Whether no tracked file of it, and of those in it, was changed."""
    waiting, seen = [submodule], 0
    while waiting:
        directory = waiting.pop()
        seen += 1
        if not _exists(directory / ".git"):
            # It was not fetched.
            continue
        found = _find(directory)
        if found is None or found.top != directory.resolve() or seen > _MANY:
            return None
        commit = _ask(directory, "rev-parse", "--verify", "--quiet", "HEAD").strip()
        with _Walled.of(found, commit) as walled:
            clean = walled.is_clean() if commit else None
            if not clean:
                return clean
            waiting += walled.submodules
    return True


def _find(directory: Path) -> _Repository | None:
    words = ("--path-format=absolute", "--show-toplevel", "--git-dir", "--git-common-dir")
    lines = _ask(directory, "rev-parse", *words).splitlines()
    if len(lines) != 3 or not all(lines):
        return None
    return _Repository(*(Path(line).resolve() for line in lines))


def _ask(directory: Path, *words: str) -> str:
    """What git answers, empty when it does not."""
    done = programs.capture(["git", *words], directory=directory, timeout=_PATIENCE)
    return done.text if done.status == 0 else ""


class _Walled:
    """git, with the index and the objects of a checkout, and a configuration of rbuild's."""

    def __init__(self, found: _Repository, place: Path) -> None:
        self._found = found
        self._environment: programs.Environment = {
            "GIT_DIR": str(place),
            "GIT_WORK_TREE": str(found.top),
            "GIT_INDEX_FILE": str(found.directory / "index"),
            "GIT_OBJECT_DIRECTORY": str(found.common / "objects"),
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            # Else `git status` writes the index, which may go into the build.
            "GIT_OPTIONAL_LOCKS": "0",
            # A partial clone fetches what it lacks.
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_TERMINAL_PROMPT": "0",
            **dict.fromkeys(_OTHERS),
        }
        self.submodules: list[Path] = []

    @classmethod
    @contextmanager
    def of(cls, found: _Repository, commit: str) -> Iterator[_Walled]:
        """The repository is there as long as the context."""
        with tempfile.TemporaryDirectory(prefix=identities.private_prefix()) as name:
            place = Path(name)
            (place / "refs").mkdir()
            (place / "info").mkdir()
            (place / "HEAD").write_text(f"{commit}\n")
            (place / "config").write_text(configuration(found.top))
            # A split index is in two files, of which the second is sought beside the configuration.
            for shared in found.directory.glob("sharedindex.*"):
                if _is_file(shared):
                    (place / shared.name).symlink_to(shared)
            # They name filters, of which none is configured here, and tell text from bytes.
            attributes = found.common / "info" / "attributes"
            if _is_file(attributes):
                (place / "info" / "attributes").symlink_to(attributes)
            yield cls(found, place)

    def ask(self, *words: str) -> str:
        """What git answers, empty when it does not."""
        return self._output(*words).decode(errors="surrogateescape")

    def is_clean(self) -> bool | None:
        """Whether no tracked file was changed, as far as git tells without a program of the
        checkout's. Submodules are told by their commit alone; those there are, are listed then.
        """
        if not _is_file(self._found.directory / "index"):
            return None
        said = self._capture(
            *("status", "--porcelain", "-z", "--untracked-files=no", "--no-renames"),
            "--ignore-submodules=dirty",
        )
        if said.status != 0:
            return None
        entries = [entry for entry in said.stdout.split(b"\0") if entry]
        # Another commit, or a file that is gone: no filter has a say in that.
        if any(entry[:2] != b" M" for entry in entries):
            return False
        changed = [entry[3:] for entry in entries]
        if changed:
            return None if self._all_filtered(changed) else False
        listed = self._output("ls-files", "--stage", "-z").split(b"\0")
        links = [line.partition(b"\t")[2] for line in listed if line.startswith(_GITLINK)]
        names = (link.decode(errors="surrogateescape") for link in links)
        self.submodules = [self._found.top / name for name in names]
        return True

    def _all_filtered(self, paths: Sequence[bytes]) -> bool:
        """Whether a filter decides how each of the files is kept by git."""
        asked = ("check-attr", "-z", "--stdin", "filter")
        said = self._capture(*asked, stdin=b"".join(path + b"\0" for path in paths))
        values = said.stdout.split(b"\0")[2::3]
        return said.status == 0 and not {b"unspecified", b"unset"} & set(values)

    def _output(self, *words: str) -> bytes:
        done = self._capture(*words)
        return done.stdout if done.status == 0 else b""

    def _capture(self, *words: str, stdin: bytes = b"") -> programs.Completed:
        return programs.capture(
            ["git", *words],
            environment=self._environment,
            directory=self._found.top,
            timeout=_LONG,
            stdin=stdin,
        )


def configuration(top: Path) -> str:
    """What of the checkout's configuration, and the user's, decides how files are compared."""
    lines = ["[core]", "bare = false", "fsmonitor = false", "hooksPath = /dev/null"]
    given = _ask(top, "config", "-z", "--get-regexp", f"^{_CONFIGURATION.pattern}$")
    for entry in given.split("\0"):
        name, _, value = entry.partition("\n")
        if not _CONFIGURATION.fullmatch(name) or not _PLAIN.fullmatch(value):
            continue
        section, _, key = name.partition(".")
        if section == "extensions":
            lines += ["[core]", "repositoryFormatVersion = 1"]
        lines += [f"[{section}]", f"{key} = {value}" if "\n" in entry else key]
    return "\n".join(lines) + "\n"


def _without_password(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    if not parts.scheme or "@" not in parts.netloc:
        return address
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _exists(path: Path) -> bool:
    return _mode(path) is not None


def _is_file(path: Path) -> bool:
    mode = _mode(path)
    return mode is not None and stat.S_ISREG(mode)


def _mode(path: Path) -> int | None:
    try:
        return path.lstat().st_mode
    except (OSError, ValueError):
        return None

"""The commits of a matrix, in a repository of rbuild's own, and the worktrees of its cells.

    PLACE/repository.git/         the commits, and git's records of the worktrees
    PLACE/cells/CELL/tree/NAME/   the worktree of a cell, called as the checkout is
    PLACE/cells/CELL/tree.json    which commit it has

The project's own repository is only read from: its configuration and its hooks, which a container
may have written, start nothing here (`rootless_build.files.repository`). A container that has a
worktree mounted may write to the repository here too, so its configuration is written anew before
git is started with it, and where git finds it is said each time. Filters are those of the user's
own configuration of git.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.files import plain, repository
from rootless_build.files.replacing import replace_content
from rootless_build.files.tree import remove
from rootless_build.model.errors import HostError, RbuildError, UsageError
from rootless_build.model.text import shown
from rootless_build.process import programs

_OWN: Final = "refs/rbuild/"
_REFS: Final = (
    "+refs/heads/*:refs/heads/*",
    "+refs/tags/*:refs/tags/*",
    "+refs/remotes/*:refs/remotes/*",
)
_OTHERS: Final = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_CONFIG", "GIT_CONFIG_COUNT"),
    *("GIT_CONFIG_PARAMETERS", "GIT_EXTERNAL_DIFF", "GIT_REPLACE_REF_BASE", "GIT_PREFIX"),
)
"""Variables of the user's, or of git where it started rbuild, that would lead git elsewhere."""
_SAFE: Final = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0")
_GITLINK: Final = "160000"


class GitError(RbuildError):
    """git did not do what a matrix needs."""

    code = "git"


class Commit(Struct, frozen=True):
    """What a cell is built of: a commit, and the files, which are those of the commit but for the
    working tree with uncommitted changes. Ids are in hex. `changed` is how many files differ.
    """

    commit: str
    tree: str
    changed: int = 0


class Checkout(Struct, frozen=True):
    """A project's checkout: its top directory, and where in that the project is."""

    top: Path
    below: str


def checkout_of(project: Path) -> Checkout:
    """Raises UsageError for a project of which git knows no commit, and HostError without git."""
    if programs.which("git") is None:
        raise HostError("git is not installed, and a matrix is of commits", finding="no-git")
    words = ("rev-parse", "--path-format=absolute", "--show-toplevel")
    done = _git(words, project)
    if done.status != 0:
        raise UsageError(
            f"{shown(project)} is in no git repository, and the cells of a matrix are of commits",
            hint=done.words,
        )
    top = Path(done.text.removesuffix("\n")).resolve()
    if not project.resolve().is_relative_to(top):
        raise UsageError(f"git takes {shown(top)} for the checkout of {shown(project)}")
    return Checkout(top, str(project.resolve().relative_to(top)))


def resolved(checkout: Checkout, ref: str) -> str:
    """The commit that a ref of the checkout names. Raises UsageError for one that is not there."""
    asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    done = _git(asked, checkout.top)
    found = done.text.splitlines()
    if done.status != 0 or not found or ref.startswith("-"):
        raise UsageError(
            f"there is no commit {shown(ref)} in {shown(checkout.top)}",
            hint="git branch --all and git tag list those there are",
        )
    return found[-1]


class Commits:
    """The repository of rbuild's own for a project, in `place`."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._git_directory = place / "repository.git"

    def take(self, checkout: Checkout, commits: Sequence[str]) -> None:
        """Have these commits of a checkout here, and its branches and tags. Raises GitError."""
        origin = _git(("config", "--get", "remote.origin.url"), checkout.top).text.strip()
        self._prepare(repository.configuration(checkout.top), origin)
        own = (f"+{commit}:{_OWN}{commit}" for commit in dict.fromkeys(commits))
        fetch = ("fetch", "--quiet", "--no-tags", "--prune", "--update-shallow", "--update-head-ok")
        words = (*fetch, "--no-write-fetch-head", "--no-recurse-submodules", str(checkout.top))
        self._run((*words, *_REFS, *own), f"the commits of {shown(checkout.top)} can't be read")

    def take_bundle(self, bundle: Path) -> None:
        """Have the commits of a file that `bundle` wrote. Raises GitError."""
        if not (self._git_directory / "HEAD").exists():
            self._prepare("[core]\nbare = false\n", "")
        words = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--update-head-ok")
        refs = (*_REFS, f"+{_OWN}*:{_OWN}*")
        self._run((*words, str(bundle), *refs), "the commits that came can't be read")

    def bundle(self, file: Path) -> None:
        """Write all commits into a file. Raises GitError."""
        self._run(("bundle", "create", "--quiet", str(file), "--all"), "git bundle failed")

    def keep_tree(self, commit: Commit) -> None:
        """Have the files of a working tree among what `bundle` writes. Raises GitError."""
        message = "files of a working tree, for a matrix of rbuild"
        who = ("-c", "user.name=rbuild", "-c", "user.email=rbuild@localhost")
        words = (*who, "commit-tree", "-p", commit.commit, "-m", message, commit.tree)
        made = self._run(words, "the working tree can't be kept").strip()
        self._run(("update-ref", f"{_OWN}tree-{commit.tree}", made), "git update-ref failed")

    def has(self, commit: Commit) -> bool:
        """Whether a commit and its files are here."""
        if not (self._git_directory / "HEAD").exists():
            return False
        wanted = (f"{commit.commit}^{{commit}}", f"{commit.tree}^{{tree}}")
        words = (("cat-file", "-e", each) for each in wanted)
        return all(self._git(each).status == 0 for each in words)

    def committed(self, commit: str) -> Commit:
        """A commit with its own files. Raises GitError."""
        tree = self._run(("rev-parse", f"{commit}^{{tree}}"), f"there is no commit {commit}")
        return Commit(commit, tree.strip())

    def working_tree(self, checkout: Checkout, commit: str, bundles: Path) -> Commit:
        """The files of the checkout as they are now, without what git ignores and without what is
        new in the bundles. Raises GitError.
        """
        index = str(self._place / "index")
        more: programs.Environment = {"GIT_WORK_TREE": str(checkout.top), "GIT_INDEX_FILE": index}
        said = f"the files of {shown(checkout.top)} can't be read"
        self._run(("read-tree", "--reset", commit), said, more, checkout.top)
        self._ignore(checkout, bundles)
        self._run(("add", "--all", "--", ":/"), said, more, checkout.top)
        tree = self._run(("write-tree",), said, more, checkout.top).strip()
        was = self.committed(commit)
        if tree == was.tree:
            return was
        differing = self._run(("diff-tree", "-r", "-z", "--name-only", was.tree, tree), said)
        return Commit(commit, tree, differing.count("\0"))

    def _ignore(self, checkout: Checkout, bundles: Path) -> None:
        """Have git ignore what it does in the checkout, and what is new in the bundles."""
        ignored = plain.bytes_of(checkout.top / ".git" / "info" / "exclude", plain.LARGEST)
        if bundles.is_relative_to(checkout.top) and bundles != checkout.top:
            path = re.sub(r"([\\*?\[\]#! ])", r"\\\1", str(bundles.relative_to(checkout.top)))
            ignored += b"\n/" + path.encode(errors="surrogateescape") + b"/\n"
        replace_content(self._git_directory / "info" / "exclude", ignored)

    def submodules(self, commit: Commit) -> list[str]:
        """The paths of other repositories in it. Raises GitError."""
        listed = self._run(("ls-tree", "-r", "-z", commit.tree), "its files can't be listed")
        lines = (line.partition("\t") for line in listed.split("\0"))
        return [path for about, _, path in lines if about.startswith(_GITLINK)]

    def worktree(self, cell: Path, name: str, commit: Commit) -> Path:
        """The worktree of a cell in its directory, with the files of the commit. What builds of the
        same files left there stays; of others nothing does. Raises GitError, OSError.
        """
        tree, record = cell / "tree" / name, cell / "tree.json"
        known = _known(record)
        entries = self._git_directory / "worktrees"
        if known is None or not (tree.is_dir() and (entries / known["id"]).is_dir()):
            record.unlink(missing_ok=True)
            remove(tree)
            tree.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            known = self._added(tree, commit)
        entry = entries / known["id"]
        more: programs.Environment = {
            "GIT_DIR": str(entry),
            "GIT_COMMON_DIR": str(self._git_directory),
            "GIT_WORK_TREE": str(tree),
        }
        said = f"the worktree {shown(tree)} can't be made"
        is_other = (known["commit"], known["tree"]) != (commit.commit, commit.tree)
        if is_other:
            # Whoever is killed now leaves one of which nothing is known.
            record.unlink(missing_ok=True)
        (entry / "index.lock").unlink(missing_ok=True)
        self._run(("checkout", "--quiet", "--force", "--detach", commit.commit), said, more, tree)
        self._run(("read-tree", "--reset", "-u", commit.tree), said, more, tree)
        if is_other:
            self._run(("clean", "-ffdxq"), said, more, tree)
        replace_content(tree / ".git", f"gitdir: {entry}\n".encode(errors="surrogateescape"))
        known = {"id": known["id"], "commit": commit.commit, "tree": commit.tree}
        replace_content(record, json.dumps(known).encode())
        return tree

    def prune(self) -> None:
        """Forget worktrees whose directories are gone. Raises GitError."""
        self._run(("worktree", "prune"), "git worktree prune failed")

    def _added(self, tree: Path, commit: Commit) -> dict[str, str]:
        said = f"the worktree {shown(tree)} can't be made"
        self.prune()
        words = ("worktree", "add", "--quiet", "--force", "--detach", "--no-checkout")
        self._run((*words, str(tree), commit.commit), said)
        # Nothing but git has written to it yet.
        entry = Path((tree / ".git").read_text().removeprefix("gitdir:").strip())
        return {"id": entry.name, "commit": "", "tree": ""}

    def _prepare(self, configuration: str, origin: str) -> None:
        directory = self._git_directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("objects", "refs", "info"):
            (directory / name).mkdir(exist_ok=True)
        if not (directory / "HEAD").exists():
            # No branch is checked out, so that all of them can be fetched.
            replace_content(directory / "HEAD", b"ref: refs/heads/rbuild-none\n")
        if origin and "\n" not in origin:
            quoted = origin.replace("\\", "\\\\").replace('"', '\\"')
            configuration += f'[remote "origin"]\nurl = "{quoted}"\n'
        content = configuration.encode(errors="surrogateescape")
        replace_content(self._place / "configuration", content)

    def _run(
        self,
        words: Sequence[str],
        said: str,
        more: programs.Environment | None = None,
        directory: Path | None = None,
    ) -> str:
        done = self._git(words, more, directory)
        if done.status != 0:
            raise GitError(said, engine_words=done.words)
        return done.text

    def _git(
        self,
        words: Sequence[str],
        more: programs.Environment | None = None,
        directory: Path | None = None,
    ) -> programs.Completed:
        content = (self._place / "configuration").read_bytes()
        replace_content(self._git_directory / "config", content)
        own = {"GIT_DIR": str(self._git_directory), **(more or {})}
        return _git((*_SAFE, *words), directory or self._place, own)


def _git(
    words: Sequence[str], directory: Path, more: programs.Environment | None = None
) -> programs.Completed:
    environment: programs.Environment = {
        **dict.fromkeys(_OTHERS),
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C.UTF-8",
        **(more or {}),
    }
    return programs.capture(("git", *words), environment=environment, directory=directory)


def _known(record: Path) -> dict[str, str] | None:
    try:
        known = json.loads(plain.content(record))
        return {name: str(known[name]) for name in ("id", "commit", "tree")}
    except (OSError, ValueError, KeyError, TypeError):
        return None

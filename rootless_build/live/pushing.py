"""`docker push` and `docker manifest`: what others can see, and therefore only done on request."""

from __future__ import annotations

from pathlib import Path

from rootless_build.docker_cli.told import Told
from rootless_build.live import names
from rootless_build.live.daemon import DaemonError
from rootless_build.live.doing import Doing
from rootless_build.live.passing import captured, last_words
from rootless_build.model import references

_REMOTE = "docker://"


def push(doing: Doing, digest_file: Path | None = None) -> Told:
    """`docker push`: to the registry that docker means by the name, whatever the engine would. The
    digest of the manifest goes into a file, if one is given.
    """
    name = doing.operands[0]
    try:
        names.check_image(name)
        doing.daemon.image(name)
    except ValueError as error:
        return Told(err=f"{error}\n", status=1)
    except DaemonError:
        repository = references.canonical(name).rpartition(":")[0]
        words = f"An image does not exist locally with the tag: {repository}"
        return Told(err=f"{words}\n", status=1)
    target = references.canonical(name)
    digest = ("--digestfile", str(digest_file)) if digest_file is not None else ()
    done = captured(doing, ("push", "--quiet", *digest, name, f"{_REMOTE}{target}"))
    if done.returncode:
        return Told(err=f"{last_words(done.stderr)}\n", status=1)
    if doing.given.has("quiet"):
        return Told(f"{target}\n")
    return Told(f"The push refers to repository [{target.rpartition(':')[0]}]\n")


def create_list(doing: Doing) -> Told:
    """`docker manifest create`: of images in registries."""
    name, *images = doing.operands
    flags = ("--amend",) if doing.given.has("amend") else ()
    insecure = ("--tls-verify=false",) if doing.given.has("insecure") else ()
    sources = (f"{_REMOTE}{references.canonical(each)}" for each in images)
    told = _manifest(doing, "create", *flags, *insecure, name, *sources)
    made = f"Created manifest list {references.canonical(name)}\n"
    return told if told.status else Told(made)


def push_list(doing: Doing) -> Told:
    """`docker manifest push`; prints the digest."""
    name = doing.operands[0]
    insecure = ("--tls-verify=false",) if doing.given.has("insecure") else ()
    purge = ("--rm",) if doing.given.has("purge") else ()
    target = f"{_REMOTE}{references.canonical(name)}"
    return _manifest(doing, "push", "--all", "--quiet", *insecure, *purge, name, target)


def inspect_list(doing: Doing) -> Told:
    """`docker manifest inspect`, of a list here or in a registry."""
    return _manifest(doing, "inspect", doing.operands[-1])


def remove_lists(doing: Doing) -> Told:
    """`docker manifest rm`."""
    return _manifest(doing, "rm", *doing.operands)


def _manifest(doing: Doing, *words: str) -> Told:
    done = captured(doing, ("manifest", *words))
    if done.returncode:
        return Told(err=f"{last_words(done.stderr)}\n", status=1)
    return Told(done.stdout)

"""The runs of a checkout: one at a time, and each on record while it lives.

    DATA/runs/KEY/            0700; KEY stands for the real path of the checkout
        lock                  held with flock(2): alone by a build, shared by `shell` and `run`
        publishing            held by a run for as long as it writes to the bundles
        left                  what containers of runs that were not alone left for the last one
        PID.START/            a run, locked while its process lives
            record.json       0600: what it is, and where it may have left something

A record that is there without its process is that of a crashed run. A lock is never stale: the
kernel takes it back when its process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from rootless_build.files import plain
from rootless_build.files.replacing import replace_content
from rootless_build.model.errors import CheckoutBusyError
from rootless_build.model.structs import from_data, replace
from rootless_build.process import identities as identity
from rootless_build.process import proc
from rootless_build.process.locks import hold, is_held

_RECORD: Final = "record.json"
_LOCK: Final = "lock"
_PUBLISHING: Final = "publishing"
_LEFT: Final = "left"
_NO_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EINVAL})
"""What a file system that has no flock(2) says; a directory on NFS says EBADF."""

Say = Callable[[str], None]


class Record(Struct, frozen=True):
    """What is on disk about a run. `started` is ISO 8601, UTC. `boot` tells two boots of a host
    apart: process ids begin anew. Paths are where it may have left something, None before it is
    known.
    """

    identity: str
    host: str
    boot: str
    project: Path
    title: str
    started: str
    backend: str = ""
    runtime_directory: Path | None = None
    bundles: Path | None = None
    node: str = ""
    """The URL of the node that its engine was on; empty for this host."""


class Run(Struct):
    """A run in its checkout. `dead` are the records of crashed runs of the same checkout, for the
    caller to clear and then `forget`. `place` is None where no record can be kept.
    """

    record: Record
    place: Path | None
    dead: tuple[Record, ...] = ()
    unfinished: bool = False
    """Set when something of this run may be left: its record then stays for the next one."""
    shared: int | None = None
    """The lock that this run shares with others, None where it has the checkout alone."""
    takes_turns: bool = False
    """Whether others work for the same run (`beside`)."""

    def note(
        self,
        *,
        backend: str | None = None,
        runtime_directory: Path | None = None,
        bundles: Path | None = None,
        node: str | None = None,
    ) -> None:
        """Put on record where something of this run will be, before it is there."""
        self.record = replace(
            self.record,
            backend=backend or self.record.backend,
            runtime_directory=runtime_directory or self.record.runtime_directory,
            bundles=bundles or self.record.bundles,
            node=self.record.node if node is None else node,
        )
        if self.place is not None:
            with contextlib.suppress(
                OSError
            ):  # a full disk; what it keeps from us is found by label
                _write(self.place, self.record)

    def let_others_in(self) -> None:
        """Give the checkout up, but for the record: what this run starts is in it on its own."""
        if self.shared is not None:
            fcntl.flock(self.shared, fcntl.LOCK_UN)

    @contextmanager
    def publishing(self) -> Iterator[bool]:
        """Hold the bundles for this run: it writes to them, and no other does.

        Gives whether it is alone: no other run of the checkout lives that may have them mounted,
        and none begins meanwhile.
        """
        if self.place is None or (self.shared is None and not self.takes_turns):
            yield True
            return
        turn = os.open(self.place.parent / _PUBLISHING, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(turn, fcntl.LOCK_EX)
            if self.shared is None:
                yield True
                return
            alone = _lock(self.shared, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not alone:
                # A lock that can't be converted may be lost (flock(2)) to a build that waited.
                _lock(self.shared, fcntl.LOCK_SH)
            try:
                yield alone
            finally:
                if alone:
                    _lock(self.shared, fcntl.LOCK_SH)
        finally:
            os.close(turn)

    @property
    def left(self) -> Path | None:
        """The file in which one run leaves word to the last of them, within `publishing`."""
        return self.place and self.place.parent / _LEFT

    def forget(self, dead: Record) -> None:
        """Remove the record of a dead run: nothing of that run is left."""
        if self.place is not None:
            _discard(self.place.parent / dead.identity)


@contextmanager
def begin(
    data: Path, project: Path, title: str, *, alone: bool, wait: bool, say: Say
) -> Iterator[Run]:
    """A run in the checkout `project`, alone in it or beside others that are not `alone`.

    Waits for those that are in the way, after `say` has named them; with `wait` false raises
    CheckoutBusyError.
    """
    record = Record(
        identity=identity.of_this(),
        host=platform.node(),
        boot=_boot(),
        project=project.resolve(),
        title=title,
        started=now(),
    )
    with ExitStack() as stack:
        try:
            runs = directory(data, project)
            lock = _lock_checkout(runs, alone=alone, wait=wait, say=say)
        except OSError as error:
            say(
                f"no record of this run can be kept ({error.filename}: {error.strerror}),"
                " and two runs in this checkout are not kept apart"
            )
            yield Run(record, None)
            return
        stack.callback(os.close, lock)
        dead = tuple(_dead(runs))
        try:
            place = runs / record.identity
            place.mkdir(mode=0o700, exist_ok=True)
            stack.enter_context(hold(place))
            _write(place, record)
        except OSError as error:
            say(f"no record of this run can be kept: {error.strerror}")
            yield Run(record, None)
            return
        run = Run(record, place, dead, shared=None if alone else lock)
        try:
            yield run
        finally:
            if not run.unfinished:
                _discard(place)


@contextmanager
def beside(run: Run, title: str) -> Iterator[Run]:
    """A process that works for a run which has the checkout: it is on record by itself."""
    if run.place is None:
        yield run
        return
    # What the run's engine is started with is the run's.
    own = identity.of_this()
    record = replace(run.record, identity=own, title=title, runtime_directory=None)
    place = run.place.parent / own
    with ExitStack() as stack:
        place.mkdir(mode=0o700, exist_ok=True)
        stack.enter_context(hold(place))
        _write(place, record)
        working = Run(record, place, shared=run.shared, takes_turns=True)
        try:
            yield working
        finally:
            if not working.unfinished:
                _discard(place)


def now() -> str:
    """The time, as in `Record.started`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def directory(data: Path, project: Path) -> Path:
    """Where the runs of a checkout are."""
    return data / "runs" / key(project)


def key(project: Path) -> str:
    """What stands for a checkout in names of files, whichever of its paths is given."""
    return hashlib.sha256(os.fsencode(project.resolve())).hexdigest()[:16]


def crashed(data: Path) -> Iterator[tuple[Record, Path]]:
    """The records of all dead runs of this user on this host, and where each is."""
    for runs in sorted((data / "runs").glob("*")):
        for record in _dead(runs):
            yield record, runs / record.identity


def keys(data: Path) -> frozenset[str]:
    """The keys of all checkouts that a run was in."""
    return frozenset(path.name for path in (data / "runs").glob("*"))


@contextmanager
def idle(data: Path, checkout: str) -> Iterator[str]:
    """Keeps runs from a checkout, by its `key`; gives what lives there, empty for nothing."""
    runs = data / "runs" / checkout
    try:
        lock = os.open(runs / _LOCK, os.O_RDWR)
    except OSError:
        yield ""
        return
    try:
        yield "" if _lock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB) else _described(lock, runs)
    finally:
        os.close(lock)


@contextmanager
def others(data: Path, project: Path) -> Iterator[Mapping[str, str]]:
    """All other checkouts, in which no run begins while the context lasts.

    Gives those in which one lives, by `key`, and what it is.
    """
    busy: dict[str, str] = {}
    with ExitStack() as stack:
        for runs in sorted((data / "runs").glob("*")):
            if runs.name == key(project):
                continue
            try:
                lock = os.open(runs / _LOCK, os.O_RDWR)
            except OSError:
                continue  # it went
            stack.callback(os.close, lock)
            if not _lock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
                busy[runs.name] = _described(lock, runs)
        yield busy


def discard(place: Path) -> None:
    """Remove a record that `crashed` found."""
    _discard(place)


# --- the lock -----------------------------------------------------------------------------------


def _lock_checkout(runs: Path, *, alone: bool, wait: bool, say: Say) -> int:
    """The open file, locked; it is made where there is none. Raises OSError, CheckoutBusyError."""
    while True:
        runs.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        runs.mkdir(mode=0o700, exist_ok=True)
        try:
            lock = os.open(runs / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            continue  # `rbuild clean --everywhere` removes what is of no use
        try:
            _acquire(lock, runs, alone=alone, wait=wait, say=say)
            if _is_there(lock, runs / _LOCK):
                return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def _is_there(descriptor: int, file: Path) -> bool:
    """Whether the lock file was not removed while it was waited for."""
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False


def _acquire(lock: int, runs: Path, *, alone: bool, wait: bool, say: Say) -> None:
    wanted = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    try:
        fcntl.flock(lock, wanted | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            say("this file system has no locks: two runs in this checkout are not kept apart")
            return
        if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
            raise
    else:
        return
    others = _described(lock, runs)
    if _is_within(_holders(lock, runs)):
        raise CheckoutBusyError(
            f"this rbuild was started by another that has the checkout, and would wait for its own"
            f" end: {others}",
            hint="have the outer one do it (a target that needs this one's), or start this one in "
            "another directory (-C DIR)",
        )
    if not wait:
        raise CheckoutBusyError(
            f"another rbuild works in this checkout: {others}",
            hint="wait for its end, or leave --no-wait away",
        )
    say(f"waiting for another rbuild in this checkout: {others}")
    fcntl.flock(lock, wanted)


def _lock(descriptor: int, how: int) -> bool:
    """Whether the lock was taken; a file system without locks keeps nothing apart."""
    try:
        fcntl.flock(descriptor, how)
    except OSError as error:
        return error.errno in _NO_LOCKS
    return True


def _titles(runs: Path) -> dict[str, str]:
    """What lives in a checkout, by the ids of its processes."""
    return {
        place.name.partition(".")[0]: record.title
        for place in runs.glob("*.*")
        if (record := _read(place)) is not None and identity.lives(record.identity)
    }


def _holders(lock: int, runs: Path) -> list[str]:
    """The ids of the processes that have the lock, as far as that can be told."""
    holders = proc.lock_holders(os.fstat(lock).st_ino)
    return [str(pid) for pid in holders if pid != os.getpid()] or list(_titles(runs))


def _is_within(pids: Collection[str]) -> bool:
    """Whether one of these processes started this one, by however many others."""
    return any(str(pid) in pids for pid in proc.ancestors())


def _described(lock: int, runs: Path) -> str:
    titles = _titles(runs)
    pids = _holders(lock, runs) or ["unknown"]
    return ", ".join(
        f"pid {pid} ({titles[pid]})" if pid in titles else f"pid {pid}" for pid in pids
    )


# --- records ------------------------------------------------------------------------------------


def _dead(runs: Path) -> Iterator[Record]:
    for place in sorted(runs.glob("*.*")):
        # One that ended as it wrote or removed its record has at most private directories.
        record = _read(place) or _nameless(place.name)
        if not _is_alive(record, place):
            yield record


def _nameless(identity: str) -> Record:
    return Record(identity, platform.node(), _boot(), Path(), "rbuild", now())


def _is_alive(record: Record, place: Path) -> bool:
    if record.host != platform.node():
        return True  # that can't be told from here
    if record.boot == _boot() and identity.lives(record.identity):
        return True
    return is_held(place)


def _boot() -> str:
    return proc.setting("kernel/random/boot_id")


def _write(place: Path, record: Record) -> None:
    values = msgspec.to_builtins(record, enc_hook=str)
    replace_content(place / _RECORD, json.dumps(values).encode())


def _read(place: Path) -> Record | None:
    try:
        values = json.loads(plain.text(place / _RECORD))
        return from_data({**values, "identity": place.name}, Record)
    except (OSError, ValueError, TypeError):
        return None


def _discard(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)

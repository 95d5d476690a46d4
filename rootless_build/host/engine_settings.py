"""The engine settings that make rootless builds work on this host, in files private to one run."""

from __future__ import annotations

import contextlib
import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import tomli_w

from rootless_build.backend.api import Adaptation, EngineSettings
from rootless_build.files import plain
from rootless_build.host import settings
from rootless_build.host.configuration import problem
from rootless_build.host.facts import Facts
from rootless_build.host.gathering import gather
from rootless_build.host.lasting_directories import LastingDirectory, on_record
from rootless_build.model.errors import HostError
from rootless_build.model.shared_directories import LASTING, TEMPORARY
from rootless_build.model.structs import replace
from rootless_build.process import identities, user_directories
from rootless_build.process.locks import is_private

_OWN: Final = "rbuild"
"""Below the user's data directory."""
_LONGEST_SOCKET: Final = 60
"""Characters a runtime directory may have: socket paths end at 107 (unix(7)), 44 are ours."""


@contextlib.contextmanager
def engine_settings(
    facts: Facts | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[EngineSettings]:
    """The engines' settings for one run; the private files go when the context ends.

    Raises HostError when a containers.conf or the user's storage.conf can't be read
    (`broken-configuration`).
    """
    environment = os.environ if environment is None else environment
    facts = facts or gather(environment)
    prefix = identities.private_prefix()
    with tempfile.TemporaryDirectory(prefix=prefix, dir=_short_place(facts)) as private:
        yield _write(facts, environment, Path(private))


def private_directories(process: str, environment: Mapping[str, str]) -> Iterator[Path]:
    """The private directories of a process, which `process.identity.of_this` names."""
    runtime = user_directories.runtime(environment)
    # Engines put what is large into /var/tmp where TMPDIR is not set.
    for place in dict.fromkeys((runtime, Path(tempfile.gettempdir()), Path(LASTING))):
        for path in place.glob(f"{identities.private_prefix(process)}*"):
            if is_private(path):
                yield path


def lasting_directories() -> tuple[Path, ...]:
    """The directories that engines got from rbuild, for longer than a run: in the place of a
    XDG_RUNTIME_DIR that is not set, and of a home on a file server.
    """
    facts = gather(os.environ)
    each = (lasting.find() for lasting in (_runtime(facts), _storage(facts)))
    found = (*on_record(facts.data_directory / _OWN), *(path for path in each if path))
    return tuple(dict.fromkeys(found))


def _runtime(facts: Facts) -> LastingDirectory:
    usual = Path(tempfile.gettempdir())
    old = usual / f"rbuild-runtime-{facts.uid}"
    places = dict.fromkeys((usual, Path(TEMPORARY), Path(LASTING)))
    return LastingDirectory("run", facts.data_directory / _OWN, tuple(places), old)


def _storage(facts: Facts) -> LastingDirectory:
    old = facts.scratch / f"rbuild-{facts.uid}"
    return LastingDirectory("storage", facts.data_directory / _OWN, (facts.scratch,), old)


def _short_place(facts: Facts) -> Path | None:
    place = facts.runtime_directory
    return place if place and len(str(place)) <= _LONGEST_SOCKET else None


def _write(facts: Facts, environment: Mapping[str, str], private: Path) -> EngineSettings:
    user: settings.Table = {}
    for path in settings.configuration_files(facts, environment):
        user = settings.merge(user, _read(path))
    containers, adaptations = settings.apply(settings.containers_settings(facts), user)
    containers_conf = private / "containers.conf"
    _write_text(containers_conf, tomli_w.dumps(containers))
    variables = {"CONTAINERS_CONF": str(containers_conf)}
    if facts.rootless and not _has_storage_conf(facts, environment):
        if facts.storage_filesystem in settings.NETWORK_FILESYSTEMS:
            facts = replace(facts, own_scratch=_storage(facts).find_or_make())
        rows = settings.storage_settings(
            facts, has_fuse_overlayfs="fuse-overlayfs" in facts.programs and facts.fuse
        )
        storage, made = settings.apply(rows, {})
        storage_conf = private / "storage.conf"
        _write_text(storage_conf, tomli_w.dumps(storage))
        variables["CONTAINERS_STORAGE_CONF"] = str(storage_conf)
        adaptations += made
    if facts.rootless and facts.runtime_directory is None:
        runtime = _runtime(facts).find_or_make()
        variables["XDG_RUNTIME_DIR"] = str(runtime)
        fact = "XDG_RUNTIME_DIR is not set to a directory of this user"
        reason = "engines keep locks and sockets in it"
        adaptations += (Adaptation("XDG_RUNTIME_DIR", str(runtime), reason, fact),)
    elif facts.runtime_directory is not None and not user_directories.is_given(
        "XDG_RUNTIME_DIR", environment
    ):
        variables["XDG_RUNTIME_DIR"] = str(facts.runtime_directory)
    caches = Path(environment.get("TMPDIR") or LASTING) / "buildah-cache"
    if facts.rootless and _is_anothers(caches, facts.uid):
        temporary = _storage(facts).find_or_make()
        variables["TMPDIR"] = str(temporary)
        # buildah 1.28.2 has one name for the caches of all users.
        reason = "engines keep the caches of RUN --mount=type=cache in it"
        adaptations += (
            Adaptation("TMPDIR", str(temporary), reason, f"{caches} belongs to another user"),
        )
    network = settings.network(facts)
    isolation = settings.isolation(facts)
    return EngineSettings(
        runtime_directory=private,
        data_directory=facts.data_directory / _OWN,
        environment=tuple(variables.items()),
        network=network.value if network else None,
        isolation=isolation.value if isolation else None,
        rootless=facts.rootless,
        adaptations=adaptations + tuple(row for row in (network, isolation) if row),
        identity=settings.identity(containers, isolation.value if isolation else ""),
        subordinate_ids=(
            settings.subordinate(facts.account.subuids),
            settings.subordinate(facts.account.subgids),
        ),
    )


def _write_text(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except UnicodeEncodeError as error:
        line = text[text.rfind("\n", 0, error.start) + 1 :].partition("\n")[0]
        raise HostError(
            f"the engines' settings can't name a path that is not UTF-8: {line}",
            finding="os-error",
            hint="give it another name, or set XDG_DATA_HOME",
        ) from error


def _read(path: Path) -> settings.Table:
    try:
        return tomllib.loads(plain.text(path))
    except (OSError, ValueError) as error:
        raise HostError(
            problem(path, error),
            finding="broken-configuration",
            hint="podman and buildah can't read it either; correct it",
        ) from error


def _has_storage_conf(facts: Facts, environment: Mapping[str, str]) -> bool:
    """Whether the user has one. podman 4.3.1 goes on with its own defaults after a broken one,
    whose complaint then turns up in the middle of other messages.
    """
    given = environment.get("CONTAINERS_STORAGE_CONF")
    path = Path(given) if given else facts.config_directory / "containers" / "storage.conf"
    if path.is_file():
        _read(path)
        return True
    return bool(given or environment.get("STORAGE_DRIVER"))


def _is_anothers(path: Path, uid: int) -> bool:
    """Whether somebody else owns it, or the link that it is."""
    try:
        return path.lstat().st_uid != uid or path.stat().st_uid != uid
    except OSError:
        return False

"""The configuration files that the engines read: which there are, and what is wrong with them."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rootless_build.files import plain
from rootless_build.host import settings
from rootless_build.host.facts import Configuration, ConfigurationFile, Facts

_AT: Final = re.compile(r"\(at (?:line (\d+), column \d+|end of document)\)")
_SYSTEM: Final = (Path("/etc/containers"), Path("/usr/share/containers"))


def read(facts: Facts, environment: Mapping[str, str]) -> Configuration:
    """Read them all. Sources: containers.conf(5), containers-storage.conf(5),
    containers-registries.conf(5), containers-policy.json(5).
    """
    own = facts.config_directory / "containers"
    registries = _registries(own, environment)
    policy = _first([own / "policy.json", *(place / "policy.json" for place in _SYSTEM)])
    paths = [
        *settings.configuration_files(facts, environment),
        *_storage(own, environment),
        *registries,
    ]
    files = [ConfigurationFile(path, toml_problem(path)) for path in paths]
    rejects = False
    if policy is not None:
        problem, rejects = _policy(policy)
        files.append(ConfigurationFile(policy, problem))
    broken = any(file.problem for file in files if file.path in registries)
    search = () if broken else _search(registries)
    return Configuration(tuple(files), policy, rejects, search)


def _first(paths: list[Path]) -> Path | None:
    return next((path for path in paths if path.is_file()), None)


def _storage(own: Path, environment: Mapping[str, str]) -> list[Path]:
    given = environment.get("CONTAINERS_STORAGE_CONF")
    found = Path(given) if given else _first([own / "storage.conf", *_system("storage.conf")])
    return [found] if found else []


def _system(name: str) -> list[Path]:
    return [place / name for place in _SYSTEM]


def _registries(own: Path, environment: Mapping[str, str]) -> list[Path]:
    given = environment.get("CONTAINERS_REGISTRIES_CONF")
    if given:
        return [Path(given)]
    main = _first([own / "registries.conf", Path("/etc/containers/registries.conf")])
    parts = [
        *sorted(Path("/etc/containers/registries.conf.d").glob("*.conf")),
        *sorted((own / "registries.conf.d").glob("*.conf")),
    ]
    return [*([main] if main else []), *parts]


def toml_problem(path: Path) -> str:
    """What is wrong with a file, as `FILE:LINE: what`; empty for nothing."""
    try:
        tomllib.loads(plain.text(path))
    except (OSError, ValueError) as error:
        return problem(path, error)
    return ""


def problem(path: Path, error: OSError | ValueError) -> str:
    """An error of reading or parsing a file, as `FILE:LINE: what`."""
    if isinstance(error, OSError):
        return f"{path}: {error.strerror}"
    if isinstance(error, json.JSONDecodeError):
        return f"{path}:{error.lineno}: {error.msg}"
    # tomllib has the line in its words alone before Python 3.14.
    found = _AT.search(str(error))
    if found is None:
        return f"{path}: {error}"
    what = str(error)[: found.start()].strip()
    line = found[1] or str(max(len(plain.text(path).splitlines()), 1))
    return f"{path}:{line}: {what}"


def _policy(path: Path) -> tuple[str, bool]:
    try:
        content = json.loads(plain.text(path))
    except (OSError, ValueError) as error:
        return problem(path, error), False
    default = content.get("default") if isinstance(content, dict) else None
    if not isinstance(default, list) or not default:
        return f'{path}: it has no "default"', False
    return "", all(isinstance(rule, dict) and rule.get("type") == "reject" for rule in default)


def _search(paths: list[Path]) -> tuple[str, ...]:
    """The last file that names registries for short names wins (containers-registries.conf.d)."""
    found: tuple[str, ...] = ()
    for path in paths:
        named = tomllib.loads(plain.text(path)).get("unqualified-search-registries")
        if isinstance(named, list):
            found = tuple(str(registry) for registry in named)
    return found

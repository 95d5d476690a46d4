"""Which backends there are (entry-point group `rootless_build.backends`), and which one to use."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Final, cast

from msgspec import Struct

from rootless_build.backend.api import Backend, EngineSettings, Probe
from rootless_build.backend.named_engines import NamedEngine, named
from rootless_build.model.errors import BackendUnavailableError, UsageError

GROUP: Final = "rootless_build.backends"
PREFERENCE: Final = ("podman", "buildah", "docker")
"""The order of `auto`; other plug-ins come after these, by name. docker is never the first."""
AUTO: Final = "auto"
ASKED_FOR: Final = "asked for"
"""Why a backend is taken that is named."""
_OWN: Final = MappingProxyType(
    {
        "podman": "rbuild_podman:PodmanBackend",
        "buildah": "rbuild_buildah:BuildahBackend",
        "docker": "rbuild_docker:DockerBackend",
    }
)
"""The group's entries of rbuild's own distribution: to look for them costs 10 ms, to look through
all of an environment 25."""


class Candidate(Struct, frozen=True):
    """A backend and its own answer. `backend` is None when the plug-in can't be imported."""

    name: str
    backend: Backend | None
    probe: Probe

    @property
    def builder(self) -> str:
        """What reads containerfiles, and its version: `podman 4.3.1`."""
        return self.probe.builder or f"{self.name} {self.probe.version or ''}"


class Choice(Struct, frozen=True):
    """The backend of a run, and why it is this one. `reads` is its probe's `builder`."""

    backend: Backend
    version: str
    reason: str
    settings: EngineSettings
    reads: str = ""

    @property
    def builder(self) -> str:
        """What reads containerfiles, and its version: `podman 4.3.1`."""
        return self.reads or f"{self.backend.name} {self.version}"


def names() -> tuple[str, ...]:
    """Every backend's name, in the order in which `auto` would take them."""
    found = set(_all())
    preferred = [name for name in PREFERENCE if name in found]
    return (*preferred, *sorted(found - set(preferred)))


def _all() -> Mapping[str, str]:
    # Only plug-ins of others need it (see `_OWN`).
    from importlib.metadata import entry_points  # noqa: PLC0415

    return {point.name: point.value for point in entry_points(group=GROUP)} | _OWN


def _in_order() -> Iterator[str]:
    """The names of all backends; others than our own are looked for when these have been tried."""
    yield from PREFERENCE
    yield from (name for name in names() if name not in PREFERENCE)


def load(name: str) -> Backend:
    """The backend of that name. Raises UsageError when there is none."""
    points = _OWN if name in _OWN else _all()
    if name not in points:
        raise UsageError(
            f"there is no backend {name!r}",
            hint=f"known are: {', '.join((AUTO, *names()))}",
        )
    return _made(points[name])


def _made(point: str) -> Backend:
    module, _, name = point.partition(":")
    return cast("type[Backend]", getattr(import_module(module), name))()


def survey(settings: EngineSettings) -> tuple[Candidate, ...]:
    """Ask every backend whether it can run here; a broken plug-in is an answer too."""
    return tuple(_ask(name, settings) for name in names())


_Known = Mapping[str, Probe]
"""What is known of backends already, by name."""
_NOTHING: Final[_Known] = MappingProxyType({})


def _ask(name: str, settings: EngineSettings) -> Candidate:
    try:
        backend = load(name)
    except ImportError as error:
        return Candidate(name, None, Probe(None, f"its plug-in can't be imported: {error}"))
    return Candidate(name, backend, backend.probe(settings))


def choose(name: str, settings: EngineSettings, known: _Known = _NOTHING) -> Choice:
    """The backend to use; `auto` takes that of an engine that the environment names and that is
    wanted (`NamedEngine.is_wanted`), else the first of `names()` that can run here. `known` are
    answers that need not be asked for.

    Raises UsageError for an unknown name, BackendUnavailableError when the named one, or none at
    all, can run here, and with `auto` when the environment names an engine that does not answer.
    """
    elsewhere = {engine.backend: engine for engine in named()}
    if name != AUTO:
        candidate = _named(name, settings, known)
        return _choice(candidate, f"{ASKED_FOR}{_unused(elsewhere, name)}", settings)
    wanted = _answering(settings)
    if wanted:
        engine, candidate = wanted[0]
        reason = f"{engine.variable} names it{_unused(elsewhere, engine.backend)}"
        return _choice(candidate, reason, settings)
    refused: list[Candidate] = []
    for each in _in_order():
        probe = known.get(each)
        candidate = Candidate(each, load(each), probe) if probe else _ask(each, settings)
        if candidate.probe.usable and candidate.backend is not None:
            reason = f"{auto_reason(refused)}{_unused(elsewhere, each)}"
            return _choice(candidate, reason, settings)
        refused.append(candidate)
    raise BackendUnavailableError(_none(refused), finding="no-engine", hint=_cure(refused))


def _none(refused: Sequence[Candidate]) -> str:
    absent = [c.name for c in refused if c.probe.version is None and c.backend is not None]
    others = [f"{c.name}: {c.probe.problem}" for c in refused if c.name not in absent]
    *first, last = absent or [""]
    names = f"{', '.join(first)} and {last}" if first else last
    missing = f"{names} {'are' if first else 'is'} not installed"
    if not others:
        return f"there is no engine here: {missing}"
    if absent:
        others.append(missing)
    return f"no engine can run here: {'; '.join(others)}"


def _cure(refused: Sequence[Candidate]) -> str:
    """What the first engine that is here needs; where none is, the command that installs one."""
    here = (c.probe.hint for c in refused if c.probe.version is not None and c.probe.hint)
    return next(here, None) or _installation()


def _installation() -> str:
    """The command that installs an engine, with the package manager that is here."""
    known = (
        ("apt-get", "apt-get install podman uidmap slirp4netns"),
        ("dnf", "dnf install podman"),
        ("zypper", "zypper install podman"),
        ("pacman", "pacman -S podman"),
        ("apk", "apk add podman"),
    )
    found = (command for program, command in known if shutil.which(program))
    command = next(found, "")
    return f"as root: {command}" if command else "install podman with your package manager"


def unreachable(settings: EngineSettings) -> BackendUnavailableError | None:
    """What is wrong when the environment names an engine that does not answer."""
    try:
        _answering(settings)
    except BackendUnavailableError as error:
        return error
    return None


def expected(wanted: str) -> str:
    """The name of the backend that `choose` will most likely come to; nobody is asked."""
    if wanted != AUTO:
        return wanted
    return next((engine.backend for engine in named() if engine.is_wanted), PREFERENCE[0])


def _answering(settings: EngineSettings) -> list[tuple[NamedEngine, Candidate]]:
    """The engines that the environment names and that are wanted, with their backends.

    Raises BackendUnavailableError where one that is named does not answer, wanted or not, or where
    there is no client for the first.
    """
    found: list[tuple[NamedEngine, Candidate]] = []
    for engine in named():
        silence = engine.silence()
        if silence:
            raise _unreachable(engine, f"nobody answers at {engine.address}: {silence}", "start it")
        if not engine.is_wanted:
            continue
        candidate = _ask(engine.backend, settings)
        probe = candidate.probe
        if candidate.backend is not None and probe.usable:
            found.append((engine, candidate))
        elif not found or probe.version is not None:
            first = probe.hint if probe.version is None and probe.hint else "start it"
            raise _unreachable(engine, probe.problem, first)
    return found


def _unreachable(engine: NamedEngine, problem: str, first: str) -> BackendUnavailableError:
    """`first` is the first thing to try."""
    which = "" if engine.address in problem else f" ({engine.address})"
    return BackendUnavailableError(
        f"{engine.variable} names an engine{which}, and {problem}",
        finding="engine-unreachable",
        hint=f"{first}; or unset {engine.variable}, or choose another engine with --backend",
    )


def _unused(elsewhere: Mapping[str, NamedEngine], chosen: str) -> str:
    """What to say of engines that the environment names, and that are not the one chosen."""
    others = [engine for engine in elsewhere.values() if engine.backend != chosen]
    return "".join(
        f"; {engine.variable} has no effect, --backend {engine.backend} uses it"
        for engine in others
    )


def auto_reason(refused: Sequence[Candidate]) -> str:
    """Why `auto` took the one after those it refused, for a person."""
    if not refused:
        return "first choice"
    because = "; ".join(f"{c.name}: {c.probe.problem}" for c in refused)
    return f"first that can run here ({because})"


def _named(name: str, settings: EngineSettings, known: _Known) -> Candidate:
    backend = load(name)
    probe = known.get(name) or backend.probe(settings)
    if not probe.usable:
        raise BackendUnavailableError(
            f"the {name} backend can't run here: {probe.problem}",
            finding=f"no-{name}" if probe.version is None else f"{name}-unusable",
            hint=probe.hint,
        )
    return Candidate(name, backend, probe)


def _choice(candidate: Candidate, reason: str, settings: EngineSettings) -> Choice:
    if candidate.backend is None:
        raise BackendUnavailableError(candidate.probe.problem, finding=f"no-{candidate.name}")
    probe = candidate.probe
    return Choice(candidate.backend, probe.version or "", reason, settings, probe.builder)

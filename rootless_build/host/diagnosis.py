"""After an engine's error: the finding about this host that is its cause, if it is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from rootless_build.host import symptoms
from rootless_build.host.finding import Cure, Finding, Severity
from rootless_build.model.errors import (
    BackendUnavailableError,
    HostError,
    RbuildError,
    StepFailedError,
    UnsupportedError,
)

Examine = Callable[[], Sequence[Finding]]
_SERIOUS: Final = frozenset({Severity.BLOCKS, Severity.WARNING})
_ENGINE_FAILED: Final = frozenset({None, 125})
"""Statuses of a StepFailedError that are the engine's and not the command's."""
_CONSEQUENCE: Final = "no-engine"
"""What follows where every engine stops at the same cause."""
_DID_NOT_START: Final = frozenset(
    {_CONSEQUENCE, "podman-unusable", "podman-service", "buildah-unusable"}
)
"""Not docker: its daemon has a user namespace of its own, or none."""


def cause(error: RbuildError, examine: Examine) -> HostError | None:
    """The error to show instead, with the engine's words; None when this host is not to blame.

    An engine that does not start is explained by what blocks here. A step that failed is so only
    by a finding whose symptom is in the engine's words: the host is then examined to confirm it.
    """
    found = _candidates(error, examine)
    if not found:
        return None
    better = host_error(found[0], engine_words=error.engine_words or error.message)
    better.where, better.step, better.seconds = error.where, error.step, error.seconds
    for note in getattr(error, "__notes__", ()):
        better.add_note(note)
    return better


def _candidates(error: RbuildError, examine: Examine) -> list[Finding]:
    if isinstance(error, BackendUnavailableError):
        if error.finding not in _DID_NOT_START:
            return []
        return [
            finding
            for finding in examine()
            if finding.severity is Severity.BLOCKS and finding.id != _CONSEQUENCE
        ]
    if not isinstance(error, StepFailedError) or isinstance(error, UnsupportedError):
        return []
    if error.status not in _ENGINE_FAILED or (error.status and not error.engine_words):
        return []
    symptom = symptoms.find(f"{error.message}\n{error.engine_words}")
    if symptom is None or not symptom.finding:
        return []
    possible = {symptom.finding, *symptom.also}
    return [
        finding for finding in examine() if finding.id in possible and finding.severity in _SERIOUS
    ]


def host_error(finding: Finding, engine_words: str = "") -> HostError:
    """A finding as the error that ends a run."""
    message = f"{finding.seen}: {finding.breaks}" if finding.breaks else finding.seen
    hint = cure_words(finding.cure)
    return HostError(message, finding=finding.id, hint=hint, engine_words=engine_words)


def cure_words(cure: Cure | None) -> str:
    """What to do, a line for the command and one for what is to be known about it."""
    if cure is None:
        return ""
    if cure.automatic:
        return f"rbuild does this for its own runs: {cure.text}"
    command = f"as root: {cure.command}" if cure.needs_root else cure.command
    return "\n".join(part for part in (command, cure.text) if part)

"""The engines, and what is known of their versions."""

from __future__ import annotations

from rootless_build.host.facts import Cgroups, Facts
from rootless_build.host.finding import Cure, Finding, Severity, as_root, by_user
from rootless_build.host.probes.users import blocking
from rootless_build.host.versions import Defect, versions

_INSTALL = "apt-get install podman uidmap slirp4netns   # or: dnf install podman"


def unreachable_engine(facts: Facts) -> Finding | None:
    """The environment names an engine that does not answer."""
    if not facts.unreachable:
        return None
    return Finding(
        "engine-unreachable",
        Severity.BLOCKS,
        facts.unreachable,
        "nothing is built elsewhere instead",
        Cure("start it; or unset the variable, or choose another engine with --backend"),
    )


def no_engine(facts: Facts) -> Finding | None:
    """None of the backends can run here."""
    if facts.engines is None or any(not engine.problem for engine in facts.engines):
        return None
    return Finding(
        "no-engine",
        Severity.BLOCKS,
        "; ".join(engine.problem for engine in facts.engines) or "there is no backend",
        "there is nothing to build with",
        as_root(_INSTALL),
    )


def unusable_engine(facts: Facts) -> Finding | None:
    """An engine that is installed and does not work; another one does."""
    engines = facts.engines or ()
    bad = [engine for engine in engines if engine.problem and engine.version is not None]
    if not bad or all(engine.problem for engine in engines):
        return None
    # A docker client without its daemon is the ordinary case on hosts that have podman.
    bad = [engine for engine in bad if engine.name != "docker"] or bad
    severity = Severity.OK if bad[0].name == "docker" else Severity.WARNING
    return Finding(
        f"{bad[0].name}-unusable",
        severity,
        "; ".join(engine.problem for engine in bad),
        f"rbuild --backend {bad[0].name} can't run here",
        Cure(bad[0].hint) if bad[0].hint else by_user(f"{bad[0].name} version"),
    )


def usable_engines(facts: Facts) -> Finding | None:
    """The good news."""
    good = [f"{e.name} {e.version}" for e in facts.engines or () if not e.problem]
    helpers = [f"{helper.name} {helper.version}".strip() for helper in facts.helpers]
    if not good:
        return None
    return Finding("engines", Severity.OK, ", ".join([*good, *helpers]))


def defect(row: Defect, facts: Facts) -> Finding | None:
    """A row of the table of known defects."""
    here = versions(facts)
    if not all(span.covers(here) for span in row.spans):
        return None
    if row.id == "crun-too-old" and "runc" in facts.programs and facts.cgroups is Cgroups.HYBRID:
        return None  # runc is used there
    names = ", ".join(
        f"{span.program} {'.'.join(map(str, here[span.program]))}" for span in row.spans
    )
    severity = blocking(facts) if row.severity is Severity.BLOCKS else row.severity
    return Finding(row.id, severity, names, row.breaks, row.cure)

"""Networks of containers, registries, and the files that say which images may be used."""

from __future__ import annotations

from pathlib import Path

from rootless_build.host.facts import Facts
from rootless_build.host.finding import (
    Cure,
    Finding,
    NewFile,
    Severity,
    as_root,
    by_fix,
    by_rbuild,
    by_user,
)
from rootless_build.host.probes.users import blocking
from rootless_build.host.versions import Version, parse

_ACCEPT_ALL = '{"default": [{"type": "insecureAcceptAnything"}]}\n'
_PASTA_IS_DEFAULT: Version = (5,)
"""podman 5.0 changed the default network of ordinary users from slirp4netns to pasta."""
_PASTA_ALONE: Version = (6,)
"""podman 6.1.1 says that support for slirp4netns has been removed."""


def no_network_helper(facts: Facts) -> Finding | None:
    """A network of its own needs a program that joins it to the host's."""
    if not facts.rootless or {"slirp4netns", "pasta"} & set(facts.programs):
        return None
    return Finding(
        "no-network-helper",
        Severity.NOTE,
        "neither slirp4netns nor pasta is installed",
        "containers of an ordinary user can't have a network of their own",
        by_rbuild("the host's network is used"),
    )


def no_tun(facts: Facts) -> Finding | None:
    """slirp4netns and pasta both need it."""
    if not facts.rootless or facts.tun or not {"slirp4netns", "pasta"} & set(facts.programs):
        return None
    return Finding(
        "no-tun",
        Severity.NOTE,
        "/dev/net/tun can't be opened by this user",
        "slirp4netns and pasta fail, in builds too",
        by_rbuild("the host's network is used"),
    )


def no_pasta(facts: Facts) -> Finding | None:
    """podman 5 does not fall back to slirp4netns (podman issue 25516), and 6.1.1 knows none."""
    podman = next((engine for engine in facts.engines or () if engine.name == "podman"), None)
    if podman is None or "pasta" in facts.programs or "slirp4netns" not in facts.programs:
        return None
    version = parse(podman.version or "")
    if not facts.rootless or not facts.tun or version < _PASTA_IS_DEFAULT:
        return None
    if version >= _PASTA_ALONE:
        cure = as_root("apt-get install passt   # podman 6 and newer know no slirp4netns")
    else:
        cure = by_rbuild("slirp4netns is used (default_rootless_network_cmd)")
    return Finding(
        "no-pasta",
        Severity.WARNING if version >= _PASTA_ALONE else Severity.NOTE,
        f"podman {podman.version} uses pasta, which is not installed",
        "no container gets a network",
        cure,
    )


def no_policy(facts: Facts) -> Finding | None:
    """podman and buildah refuse every image without it, local ones too."""
    if facts.configuration.policy is not None or not _has_engine(facts):
        return None
    path = facts.config_directory / "containers/policy.json"
    return Finding(
        "no-policy",
        blocking(facts),
        "there is no policy.json, neither in /etc/containers nor of this user",
        "podman and buildah refuse every image",
        by_fix(NewFile(path, _ACCEPT_ALL), "accept images without signatures, as docker does"),
    )


def _has_engine(facts: Facts) -> bool:
    return bool({"podman", "buildah"} & set(facts.programs))


def rejecting_policy(facts: Facts) -> Finding | None:
    """An administrator's decision, so it is only named."""
    policy = facts.configuration.policy
    if policy is None or not facts.configuration.rejects:
        return None
    return Finding(
        "rejecting-policy",
        Severity.WARNING,
        f"{policy} rejects images that it does not name",
        "base images from other registries can't be pulled",
        Cure(f"name the registries you use in {policy}, under transports"),
    )


def broken_configuration(facts: Facts) -> Finding | None:
    """podman and buildah stop at the first file they can't read; at registries.conf only when
    they look for an image elsewhere.
    """
    broken = [file for file in facts.configuration.files if file.problem]
    if not broken:
        return None
    registries = all(_names_registries(file.path) for file in broken)
    return Finding(
        "broken-configuration",
        Severity.WARNING if registries else blocking(facts),
        "; ".join(file.problem for file in broken),
        "podman and buildah can't pull images" if registries else "podman and buildah stop at it",
        by_user(f"${{EDITOR:-vi}} {broken[0].path}", "correct the line"),
    )


def _names_registries(path: Path) -> bool:
    return "registries.conf" in {path.name, path.parent.name.removesuffix(".d")}


def short_names(facts: Facts) -> Finding | None:
    """`FROM debian` means docker.io to docker; podman asks its configuration."""
    if facts.configuration.search or not _has_engine(facts):
        return None
    path = facts.config_directory / "containers/registries.conf.d/50-short-names.conf"
    content = 'unqualified-search-registries = ["docker.io"]\n'
    return Finding(
        "short-names",
        Severity.NOTE,
        "no registry is configured for image names without one (FROM debian)",
        "podman and buildah don't find such an image where docker would",
        by_fix(NewFile(path, content), "look for them where docker does"),
    )


def registry_unreachable(facts: Facts) -> Finding | None:
    """Asked for with --online only."""
    failed = [(name, why) for name, why in facts.reachable or () if why]
    if not failed:
        return None
    return Finding(
        "registry-unreachable",
        Severity.WARNING,
        "; ".join(f"{name}: {why}" for name, why in failed),
        "base images that are not here can't be pulled",
        by_user("rbuild base debian:bookworm", "make the base image without a registry"),
    )


def remote_engine(facts: Facts) -> Finding | None:
    """Another engine than this host's own is used, which the other findings know nothing of."""
    if not facts.remote:
        return None
    return Finding(
        "remote-engine",
        Severity.NOTE,
        "CONTAINER_HOST, CONTAINER_CONNECTION or DOCKER_HOST is set",
        "",
        Cure("what is said here is about this host; the engine may be on another one"),
    )


def online(facts: Facts) -> Finding | None:
    """Registries answer: said because somebody asked for them to be tried."""
    if not facts.reachable or any(why for _, why in facts.reachable):
        return None
    names = ", ".join(name for name, _ in facts.reachable)
    return Finding("registry-reachable", Severity.OK, f"{names} answers")


def selinux(facts: Facts) -> Finding | None:
    """Containers may not read a checkout without a label, and labels of ours would stay."""
    if not facts.selinux:
        return None
    return Finding(
        "selinux",
        Severity.NOTE,
        "SELinux is enforcing",
        "containers may not read bind-mounted directories",
        by_rbuild("containers run without SELinux labels (label = false); no file is relabelled"),
    )

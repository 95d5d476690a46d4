"""Targets become steps: each attribute fills a field, is noted as without effect, or is refused."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from msgspec import Struct

from rootless_build.model.errors import RecipeError
from rootless_build.model.outputs import NO_LISTS, is_archive, named, unknown_attribute
from rootless_build.model.plan import (
    BuildImage,
    BuildOutput,
    CheckContainerfile,
    Limits,
    Pairs,
    PullPolicy,
)
from rootless_build.model.platforms import BadPlatformError, directory, several
from rootless_build.model.structs import replace
from rootless_build.recipes import source_date_epoch
from rootless_build.recipes.bake.definition import Chosen, link
from rootless_build.recipes.bake.entries import Entry, written
from rootless_build.recipes.bake.names import LINKED
from rootless_build.recipes.bake.source import dishonoured, refused
from rootless_build.recipes.bake.target import Target
from rootless_build.recipes.docker import values
from rootless_build.recipes.docker.values import BadValueError, Surroundings, boolean

_REMOTE: Final = re.compile(r"\w+://|[\w.-]+@[\w.-]+:|github\.com/")
_CWD: Final = "cwd://"
_IMAGES: Final = frozenset({"docker", "image"})
_FILES: Final = frozenset({"local", "tar"})
_NO_IMAGE: Final = BuildOutput("cacheonly")
_NUMBERS: Final = frozenset({"cpu-shares", "cpu-period", "cpu-quota"})
_WORDS: Final = frozenset({"memory", "memory-swap", "cpuset-cpus", "cpuset-mems"})
"""What `resources` may limit."""


class _Maker(Struct):
    directory: Path
    environment: Mapping[str, str]
    notes: list[str] = []

    @property
    def around(self) -> Surroundings:
        return Surroundings(self.directory, self.environment)

    def note(self, target: Target, attribute: str, why: str) -> None:
        place = target.placed(attribute)
        self.notes.append(f"{place.source.name}:{place.line}: {attribute} {why}")


def steps(
    chosen: Chosen, directory_: Path, environment: Mapping[str, str]
) -> tuple[tuple[BuildImage | CheckContainerfile, ...], tuple[str, ...]]:
    """The steps, in an order in which they can be done, and notes. Raises BakeError.

    What others are built from, and what is files, is a step for each of several platforms.
    """
    maker = _Maker(directory_, environment)
    asked = _asked(maker, chosen)
    links = _Links(chosen, directory_)
    made: list[BuildImage | CheckContainerfile] = []
    for name, target in chosen.targets.items():
        if name not in asked and not links.wanted(name):
            continue
        maker.notes += target.notes
        base = _base(maker, target)
        platforms = _platforms(target)
        by_platform = {
            platform: replace(
                base,
                platforms=(platform,) if platform else (),
                build_contexts=_contexts(maker, target, links, platform),
            )
            for platform in platforms or (None,)
        }
        if links.wanted(name):
            made += (
                replace(step, tags=(links.tag(name, platform),), outputs=())
                for platform, step in by_platform.items()
            )
        if name in asked and (question := _question(target)) is not None:
            made += (
                CheckContainerfile(
                    each, each.origin, question.call, ignores_status=question.ignores_status
                )
                for each in by_platform.values()
            )
        elif name in asked:
            made += _with_outputs(maker, target, tuple(by_platform.values()))
    return tuple(made), tuple(dict.fromkeys(maker.notes))


def _asked(maker: _Maker, chosen: Chosen) -> tuple[str, ...]:
    """The targets to be built or checked, without members of groups that ask something else."""
    made: list[str] = []
    left: list[str] = []
    for name in chosen.asked:
        target = chosen.targets[name]
        why = _why_unasked(target)
        if not why:
            made.append(name)
            continue
        place = target.placed("call")
        if name in chosen.named:
            raise dishonoured(place, f"call = {target.call!r}", why)
        left.append(f"{place}: {name} is left out: call = {target.call!r}, {why}")
        maker.notes.append(left[-1])
    if left and not made:
        raise RecipeError("no target is left to be built", engine_words="\n".join(left))
    return tuple(made)


def _question(target: Target) -> values.Asked | None:
    """What is asked about a target; None where it is built."""
    return values.call(target.call or "")


def _why_unasked(target: Target) -> str:
    """Why what is asked about a target is not answered; empty where it is, or is a build."""
    try:
        asked = _question(target)
    except BadValueError as error:
        return str(error)
    # That of bake has more in it than the answer.
    return "no answer of bake's is JSON" if asked is not None and asked.json else ""


def _platforms(target: Target) -> tuple[str, ...]:
    try:
        return several(target.platforms or ())
    except BadPlatformError as error:
        raise refused(target.placed("platforms"), f"platforms: {error}", error.hint) from error


def _base(maker: _Maker, target: Target) -> BuildImage:
    context = _context(maker, target)
    secrets = tuple(_parsed(maker, target, "secret", values.secret_of_fields))
    keys = tuple(_parsed(maker, target, "ssh", _ssh))
    _refuse(maker, target)
    hosts = (target.extra_hosts or {}).items()
    filters = tuple(target.no_cache_filter or ())
    return BuildImage(
        context=context,
        containerfile=_containerfile(target, context, maker.directory),
        containerfile_text=target.dockerfile_inline,
        tags=tuple(target.tags or ()),
        target=target.target or None,
        build_args=_arguments(maker, target),
        labels=tuple((target.labels or {}).items()),
        network=None if target.network in {None, "", "default"} else target.network,
        pull=PullPolicy.ALWAYS if target.pull else PullPolicy.MISSING,
        # Every stage built anew holds what one stage built anew does.
        no_cache=bool(target.no_cache) or bool(filters),
        cache_from=tuple(_references(maker, target)),
        add_hosts=tuple(f"{host}:{a}" for host, all_ in hosts for a in all_.split(",")),
        secrets=secrets,
        ssh=keys,
        limits=_limits(target),
        origin=replace(target.place.origin, target=target.name, names_build=True),
    )


def _arguments(maker: _Maker, target: Target) -> Pairs:
    given = tuple((target.args or {}).items())
    try:
        return source_date_epoch.handed_on(given, maker.environment)
    except source_date_epoch.BadEpochError as error:
        raise RecipeError(str(error)) from error


def _parsed(
    maker: _Maker,
    target: Target,
    attribute: Literal["secret", "ssh"],
    parse: Callable[[Entry, Surroundings], str],
) -> Iterator[str]:
    """The entries of an attribute, as engines are told of them."""
    entries = target.secret if attribute == "secret" else target.ssh
    for entry in entries or ():
        try:
            yield parse(entry, maker.around)
        except BadValueError as error:
            raise refused(target.placed(attribute), f"{attribute}: {error}") from error


def _ssh(entry: Entry, around: Surroundings) -> str:
    paths = entry.get("paths", "")
    return values.ssh(f"{entry.get('id', '')}={paths}" if paths else entry.get("id", ""), around)


def _limits(target: Target) -> Limits:
    for text in target.ulimits or ():
        try:
            values.ulimit(text)
        except BadValueError as error:
            raise refused(target.placed("ulimits"), str(error)) from error
    words: dict[str, str] = {}
    numbers: dict[str, int] = {}
    for name, text in (target.resources or {}).items():
        if name not in _NUMBERS | _WORDS:
            raise dishonoured(
                target.placed("resources"), f"resources.{name}", "no engine has a limit of it"
            )
        if name in _WORDS:
            words[name] = text
            continue
        try:
            numbers[name] = values.integer(text)
        except BadValueError as error:
            raise refused(target.placed("resources"), f"{name}: {error}") from error
    return Limits(
        memory=words.get("memory"),
        memory_swap=words.get("memory-swap"),
        cpu_shares=numbers.get("cpu-shares"),
        cpu_period=numbers.get("cpu-period"),
        cpu_quota=numbers.get("cpu-quota"),
        cpuset_cpus=words.get("cpuset-cpus"),
        cpuset_mems=words.get("cpuset-mems"),
        shm_size=target.shm_size or None,
        ulimits=tuple(target.ulimits or ()),
    )


def _refuse(maker: _Maker, target: Target) -> None:
    """What nothing here can do, and what changes nothing here."""
    files_only = bool(target.output) and all(o["type"] in _FILES for o in target.output or ())
    if target.annotations and files_only:
        maker.note(target, "annotations", "has no effect: no image is kept")
    elif target.annotations:
        maker.note(target, "annotations", "has no effect: the image gets none")
    for entry in target.attest or ():
        if not boolean(entry.get("disabled", "false")):
            why = f"has no effect: podman and buildah make no attestation ({written(entry)})"
            maker.note(target, "attest", why)
    if target.policy:
        raise dishonoured(target.placed("policy"), "policy", "build policies are BuildKit's")
    if target.cache_to:
        maker.note(target, "cache-to", "has no effect: the engine keeps its own layer cache")
    if target.entitlements:
        maker.note(target, "entitlements", "has no effect: entitlements are BuildKit's")
    if target.no_cache_filter:
        stages = ", ".join(target.no_cache_filter)
        maker.note(target, "no-cache-filter", f"is for {stages}; every stage is built anew")


def _references(maker: _Maker, target: Target) -> Iterator[str]:
    for entry in target.cache_from or ():
        if entry["type"] == "registry" and "ref" in entry:
            yield entry["ref"]
        else:
            maker.note(target, "cache-from", f"has no effect: {written(entry)} is BuildKit's")


# --- where things are ---------------------------------------------------------------------------


def _context(maker: _Maker, target: Target) -> Path:
    text = (target.context if target.context is not None else ".").removeprefix(_CWD) or "."
    if text == "-" or _REMOTE.match(text):
        raise dishonoured(
            target.placed("context"),
            f"the context {text!r}",
            "only a directory of this host can be a build context",
        )
    return _path(maker.directory, text)


def _containerfile(target: Target, context: Path, here: Path) -> Path | None:
    if target.dockerfile_inline is not None:
        return None
    name = target.dockerfile or "Dockerfile"
    if name == "-" or "://" in name.removeprefix(_CWD):
        raise dishonoured(
            target.placed("dockerfile"), f"the dockerfile {name!r}", "only a file can be read"
        )
    if name.startswith(_CWD):
        return _path(here, name.removeprefix(_CWD))
    return _path(context, name)


def _path(directory_: Path, text: str) -> Path:
    return Surroundings(directory_, {}).path(text)


def _contexts(maker: _Maker, target: Target, links: _Links, platform: str | None) -> Pairs:
    made: list[tuple[str, str]] = []
    for name, where in (target.contexts or {}).items():
        other = link(where)
        if other is not None:
            made.append((name, f"docker-image://{links.tag_for(other, platform)}"))
        elif "://" in where.removeprefix(_CWD) or _REMOTE.match(where):
            if where.startswith("oci-layout://"):
                raise dishonoured(
                    target.placed("contexts"), f"the context {where!r}", "it is BuildKit's"
                )
            made.append((name, where))
        else:
            made.append((name, str(_path(maker.directory, where.removeprefix(_CWD)))))
    return tuple(made)


class _Links(Struct, frozen=True):
    """Targets that others are built from: they stay in storage, under names of their own."""

    chosen: Chosen
    directory: Path

    def wanted(self, name: str) -> bool:
        contexts = (
            where for t in self.chosen.targets.values() for where in (t.contexts or {}).values()
        )
        return any(link(where) == name for where in contexts)

    def tag(self, name: str, platform: str | None) -> str:
        # Another checkout's target of that name is another one.
        place = hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:12]
        suffix = f"-{directory(platform)}" if platform else ""
        return f"{LINKED}{name.lower()}:{place}{suffix}"

    def tag_for(self, name: str, platform: str | None) -> str:
        """The target's tag for the platform that is built for, if it has it, else for its first."""
        platforms = _platforms(self.chosen.targets[name])
        if not platforms:
            return self.tag(name, None)
        return self.tag(name, platform if platform in platforms else platforms[0])


# --- outputs ------------------------------------------------------------------------------------


def _with_outputs(
    maker: _Maker, target: Target, steps: tuple[BuildImage, ...]
) -> Iterator[BuildImage]:
    """The steps of a target that is asked for, of which `steps` are one a platform."""
    outputs = tuple(_output(maker, target, entry) for entry in target.output or ())
    tags = target.tags or _names(target)
    if len(steps) == 1:
        yield _named(steps[0], tuple(tags), outputs)
        return
    if not tags and all(map(_is_kept, outputs)):
        # As where no output is named to a builder of BuildKit's own.
        outputs = (_NO_IMAGE,)
        maker.note(target, "platforms", "are built, and no image is kept: it has no tag")
    images = tuple(output for output in outputs if tags and _is_kept(output))
    if images or not outputs:
        yield _together(replace(steps[0], tags=tuple(tags), outputs=images), steps)
    whole = tuple(output for output in outputs if output.type == "tar" or is_archive(output))
    if whole:
        yield _together(replace(steps[0], tags=(), outputs=whole), steps)
    others = tuple(o for o in outputs if not _is_kept(o) and o not in whole)
    for step in steps if others else ():
        split = tuple(_split(target, output, step.platforms[0]) for output in others)
        yield _named(step, (), split)


def _is_kept(output: BuildOutput) -> bool:
    """Whether it is an image in storage."""
    return output.type in _IMAGES and not is_archive(output)


def _named(step: BuildImage, tags: tuple[str, ...], outputs: tuple[BuildOutput, ...]) -> BuildImage:
    """Where no image is kept there is none to be named."""
    kept = not outputs or any(map(_is_kept, outputs))
    return replace(step, tags=tags if kept else (), outputs=outputs)


def _together(step: BuildImage, steps: tuple[BuildImage, ...]) -> BuildImage:
    """One step for the platforms of all; contexts that differ stay those of each."""
    contexts = [each.build_contexts for each in steps]
    common = tuple(pair for pair in contexts[0] if all(pair in each for each in contexts))
    own = tuple(
        (each.platforms[0], tuple(pair for pair in each.build_contexts if pair not in common))
        for each in steps
    )
    return replace(
        step,
        platforms=tuple(each.platforms[0] for each in steps),
        build_contexts=common,
        platform_contexts=own if any(pairs for _, pairs in own) else (),
    )


def _output(maker: _Maker, target: Target, entry: Entry) -> BuildOutput:
    place = target.placed("output")
    kind = entry["type"]
    rest = {name: value for name, value in entry.items() if name != "type" and value}
    if kind == "cacheonly":
        return _NO_IMAGE
    try:
        pushes = kind == "registry" or boolean(rest.pop("push", "false"))
    except BadValueError as error:
        raise refused(place, f"push: {error}") from error
    if pushes:
        raise dishonoured(place, written(entry), "rbuild builds, it pushes nothing")
    if kind not in _FILES | _IMAGES | {"oci"}:
        raise dishonoured(place, written(entry), f"an output of type {kind!r} can't be made here")
    destination = rest.pop("dest", "")
    if kind in _FILES:
        if destination in {"", "-"}:
            raise refused(place, f"an output of type {kind} needs dest=, a path")
        _only(target, rest, ("platform-split",), entry)
        attributes = (("dest", str(_path(maker.directory, destination))), *rest.items())
        return BuildOutput(kind, attributes)
    if destination or kind == "oci":
        return _archive(maker, target, entry, destination, rest)
    for name in tuple(rest):
        if name not in {"name", "load", "unpack", "store"}:
            del rest[name]
            maker.note(target, "output", f"{name}= has no effect on an image in storage")
    if rest.pop("name", "") and target.tags:
        maker.note(target, "output", "name= has no effect: tags name the image")
    return BuildOutput(kind)


def _archive(
    maker: _Maker, target: Target, entry: Entry, destination: str, rest: Mapping[str, str]
) -> BuildOutput:
    """An image in a file."""
    if destination in {"", "-"}:
        place, kind = target.placed("output"), entry["type"]
        raise refused(place, f"an output of type {kind} needs dest=, a path")
    path = str(_path(maker.directory, destination))
    made = BuildOutput(entry["type"], (("dest", path), *rest.items()))
    odd = unknown_attribute(made)
    if odd is not None:
        raise dishonoured(target.placed("output"), written(entry), f"{odd} is not known here")
    if made.type == "docker" and len(target.platforms or ()) > 1:
        raise refused(target.placed("output"), NO_LISTS)
    return named(made, target.tags or ())


def _names(target: Target) -> tuple[str, ...]:
    """The names that outputs give an image without tags."""
    images = (o for o in target.output or () if o["type"] in _IMAGES and not o.get("dest"))
    listed = (name for output in images for name in output.get("name", "").split(","))
    return tuple(dict.fromkeys(name.strip() for name in listed if name.strip()))


def _only(target: Target, given: Mapping[str, str], known: tuple[str, ...], entry: Entry) -> None:
    odd = next((name for name in given if name not in known), None)
    if odd is not None:
        raise dishonoured(target.placed("output"), written(entry), f"{odd} is not known here")


def _split(target: Target, output: BuildOutput, platform: str) -> BuildOutput:
    """One directory a platform, as the local exporter makes them where there are several."""
    attributes = dict(output.attributes)
    if output.type != "local":
        return output
    try:
        split = boolean(attributes.pop("platform-split", "true"))
    except BadValueError as error:
        raise refused(target.placed("output"), f"platform-split: {error}") from error
    if split:
        attributes["dest"] = str(PurePosixPath(attributes["dest"]) / directory(platform))
    return BuildOutput("local", tuple(attributes.items()))

"""The services of compose files that have a `build`, as bake's targets.

Source: bake/compose.go of buildx, and the Compose Build Specification (compose-spec: build.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.model.structs import replace
from rootless_build.recipes.bake import yaml_nodes
from rootless_build.recipes.bake.compose import dotenv, merge
from rootless_build.recipes.bake.compose.files import Loader, Scope, fields_of, text_of
from rootless_build.recipes.bake.compose.interpolation import Lookup
from rootless_build.recipes.bake.hcl.values import Value
from rootless_build.recipes.bake.source import (
    BakeError,
    Place,
    Source,
    nearest,
    passed_over,
    refused,
)
from rootless_build.recipes.bake.target import (
    ATTRIBUTES,
    Group,
    Kind,
    Target,
    changed,
    decoded,
    known,
    merge_targets,
)
from rootless_build.recipes.bake.yaml_nodes import Fields, Items, Leaf, Tree
from rootless_build.recipes.docker.values import BadValueError, boolean

_BUILD: Final = (
    "additional_contexts",
    "args",
    "cache_from",
    "cache_to",
    "context",
    "dockerfile",
    "dockerfile_inline",
    "entitlements",
    "extra_hosts",
    "isolation",
    "labels",
    "network",
    "no_cache",
    "platforms",
    "privileged",
    "provenance",
    "pull",
    "sbom",
    "secrets",
    "shm_size",
    "ssh",
    "tags",
    "target",
    "ulimits",
)
_X_BAKE: Final = (
    "tags",
    "cache-from",
    "cache-to",
    "secret",
    "ssh",
    "platforms",
    "output",
    "pull",
    "no-cache",
    "no-cache-filter",
    "contexts",
)
_PROJECT: Final = "COMPOSE_PROJECT_NAME"
_SCALARS: Final = {
    "context": "context",
    "dockerfile": "dockerfile",
    "dockerfile_inline": "dockerfile-inline",
    "network": "network",
    "target": "target",
    "shm_size": "shm-size",
}
_NO_EFFECT: Final = ("entitlements", "isolation", "privileged")
"""What bake leaves out too."""


class Composed(Struct, frozen=True):
    """The targets, the group `default` of all of them, and notes on what is passed over."""

    targets: tuple[Target, ...]
    groups: tuple[Group, ...]
    notes: tuple[str, ...]


def is_compose(source: Source) -> bool:
    """Whether a file whose name does not say it is a compose file."""
    try:
        tree = yaml_nodes.parse(source)
    except Exception:
        return False
    return isinstance(tree, Fields) and tree.get("services") is not None


def read(sources: Sequence[Source], lookup: Lookup, directory: Path) -> Composed:
    """The targets of compose files, later ones on top of earlier ones. Raises BakeError."""
    # A compose file sees its project's name, and bake's projects have this one.
    name = lookup(_PROJECT) or next(filter(None, map(_project_name, sources)), "bake")

    def named(variable: str) -> str | None:
        return name if variable == _PROJECT else lookup(variable)

    return _Compose(named, directory).read(sources)


def _project_name(source: Source) -> str:
    tree = yaml_nodes.parse(source)
    name = tree.get("name") if isinstance(tree, Fields) else None
    return text_of(name) if name is not None else ""


class _Compose:
    def __init__(self, lookup: Lookup, directory: Path) -> None:
        self._lookup = lookup
        self._loader = Loader(directory)

    def read(self, sources: Sequence[Source]) -> Composed:
        whole = self._loader.together(sources, Scope(self._lookup))
        notes = tuple(self._loader.notes)
        services = whole.get("services")
        if services is None:
            return Composed((), (), notes)
        secrets = whole.get("secrets")
        targets: list[Target] = []
        for name, service in fields_of(services).items():
            try:
                target = self._target(name, service, secrets)
            except BakeError as error:
                target = Target(_target_name(name), service.place, error=error)
            if target is not None:
                targets.append(target)
        group = Group("default", tuple(target.name for target in targets), services.place)
        return Composed(tuple(targets), (group,), notes)

    # --- services -------------------------------------------------------------------------------

    def _target(self, name: str, service: Tree, secrets: Tree | None) -> Target | None:
        if isinstance(service, Leaf) and service.value is None:
            service = Fields({}, service.place)
        if not isinstance(service, Fields):
            raise refused(service.place, f"the service {name} is a mapping")
        found = service.get("build")
        if found is None:
            if service.get("image") is None:
                raise refused(service.place, f"the service {name} has neither image nor build")
            return None
        build = merge.expand_build(found)
        if not isinstance(build, Fields):
            raise refused(build.place, "build is a directory or a mapping")
        for key, value in build.fields.items():
            if key not in _BUILD and not key.startswith("x-"):
                message = f"a build has no {key!r} that rbuild knows"
                raise refused(value.place, message, nearest(key, _BUILD))
        target = Target(_target_name(name), build.place)
        for attribute, held, place in self._attributes(build, service, secrets):
            row = ATTRIBUTES[attribute]
            target = changed(target, row, decoded(row, held, place), place)
        extension = build.get("x-bake")
        if extension is not None:
            target = _with_extension(target, fields_of(extension))
        image = service.get("image")
        if not target.tags and image is not None:
            target = changed(target, ATTRIBUTES["tags"], (text_of(image),), image.place)
        return target

    def _attributes(
        self, build: Fields, service: Fields, secrets: Tree | None
    ) -> Iterator[tuple[str, Value, Place]]:
        convert: Mapping[str, Callable[[Tree], tuple[str, Value]]] = {
            "additional_contexts": lambda t: ("contexts", _contexts(_named(t))),
            "args": lambda t: ("args", self._arguments(t, service)),
            "cache_from": lambda t: ("cache-from", _words(t)),
            "cache_to": lambda t: ("cache-to", _words(t)),
            "extra_hosts": lambda t: ("extra-hosts", _hosts(t)),
            "labels": lambda t: ("labels", _named(t)),
            "no_cache": lambda t: ("no-cache", _switch(t)),
            "platforms": lambda t: ("platforms", _words(t)),
            "pull": lambda t: ("pull", _switch(t)),
            "secrets": lambda t: ("secret", _secrets(t, secrets)),
            "ssh": lambda t: ("ssh", _keys(t)),
            "tags": lambda t: ("tags", _words(t)),
            "ulimits": lambda t: ("ulimits", _ulimits(t)),
        }
        for key, tree in build.fields.items():
            if build.get(key) is None or key in _NO_EFFECT or key.startswith("x-"):
                continue
            if key in _SCALARS:
                yield _SCALARS[key], text_of(tree) or None, tree.place
            elif key in convert:
                name, value = convert[key](tree)
                yield name, value, tree.place
        attests = tuple(
            _attestation(kind, text_of(given))
            for kind in ("sbom", "provenance")
            if (given := build.get(kind)) is not None
        )
        if attests:
            yield "attest", attests, build.place

    def _arguments(self, tree: Tree, service: Fields) -> Value:
        """A bare name takes the service's environment's value, then the one bake was given."""
        made: dict[str, Value] = {}
        environment: Mapping[str, str] | None = None
        for name, leaf in fields_of(merge.pairs(tree)).items():
            if isinstance(leaf, Leaf) and leaf.value is None:
                if environment is None:
                    environment = self._environment(service)
                value = environment.get(name)
                made[name] = value if value is not None else self._lookup(name)
            else:
                made[name] = text_of(leaf)
        return made

    def _environment(self, service: Fields) -> Mapping[str, str]:
        made: dict[str, str] = {}
        files = service.get("env_file")
        listed: tuple[Tree, ...] = (files,) if files is not None else ()
        for item in files.items if isinstance(files, Items) else listed:
            path: Tree = item
            needed = True
            if isinstance(item, Fields):
                path = item.fields.get("path", item)
                required = item.get("required")
                needed = required is None or _switch(required)
            if needed or self._loader.exists(text_of(path)):
                source = self._loader.source(text_of(path), path.place)
                made |= dotenv.variables(source, self._lookup)
        given = service.get("environment")
        for name, leaf in fields_of(merge.pairs(given)).items() if given else ():
            text = self._lookup(name) if isinstance(leaf, Leaf) and leaf.value is None else None
            if text is not None:
                made[name] = text
            elif not isinstance(leaf, Leaf) or leaf.value is not None:
                made[name] = text_of(leaf)
        return made


# --- values -------------------------------------------------------------------------------------


def _target_name(service: str) -> str:
    return service.replace(".", "_")


def _words(tree: Tree) -> Value:
    if not isinstance(tree, Items):
        raise refused(tree.place, "a list is wanted here")
    return tuple(text_of(item) for item in tree.items)


def _named(tree: Tree) -> dict[str, str]:
    fields = fields_of(merge.pairs(tree))
    return {name: text_of(leaf) for name, leaf in fields.items()}


def _switch(tree: Tree) -> bool:
    try:
        return boolean(text_of(tree))
    except BadValueError as error:
        raise refused(tree.place, str(error)) from error


def _contexts(given: Mapping[str, str]) -> Value:
    made: dict[str, Value] = {}
    for name, where in given.items():
        kind, colon, other = where.partition(":")
        linked = colon and kind in {"service", "target"}
        made[name] = f"target:{other.replace('.', '_')}" if linked else where
    return made


def _hosts(tree: Tree) -> Value:
    if isinstance(tree, Fields):
        return {
            name: ",".join(map(text_of, leaf.items)) if isinstance(leaf, Items) else text_of(leaf)
            for name, leaf in tree.fields.items()
        }
    made: dict[str, Value] = {}
    for item in tree.items if isinstance(tree, Items) else (tree,):
        text = text_of(item)
        name, separator, address = text.partition("=" if "=" in text else ":")
        if not separator:
            raise refused(item.place, f"{text!r} is not HOST=ADDRESS")
        made[name] = f"{made[name]},{address}" if name in made else address
    return made


def _keys(tree: Tree) -> Value:
    if isinstance(tree, Fields):
        named = _named(tree)
    else:
        words = [text_of(item) for item in (tree.items if isinstance(tree, Items) else (tree,))]
        named = dict(word.partition("=")[::2] for word in words)
    return tuple(f"{name}={path}" if path else name for name, path in sorted(named.items()))


def _secrets(tree: Tree, known_secrets: Tree | None) -> Value:
    defined = fields_of(known_secrets) if known_secrets is not None else {}
    made: list[Value] = []
    for item in tree.items if isinstance(tree, Items) else (tree,):
        source = item if isinstance(item, Leaf) else fields_of(item).get("source", item)
        name = text_of(source)
        of: dict[str, Value] = {"id": name}
        given = defined.get(name)
        if given is None:
            raise refused(source.place, f"there is no secret {name!r}", nearest(name, defined))
        if isinstance(given, Fields):
            external = given.get("external")
            if external is not None and (not isinstance(external, Leaf) or external.value):
                raise refused(external.place, f"the secret {name} is one of a swarm")
            for key, field in (("file", "src"), ("environment", "env")):
                value = given.get(key)
                if value is not None:
                    of[field] = text_of(value)
        made.append(of)
    return tuple(made)


def _ulimits(tree: Tree) -> Value:
    made: list[Value] = []
    for name, limit in fields_of(tree).items():
        if isinstance(limit, Fields):
            soft, hard = (limit.get(end) for end in ("soft", "hard"))
            low = text_of(soft) if soft else "0"
            made.append(f"{name}={low}:{text_of(hard) if hard else low}")
        else:
            made.append(f"{name}={text_of(limit)}:{text_of(limit)}")
    return tuple(made)


def _attestation(kind: str, text: str) -> str:
    if text in {"true", "false"}:
        return f"type={kind}" if text == "true" else f"type={kind},disabled=true"
    return f"type={kind},{text}"


def _with_extension(target: Target, extension: Mapping[str, Tree]) -> Target:
    """`x-bake`: lists are added to what compose's own fields say."""
    more = Target(target.name, target.place)
    for name, tree in extension.items():
        if name not in _X_BAKE:
            note = passed_over(tree.place, f"x-bake has no {name!r}", nearest(name, _X_BAKE))
            more = replace(more, notes=(*more.notes, note))
            continue
        row = known(name, tree.place)
        value: Value
        if row.kind is Kind.SWITCH:
            value = _switch(tree)
        elif row.kind is Kind.NAMES:
            value = _contexts(_named(tree))
        else:
            value = _words(tree) if isinstance(tree, Items) else tuple(text_of(tree).split())
        held = decoded(row, value, tree.place)
        before = getattr(target, row.field)
        if not row.adds and row.kind is not Kind.SWITCH and before and isinstance(held, tuple):
            held = (*before, *(one for one in held if one not in before))
        if row.kind is Kind.NAMES and before and isinstance(held, dict):
            held = {**held, **before}
        more = changed(more, row, held, tree.place)
    return merge_targets(target, more)

"""Compose files as one tree: those that are named, included and extended.

Source: 14-include.md of the Compose specification. Where buildx 0.30 reads otherwise than compose
does it is buildx that counts: paths of an included file are resolved once more for each file that
includes it, and a service can't extend an included one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.files import plain
from rootless_build.model.errors import reason
from rootless_build.model.structs import replace
from rootless_build.recipes.bake import yaml_nodes
from rootless_build.recipes.bake.compose import dotenv, merge
from rootless_build.recipes.bake.compose.interpolation import (
    InterpolationError,
    Lookup,
    interpolated,
)
from rootless_build.recipes.bake.source import LARGEST, Place, Source, nearest, passed_over, refused
from rootless_build.recipes.bake.yaml_nodes import Fields, Items, Leaf, Tree

_IMPORTED: Final = ("services", "secrets")
"""What a bake takes from an included file; the rest of it has no part in a build."""
_OF_INCLUDES: Final = ("path", "project_directory", "env_file")
_ELSEWHERE: Final = ("https://", "http://", "git://", "ssh://", "github.com/", "git@", "service:")


class Scope(Struct, frozen=True):
    """Where a file is read: all directories are relative to the one in which bake runs.

    `files`: that of the files which it names; `paths`: that to which its paths are relative;
    `chain`: the files that include one another up to this one.
    """

    lookup: Lookup
    files: str = ""
    paths: str = ""
    chain: tuple[str, ...] = ()


class Loader:
    """Reads files below a directory. `notes` are about what is passed over."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.notes: list[str] = []

    def together(self, sources: Iterable[Source], scope: Scope) -> Fields:
        """The files as one, later ones on top of earlier ones. Raises BakeError."""
        whole: Tree | None = None
        for source in sources:
            one = self._model(source, scope)
            whole = merge.merge_trees(whole, one) if whole is not None else one
        assert isinstance(whole, Fields)  # mappings are merged to one
        return _resolved(whole, scope.paths)

    def source(self, name: str, place: Place) -> Source:
        """A file by its path. Raises BakeError, at the place that names it."""
        try:
            return Source(name, plain.text(self._directory / name, LARGEST))
        except (OSError, UnicodeDecodeError) as error:
            raise refused(place, f"{name} can't be read: {reason(error)}") from error

    def exists(self, name: str) -> bool:
        """Whether there is something at the path."""
        return (self._directory / name).exists()

    def _model(self, source: Source, scope: Scope) -> Fields:
        tree = _interpolated(yaml_nodes.parse(source), scope.lookup)
        if not isinstance(tree, Fields):
            raise refused(tree.place, "a compose file is a mapping")
        fields = dict(tree.fields)
        services = tree.get("services")
        if services is not None:
            named = fields_of(services)
            own = {name: self._extended(named, name, source, scope, ()) for name in named}
            fields["services"] = Fields(own, services.place)
        include = fields.pop("include", None)
        within = replace(scope, chain=(*scope.chain, os.path.normpath(source.name)))
        for one in _entries(include):
            _import(self._include(one, within), fields, one.place)
        return Fields(fields, tree.place)

    # --- extends --------------------------------------------------------------------------------

    def _extended(
        self,
        services: Mapping[str, Tree],
        name: str,
        source: Source,
        scope: Scope,
        above: tuple[str, ...],
    ) -> Tree:
        service = services[name]
        extends = service.get("extends") if isinstance(service, Fields) else None
        if extends is None:
            return service
        if f"{source.name}:{name}" in above:
            raise refused(extends.place, f"the service {name} extends itself")
        above = (*above, f"{source.name}:{name}")
        other, file = extends, None
        if isinstance(extends, Fields):
            other, file = extends.get("service") or extends, extends.get("file")
        wanted = text_of(other)
        around = services
        directory = scope.files
        if file is not None:
            source = self.source(_joined(scope.files, text_of(file)), file.place)
            directory = _parent(source.name)
            holder = _interpolated(yaml_nodes.parse(source), scope.lookup)
            inside = holder.get("services") if isinstance(holder, Fields) else None
            around = fields_of(inside) if inside is not None else {}
        if wanted not in around:
            raise refused(other.place, f"there is no service {wanted!r}", nearest(wanted, around))
        below = replace(scope, files=directory)
        base = self._extended(around, wanted, source, below, above)
        if file is not None:
            # Its paths are its own file's; those of the scope come later, for all alike.
            base = _with_paths(base, os.path.relpath(directory or ".", scope.files or "."))
        return merge.extend(services, name, base)

    # --- include --------------------------------------------------------------------------------

    def _include(self, entry: Fields, scope: Scope) -> Fields:
        for name, tree in entry.fields.items():
            if name not in _OF_INCLUDES:
                hint = nearest(name, _OF_INCLUDES)
                self.notes.append(passed_over(tree.place, f"an include has no {name!r}", hint))
        paths = _listed(entry.get("path"))
        if not paths:
            raise refused(entry.place, "an include names a path")
        away = next((path for path in paths if "://" in text_of(path)), None)
        if away is not None:
            raise refused(away.place, "only files of this host can be included")
        names = [_joined(scope.files, text_of(path)) for path in paths]
        if names[0] in scope.chain:
            chain = ", which includes ".join((*scope.chain, names[0]))
            raise refused(paths[0].place, f"a file includes itself: {chain}")
        files, base = self._directories(entry.get("project_directory"), names[0], scope)
        known = self._variables(entry, files, scope)
        sources = [self.source(name, path.place) for name, path in zip(names, paths, strict=True)]
        inner = Scope(known, files, base, scope.chain)
        return _inside(self.together(sources, inner), base, known)

    def _directories(self, given: Tree | None, first: str, scope: Scope) -> tuple[str, str]:
        """Where the included file's files are, and to what its paths are relative."""
        if given is None:
            directory = _parent(first)
            return directory, directory
        name = text_of(given)
        is_there = (self._directory / _joined(scope.files, name)).is_dir()
        base = os.path.normpath(name) if is_there else _parent(name)
        return _joined(scope.paths, name), base

    def _variables(self, entry: Fields, files: str, scope: Scope) -> Lookup:
        """What is known already comes first, then the included file's own `.env`."""
        given = _listed(entry.get("env_file"))
        sources = [self.source(_joined(scope.paths, text_of(one)), one.place) for one in given]
        usual = _joined(files, ".env")
        if not given and (self._directory / usual).is_file():
            sources = [self.source(usual, entry.place)]
        found: dict[str, str] = {}

        def lookup(name: str) -> str | None:
            value = scope.lookup(name)
            return value if value is not None else found.get(name)

        for source in sources:
            found |= dotenv.variables(source, lookup)
        return lookup


# --- trees --------------------------------------------------------------------------------------


def fields_of(tree: Tree) -> Mapping[str, Tree]:
    """The fields of a mapping. Raises BakeError."""
    if not isinstance(tree, Fields):
        raise refused(tree.place, "a mapping is wanted here")
    return tree.fields


def text_of(tree: Tree) -> str:
    """The text of a word, a bool as YAML's word for it. Raises BakeError."""
    if not isinstance(tree, Leaf):
        raise refused(tree.place, "a word is wanted here")
    # The file's own text: `1.20` is not 1.2.
    return tree.written if not isinstance(tree.value, bool) else str(tree.value).lower()


def _listed(tree: Tree | None) -> tuple[Tree, ...]:
    if tree is None:
        return ()
    return tree.items if isinstance(tree, Items) else (tree,)


def _entries(include: Tree | None) -> Sequence[Fields]:
    if include is None or (isinstance(include, Leaf) and include.value is None):
        return ()
    if not isinstance(include, Items):
        raise refused(include.place, "include is a list", "write `include: [FILE]`")
    made: list[Fields] = []
    for item in include.items:
        if isinstance(item, Items):
            raise refused(item.place, "an include is a path or a mapping")
        made.append(item if isinstance(item, Fields) else Fields({"path": item}, item.place))
    return made


def _import(source: Fields, into: dict[str, Tree], place: Place) -> None:
    """Put what a file defines beside what is there. Raises BakeError on a conflict."""
    for key in _IMPORTED:
        given = source.get(key)
        if given is None:
            continue
        there = into.get(key)
        own = dict(fields_of(there)) if isinstance(there, Fields) else {}
        for name, tree in fields_of(given).items():
            if name in own and _data(own[name]) != _data(tree):
                message = f"{key}.{name} is not what {tree.place} has, which is included"
                raise refused(own[name].place, message, f"the include is in {place}")
            own[name] = tree
        into[key] = Fields(own, there.place if there is not None else given.place)


def _data(tree: Tree) -> object:
    if isinstance(tree, Fields):
        return {name: _data(value) for name, value in tree.fields.items()}
    if isinstance(tree, Items):
        return [_data(item) for item in tree.items]
    return tree.value


def _interpolated(tree: Tree, lookup: Lookup) -> Tree:
    if isinstance(tree, Fields):
        fields = {name: _interpolated(value, lookup) for name, value in tree.fields.items()}
        return replace(tree, fields=fields)
    if isinstance(tree, Items):
        items = tuple(_interpolated(item, lookup) for item in tree.items)
        return replace(tree, items=items)
    if not isinstance(tree.value, str) or "$" not in tree.value:
        return tree
    try:
        text = interpolated(tree.value, lookup)
    except InterpolationError as error:
        raise refused(tree.place, str(error)) from error
    return Leaf(text, text, tree.place)


# --- paths --------------------------------------------------------------------------------------


def _joined(directory: str, path: str) -> str:
    own = Path(path).expanduser() if path == "~" or path.startswith("~/") else Path(path)
    return os.path.normpath(directory / own)


def _parent(path: str) -> str:
    return os.path.normpath(Path(path).parent)


def _resolved(model: Fields, directory: str) -> Fields:
    """The model with its paths relative to where bake runs."""
    made = dict(model.fields)
    services = model.get("services")
    if isinstance(services, Fields):
        named = {name: _with_paths(one, directory) for name, one in services.fields.items()}
        made["services"] = Fields(named, services.place)
    secrets = model.get("secrets")
    if isinstance(secrets, Fields):
        held = {name: _at(one, ("file",), directory) for name, one in secrets.fields.items()}
        made["secrets"] = Fields(held, secrets.place)
    return Fields(made, model.place)


def _with_paths(service: Tree, directory: str) -> Tree:
    if not isinstance(service, Fields):
        return service
    made = dict(service.fields)
    build = merge.expand_build(made["build"]) if "build" in made else None
    if isinstance(build, Fields):
        build = _at(build, ("context",), directory)
        assert isinstance(build, Fields)  # it was one
        contexts = build.get("additional_contexts")
        if contexts is not None:
            contexts = merge.pairs(contexts)
            names = tuple(contexts.fields) if isinstance(contexts, Fields) else ()
            inside = {**build.fields, "additional_contexts": _at(contexts, names, directory)}
            build = Fields(inside, build.place)
        made["build"] = build
    files = made.get("env_file")
    if isinstance(files, Items):
        items = tuple(_moved(_at(one, ("path",), directory), directory) for one in files.items)
        made["env_file"] = Items(items, files.place, files.tag)
    elif files is not None:
        made["env_file"] = _moved(files, directory)
    return Fields(made, service.place, service.tag)


def _at(tree: Tree, names: Iterable[str], directory: str) -> Tree:
    """A mapping with the paths in some of its fields moved."""
    if not isinstance(tree, Fields):
        return tree
    made = dict(tree.fields)
    for name in names:
        if name in made:
            made[name] = _moved(made[name], directory)
    return Fields(made, tree.place, tree.tag)


def _moved(tree: Tree, directory: str) -> Tree:
    if not isinstance(tree, Leaf) or not isinstance(tree.value, str) or not tree.value:
        return tree
    text = tree.value
    if "://" in text or text.startswith(_ELSEWHERE):
        return tree
    made = _joined(directory, text)
    return Leaf(made, made, tree.place)


def _inside(model: Fields, directory: str, lookup: Lookup) -> Fields:
    """An included model as the including one has it, which has another directory and variables.

    Builds without a context have the included file's, and bare names in a service's environment
    the values that they have there.
    """
    services = model.get("services")
    if not isinstance(services, Fields):
        return model
    made: dict[str, Tree] = {}
    for name, service in services.fields.items():
        if isinstance(service, Fields):
            fields = dict(service.fields)
            build, environment = service.get("build"), service.get("environment")
            if isinstance(build, Fields) and not build.get("context"):
                context = Leaf(directory, directory, build.place)
                fields["build"] = Fields({**build.fields, "context": context}, build.place)
            if environment is not None:
                pairs = fields_of(merge.pairs(environment))
                held = {key: _known(key, leaf, lookup) for key, leaf in pairs.items()}
                fields["environment"] = Fields(held, environment.place)
            made[name] = Fields(fields, service.place, service.tag)
        else:
            made[name] = service
    return Fields({**model.fields, "services": Fields(made, services.place)}, model.place)


def _known(name: str, leaf: Tree, lookup: Lookup) -> Tree:
    value = lookup(name) if isinstance(leaf, Leaf) and leaf.value is None else None
    return leaf if value is None else Leaf(value, value, leaf.place)

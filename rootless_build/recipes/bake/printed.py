"""What `docker buildx bake --print` prints: groups and targets as JSON, as they would be built.

Source: the structs Group and Target in bake/bake.go of buildx; empty fields are left out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rootless_build.model.errors import RecipeError
from rootless_build.recipes.bake.definition import DEFAULT, Chosen, Definition
from rootless_build.recipes.bake.target import ATTRIBUTES, Attribute, Kind, Target

_USUAL: Final = {"context": ".", "dockerfile": "Dockerfile"}


def in_json(definition: Definition, chosen: Chosen, names: Sequence[str], directory: Path) -> str:
    """The document. Raises RecipeError for a secret's file that is not there."""
    targets = {name: _target(target, directory) for name, target in chosen.targets.items()}
    told: dict[str, object] = {}
    groups = _groups(definition, names)
    if groups:
        told["group"] = groups
    told["target"] = dict(sorted(targets.items()))
    text = json.dumps(told, indent=2, ensure_ascii=False)
    # As Go has it for bytes of the environment that are no text.
    return text.encode(errors="surrogateescape").decode(errors="replace") + "\n"


def _groups(definition: Definition, names: Sequence[str]) -> dict[str, object]:
    """Those that were asked for, and `default` for what was."""
    known = {group.name: group for group in reversed(definition.groups)}
    found: dict[str, object] = {}
    pending = [name for name in names or (DEFAULT,) if name in known]
    while pending:
        name = pending.pop()
        if name not in found:
            found[name] = _group(known[name].targets, known[name].description)
            pending += [each for each in known[name].targets if each in known]
    asked = [name for name in names if name != DEFAULT]
    if asked or DEFAULT not in found:
        found[DEFAULT] = _group(tuple(dict.fromkeys(asked or (DEFAULT,))), "")
    return dict(sorted(found.items()))


def _group(targets: Sequence[str], description: str) -> dict[str, object]:
    return {**({"description": description} if description else {}), "targets": [*targets]}


def _target(target: Target, directory: Path) -> dict[str, object]:
    told = {}
    for attribute in ATTRIBUTES.values():
        held = getattr(target, attribute.field)
        if held is None:
            held = _USUAL.get(attribute.name)
        if attribute.name == "dockerfile" and target.dockerfile_inline and not target.dockerfile:
            held = _USUAL["dockerfile"]
        shown = _shown(attribute, held)
        if attribute.name != "inherits" and shown not in (None, "", [], {}):
            told[attribute.name] = shown
    for secret in target.secret or ():
        _check_there(secret.get("src", ""), directory)
    return told


def _shown(attribute: Attribute, held: object) -> object:
    match attribute.kind:
        case Kind.NAMES if isinstance(held, Mapping):
            return dict(sorted(held.items()))
        case Kind.ENTRIES if isinstance(held, tuple):
            # Of the others the fields are a map, which Go prints in the order of its keys.
            of_struct = attribute.name in {"secret", "ssh"}
            return [dict(each) if of_struct else dict(sorted(each.items())) for each in held]
        case _:
            return [*held] if isinstance(held, tuple) else held


def _check_there(file: str, directory: Path) -> None:
    if file and not os.path.lexists(directory / file):
        raise RecipeError(f"failed to stat {file}: stat {file}: no such file or directory")

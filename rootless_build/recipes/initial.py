"""The rbuild.toml with which a project begins: `rbuild init`.

What is not a comment in it changes no plan: a Makefile stays the recipe. Of what makes an
rbuild.toml a recipe of its own there is an example, of the plan, in comments.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import tomli_w

from rootless_build.files import owner_rights
from rootless_build.model.errors import HostError, UsageError, reason
from rootless_build.model.plan import BindMount, BuildImage, Plan, RunContainer
from rootless_build.model.text import shown
from rootless_build.recipes.config import FILE_NAME
from rootless_build.recipes.listing import Listing

SCHEMA_NAME: Final = "rbuild.schema.json"
"""Where an editor looks for the schema, beside the file."""
_HEAD: Final = f"""\
#:schema {SCHEMA_NAME}
# For an editor: rbuild init --schema {FILE_NAME} >{SCHEMA_NAME}
"""
_DEFAULTS: Final = """
[defaults]
# backend = "podman"
# pull = "missing"
"""
_CONTAINERFILES: Final = ("Dockerfile", "Containerfile")
_WIDTH: Final = 100


def of_recipe(listing: Listing, plan: Plan | None, makefile: str | None) -> str:
    """The text for a project with that recipe. `plan` is that of its default target, where it could
    be read; `makefile` its makefile, where make would not find that by itself.
    """
    text = f"{_HEAD}# {shown(listing.recipe)} stays the recipe: this is besides.\n{_DEFAULTS}"
    if makefile is not None:
        text += _toml({"makefile": makefile})
    directory = plan.bundles.directory if plan is not None and plan.bundles else None
    if plan is not None and directory is not None:
        text += _comment(_toml({"bundles-dir": _below(directory, plan.project)}))
    if not listing.recipe.endswith((".hcl", ".json", ".yaml", ".yml")):
        text += "".join(_targets(listing))
    example = _example(plan) if plan is not None else ""
    if example:
        text += (
            f"\n# The same without {shown(listing.recipe)}, to begin with; this file is then the"
            f" recipe:\n#\n{_comment(example)}"
        )
    return text


def of_containerfile(project: Path) -> str | None:
    """The text for a project that has nothing but a containerfile, which is its recipe then."""
    name = next((name for name in _CONTAINERFILES if (project / name).is_file()), None)
    if name is None:
        return None
    more = {
        "container": {"command": ["make"]},
        "bundles": {"container-path": "/out"},
        "targets": {"test": {"description": "run the tests", "command": ["make", "test"]}},
    }
    return (
        f"{_HEAD}\n"
        f"{_toml({'image': {'containerfile': name}})}\n"
        f"# A command in that image, and where it leaves its results:\n#\n{_comment(_toml(more))}"
    )


def write(project: Path, text: str) -> Path:
    """Write it, where there is none yet, with the rights of the project's owner.

    Raises UsageError where there is one, HostError where it can't be written.
    """
    file = project / FILE_NAME
    try:
        with owner_rights.rights_of(owner_rights.owner(project), needed=False):
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as made:
                    made.write(text)
            except BaseException:
                # A part of it would be taken for the user's own, which is not overwritten.
                file.unlink(missing_ok=True)
                raise
    except FileExistsError as error:
        raise exists(file) from error
    except OSError as error:
        message = f"{shown(file)} can't be written: {reason(error)}"
        raise HostError(message, finding="os-error") from error
    return file


def exists(file: Path) -> UsageError:
    """The error for a project that has one."""
    hint = "rbuild init --dry-run shows what it would write; nothing is overwritten"
    return UsageError(f"{shown(file)} is there already", hint=hint)


def _targets(listing: Listing) -> Iterator[str]:
    """Those with a description as they are, the others by name."""
    others = []
    for target in listing.targets:
        if target.description:
            yield "\n" + _toml({"targets": {target.name: {"description": target.description}}})
        else:
            others.append(target.name)
    if others:
        names = ", ".join(map(shown, others))
        yield "\n# Targets without a description (## of the Makefile, or as here):\n"
        yield _comment("\n".join(_lines(names)) + "\n")
        yield _comment(_toml({"targets": {others[0]: {"description": "…", "always": True}}}))


def _lines(names: str) -> Iterator[str]:
    line = ""
    for name in names.split(" "):
        if line and len(line) + len(name) > _WIDTH - 3:
            yield line.rstrip()
            line = ""
        line += f"{name} "
    yield line.rstrip()


def _example(plan: Plan) -> str:
    """The image and the container of a plan, as sections; empty where it has none, or several."""
    builds = [step for step in plan.steps if isinstance(step, BuildImage)]
    runs = [step for step in plan.steps if isinstance(step, RunContainer)]
    if len(builds) != 1 or len(runs) > 1:
        return ""
    build = builds[0]
    file = build.containerfile
    sections: dict[str, object] = {
        "image": _given(
            {
                "containerfile": _below(file, plan.project) if file is not None else "Dockerfile",
                "target": build.target,
                "build-args": dict(build.build_args),
            }
        )
    }
    if runs:
        sections["container"] = _given(
            {
                "command": list(runs[0].command),
                "working-directory": runs[0].working_directory,
                "privileged": runs[0].privileged,
                "environment": dict(runs[0].environment),
            }
        )
        sections |= _bundles(runs[0], plan)
    return _toml(sections)


def _bundles(run: RunContainer, plan: Plan) -> Mapping[str, object]:
    directory = plan.bundles.directory if plan.bundles else None
    for mount in run.mounts:
        if isinstance(mount, BindMount) and mount.source == directory:
            return {"bundles": {"container-path": mount.target}}
    return {}


def _given(values: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in values.items() if value}


def _below(path: Path, project: Path) -> str:
    return str(path.relative_to(project)) if path.is_relative_to(project) else str(path)


def _toml(values: Mapping[str, object]) -> str:
    try:
        text = tomli_w.dumps(values)
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError("a name here is not text in UTF-8, which TOML is", hint="") from error
    return text


def _comment(text: str) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())

"""The manual pages rbuild(1) and rbuild.toml(5), from the parser and the classes of the keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import rootless_build
from rootless_build.cli.commands import COMMANDS
from rootless_build.cli.options import GROUPS
from rootless_build.cli.views import help_tables
from tests.docs import options, recipe_keys
from tests.docs.man_page import (
    entry,
    example,
    heading,
    page,
    paragraph,
    subheading,
    title,
    words,
)

_CHANGES: Final = Path(__file__).parents[2] / "CHANGELOG.md"
_SOURCE: Final = f"rbuild {rootless_build.__version__}"
_SUMMARY: Final = "make for Docker's own source tree, with no daemon and no root"


def released() -> str:
    """The day of the last release, as the change log has it."""
    found = re.search(r"^## \[\d.*\] - (\S+)$", _CHANGES.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


def program() -> str:
    """rbuild(1)."""
    return page(_program())


def _program() -> Iterator[str]:
    of = options.applications()
    every = options.known(of)
    root = of[options.TARGET]
    yield title("RBUILD", 1, released(), _SOURCE, "User commands")
    yield heading("Name")
    yield f"rbuild \\- {words(_SUMMARY)}"
    yield heading("Synopsis")
    yield example(options.usage(root))
    yield heading("Description")
    yield from map(paragraph, options.description(root))
    yield heading("Commands")
    for name, (_, does) in COMMANDS.items():
        yield entry(name, does)
    yield heading("Options")
    yield paragraph(
        "Each command takes those that mean something to it; rbuild help COMMAND shows them. They "
        "may stand before or after the command's name. All that build are `rbuild TARGET`, `plan`, "
        "`run`, `exec`, `make` and `reproduce`."
    )
    for group in GROUPS:
        rows = [option for option in every if option.group == group]
        if rows:
            yield subheading(group)
            for option in rows:
                yield entry(option.typed, f"{option.meaning}. Of {option.of}.")
    for name in COMMANDS:
        yield heading(f"rbuild {name}")
        yield example(options.usage(of[name]))
        for text in options.description(of[name]):
            lines = text.splitlines()
            indented = all(line.startswith(" ") for line in lines)
            yield example(map(str.strip, lines)) if indented else paragraph(text)
        for option in options.known({name: of[name]}):
            if option.group == options.OWN:
                yield entry(option.typed, f"{option.meaning}.")
    for head, told in help_tables.TABLES:
        yield heading(head)
        for name, meaning in told:
            yield entry(name, f"{meaning}.")
    yield heading("See also")
    yield words("`rbuild.toml`(5), `make`(1), `podman`(1), `buildah`(1), `docker`(1)")


def recipe() -> str:
    """rbuild.toml(5)."""
    return page(_recipe())


def _recipe() -> Iterator[str]:
    yield title("RBUILD.TOML", 5, released(), _SOURCE, "File formats")
    yield heading("Name")
    yield f"rbuild.toml \\- {words('how a project is built by rbuild(1)')}"
    yield heading("Description")
    yield paragraph(
        "Both files are optional. `rbuild.toml` stands in the project's directory and may hold "
        "every section below; with [image] or [container] in it, it is the recipe, and the "
        "Makefile is not read. `$XDG_CONFIG_HOME/rbuild/config.toml` is the user's own and holds "
        "[defaults] alone. The command line comes first, then the environment, then the project's "
        "file, then the user's. Relative paths belong to the directory of the file they stand in."
    )
    for name, kind in recipe_keys.SECTIONS.items():
        yield heading(recipe_keys.HEADS.get(name, f"[{name}]"))
        yield from map(paragraph, recipe_keys.purpose(name))
        for key in recipe_keys.keys(kind):
            yield entry(key.name, f"{key.meaning} ({key.takes})")
    yield heading("See also")
    yield words("`rbuild`(1), https://toml.io")

"""`rbuild path`: where what comes with rbuild is, and what it keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from rootless_build.cli import command_line, own_places, shipped
from rootless_build.cli.command import Command
from rootless_build.cli.options import format_option
from rootless_build.cli.views import tables
from rootless_build.model.errors import UsageError
from rootless_build.model.events import Answer
from rootless_build.model.nearest import nearest
from rootless_build.model.text import shown


class Where(Command):
    """Say where things of rbuild are: the containerfiles (images), examples and jobs for CI that
    come with it, your configuration file, and the directories in which it keeps what is its own.
    """

    USAGE = "rbuild path [options] [images|examples|ci|config|data|state|cache]"

    format = format_option()

    def main(self, name: str = "") -> int:
        """Print it."""
        return self.attempt(lambda: self._show(name))

    def _show(self, name: str) -> int:
        known = _places()
        if name and name not in known:
            near = nearest(name, known)
            hint = f"did you mean {near}?" if near else "rbuild path lists them"
            raise UsageError(f"rbuild path {shown(name)}: what is that?", hint=hint)
        chosen = {name: known[name]} if name else known
        rows = [
            {"name": each, "path": str(path), "is": what} for each, (path, what) in chosen.items()
        ]
        if self.format == "json":
            text = json.dumps(rows[0] if name else rows, indent=2)
        elif name:
            # A program gets the bytes that a path has.
            text = str(known[name][0])
        else:
            cells = [(each, shown(path), what) for each, (path, what) in known.items()]
            text = tables.columns(("name", "path", "what is there"), cells)
        self.tell(text, *(Answer("path", row) for row in rows))
        return 0


def _places() -> Mapping[str, tuple[Path, str]]:
    data, state, cache = own_places.own_directories()
    return {
        "images": (shipped.directory("images"), "containerfiles for old releases of docker"),
        "examples": (shipped.directory("examples"), "an rbuild.toml for docker.io's source"),
        "ci": (shipped.directory("ci"), "a workflow for GitHub and a job for GitLab, to copy"),
        "config": (command_line.user_file(), "your configuration, where there is one"),
        "data": (data, "records of runs, and what buildah keeps for rbuild"),
        "state": (state, "what runs said and left, which images were built"),
        "cache": (cache, "what is known of projects and engines"),
    }

"""The project's targets are built: `rbuild TARGET…`, `rbuild make TARGET…`."""

from __future__ import annotations

from rootless_build import recipes
from rootless_build.cli import metadata_file
from rootless_build.cli.checkout import checkout
from rootless_build.cli.command import Command
from rootless_build.cli.command_line import is_variable
from rootless_build.cli.engines import EngineToCome, cache_directory
from rootless_build.cli.options import Building, Elsewhere, Live, Pushing
from rootless_build.cli.target_builds import build_targets
from rootless_build.freshness.records import Records
from rootless_build.model.errors import UsageError


class Make(Pushing, Live, Elsewhere, Building, Command):
    """Build the project's own targets, also those named like an rbuild command (install, run)."""

    USAGE = "rbuild make [options] [NAME=VALUE...] [TARGET...]"

    def main(self, *words: str) -> int:
        """Build the targets."""
        return self.attempt(lambda: build(self, words))


def build(command: Command, words: tuple[str, ...]) -> int:
    """What `rbuild TARGET…` and `rbuild make TARGET…` do."""
    targets, variables = split_words(words, command)
    if command.option("on"):
        from rootless_build.cli.node_option import check_node  # noqa: PLC0415 - few runs have it

        check_node(command)
    metadata_file.begin(command)
    if command.flag("dry_run"):
        # A build has no use for it.
        from rootless_build.cli.plan_preview import show_targets  # noqa: PLC0415

        return show_targets(command, targets, variables)
    shell = _is_shell(command, targets)
    title = " ".join(("rbuild", *targets))
    with (
        checkout(command, title, alone=not shell) as run,
        EngineToCome(command, _asked_before(command)) as engine,
    ):
        # The engine is asked meanwhile.
        return build_targets(command, targets, variables, run, engine, pass_status=shell)


def _is_shell(command: Command, targets: tuple[str, ...]) -> bool:
    """Whether targets are a shell, beside which others may build: `shell`; `shell TARGET` where
    that is not two targets.
    """
    if targets[:1] != ("shell",):
        return False
    return recipes.front_ends.is_shell(targets, command.project, command.config)


def _asked_before(command: Command) -> tuple[str, ...]:
    return Records.load(cache_directory(command.project)).asked


def split_words(
    words: tuple[str, ...], command: Command
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Targets and NAME=VALUE variables, which may stand in any order, as with make; variables also
    before the command's name. Raises UsageError for a word that can be neither.
    """
    for word in words:
        if not word or word.startswith("="):
            what = f"{word}: a name is missing before the =" if word else "a word is empty"
            raise UsageError(what, hint="is a variable of your shell empty?")
    targets = tuple(word for word in words if not is_variable(word))
    given = tuple(word for word in words if is_variable(word))
    return targets, (*command.variables_before(), *given)

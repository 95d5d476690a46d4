"""Completion: what may stand next on a command line, asked by a shell on each Tab.

A shell's part is a file of this package, printed by `rbuild completion SHELL`; it sends the words,
and `answer` says what the last one can be. Nothing of the project is run, and no engine is asked:
who presses Tab has not asked for that. Nor is the parser imported, which takes longer than a person
waits: `table` has what it knows, and keeps it.
"""

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rootless_build.model import late_modules

if TYPE_CHECKING:
    from rootless_build.cli.completion import backends as backends
    from rootless_build.cli.completion import findings as findings
    from rootless_build.cli.completion import parser as parser
    from rootless_build.cli.completion import runs as runs
    from rootless_build.cli.completion import targets as targets

_LATE: Final = MappingProxyType(
    {
        "backends": "rootless_build.cli.completion.backends",
        "findings": "rootless_build.cli.completion.findings",
        "parser": "rootless_build.cli.completion.parser",
        "runs": "rootless_build.cli.completion.runs",
        "targets": "rootless_build.cli.completion.targets",
    }
)

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """What one kind of word needs alone."""
        return late_modules.find(__name__, name, _LATE)

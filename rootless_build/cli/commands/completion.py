"""`rbuild completion`: what a shell needs to complete rbuild's words."""

from __future__ import annotations

from importlib import resources
from typing import Final

from rootless_build.cli import completion
from rootless_build.cli.command import Command
from rootless_build.model.errors import UsageError
from rootless_build.model.events import Answer
from rootless_build.model.nearest import nearest

_SHELLS: Final = ("bash", "zsh", "fish")


class Completion(Command):
    """Print what has a shell complete rbuild's commands, options, targets, runs and more.

    bash:  source <(rbuild completion bash)                                      in ~/.bashrc
    zsh:   source <(rbuild completion zsh)                  in ~/.zshrc, after compinit
    fish:  rbuild completion fish >~/.config/fish/completions/rbuild.fish
    """

    USAGE = "rbuild completion bash|zsh|fish"

    def main(self, shell: str) -> int:
        """Print it."""
        return self.attempt(lambda: self._show(shell))

    def _show(self, shell: str) -> int:
        if shell not in _SHELLS:
            near = nearest(shell, _SHELLS)
            hint = f"did you mean {near}?" if near else ""
            raise UsageError(f"rbuild completion {shell}: it is bash, zsh or fish", hint=hint)
        file = resources.files(completion) / f"rbuild.{shell}"
        text = file.read_text(encoding="utf-8")
        self.tell(text.removesuffix("\n"), Answer("completion", {"shell": shell, "text": text}))
        return 0

"""Which commands of a shell text run docker: themselves, through another program, or hidden in
words that only the shell knows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from tree_sitter import Node

from rootless_build.recipes.shell_grammar import Tree, Word, within
from rootless_build.recipes.shell_line import (
    PROGRAMS,
    SHELLS,
    names_docker_by_variable,
    speaks_of_docker,
)

ITSELF: Final = "docker"
"""Stands for a docker command, where others are told by what they run docker through."""
PREFIXES: Final = frozenset(
    {"exec", "command", "builtin", "time", "coproc", "noglob", "then", "else", "do", "!", "{"}
)
_RUNNERS: Final = frozenset(
    {"sudo", "env", "nice", "nohup", "doas", "xargs", "timeout", "setsid", "stdbuf", "ionice"}
    | {"find", "parallel", "watch", "strace", "flock", "taskset", "chrt", "unshare", "setpriv"}
    | {"systemd-run", "systemd-inhibit", "retry", "unbuffer", "chronic", "entr", "busybox"}
)
"""Programs that run another one, named somewhere after their own options."""
_FIND_EXECUTES: Final = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_EVALUATES: Final = frozenset({"eval", "trap"})
_LOOKS_UP: Final = frozenset({"-v", "-V"})
_ONLY_THE_SHELL: Final = "a word that only the shell knows"
_OF_DOCKER: Final = re.compile(r"(?:(?<![\w.-])|(?<=:-))(?:docker(?:-buildx)?|podman)(?![\w./-])")


class Reading:
    """A shell text, read with the variables that it will have."""

    def __init__(self, text: str, environment: Mapping[str, str]) -> None:
        self.tree = Tree(text)
        self._assigned = self.tree.assigned()
        self._environment = environment
        # Each node that runs docker, and through what, where that is not itself.
        self.docker = {node: how for node in within(self.tree.root) if (how := self._runs(node))}

    @property
    def is_whole(self) -> bool:
        """Whether all of it was understood."""
        return self.tree.is_whole

    def words(self, command: Node) -> list[Word]:
        """The words of a command."""
        return self.tree.words(command, self._environment, self._assigned)

    def may_run_docker(self) -> bool:
        """Whether text that was not understood may run docker."""
        text = _unquoted(self.tree.text)
        named = _OF_DOCKER.search(text) is not None
        return named or names_docker_by_variable(text, self._environment)

    def _runs(self, node: Node) -> str:
        """How the node runs docker: empty where it does not."""
        match node.type:
            case "command":
                return self._runs_by(self.words(node), node) or self._feeds_shell(node)
            case "function_definition":
                name = node.child_by_field_name("name")
                return "a function of that name" if name and self.tree.of(name) in PROGRAMS else ""
            case "redirected_statement" | "pipeline":
                return self._feeds_shell(node)
            case "heredoc_redirect":
                return self._asked_in_heredoc(node)
            case _:
                return ""

    def _runs_by(self, words: Sequence[Word], node: Node) -> str:
        if not words:
            return ""
        word, *others = words
        name = word.name
        how = ""
        if name in PROGRAMS:
            how = ITSELF
        elif word.text is None and not name:
            how = self._runs_unknown(word, others, node)
        elif name in SHELLS:
            how = self._script(others, node, name)
        elif name in _EVALUATES:
            text = " ".join(other.text or "" for other in others)
            how = f"{name!r}" if self._runs_in_text(text, node) else ""
        elif name in PREFIXES and not (name == "command" and is_question(words)):
            how = self._runs_by([w for w in others if not (w.text or "").startswith("-")], node)
            how = f"{name!r}" if how == ITSELF else how
        elif name in _RUNNERS:
            executed = _executed_by_find(others) if name == "find" else others
            how = self._through(executed, node, name)
        return how

    def _runs_unknown(self, word: Word, others: Sequence[Word], node: Node) -> str:
        """A command whose name only the shell knows, or which is no word at all."""
        if self._may_be_docker(node, 0, [word, *others]):
            return _ONLY_THE_SHELL
        after = [other for other in others if not (other.text or "").startswith("-")]
        return _ONLY_THE_SHELL if word.empty and after and after[0].name in PROGRAMS else ""

    def _through(self, words: Sequence[Word], node: Node, name: str) -> str:
        for number, word in enumerate(words):
            if word.name in PROGRAMS:
                return f"{name!r}"
            if word.name in SHELLS:
                how = self._script(words[number + 1 :], node, word.name)
                return f"{name!r}" if how else ""
            if word.text is None and not word.name and self._may_be_docker(node, number, words):
                return f"{name!r}"
        return ""

    def _script(self, words: Sequence[Word], node: Node, name: str) -> str:
        """A shell with its arguments: whether what it is given as a script runs docker."""
        for number, word in enumerate(words):
            text = word.text or ""
            if re.fullmatch(r"-[a-z]*c[a-z]*", text):
                script = words[number + 1].text if number + 1 < len(words) else ""
                runs = self._runs_in_text(script, node)
                return f"'{name} -c'" if runs else ""
            if name == "busybox" and word.name in SHELLS:
                return self._script(words[number + 1 :], node, word.name)
            if not text.startswith(("-", "+")):
                return ""
        return ""

    def _runs_in_text(self, text: str | None, node: Node) -> bool:
        if text is None:
            return _OF_DOCKER.search(_unquoted(self.tree.of(node))) is not None
        if not speaks_of_docker(text, self._environment):
            return False
        inner = Reading(text, self._environment)
        return bool(inner.docker) if inner.is_whole else inner.may_run_docker()

    def _may_be_docker(self, node: Node, number: int, words: Sequence[Word]) -> bool:
        """Whether a word that only the shell knows may be docker."""
        children = [child for child in node.children if child.type != "variable_assignment"]
        text = self.tree.of(children[number]) if len(children) == len(words) else self.tree.of(node)
        names = set(re.findall(r"[A-Za-z_]\w*", text))
        return (
            speaks_of_docker(text, self._environment)
            or bool(names & self._assigned)
            or re.search(r"\$\{?[\d@*]", text) is not None
        )

    def _feeds_shell(self, node: Node) -> str:
        """Whether text that names docker is a shell's script: by a pipe, or from a heredoc."""
        if not speaks_of_docker(self.tree.of(node), self._environment):
            return ""
        if node.type == "pipeline":
            readers = node.named_children[1:]
        elif any("here" in child.type for child in node.named_children):
            readers = [node] if node.type == "command" else node.named_children[:1]
        else:
            return ""
        for reader in readers:
            for command in within(reader):
                words = self.words(command) if command.type == "command" else []
                names = [word.name for word in words if not (word.text or "").startswith("-")]
                while names[:1] and names[0] in _RUNNERS | PREFIXES:
                    names = names[1:]
                if len(names) == 1 and names[0] in SHELLS:
                    return f"a script that {names[0]} reads"
        return ""

    def _asked_in_heredoc(self, node: Node) -> str:
        """Whether the shell puts output of docker into a heredoc: quotes in it are no quotes."""
        starts = [self.tree.of(n) for n in node.children if n.type == "heredoc_start"]
        bodies = [self.tree.of(n) for n in node.children if n.type == "heredoc_body"]
        quoted = any(re.search(r"[\\'\"]", start) for start in starts)
        asked = [part for body in bodies for part in body.split("`")[1::2]]
        asked += [found for body in bodies for found in re.findall(r"\$\(([^)]*)", body)]
        asks = any(speaks_of_docker(part, self._environment) for part in asked)
        return "a heredoc" if asks and not quoted else ""


def is_question(words: Sequence[Word]) -> bool:
    """Whether `command` only says where a program is."""
    return len(words) > 1 and words[1].text in _LOOKS_UP


def _executed_by_find(words: Sequence[Word]) -> Sequence[Word]:
    places = [n for n, word in enumerate(words) if word.text in _FIND_EXECUTES]
    return words[places[0] + 1 :] if places else ()


def _unquoted(text: str) -> str:
    return re.sub(r"\\\n|[\"'\\]", "", text)

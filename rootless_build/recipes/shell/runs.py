"""Which commands of a shell text run docker: themselves, through another program, or hidden in
words that only the shell knows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from tree_sitter import Node

from rootless_build.recipes.shell.grammar import Tree, Word, above, within
from rootless_build.recipes.shell.names import (
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
OTHER_USERS: Final = frozenset({"sudo", "doas"})
"""Programs that run another one as another user, and look for it on a PATH of their own."""
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
_QUOTES: Final = re.compile(r"[\"'\\]")
_TOLD: Final = re.compile(r"\$\{?[\d@*]")
_VARIABLE: Final = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
_FILE_OPTIONS: Final = frozenset({"--rcfile", "--init-file", "--emulate"})
_INPUTS: Final = frozenset({"/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
_DOCKER: Final = (
    r"(?<![\w.-])(?:(?<!/)|(?<=bin/))(?:docker(?:-buildx)?|podman)"
    r"(?:[\s,]+[-$][^\s,]+(?:[\s,]+[^\s,$-][^\s,]*)??){0,40}[\s,]+"
)
_COMMAND: Final = re.compile(
    _DOCKER + r"(?:attach|bake|build|builder|buildx|commit|compose|container|context|cp|create|diff"
    r"|events|exec|export|history|image|images|import|info|inspect|kill|load|login|logout|logs"
    r"|manifest|network|pause|plugin|port|ps|pull|push|rename|restart|rm|rmi|run|save|search"
    r"|secret|service|stack|start|stats|stop|swarm|system|tag|top|trust|unpause|update|version"
    r"|volume|wait)(?![\w./-])"
)
"""A docker command in a text that has no quotes any more: of a shell, or a list of words."""
_INTERPRETERS: Final = re.compile(r"(?:python|perl|ruby|php|lua|node|[gm]?awk|tclsh|expect)[\d.]*")
_STARTS: Final = re.compile(r"system|exec|popen|spawn|fork|call|run\b|output|`|\bqx\b|\|")
"""How programs in other languages start one."""
_UNKNOWN_COMMAND: Final = re.compile(_DOCKER + r"\$")
HARMLESS: Final = frozenset(
    {
        "[",
        "basename",
        "gh",
        "kubectl",
        "notify-send",
        "scp",
        "vagrant",
        "cat",
        "cd",
        "chmod",
        "chown",
        "cmp",
        "column",
        "cp",
        "curl",
        "cut",
        "diff",
    }
    | {"dirname", "echo", "egrep", "exit", "export", "expr", "false", "fgrep", "fold", "gmake"}
    | {"grep", "hash", "head", "install", "jq", "ln", "logger", "ls", "make", "mkdir", "mv"}
    | {"popd", "printf", "pushd", "read", "readlink", "realpath", "return", "rg", "rm", "rmdir"}
    | {"set", "shellcheck", "sleep", "sort", "ssh", "tail", "tee", "test", "touch", "tput", "tr"}
    | {"true", "type", "uniq", "unset", "wc", "wget", "which", ":"}
)
"""Programs that do not run their words, or not here."""
_OF_GIT: Final = frozenset(
    {"add", "branch", "checkout", "commit", "diff", "grep", "log", "ls-files", "show", "status"}
    | {"tag"}
)
_DEEPEST: Final = 10
"""Scripts in the words of scripts, after which docker counts as run where it is named."""
_NO_VALUES: Final = frozenset({"variable_name", "subscript", "do_group"})
_STEPS_ASIDE: Final = PREFIXES | {"sudo", "doas", "env", "nohup"}


class Reading:
    """A shell text, read with the variables that it will have."""

    def __init__(self, text: str, environment: Mapping[str, str], depth: int = 0) -> None:
        self.tree = Tree(text)
        self._depth = depth
        self._assigned = self.tree.assigned()
        self._environment = environment
        self._values = _given_values(self.tree)
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
        # A comment ends at the end of its line, whatever stands before that.
        texts = (_unquoted(self.tree.text), _QUOTES.sub("", self.tree.text))
        named = any(map(_OF_DOCKER.search, texts))
        return named or any(names_docker_by_variable(text, self._environment) for text in texts)

    def _runs(self, node: Node) -> str:
        """How the node runs docker: empty where it does not."""
        match node.type:
            case "command":
                how = self._runs_by(self.words(node), node) or self._feeds_shell(node)
                return how or self._is_told(node)
            case "function_definition":
                name = node.child_by_field_name("name")
                return "a function of that name" if name and self.tree.of(name) in PROGRAMS else ""
            case "compound_statement" if self.tree.of(node).startswith("(("):
                # To bash it is arithmetic, to others a subshell in a subshell.
                named = speaks_of_docker(self.tree.of(node), self._environment)
                return "a subshell in a subshell" if named else ""
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
            if word.name in OTHER_USERS:
                name = word.name  # `timeout 5 sudo docker …`
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
        if name == "busybox":
            others = words[1:] if words and words[0].name in SHELLS else ()
            return self._script(others, node, words[0].name) if others else ""
        given, operands = shell_arguments(words)
        if given != "c" or not operands:
            return ""
        script, *others = operands
        # What stands after it is told to the script.
        told = any(other.text is None or other.name in PROGRAMS for other in others)
        runs = told and _TOLD.search(script.text or "") and self._is_named(node)
        return f"'{name} -c'" if runs or self._runs_in_text(script.text, node) else ""

    def _is_named(self, node: Node) -> bool:
        return _OF_DOCKER.search(self._expanded(node)) is not None

    def _runs_in_text(self, text: str | None, node: Node) -> bool:
        if text is None:
            return self._is_named(node)
        if not speaks_of_docker(text, self._environment):
            return False
        if self._depth == _DEEPEST:
            return True
        inner = Reading(text, self._environment, self._depth + 1)
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
                while words and words[0].name in _RUNNERS | PREFIXES:
                    words = [w for w in words[1:] if not (w.text or "").startswith("-")]
                if words and words[0].name in SHELLS and _reads_input(words):
                    return f"a script that {words[0].name} reads"
        return ""

    def _is_told(self, node: Node) -> str:
        """Whether a command that is not known to be harmless has a docker command in its words, or
        reads one: what it does with that can't be told.
        """
        words = self.words(node)
        if not words or is_harmless(words):
            return ""
        written = [child for child in node.children if child.type != "variable_assignment"]
        name = words[0].name or (self.tree.of(written[0]) if written else "")
        read = _read_by(node)
        if self._is_read_script(words):
            # What the script itself does has been looked at, and so has what it is told.
            written = []
        together = " ".join(self._expanded(child) for child in [*written, *read])
        alone = any(_UNKNOWN_COMMAND.search(self._expanded(child)) for child in written[1:])
        program = _INTERPRETERS.fullmatch(name) and _STARTS.search(together)
        by_name = (program or name == "alias") and _OF_DOCKER.search(together)
        if alone or by_name or _COMMAND.search(together):
            return f"{name!r}, which may run what it is told"
        return ""

    def _is_read_script(self, words: Sequence[Word]) -> bool:
        """Whether a command is a shell's, with a script in its words that can be told, and no more:
        by itself or through one of those that are known to run another.
        """
        for number, word in enumerate(words):
            if word.name in SHELLS - {"busybox"}:
                given, operands = shell_arguments(words[number + 1 :])
                return given == "c" and len(operands) == 1 and operands[0].text is not None
            if number == 0 and word.name not in _RUNNERS - {"find", "xargs", "parallel"}:
                return False
        return False

    def _expanded(self, node: Node) -> str:
        """The text of a node with the variables that are known, and without quotes."""
        text = _VARIABLE.sub(
            lambda found: (
                self._values.get(found[1], found[0])
                if found[1] in self._assigned
                else self._environment.get(found[1], found[0])
            ),
            self.tree.of(node),
        )
        return _unquoted(text)

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


def shell_arguments(words: Sequence[Word]) -> tuple[str, Sequence[Word]]:
    """What the arguments of a shell say, by its own grammar: `c`, and the script with what it is
    told; `s`, where the script is read; or ``, and the operands, of which the first is a file.
    """
    given = ""
    rest = list(words)
    while rest and rest[0].text is not None and rest[0].text[:1] in {"-", "+"}:
        option = rest.pop(0).text or ""
        if option in {"-", "--"}:
            break
        if option.startswith("--"):
            if option in _FILE_OPTIONS:
                rest = rest[1:]
            continue
        letters = option[1:]
        # Each of them takes the next word.
        rest = rest[letters.count("o") + letters.count("O") :]
        if option[0] == "-":
            given = "c" if "c" in letters + given else "s" if "s" in letters + given else ""
    return given, rest


def _reads_input(words: Sequence[Word]) -> bool:
    given, operands = shell_arguments(words[1:])
    if words[0].name == "busybox":
        return len(words) == 1 or (words[1].name in SHELLS and _reads_input(words[1:]))
    return given == "s" or (not given and (not operands or operands[0].text in _INPUTS))


def is_harmless(words: Sequence[Word]) -> bool:
    """Whether a command is known not to run its words, whatever they are."""
    while len(words) > 1 and words[0].name in _STEPS_ASIDE:
        if words[0].name == "command" and is_question(words):
            return True
        words = words[1:]
    name = words[0].name
    if name == "git":
        return any(word.text in _OF_GIT for word in words[1:2])
    return name in HARMLESS


def _read_by(node: Node) -> list[Node]:
    """What a command is told by `<<` and `<<<`, or by a pipe from those before it."""
    found = [child for child in node.children if _is_input(child)]
    inner, parent = node, node.parent
    while parent is not None:
        if parent.type == "redirected_statement":
            found += [child for child in parent.children if _is_input(child)]
        elif parent.type == "pipeline":
            found += [child for child in parent.children if child.end_byte <= inner.start_byte]
        elif parent.type == "process_substitution" and parent.children[0].type == ">(":
            found += list(above(parent))[-1:]
        elif parent.type in {"program", "command_substitution", "process_substitution"}:
            break
        inner, parent = parent, parent.parent
    return found


def _is_input(node: Node) -> bool:
    """Whether a command reads text of the line by this: `<<`, `<<<`, or `< <(…)`."""
    places = node.children_by_field_name("destination") if node.type == "file_redirect" else []
    return "here" in node.type or any(place.type == "process_substitution" for place in places)


def _given_values(tree: Tree) -> dict[str, str]:
    """What the text itself gives to its variables: all that one of them may be, as written."""
    found: dict[str, list[str]] = {}
    for node in tree.nodes("variable_assignment", "for_statement"):
        names = [tree.of(child) for child in node.children if child.type == "variable_name"]
        values = [child for child in node.named_children if child.type not in _NO_VALUES]
        for name in names[:1]:
            # Each value of a loop is one for itself.
            found.setdefault(name, []).extend(
                " ".join(tree.of(part) for part in value.named_children)
                if value.type == "array"
                else tree.of(value)
                for value in values
            )
    return {name: " ; ".join(values) for name, values in found.items()}


def _executed_by_find(words: Sequence[Word]) -> Sequence[Word]:
    places = [n for n, word in enumerate(words) if word.text in _FIND_EXECUTES]
    return words[places[0] + 1 :] if places else ()


def _unquoted(text: str) -> str:
    return _QUOTES.sub("", text.replace("\\\n", ""))

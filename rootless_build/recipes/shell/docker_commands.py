"""The docker commands of a recipe line, and what they stand in.

Taken out of a line is what the shell surely does one after the other: docker commands and others,
joined by `&&`. Anything else that docker stands in is refused with its name.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct
from tree_sitter import Node

from rootless_build.recipes.shell import effects, questions
from rootless_build.recipes.shell.grammar import Tree, Word, above, within
from rootless_build.recipes.shell.names import ASK_INPUT, PROGRAMS
from rootless_build.recipes.shell.parts import AsOtherUserError, NotSimpleError, Part, Simple
from rootless_build.recipes.shell.runs import ITSELF, OTHER_USERS, PREFIXES, Reading, is_question

_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_MAKES: Final = frozenset({"make", "gmake"})
_CONTROL: Final = frozenset({"cd", "exit", "set", "test", "[", ":", "true", "false"})
_SHELL_STATE: Final = frozenset(
    {".", "alias", "break", "builtin", "cd", "command", "continue", "enable", "eval", "exec"}
    | {"exit", "getopts", "hash", "let", "mapfile", "popd", "printf", "pushd", "read", "readarray"}
    | {"return", "set", "shift", "shopt", "source", "trap", "ulimit", "umask", "unalias"}
)
"""Commands that may change the shell that the rest of the line runs in."""
_STATE_KINDS: Final = frozenset(
    {"declaration_command", "unset_command", "function_definition", "for_statement"}
    | {"c_style_for_statement", "select_statement"}
)
_LOOKS_UP: Final = frozenset({"command", "which"})
_OF_THEN: Final = frozenset({"date", "git"})
"""Programs that say something else at another time."""
_CONSTRUCTS: Final = {
    "if_statement": "a condition ('if')",
    "for_statement": "a loop ('for')",
    "c_style_for_statement": "a loop ('for')",
    "select_statement": "a loop ('select')",
    "while_statement": "a loop",
    "case_statement": "a condition ('case')",
    "function_definition": "a function",
    "pipeline": "a pipe ('|')",
    "subshell": "a subshell ('(')",
    "compound_statement": "a group ('{')",
    "negated_command": "a negation ('!')",
}


def parts(text: str, directory: Path, environment: Mapping[str, str]) -> list[Part]:
    """The line as steps. Raises NotSimpleError."""
    line = _Line(text, environment)
    if not line.is_whole:
        if line.may_run_docker():
            raise NotSimpleError("rbuild can't read it as the shell would")
        return [Part(text, directory)]
    if not line.docker:
        return [] if line.only_looks_for_docker() else [Part(text, directory)]
    pieces = line.pieces()
    found: list[Part] = []
    place = _Place(directory, environment)
    for number, piece in enumerate(pieces):
        words = [word.text for word in line.words(piece.node)] if piece.is_command else []
        if words[:1] == ["cd"] and piece.is_bare and len(found) == 0 and number < len(pieces) - 1:
            place = place.after(words[1:], line.tree.of(piece.node))
            continue
        docker = line.simple(piece) if piece.is_command and piece.node in line.docker else None
        if docker is None and line.outlives(piece.node):
            what = line.tree.of(piece.node).split()[0]
            raise NotSimpleError(f"{what!r} changes what the commands after it do")
        written = line.tree.between(piece.node.start_byte, piece.end)
        found.append(Part(written, place.directory, docker, place.logical, piece.remark))
    if len(found) > 1 and line.leaves_something():
        raise NotSimpleError("one of its commands changes a variable for those after it")
    return found


def starts_make(text: str) -> bool:
    """Whether one of the text's commands is make."""
    tree = Tree(text)
    return any(_program(tree, command) in _MAKES for command in tree.nodes("command"))


def only_starts_make(text: str) -> bool:
    """Whether the text does nothing but start make: after a `cd`, under conditions, in a loop."""
    tree = Tree(text)
    other = tree.nodes("pipeline", "function_definition", "declaration_command")
    commands = tree.nodes("command")
    return (
        tree.is_whole
        and not any(other)
        and all(_program(tree, command) in _MAKES | _CONTROL for command in commands)
    )


def _program(tree: Tree, command: Node) -> str:
    names = [word.name for word in tree.words(command, {}, frozenset())]
    while len(names) > 1 and names[0] in PREFIXES:
        names = names[1:]
    return names[0] if names else ""


class _Place(Struct, frozen=True):
    """Where commands run: the directory, and what the shell calls it after a `cd`."""

    directory: Path
    environment: Mapping[str, str]
    logical: str | None = None

    def after(self, words: Sequence[str | None], text: str) -> _Place:
        word = words[0] if len(words) == 1 else None
        if word is None or not word or word.startswith("-") or re.search(r"[*?\[~\0]", word):
            raise NotSimpleError(f"rbuild can't tell where {text!r} leads to")
        if self.environment.get("CDPATH") and not re.match(r"\.{0,2}/|\.{1,2}\Z", word):
            raise NotSimpleError(f"rbuild can't tell where {text!r} leads to with CDPATH")
        before = self.logical or self.environment.get("PWD", "")
        if os.path.realpath(before or ".") != os.path.realpath(self.directory):
            before = str(self.directory)
        # As the shell does it: `..` takes away the last name, whatever that leads to. In docker's
        # own paths it is the directory above the real one.
        logical = posixpath.normpath(posixpath.join(before, word))
        return _Place(Path(os.path.realpath(logical)), self.environment, logical)


class _Piece(Struct, frozen=True):
    """A command of a chain; `end` is where its redirections end."""

    node: Node
    end: int
    redirections: tuple[Node, ...] = ()
    remark: str = ""

    @property
    def is_command(self) -> bool:
        return self.node.type == "command"

    @property
    def is_bare(self) -> bool:
        return not self.redirections


class _Line(Reading):
    """A line with docker in it, taken apart."""

    def pieces(self) -> list[_Piece]:
        """What the shell does one after the other."""
        for how in self.docker.values():
            # Whatever else there is: nothing of the line can be done.
            if how in {f"{name!r}" for name in OTHER_USERS}:
                why = f"docker is run through {how}"
                raise AsOtherUserError(why, f"leave {how[1:-1]} out: rbuild needs none")
        for node, how in self.docker.items():
            self._refuse_unless_plain(node, how)
        statements = [node for node in self.tree.root.named_children if node.type != "comment"]
        between = [self.tree.of(n) for n in self.tree.root.children if not n.is_named]
        if "&" in between:
            raise NotSimpleError("it leaves docker in the background ('&')")
        if len(statements) > 1:
            raise NotSimpleError("it is joined with other commands by ';' or a new line")
        return list(self._chain(statements[0]))

    def _refuse_unless_plain(self, node: Node, how: str) -> None:
        inside = [parent.type for parent in above(node)]
        if "command_substitution" in inside or "process_substitution" in inside:
            raise NotSimpleError("it takes the output of docker")
        if how != ITSELF:
            raise NotSimpleError(f"docker is run through {how}")
        # What it is told from the outside in: a loop in a condition is a condition.
        for kind in reversed(inside):
            if kind in _CONSTRUCTS:
                raise NotSimpleError(f"docker stands in {_CONSTRUCTS[kind]}")
        if "heredoc_redirect" in inside:
            raise NotSimpleError("docker stands in a line with a heredoc ('<<')")

    def _chain(self, node: Node) -> Iterator[_Piece]:
        children = [child for child in node.children if child.type != "comment"]
        if node.type == "list":
            if len(children) != 3:
                raise NotSimpleError("it is joined with commands that can't be told apart")
            left, operator, right = children[0], self.tree.of(children[1]), children[2]
            if operator not in {"&&", "||"}:
                raise NotSimpleError(f"it is joined with other commands by {operator!r}")
            if operator == "&&":
                yield from self._chain(left)
                yield from self._chain(right)
            else:
                yield from self._unless(list(self._chain(left)), right)
        elif node.type == "redirected_statement":
            if len(children) < 2 or children[0].type.endswith("_redirect"):
                raise NotSimpleError("it has a redirection without a command")
            yield from self._redirected(children[0], children[1:])
        else:
            yield _Piece(node, node.end_byte)

    def _redirected(self, body: Node, redirections: Sequence[Node]) -> Iterator[_Piece]:
        *others, last = self._chain(body)
        yield from others
        operators = [self.tree.of(child) for child in body.children if body.type == "list"]
        if "||" in operators:
            # It belongs to what is done after a failure.
            yield last
            return
        yield _Piece(
            last.node, redirections[-1].end_byte, (*last.redirections, *redirections), last.remark
        )

    def _unless(self, pieces: Sequence[_Piece], otherwise: Node) -> Iterator[_Piece]:
        """Docker commands, and what is done where one of them fails."""
        if any(node in self.docker for node in within(otherwise)) or not all(
            piece.node in self.docker or self._is_cd(piece) for piece in pieces
        ):
            raise NotSimpleError("it is joined with other commands by '||'")
        *others, last = pieces
        yield from others
        ends = re.match(r"exit\b|false\b", self.tree.of(otherwise))
        remark = "" if ends else "what follows `||` has no effect: a failure ends the run"
        yield _Piece(last.node, last.end, last.redirections, last.remark or remark)

    def _is_cd(self, piece: _Piece) -> bool:
        return piece.is_command and [w.text for w in self.words(piece.node)[:1]] == ["cd"]

    def only_looks_for_docker(self) -> bool:
        """Whether the line does nothing but ask for a docker that is not there, and what it does
        then: rbuild stands in for it.
        """
        statements = [node for node in self.tree.root.named_children if node.type != "comment"]
        if len(statements) != 1:
            return False
        node = statements[0]
        if node.type == "list":
            if self.tree.of(node.children[1]) != "||":
                return False
            node = node.children[0]
        if node.type == "redirected_statement":
            if not all(questions.is_harmless(self.tree, n) for n in node.children[1:]):
                return False
            node = node.children[0]
        names = [word.text for word in self.words(node)] if node.type == "command" else []
        asks = names[:-1] in (["command", "-v"], ["command", "-V"], ["which"], ["type"], ["hash"])
        return asks and names[-1] in PROGRAMS and self._is_missing(names[-1])

    def _is_missing(self, program: str) -> bool:
        return shutil.which(program, path=self._environment.get("PATH", "")) is None

    # --- pieces -----------------------------------------------------------------------------------

    def simple(self, piece: _Piece) -> Simple:
        """A docker command that stands alone in the chain."""
        command = piece.node
        assignments: list[str] = []
        words: list[Node] = []
        for child in command.children:
            text = self.tree.of(child)
            if child.type == "variable_assignment":
                if not _ASSIGNMENT.match(text):
                    raise NotSimpleError(f"rbuild can't read {text!r} before docker")
                assignments.append(text)
            elif child.type == "file_redirect":
                self._refuse_unless_harmless(child)
            elif "redirect" in child.type:
                raise NotSimpleError(f"docker reads from {text!r}")
            else:
                words.append(child)
        written = [self.tree.between(words[0].start_byte, words[-1].end_byte)]
        asking = [command]
        for redirection in piece.redirections:
            self._refuse_unless_harmless(redirection)
            # The grammar counts to it what the shell counts to docker's words.
            _, *after = redirection.children_by_field_name("destination") or [redirection]
            written += [self.tree.of(word) for word in after]
            asking += after
        asks, then = set[str](), list[str]()
        for node in asking:
            self._ask(node, asks, then)
        if asks & ASK_INPUT and asks & questions.READ_INPUT:
            then += sorted(asks & questions.READ_INPUT)
        program = self.tree.of(words[0])
        known = tuple(word.text for word in self.words(command))
        if then and known[0] != program:
            raise NotSimpleError("docker is run through a word that only the shell knows")
        files = [
            found
            for node in asking
            for found in effects.of_files(self.tree, node, self._environment)
        ]
        return Simple(
            tuple(assignments),
            " ".join(written),
            self.tree.text,
            tuple(sorted(asks)),
            tuple(files),
            tuple(dict.fromkeys(then)),
            program if known[0] == program else "",
            known,
            all(map(self._only_asks, asking)),
        )

    def _only_asks(self, command: Node) -> bool:
        """Whether what the shell starts for the words of a docker command changes nothing."""
        for node in within(command):
            if node.type == "command_substitution":
                _, other = questions.programs(self.tree, node)
                says = f"echo {self.tree.of(node)}"
                if other and effects.effect(says) is not effects.Effect.NOTHING:
                    return False
        return True

    def _ask(self, command: Node, asks: set[str], then: list[str]) -> None:
        """Adds the programs that the shell starts for the words of a docker command, and what of
        that is for the moment of the command itself.
        """
        for node in within(command):
            if node.type == "process_substitution":
                raise NotSimpleError(f"docker is given {self.tree.of(node)!r}")
            if node.type == "command_substitution":
                programs, other = questions.programs(self.tree, node)
                asks |= programs
                if other or programs & _OF_THEN or self._looks_for_missing(node):
                    then.append(self.tree.of(node))
            if self.tree.of(node) == "$_":
                raise NotSimpleError("rbuild can't tell what $_ is")

    def _looks_for_missing(self, question: Node) -> bool:
        """Whether it asks where a docker is that is not installed: rbuild stands in for it, but not
        while it plans.
        """
        commands = (self.words(node) for node in within(question) if node.type == "command")
        return any(
            words[0].name in _LOOKS_UP and word.text in PROGRAMS and self._is_missing(word.text)
            for words in commands
            for word in words[1:]
        )

    def _refuse_unless_harmless(self, redirection: Node) -> None:
        if "here" in redirection.type:
            raise NotSimpleError("docker stands in a line with a heredoc ('<<')")
        if not questions.is_harmless(self.tree, redirection):
            what = self.tree.of(redirection)
            operator = re.sub(r"[^<>&|]", "", what)
            reads = "<" in operator
            raise NotSimpleError(
                f"docker's input or output is redirected by {operator!r} ({what})",
                "docker build reads a file with -f" if reads else "",
            )

    def outlives(self, node: Node) -> bool:
        """Whether something in it changes the shell that the rest of the line runs in."""
        for inner in within(node):
            kinds = {parent.type for parent in above(inner) if parent.start_byte >= node.start_byte}
            if kinds & {"subshell", "command_substitution", "process_substitution"}:
                continue
            if inner.type in _STATE_KINDS:
                return True
            if inner.type == "variable_assignment" and "command" not in kinds:
                return True
            if inner.type == "command":
                words = self.words(inner)
                name = words[0].text if words else None
                if name is None or (name in _SHELL_STATE and not _only_asks(words)):
                    return True
        return False

    def leaves_something(self) -> bool:
        """Whether an expansion gives a variable a value, or depends on the shell it stands in."""
        for node in within(self.tree.root):
            text = self.tree.of(node)
            if node.type == "expansion" and re.match(r"\$\{\w+:?=", text):
                return True
            if node.type == "arithmetic_expansion" and re.search(
                r"\+\+|--|(?<![=!<>])=(?!=)", text
            ):
                return True
            if node.type in {"simple_expansion", "$"} and text in {"$$", "$!", "$_"}:
                return True
        return False


def _only_asks(words: Sequence[Word]) -> bool:
    if words[0].text == "printf":
        return all(word.text != "-v" for word in words)
    return words[0].text == "command" and is_question(words)

"""A template, filled in: the rules of Go's text/template/exec.go.

A message names the node that was looked at last, as Go's does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from rootless_build.docker_cli.templates import nodes
from rootless_build.docker_cli.templates.data import (
    MISSING,
    Missing,
    NoList,
    NoMap,
    Number,
    Record,
    Value,
    is_true,
    type_of,
)
from rootless_build.docker_cli.templates.functions import (
    FUNCTIONS,
    SHORT,
    Function,
    Wanted,
    fits,
)
from rootless_build.docker_cli.templates.printing import shown
from rootless_build.docker_cli.templates.tokens import TemplateError, quoted

_DEEPEST: Final = 1000
"""Templates that call each other: Go stops at 100,000, when its own stack is large."""


class Rules(Struct, frozen=True):
    """How one command of docker's fills templates in.

    `untyped`: the data are JSON of which no type is known, and a map must have what is asked of it.
    """

    name: str = ""
    untyped: bool = False
    functions: Mapping[str, Function] = FUNCTIONS


def execute(template: nodes.Template, data: Value, rules: Rules | None = None) -> str:
    """The text. Raises TemplateError in Go's words."""
    return _State(template, data, rules or Rules()).text()


class _LocatedError(Exception):
    """A TemplateError that has its place already."""


class _JumpError(Exception):
    """`break` or `continue`, on its way to its loop."""


class _BreakError(_JumpError):
    pass


class _ContinueError(_JumpError):
    pass


_JUMPS: Final[dict[str, type[_JumpError]]] = {"break": _BreakError, "continue": _ContinueError}


class _State:
    """One execution: variables, and the node that a message would name."""

    def __init__(self, template: nodes.Template, data: Value, rules: Rules) -> None:
        self._template = template
        self._data = data
        self._rules = rules
        self._node: nodes.Node | None = None
        self._variables: list[tuple[str, Value]] = [("$", data)]
        self._written: list[str] = []
        self._depth = 0

    def text(self) -> str:
        """What comes out."""
        try:
            self._walk(self._template.body, self._data)
        except _LocatedError as error:
            raise TemplateError(str(error)) from error
        return "".join(self._written)

    def _fault(self, message: str) -> _LocatedError:
        place = self._node.place if self._node else 0
        text = self._template.text
        line = text.count("\n", 0, place) + 1
        column = place - (text.rfind("\n", 0, place) + 1)
        name = self._rules.name
        at = f"{name}:{line}:{len(text[place - column : place].encode())}"
        return _LocatedError(
            f"template: {at}: executing {quoted(name)} at <{self._node}>: {message}"
        )

    # --- statements -----------------------------------------------------------------------------

    def _walk(self, body: Iterable[nodes.Statement], dot: Value) -> None:
        for statement in body:
            match statement:
                case nodes.Text():
                    self._written.append(statement.text)
                case nodes.Action():
                    self._act(statement, dot)
                case nodes.Branch(keyword="range"):
                    self._range(statement, dot)
                case nodes.Branch():
                    self._branch(statement, dot)
                case nodes.Jump():
                    raise _JUMPS[statement.keyword]
                case nodes.Call():
                    self._call(statement, dot)

    def _act(self, action: nodes.Action, dot: Value) -> None:
        self._node = action.pipeline
        value = self._pipeline(action.pipeline, dot)
        if action.pipeline.declared:
            return
        self._written.append(shown(value))

    def _branch(self, branch: nodes.Branch, dot: Value) -> None:
        kept = len(self._variables)
        value = self._pipeline(branch.pipeline, dot)
        inner = value if branch.keyword == "with" else dot
        if is_true(value):
            self._walk(branch.body, inner)
        else:
            self._walk(branch.otherwise, dot)
        del self._variables[kept:]

    def _range(self, branch: nodes.Branch, dot: Value) -> None:
        kept = len(self._variables)
        value = self._pipeline(branch.pipeline, dot)
        marked = len(self._variables)
        pairs = self._pairs(value)
        for key, element in pairs:
            self._declare_pair(branch.pipeline, key, element)
            try:
                self._walk(branch.body, element)
            except _BreakError:
                break
            except _ContinueError:
                continue
            finally:
                del self._variables[marked:]
        if not pairs:
            self._walk(branch.otherwise, dot)
        del self._variables[kept:]

    def _pairs(self, value: Value) -> Sequence[tuple[Value, Value]]:
        match value:
            case list():
                return list(enumerate(value))
            case dict():
                return [(key, value[key]) for key in sorted(value)]
            case NoList() | NoMap() | Missing() | None:
                return ()
            case bool():
                raise self._fault(f"range can't iterate over {shown(value)}")
            case int():
                return [(number, number) for number in range(value)]
            case _:
                raise self._fault(f"range can't iterate over {shown(value)}")

    def _declare_pair(self, pipeline: nodes.Pipeline, key: Value, element: Value) -> None:
        names = pipeline.declared
        values = (element,) if len(names) == 1 else (key, element)
        for name, value in zip(names, values, strict=False):
            if pipeline.assigns:
                self._assign(name, value)
            else:
                self._set_declared(name, value)

    def _set_declared(self, name: str, value: Value) -> None:
        """Go sets the variable that the pipeline declared; a new one on top of it is the same."""
        self._variables.append((name, value))

    def _call(self, call: nodes.Call, dot: Value) -> None:
        self._node = call
        body = self._template.defined.get(call.name)
        if body is None:
            raise self._fault(f"template {quoted(call.name)} not defined")
        if self._depth == _DEEPEST:
            raise self._fault(f"exceeded maximum template depth ({_DEEPEST})")
        inner = self._pipeline(call.pipeline, dot) if call.pipeline else MISSING
        outer, self._variables = self._variables, [("$", inner)]
        self._depth += 1
        self._walk(body, inner)
        self._depth -= 1
        self._variables = outer

    # --- pipelines ------------------------------------------------------------------------------

    def _pipeline(self, pipeline: nodes.Pipeline, dot: Value) -> Value:
        self._node = pipeline
        final: tuple[Value, ...] = ()
        for command in pipeline.commands:
            final = (self._command(command, dot, final),)
        (value,) = final
        for name in pipeline.declared:
            if pipeline.assigns:
                self._assign(name, value)
            else:
                self._variables.append((name, value))
        return value

    def _assign(self, name: str, value: Value) -> None:
        for place in range(len(self._variables) - 1, -1, -1):
            if self._variables[place][0] == name:
                self._variables[place] = (name, value)
                return
        raise self._fault(f"undefined variable: {name}")

    def _command(self, command: nodes.Command, dot: Value, final: tuple[Value, ...]) -> Value:
        first, *given = command.operands
        more = bool(given or final)
        match first:
            case nodes.Field() | nodes.Variable() | nodes.Chain():
                return self._fields_of(first, dot, given, final)
            case nodes.Identifier():
                return self._function(first, command, dot, final)
            case nodes.Pipeline():
                self._no_function(first, more=more)
                return self._pipeline(first, dot)
            case _:
                self._node = first
                self._no_function(first, more=more)
        if isinstance(first, nodes.Nil):
            raise self._fault("nil is not a command")
        return first.value if isinstance(first, nodes.Constant) else dot

    def _no_function(self, first: nodes.Operand, *, more: bool) -> None:
        if more:
            raise self._fault(f"can't give argument to non-function {first}")

    def _fields_of(
        self,
        first: nodes.Field | nodes.Variable | nodes.Chain,
        dot: Value,
        given: Sequence[nodes.Operand] = (),
        final: tuple[Value, ...] = (),
    ) -> Value:
        self._node = first
        more = bool(given or final)
        value = dot
        if isinstance(first, nodes.Variable):
            value = self._variable(first.name)
            if not first.names:
                self._no_function(first, more=more)
        elif isinstance(first, nodes.Chain):
            if isinstance(first.of, nodes.Nil):
                raise self._fault(f"indirection through explicit nil in {first}")
            value = self._value(first.of, dot)
        for name in first.names[:-1]:
            value = self._field(value, name, more=False)
        for name in first.names[-1:]:
            if isinstance(value, Record) and name in value.methods:
                return self._method(value, name, dot, given, final)
            value = self._field(value, name, more=more)
        return value

    def _method(
        self,
        of: Record,
        name: str,
        dot: Value,
        given: Sequence[nodes.Operand],
        final: tuple[Value, ...],
    ) -> Value:
        count = len(given) + len(final)
        if count != 1:
            raise self._fault(f"wrong number of args for {name}: want 1 got {count}")
        values = [self._argument(operand, dot, Wanted.STRING) for operand in given]
        values += [self._valid(value, Wanted.STRING) for value in final]
        return of.methods[name](str(values[0]))

    def _variable(self, name: str) -> Value:
        for known, value in reversed(self._variables):
            if known == name:
                return value
        raise self._fault(f"undefined variable: {name}")

    def _field(self, of: Value, name: str, *, more: bool) -> Value:
        match of:
            case Missing():
                if self._rules.untyped:
                    raise self._fault(f"nil data; no entry for key {quoted(name)}")
                return MISSING
            case None:
                raise self._fault(f"nil pointer evaluating {self._type(of)}.{name}")
            case Record():
                value = of.get(name)
                if isinstance(value, Missing):
                    raise self._fault(f"can't evaluate field {name} in type {self._type(of)}")
                if more:
                    raise self._fault(f"{name} has arguments but cannot be invoked as function")
                return value
            case dict() | NoMap():
                return self._entry(of, name, more=more)
            case _:
                raise self._fault(f"can't evaluate field {name} in type {self._type(of)}")

    def _entry(self, of: dict[str, Value] | NoMap, name: str, *, more: bool) -> Value:
        if more:
            raise self._fault(f"{name} is not a method but has arguments")
        if isinstance(of, dict) and name in of:
            return of[name]
        if self._rules.untyped:
            raise self._fault(f"map has no entry for key {quoted(name)}")
        return MISSING

    def _type(self, value: Value) -> str:
        return "interface {}" if self._rules.untyped else type_of(value)

    # --- functions ------------------------------------------------------------------------------

    def _function(
        self,
        named: nodes.Identifier,
        command: nodes.Command,
        dot: Value,
        final: tuple[Value, ...],
    ) -> Value:
        self._node = named
        function = self._rules.functions[named.name]
        given = command.operands[1:]
        self._check_count(named.name, function, len(given) + len(final))
        if named.name in SHORT:
            return self._short(SHORT[named.name], given, dot, final)
        values = [
            self._argument(operand, dot, self._wanted(function, number))
            for number, operand in enumerate(given)
        ]
        for value in final:
            values.append(self._valid(value, self._wanted(function, len(values))))
        return self._called(named.name, function, values, command)

    def _called(
        self, name: str, function: Function, values: Sequence[Value], command: nodes.Command
    ) -> Value:
        try:
            return function.call(values)
        except TemplateError as error:
            self._node = command
            words = str(error)
            if name == "call":
                # Go names what should have been one.
                words = words.replace("non-function", f"non-function {command.operands[-1]}")
            raise self._fault(f"error calling {name}: {words}") from error

    def _check_count(self, name: str, function: Function, count: int) -> None:
        least = len(function.takes)
        if function.last is None and count != least:
            raise self._fault(f"wrong number of args for {name}: want {least} got {count}")
        if count < least:
            raise self._fault(f"wrong number of args for {name}: want at least {least} got {count}")

    def _short(
        self,
        enough: bool,
        given: Sequence[nodes.Operand],
        dot: Value,
        final: tuple[Value, ...],
    ) -> Value:
        value: Value = MISSING
        for each in self._lazily(given, dot, final):
            value = each
            if is_true(value) is enough:
                break
        return value

    def _lazily(
        self, given: Sequence[nodes.Operand], dot: Value, final: tuple[Value, ...]
    ) -> Iterator[Value]:
        for operand in given:
            yield self._argument(operand, dot, Wanted.ANY)
        yield from final

    @staticmethod
    def _wanted(function: Function, number: int) -> Wanted:
        if number < len(function.takes):
            return function.takes[number]
        return function.last or Wanted.ANY

    def _argument(self, operand: nodes.Operand, dot: Value, wanted: Wanted) -> Value:
        self._node = operand
        match operand:
            case nodes.Constant():
                return self._constant(operand, wanted)
            case nodes.Nil():
                if wanted in {Wanted.STRING, Wanted.WHOLE}:
                    raise self._fault(f"cannot assign nil to {wanted}")
                return MISSING
            case _:
                return self._valid(self._value(operand, dot), wanted)

    def _constant(self, constant: nodes.Constant, wanted: Wanted) -> Value:
        value = constant.value
        if fits(value, wanted):
            return value
        if wanted is Wanted.STRINGS:
            raise self._fault(f"can't handle {constant} for arg of type {wanted}")
        words = "integer" if wanted is Wanted.WHOLE else wanted
        raise self._fault(f"expected {words}; found {constant}")

    def _valid(self, value: Value, wanted: Wanted) -> Value:
        if fits(value, wanted):
            return value
        if isinstance(value, Missing) or value is None:
            raise self._fault(f"invalid value; expected {wanted}")
        if isinstance(value, Number) and wanted is Wanted.STRING:
            return value.text
        raise self._fault(f"wrong type for value; expected {wanted}; got {type_of(value)}")

    def _value(self, operand: nodes.Operand, dot: Value) -> Value:
        """What stands for itself as an argument."""
        match operand:
            case nodes.Dot():
                return dot
            case nodes.Nil():
                return MISSING
            case nodes.Constant():
                return operand.value
            case nodes.Pipeline():
                return self._pipeline(operand, dot)
            case nodes.Identifier():
                command = nodes.Command(operand.place, (operand,))
                return self._function(operand, command, dot, ())
            case _:
                return self._fields_of(operand, dot)

"""The blocks of all HCL and JSON files together: variables, functions, groups and targets.

Everything is evaluated when it is asked for, so that a variable may use one that comes later, and
a target an attribute of another (docs of buildx: bake-reference; bake/hclparser).
"""

from __future__ import annotations

import csv
import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from msgspec import Struct

from rootless_build.model.go import parse_bool
from rootless_build.recipes.bake.hcl import types
from rootless_build.recipes.bake.hcl.budget import Budget
from rootless_build.recipes.bake.hcl.convert import convert
from rootless_build.recipes.bake.hcl.evaluate import Local, Scope, evaluate, text_of
from rootless_build.recipes.bake.hcl.functions.function import ArgumentError
from rootless_build.recipes.bake.hcl.numbers import Number, from_float
from rootless_build.recipes.bake.hcl.reader import parse_expression
from rootless_build.recipes.bake.hcl.syntax import (
    Argument,
    Block,
    Body,
    Constant,
    Expression,
    Tuple,
    Variable,
)
from rootless_build.recipes.bake.hcl.values import (
    STRING,
    Type,
    Value,
    ValueTypeError,
    from_json,
    to_bool,
    to_text,
    type_name,
)
from rootless_build.recipes.bake.source import BakeError, Place, nearest, passed_over, refused
from rootless_build.recipes.bake.target import (
    ATTRIBUTES,
    OF_BLOCKS,
    Group,
    Target,
    changed,
    decoded,
    known,
    value_of,
)

BLOCKS: Final = ("target", "group", "variable", "function")
_OF_VARIABLES: Final = ("default", "type", "description")
_OF_VALIDATIONS: Final = ("condition", "error_message")
_OF_FUNCTIONS: Final = ("params", "variadic_params", "result")
_OF_GROUPS: Final = ("targets", "description")
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]+")
_COMBINATIONS: Final = 1000


class Definitions(Struct, frozen=True):
    """What the files define, in their order.

    `groups` and `targets` may have several of one name. `renamed` are the groups that a matrix
    makes: the block's own name for all its targets; `empty` are blocks whose matrix makes none.
    """

    groups: tuple[Group, ...]
    targets: tuple[Target, ...]
    renamed: tuple[Group, ...]
    empty: Mapping[str, Place]
    notes: tuple[str, ...]


class _Instance(Struct, frozen=True):
    """A block with one combination of its matrix."""

    block: Block
    name: str
    scope: Scope


class _Memory(Struct):
    """What is known so far, and what is being found out."""

    variables: dict[str, Value] = {}
    attributes: dict[tuple[int, str], Value] = {}
    busy: set[object] = set()


class Document:
    """See the module. No file can change the `built_in` variables; `lookup` is the environment."""

    def __init__(
        self,
        bodies: Sequence[Body],
        built_in: Mapping[str, str],
        lookup: Callable[[str], str | None],
    ) -> None:
        self._built_in = built_in
        self._lookup = lookup
        self._memory = _Memory()
        self._budget = Budget()
        self._arguments: dict[str, Argument] = {}
        self._variables: dict[str, Block] = {}
        self._functions: dict[str, Block] = {}
        self._instances: dict[str, list[_Instance]] = {"group": [], "target": []}
        self._notes: list[str] = []
        blocks = [block for body in bodies for block in body.blocks]
        for block in blocks:
            if block.type in BLOCKS:
                _check_label(block)
            else:
                hint = nearest(block.type, BLOCKS)
                what = f"a bake file has no block {block.type!r}"
                self._notes.append(passed_over(block.place, what, hint))
        reserved = {"group", "target", *built_in}
        for body in bodies:
            for argument in body.arguments:
                if argument.name not in reserved:
                    self._arguments[argument.name] = argument
        for kind, named in (("variable", self._variables), ("function", self._functions)):
            named |= {
                block.labels[0]: block
                for block in blocks
                if block.type == kind and block.labels[0] not in reserved
            }
        self._blocks = [block for block in blocks if block.type in {"group", "target"}]

    def definitions(self) -> Definitions:
        """Everything, evaluated. Raises BakeError.

        A target that can't be evaluated has its error with it, and what only such a target needs
        is a note: the others are not to suffer for it.
        """
        for name, block in self._variables.items():
            self._notes += _without_effect(block, _OF_VARIABLES, ("validation",))
            self._try(name, block.place)
        for block in self._variables.values():
            for validation in block.body.blocks:
                if validation.type == "validation":
                    self._validate(validation)
        for block in self._functions.values():
            _check_arguments(block, _OF_FUNCTIONS)
            self._signature(block)
        found: dict[str, list[_Instance]] = {"group": [], "target": []}
        broken: list[Target] = []
        for block in self._blocks:
            try:
                found[block.type] += self._expanded(block)
            except BakeError as error:
                if block.type == "group":
                    raise
                broken.append(Target(block.labels[0], block.place, error=error))
        self._instances = found
        groups = tuple(self._group(instance) for instance in found["group"])
        targets = tuple(self._target(instance) for instance in found["target"])
        for name, argument in self._arguments.items():
            self._try(name, argument.place)
        return Definitions(
            groups,
            (*targets, *broken),
            tuple(self._renamed()),
            self._empty(frozenset(target.name for target in broken)),
            tuple(self._notes),
        )

    def _try(self, name: str, place: Place) -> None:
        try:
            self.variable(name, place)
        except BakeError as error:
            self._notes.append(f"{error.message}; it matters to what uses {name}")

    # --- Scope ----------------------------------------------------------------------------------

    def variable(self, name: str, place: Place) -> Value:
        """See evaluate.Scope."""
        if name in self._built_in:
            return self._built_in[name]
        if name not in self._memory.variables:
            if name not in self._arguments and name not in self._variables:
                defined = (*self._variables, *self._arguments, *self._built_in)
                raise refused(place, f"there is no variable {name!r}", nearest(name, defined))
            with self._once(("variable", name), place, f"the variable {name} needs itself"):
                self._memory.variables[name] = self._value(name)
        return self._memory.variables[name]

    def blocks(self, kind: str) -> bool:
        """See evaluate.Scope."""
        return kind in self._instances

    def block_value(self, kind: str, name: str, attribute: str | None, place: Place) -> Value:
        """See evaluate.Scope."""
        instances = [one for one in self._instances[kind] if one.name == name]
        if not instances:
            names = {one.name for one in self._instances[kind]}
            raise refused(place, f"there is no {kind} {name!r}", nearest(name, names))
        if attribute is None:
            allowed = _OF_GROUPS if kind == "group" else tuple(ATTRIBUTES)
            values = {one: self._attribute(instances, one, place) for one in allowed}
            return {"name": name, **values}
        if attribute == "name":
            return name
        return self._attribute(instances, attribute, place)

    def function(self, name: str, place: Place) -> Callable[[tuple[Value, ...]], Value] | None:
        """See evaluate.Scope."""
        block = self._functions.get(name)
        if block is None:
            return None
        parameters, variadic, result = self._signature(block)

        def run(arguments: tuple[Value, ...]) -> Value:
            count = len(parameters)
            if len(arguments) < count or (len(arguments) > count and variadic is None):
                raise ArgumentError(f"it takes {count} arguments, and there are {len(arguments)}")
            names: dict[str, Value] = dict(zip(parameters, arguments, strict=False))
            if variadic is not None:
                names[variadic] = arguments[count:]
            with self._once(("function", name), place, f"the function {name} needs itself"):
                return evaluate(result, Local(self, names, self._budget))

        return run

    def function_names(self) -> tuple[str, ...]:
        """See evaluate.Scope."""
        return tuple(self._functions)

    @property
    def budget(self) -> Budget:
        """See evaluate.Scope."""
        return self._budget

    @contextmanager
    def _once(self, key: object, place: Place, message: str) -> Iterator[None]:
        if key in self._memory.busy:
            raise refused(place, message)
        self._memory.busy.add(key)
        try:
            yield
        finally:
            self._memory.busy.discard(key)

    # --- variables ------------------------------------------------------------------------------

    def _value(self, name: str) -> Value:
        argument = self._arguments.get(name)
        block = self._variables.get(name)
        wanted: Type | None = None
        if argument is None and block is not None:
            argument = block.body.argument("default")
            wanted = _type(block)
        value: Value = None
        if argument is not None:
            value = evaluate(argument.expression, self)
            if wanted is not None:
                value = _converted(value, wanted, name, argument.place)
        given, is_json = self._given(name, favour_json=wanted is not None)
        if given is None or block is None:
            return value if argument is not None or wanted is not None else ""
        place = block.place
        if wanted is None:
            return _like(value, given, name, place)
        if is_json:
            try:
                return convert(from_json(given), wanted)
            except ValueError as error:
                raise refused(place, f"the JSON of the variable {name}: {error}") from error
        return _from_text(given, wanted, name, place)

    def _given(self, name: str, *, favour_json: bool) -> tuple[str | None, bool]:
        """What the environment says, and whether that is JSON (`NAME_JSON`)."""
        given = self._lookup(name)
        other = f"{name}_JSON"
        taken = other in self._variables or other in self._built_in
        if (given is None or favour_json) and not taken:
            text = self._lookup(other)
            if text is not None:
                return text, True
        return given, False

    def _validate(self, block: Block) -> None:
        _check_arguments(block, _OF_VALIDATIONS)
        if block.labels:
            raise refused(block.place, "a validation has no name")
        condition = block.body.argument("condition")
        message = block.body.argument("error_message")
        if condition is None:
            raise refused(block.place, "a validation has a condition")
        value = evaluate(condition.expression, self)
        try:
            holds = to_bool(value)
        except ValueTypeError as error:
            raise refused(condition.place, str(error)) from error
        if not holds:
            said = text_of(message.expression, self) if message else "no message says what"
            raise refused(condition.expression.place, f"validation failed: {said}")

    # --- functions ------------------------------------------------------------------------------

    def _signature(self, block: Block) -> tuple[tuple[str, ...], str | None, Expression]:
        result = block.body.argument("result")
        params = block.body.argument("params")
        name = block.labels[0]
        if result is None or params is None:
            missing = "result" if result is None else "params"
            raise refused(block.place, f"the function {name} has no {missing}")
        if not isinstance(params.expression, Tuple):
            raise refused(params.place, "params is a list of names")
        variadic = block.body.argument("variadic_params")
        names = tuple(_word(item) for item in params.expression.items)
        return names, _word(variadic.expression) if variadic else None, result.expression

    # --- groups and targets ---------------------------------------------------------------------

    def _expanded(self, block: Block) -> list[_Instance]:
        matrix, template = block.body.argument("matrix"), block.body.argument("name")
        label = block.labels[0]
        if block.type == "group":
            wrong = matrix or template
            if wrong is not None:
                raise refused(wrong.place, f"a group has no {wrong.name}")
            return [_Instance(block, label, self)]
        if template is not None and matrix is None:
            raise refused(template.place, "a name is for the targets of a matrix")
        scopes = [self] if matrix is None else self._combinations(matrix)
        made: list[_Instance] = []
        seen: set[str] = set()
        for scope in scopes:
            name = label
            if template is not None:
                name = text_of(template.expression, scope)
                _check_name(name, template.place)
            if name in seen:
                raise refused(
                    (template or block).place,
                    f"two targets of the matrix have the name {name!r}",
                    'name = "…-${item}" gives each its own',
                )
            seen.add(name)
            made.append(_Instance(block, name, scope))
        return made

    def _combinations(self, matrix: Argument) -> list[Scope]:
        value = evaluate(matrix.expression, self)
        if not isinstance(value, Mapping):
            raise refused(matrix.place, "a matrix is a map of lists")
        rows: list[list[tuple[str, Value]]] = []
        for name in sorted(value):
            items = value[name]
            if isinstance(items, Mapping):
                items = tuple(items[key] for key in sorted(items))
            if not isinstance(items, tuple):
                raise refused(matrix.place, f"the matrix's {name} is no list")
            rows.append([(name, item) for item in items])
        count = math.prod(map(len, rows))
        if count > _COMBINATIONS:
            what = f"the matrix has {count:,} combinations, and {_COMBINATIONS:,} are the most here"
            raise refused(matrix.place, what)
        return [Local(self, dict(row), self._budget) for row in itertools.product(*rows)]

    def _renamed(self) -> Iterator[Group]:
        names: dict[str, list[_Instance]] = {}
        for instance in self._instances["target"]:
            names.setdefault(instance.block.labels[0], []).append(instance)
        for label, instances in names.items():
            made = tuple(dict.fromkeys(instance.name for instance in instances))
            if made != (label,):
                yield Group(label, made, instances[0].block.place)

    def _empty(self, broken: frozenset[str]) -> Mapping[str, Place]:
        """Blocks whose matrix makes no target."""
        known = {instance.block.labels[0] for instance in self._instances["target"]} | broken
        places = {b.labels[0]: b.place for b in self._blocks if b.type == "target"}
        return {name: place for name, place in places.items() if name not in known}

    def _group(self, instance: _Instance) -> Group:
        block = instance.block
        self._notes += _without_effect(block, _OF_GROUPS)
        targets = block.body.argument("targets")
        if targets is None:
            raise refused(block.place, f"the group {instance.name} has no targets")
        value = self._attribute([instance], "targets", targets.place)
        about = block.body.argument("description")
        description = text_of(about.expression, self) if about else ""
        assert isinstance(value, tuple)  # noqa: S101 - _attribute gives a list
        return Group(instance.name, tuple(map(to_text, value)), block.place, description)

    def _target(self, instance: _Instance) -> Target:
        block = instance.block
        notes = tuple(_without_effect(block, (*ATTRIBUTES, *OF_BLOCKS)))
        target = Target(instance.name, block.place, notes=notes)
        for argument in block.body.arguments:
            attribute = ATTRIBUTES.get(argument.name)
            if attribute is None:
                continue
            try:
                value = self._raw(instance, argument)
                held = decoded(attribute, value, argument.expression.place)
            except BakeError as error:
                return Target(instance.name, block.place, error=error)
            target = changed(target, attribute, held, argument.place)
        return target

    def _attribute(self, instances: Sequence[_Instance], name: str, place: Place) -> Value:
        """An attribute as other expressions see it; of blocks of one name the last that has it."""
        if instances[0].block.type == "group":
            if name not in _OF_GROUPS:
                raise refused(
                    place, f"a group has no attribute {name!r}", nearest(name, _OF_GROUPS)
                )
        else:
            known(name, place)
        for instance in reversed(instances):
            argument = instance.block.body.argument(name)
            if argument is None:
                continue
            value = self._raw(instance, argument)
            if instance.block.type == "group":
                return _words(value, argument)
            attribute = ATTRIBUTES[name]
            target = Target(instance.name, instance.block.place)
            held = decoded(attribute, value, argument.expression.place)
            return value_of(changed(target, attribute, held, None), attribute)
        empty = Target("", place)
        if instances[0].block.type == "group":
            return ()
        return value_of(empty, ATTRIBUTES[name])

    def _raw(self, instance: _Instance, argument: Argument) -> Value:
        key = (id(instance), argument.name)
        if key not in self._memory.attributes:
            what = f"{instance.block.type}.{instance.name}.{argument.name} needs itself"
            with self._once(key, argument.place, what):
                value = evaluate(argument.expression, instance.scope)
            self._memory.attributes[key] = value
        return self._memory.attributes[key]


def _check_label(block: Block) -> None:
    if len(block.labels) != 1:
        raise refused(block.place, f"a {block.type} has one name, and here are {len(block.labels)}")
    if block.type in {"group", "target"}:
        _check_name(block.labels[0], block.place)


def _check_name(name: str, place: Place) -> None:
    if not _NAME.fullmatch(name):
        raise refused(place, f"the name {name!r} has more than letters, digits, _ and - in it")


def _without_effect(
    block: Block, allowed: Sequence[str], blocks: Sequence[str] = ()
) -> Iterator[str]:
    """Notes on what buildx takes no notice of in the block."""
    for argument in block.body.arguments:
        if argument.name not in allowed:
            what = f"a {block.type} has no attribute {argument.name!r}"
            yield passed_over(argument.place, what, nearest(argument.name, allowed))
    for inner in block.body.blocks:
        if inner.type not in blocks:
            what = f"a {block.type} has no block {inner.type!r}"
            if inner.type in allowed:
                what += f" (an attribute is `{inner.type} = {{ … }}`)"
            yield passed_over(inner.place, what, nearest(inner.type, blocks))


def _check_arguments(block: Block, allowed: Sequence[str]) -> None:
    """Refuse what buildx refuses in the block."""
    for argument in block.body.arguments:
        if argument.name not in allowed:
            raise refused(
                argument.place,
                f"a {block.type} has no attribute {argument.name!r}",
                nearest(argument.name, allowed),
            )
    for inner in block.body.blocks:
        raise refused(inner.place, f"a {block.type} has no block {inner.type!r}")


def _type(block: Block) -> Type | None:
    argument = block.body.argument("type")
    if argument is None:
        return None
    expression = argument.expression
    if isinstance(expression, Constant):
        if expression.value is None:
            return None
        # A JSON file says it as a string.
        expression = parse_expression(to_text(expression.value), expression.place)
    return types.constraint(expression)


def _word(expression: Expression) -> str:
    if isinstance(expression, Variable):
        return expression.name
    if isinstance(expression, Constant) and isinstance(expression.value, str):
        return expression.value
    raise refused(expression.place, "a parameter is a name")


def _words(value: Value, argument: Argument) -> Value:
    if argument.name == "description":
        return value
    if not isinstance(value, tuple):
        raise refused(argument.place, f"{argument.name} is a list, not a {type_name(value)}")
    return tuple(to_text(item) for item in value)


def _converted(value: Value, wanted: Type, name: str, place: Place) -> Value:
    try:
        return convert(value, wanted)
    except ValueTypeError as error:
        message = f"the default of the variable {name} is no {wanted}: {error}"
        raise refused(place, message) from error


def _like(default: Value, given: str, name: str, place: Place) -> Value:
    """The environment's text, as the type that the default has."""
    if default is None or isinstance(default, str):
        return given
    if isinstance(default, bool):
        return _from_text(given, Type("bool"), name, place)
    if isinstance(default, Number):
        return _from_text(given, Type("number"), name, place)
    raise refused(
        place,
        f"the environment can't set the variable {name}: its default is a {type_name(default)}",
        f"give it a type, such as type = list(string), or set {name}_JSON",
    )


def _from_text(given: str, wanted: Type, name: str, place: Place) -> Value:
    try:
        return _parsed(given, wanted)
    except (ValueError, csv.Error) as error:
        message = f"the variable {name} is {wanted}, and the environment says {given!r}"
        raise refused(place, message, str(error)) from error


def _parsed(given: str, wanted: Type) -> Value:
    if wanted.kind == "bool":
        found = parse_bool(given)
        if found is None:
            raise ValueError("true or false is wanted")
        return found
    if wanted.kind == "number":
        return _number(given)
    if wanted == STRING:
        return given
    if wanted.kind in {"list", "set", "tuple", "map"}:
        return _collection(given, wanted)
    raise ValueError("set it as JSON, in the variable with _JSON after its name")


def _number(given: str) -> Number:
    value = float(given)
    if given != given.strip() or not math.isfinite(value):
        raise ValueError("a number is wanted")
    return from_float(value)


def _collection(given: str, wanted: Type) -> Value:
    words = next(csv.reader([given], strict=True), []) if given else []
    inner = wanted.elements if wanted.kind == "tuple" else (wanted.element or STRING,)
    if not all(kind.primitive for kind in inner):
        raise ValueError("set it as JSON, in the variable with _JSON after its name")
    if wanted.kind == "tuple":
        if len(words) != len(inner):
            raise ValueError(f"{len(inner)} elements are wanted, not {len(words)}")
        return tuple(_parsed(word, kind) for word, kind in zip(words, inner, strict=True))
    if wanted.kind == "map":
        made: dict[str, Value] = {}
        for word in words:
            parts = next(csv.reader([word], delimiter=":", strict=True), [])
            if len(parts) != 2:
                raise ValueError(f"{word!r} is not KEY:VALUE")
            made[parts[0]] = _parsed(parts[1], inner[0])
        return made
    return convert(tuple(_parsed(word, inner[0]) for word in words), wanted)

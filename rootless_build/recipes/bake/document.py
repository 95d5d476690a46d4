"""The blocks of all HCL and JSON files together: variables, functions, groups and targets.

Everything is evaluated when it is asked for, so that a variable may use one that comes later, and
a target an attribute of another (docs of buildx: bake-reference; bake/hclparser).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from msgspec import Struct

from rootless_build.recipes.bake import matrix, user_functions
from rootless_build.recipes.bake.blocks import BLOCKS, check_label, without_effect
from rootless_build.recipes.bake.hcl.budget import Budget
from rootless_build.recipes.bake.hcl.evaluate import evaluate, text_of
from rootless_build.recipes.bake.hcl.syntax import (
    Argument,
    Block,
    Body,
)
from rootless_build.recipes.bake.hcl.values import (
    Value,
    to_text,
    type_name,
)
from rootless_build.recipes.bake.matrix import Instance
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
from rootless_build.recipes.bake.variables import Variables

_OF_GROUPS: Final = ("targets", "description")


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
        self._memory = _Memory()
        self._budget = Budget()
        self._instances: dict[str, list[Instance]] = {"group": [], "target": []}
        self._notes: list[str] = []
        blocks = [block for body in bodies for block in body.blocks]
        for block in blocks:
            if block.type in BLOCKS:
                check_label(block)
            else:
                hint = nearest(block.type, BLOCKS)
                what = f"a bake file has no block {block.type!r}"
                self._notes.append(passed_over(block.place, what, hint))
        reserved = {"group", "target", *built_in}
        self._variables = Variables(bodies, reserved, built_in, lookup)
        self._functions: Mapping[str, Block] = {
            block.labels[0]: block
            for block in blocks
            if block.type == "function" and block.labels[0] not in reserved
        }
        self._blocks = [block for block in blocks if block.type in {"group", "target"}]

    def definitions(self) -> Definitions:
        """Everything, evaluated. Raises BakeError.

        A target that can't be evaluated has its error with it, and what only such a target needs
        is a note: the others are not to suffer for it.
        """
        for name, block in self._variables.blocks.items():
            self._notes += self._variables.notes(block)
            self._try(name, block.place)
        self._variables.validate(self)
        for block in self._functions.values():
            user_functions.check(block)
        found: dict[str, list[Instance]] = {"group": [], "target": []}
        broken: list[Target] = []
        for block in self._blocks:
            try:
                found[block.type] += matrix.instances(block, self)
            except BakeError as error:
                if block.type == "group":
                    raise
                broken.append(Target(block.labels[0], block.place, error=error))
        self._instances = found
        groups = tuple(self._group(instance) for instance in found["group"])
        targets = tuple(self._target(instance) for instance in found["target"])
        for name, argument in self._variables.arguments.items():
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
        if name in self._variables.built_in:
            return self._variables.built_in[name]
        if name not in self._memory.variables:
            if name not in self._variables:
                hint = nearest(name, self._variables.names())
                raise refused(place, f"there is no variable {name!r}", hint)
            with self._once(("variable", name), place, f"the variable {name} needs itself"):
                self._memory.variables[name] = self._variables.value(name, self)
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
        made = user_functions.function(block)

        def run(arguments: tuple[Value, ...]) -> Value:
            with self._once(("function", name), place, f"the function {name} needs itself"):
                return made.result_of(arguments, self)

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

    # --- groups and targets ---------------------------------------------------------------------

    def _renamed(self) -> Iterator[Group]:
        names: dict[str, list[Instance]] = {}
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

    def _group(self, instance: Instance) -> Group:
        block = instance.block
        self._notes += without_effect(block, _OF_GROUPS)
        targets = block.body.argument("targets")
        if targets is None:
            raise refused(block.place, f"the group {instance.name} has no targets")
        value = self._attribute([instance], "targets", targets.place)
        about = block.body.argument("description")
        description = text_of(about.expression, self) if about else ""
        assert isinstance(value, tuple)  # _attribute gives a list
        return Group(instance.name, tuple(map(to_text, value)), block.place, description)

    def _target(self, instance: Instance) -> Target:
        block = instance.block
        notes = tuple(without_effect(block, (*ATTRIBUTES, *OF_BLOCKS)))
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

    def _attribute(self, instances: Sequence[Instance], name: str, place: Place) -> Value:
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

    def _raw(self, instance: Instance, argument: Argument) -> Value:
        key = (id(instance), argument.name)
        if key not in self._memory.attributes:
            what = f"{instance.block.type}.{instance.name}.{argument.name} needs itself"
            with self._once(key, argument.place, what):
                value = evaluate(argument.expression, instance.scope)
            self._memory.attributes[key] = value
        return self._memory.attributes[key]


def _words(value: Value, argument: Argument) -> Value:
    if argument.name == "description":
        return value
    if not isinstance(value, tuple):
        raise refused(argument.place, f"{argument.name} is a list, not a {type_name(value)}")
    return tuple(to_text(item) for item in value)

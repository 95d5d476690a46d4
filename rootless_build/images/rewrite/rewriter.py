"""Applies the rules to a whole containerfile, stage by stage, and writes the new file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rootless_build.images.containerfile import grammar, mounts
from rootless_build.images.containerfile.edit import new, render, with_body, with_parts
from rootless_build.images.containerfile.escapes import with_backslash
from rootless_build.images.containerfile.names import check_names
from rootless_build.images.containerfile.parser import logical_words
from rootless_build.images.containerfile.stages import (
    Scope,
    Scopes,
    declared_arguments,
    earlier,
    heading_variables,
    needed_stages,
    sources,
    split,
)
from rootless_build.images.containerfile.syntax import Flag, Instruction
from rootless_build.images.containerfile.words import WordError
from rootless_build.images.rewrite.features import Feature
from rootless_build.images.rewrite.markers import Markers
from rootless_build.images.rewrite.parts import Line, Part, Rewritten
from rootless_build.images.rewrite.rules import apply_rules
from rootless_build.images.rewrite.rules.mount_content import context_stage, stage_name
from rootless_build.images.rewrite.state import Rewrite, RewriteState, Site
from rootless_build.model import platforms
from rootless_build.model.references import canonical
from rootless_build.model.structs import replace

_TRIGGERS: Final = (
    *(
        "<<",
        "${",
        ".git",
        "git-dir",
        "git@",
        "ssh://",
        "git://",
        "mount",
        "link",
        "parents",
        "exclude",
        "chmod",
        "checksum",
        "unpack",
    ),
    *("platform", "network", "security", "device", "interval", "escape", "PLATFORM", "OS", "ARCH"),
)
"""Without any of these in it nothing is to be rewritten."""


def rewrite(work: RewriteState, target: str | None = None) -> Rewritten | None:
    """What to build instead for `target` (None: the last stage), or None: the file as it is.

    Raises ContainerfileError for what is wrong in the file, and for what can't be rewritten.
    """
    grammar.check(work.file)
    check_names(work.file, work.given, target, lambda name: canonical(name) in work.replaced)
    source = "".join(instruction.source for instruction in work.file.instructions)
    named = any(i.keyword == "FROM" and "$" in i.body for i in work.file.instructions)
    if not named and work.file.escape == "\\" and not any(map(source.__contains__, _TRIGGERS)):
        return None
    return _Rewriter(work, target).result()


def unchanged(work: RewriteState) -> Rewritten:
    """The file as it is, in the same form."""
    heading, stages = split(work.file, work.given)
    return Rewritten(
        "",
        tuple(Line(instruction, instruction) for instruction in heading),
        tuple(tuple(Line(i, i) for i in (s.begin, *s.instructions)) for s in stages),
        files=False,
        rewrites=(),
    )


class _Rewriter:
    def __init__(self, work: RewriteState, target: str | None) -> None:
        self._work = work
        self._original = work.file
        if work.file.escape != "\\":
            work.file = with_backslash(work.file)
            self._note_first("escape", work.builder.why(Feature.ESCAPE))
        self._heading, self._stages = split(work.file, work.given)
        contexts = frozenset(name for name, _ in work.contexts)
        self._needed = needed_stages(self._stages, target, contexts)
        self._parts: dict[int, Part] = {}
        self._markers = Markers(work, self._stages, self._parts)
        self._origins = dict(
            zip(map(id, work.file.instructions), self._original.instructions, strict=True)
        )

    def result(self) -> Rewritten | None:
        heading = self._rewrite_heading()
        variables = heading_variables(self._heading, self._work.given, self._work.file.escape)
        scopes = Scopes(variables, self._work.given, self._work.image, self._work.file.escape)
        for number in sorted(self._needed):
            self._parts[number] = self._stage(number, variables, scopes)
        self._note_unneeded()
        if not self._work.rewrites:
            return None
        stages = self._compose()
        directives = "" if self._work.file.escape == "\\" else "# escape=`\n"
        lines = [*heading, *(line for stage in stages for line in stage)]
        text = directives + "".join(render(line.now) for line in lines)
        return Rewritten(
            text,
            tuple(heading),
            stages,
            self._work.needs_files,
            tuple(sorted(self._work.rewrites, key=lambda rewrite: rewrite.line)),
        )

    # --- instructions ---------------------------------------------------------------------------

    def _rewrite_heading(self) -> list[Line]:
        lines = self._platform_arguments()
        before: list[Instruction] = []
        for instruction in self._heading:
            variables = heading_variables(before, self._work.given, self._work.file.escape)
            at = self._at(instruction, Scope(variables), 0)
            lines += [Line(now, self._origin(instruction)) for now in apply_rules(instruction, at)]
            before.append(instruction)
        return lines

    def _platform_arguments(self) -> list[Line]:
        """TARGETARCH and its like, where the engine does not set them."""
        if self._work.builder.has(Feature.PLATFORM_ARGUMENTS):
            return []
        used = [
            name
            for name in platforms.ARGUMENTS
            if any(
                each.keyword == "ARG" and name in {known for known, _ in declared_arguments(each)}
                for each in self._work.file.instructions
            )
            or any(f"${name}" in s.begin.text or f"${{{name}" in s.begin.text for s in self._stages)
        ]
        if not used:
            return []
        why = self._work.builder.why(Feature.PLATFORM_ARGUMENTS)
        self._note_first("platform-arguments", f"{', '.join(used)} given by rbuild: {why}")
        values = self._work.given.platform
        return [Line(new("ARG", f"{name}={values.get(name, '')}"), None) for name in used]

    def _stage(self, number: int, variables: dict[str, str], scopes: Scopes) -> Part:
        stage = self._stages[number]
        base = earlier(stage.base or "", self._stages, number, numbers=False)
        part = Part(number, stage, base)
        at = self._at(stage.begin, Scope(dict(variables)), number)
        part.lines += [Line(now, self._origin(stage.begin)) for now in apply_rules(stage.begin, at)]
        parent = self._parts[base].scope if base is not None and base in self._parts else None
        part.scope = scopes.begin(stage.base, parent)
        for instruction in stage.instructions:
            at = self._at(instruction, part.scope, number)
            done = (
                self._trigger(instruction, at)
                if instruction.inner
                else apply_rules(instruction, at)
            )
            part.lines += [Line(now, self._origin(instruction)) for now in done]
            try:
                scopes.after(instruction, part.scope)
            except WordError as wrong:
                raise at.error(str(wrong)) from wrong
        return part

    def _trigger(self, instruction: Instruction, at: Site) -> tuple[Instruction, ...]:
        """ONBUILD: what its instruction becomes has to be one instruction, and need no files."""
        inner = instruction.inner
        if inner is None:
            return (instruction,)
        inner = replace(inner, heredocs=instruction.heredocs)
        count = self._work.count
        done = apply_rules(inner, at)
        if done == (inner,):
            return (instruction,)
        if len(done) > 1 or self._work.count != count:
            message = "an ONBUILD can't be rewritten that takes files from elsewhere"
            raise at.error(message, "use a newer engine")
        return (replace(with_body(instruction, done[0].text), heredocs=()),)

    def _at(self, instruction: Instruction, scope: Scope, number: int) -> Site:
        return Site(
            self._work,
            self._origin(instruction),
            scope,
            number,
            self._stages,
            lambda name: self._markers.of(name, number),
        )

    def _origin(self, instruction: Instruction) -> Instruction:
        return self._origins.get(id(instruction), instruction)

    def _note_first(self, rule: str, why: str) -> None:
        first = self._original.instructions[0]
        self._work.rewrites.append(Rewrite(rule, first.line, "", why))

    # --- the whole ------------------------------------------------------------------------------

    def _note_unneeded(self) -> None:
        """Stages that are not built must not keep the engine from reading the file."""
        for number, stage in enumerate(self._stages):
            if number in self._needed:
                continue
            for instruction in stage.instructions:
                if instruction.heredocs:
                    reason = self._work.builder.why(Feature.RUN_HEREDOC)
                    why = f"left out, it is not needed: {reason}"
                    origin = self._origin(stage.begin)
                    self._work.rewrites.append(Rewrite("stage", origin.line, origin.text, why))
                    break

    def _compose(self) -> tuple[tuple[Line, ...], ...]:
        """The stages that are needed, those that were added before them, and names for numbers."""
        stages: list[list[Line]] = []
        for number, part in sorted(self._parts.items()):
            for name, instructions in self._work.derived.get(number, ()):
                first, *rest = instructions
                named = with_body(first, f"{first.body} AS {name}")
                stages.append([Line(each, None) for each in (named, *rest)])
            stages.append([self._name_stages(line, number) for line in part.lines])
        if self._work.needs_context:
            stages.insert(0, [Line(each, None) for each in context_stage()])
        used = {name for stage in stages for line in stage for name in _names(line.now)}
        for stage in stages:
            if stage[0].origin is not None:
                stage[0] = self._with_name(stage[0], used)
        return tuple(map(tuple, stages))

    def _with_name(self, line: Line, used: set[str]) -> Line:
        for number, stage in enumerate(self._stages):
            if self._origin(stage.begin) is line.origin and stage.name is None:
                name = stage_name(number)
                if name in used:
                    return Line(with_body(line.now, f"{line.now.body} AS {name}"), line.origin)
        return line

    def _name_stages(self, line: Line, number: int) -> Line:
        """Numbers of stages mean others when some are added or left out."""
        now = line.now

        def new_name(name: str) -> str:
            if not name.isdecimal():
                return name
            index = earlier(name, self._stages, number)
            return name if index is None else self._stages[index].name or stage_name(index)

        flags = tuple(_rename_in_flag(flag, now.keyword, new_name) for flag in now.flags)
        if flags == now.flags:
            return line
        return Line(with_parts(now, flags, now.body, now.json), line.origin)


def _rename_in_flag(flag: Flag, keyword: str, new_name: Callable[[str], str]) -> Flag:
    value = flag.value or ""
    if keyword in {"COPY", "ADD"} and flag.name == "from":
        return Flag(flag.name, new_name(value), flag.offset)
    if keyword == "RUN" and flag.name == "mount":
        mount = mounts.parse(value)
        if mount.origin is not None and new_name(mount.origin) != mount.origin:
            changed = replace(mount, origin=new_name(mount.origin))
            return Flag(flag.name, str(changed), flag.offset)
    return flag


def _names(instruction: Instruction) -> set[str]:
    """Stages that an instruction names, as far as they can have been named here."""
    found = set(sources(instruction))
    if instruction.keyword == "FROM":
        found.add(logical_words(instruction.body)[0])
    return found

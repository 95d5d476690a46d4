"""Lines with a hole where docker's answer would stand: `docker run $(shell docker images -q x) sh`.

The stand-in for docker has no answer to most questions, and fails as without a daemon: a line with
nothing in the answer's place may say something else altogether. So make is asked once more, with a
word that can be told in the place of each missing answer. A line that has one is refused, if it is
the line that make printed before with nothing there. Where a Makefile does something else instead
(`$(if …)`, `ifeq`, `|| echo none`), it has thought of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.model.errors import NotPlannedError
from rootless_build.recipes.make.docker_stub import Call
from rootless_build.recipes.make.lines import RecipeLine

_WORD: Final = re.compile(r"(?:sha256:)?([0-9a-f]{10,64})(?![0-9a-f])")
_ENGINES: Final = re.compile(r"\b(?:docker|podman)\b")
_SAYS: Final = re.compile(r"\s*(?:echo|printf)\b[^>|&;]*$", re.DOTALL)


class Shown(Struct, frozen=True):
    """A line of a recipe as make printed it with words for the answers that are missing."""

    file: Path
    recipe: int
    target: str
    text: str


def check(
    lines: Sequence[RecipeLine],
    shown: Iterable[Shown],
    exported: Mapping[str, str],
    calls: Sequence[Call],
    project: Path,
) -> None:
    """Raises RecipeError for the first of the lines that has such a hole.

    `exported` and `calls` are those of the run with words.
    """
    missing = {call.image: call for call in calls if not call.answered and call.image}
    known = {
        (line.file, line.recipe, line.target, _bare(line.text, missing)): line
        for line in reversed(lines)
    }
    for one in shown:
        call = _found(one.text, missing)
        line = known.get((one.file, one.recipe, one.target, _bare(one.text, missing)))
        if call is not None and line is not None and not _SAYS.match(one.text):
            raise _refused(line, call, project, one.text)
    for line in lines:
        if not _ENGINES.search(line.text):
            continue
        for name, value in exported.items():
            call = _found(value, missing)
            emptied = line.setting.environment.get(name) == _bare(value, missing)
            if call is not None and emptied and re.search(rf"\b{re.escape(name)}\b", line.text):
                raise _refused(line, call, project, line.text)


def _found(text: str, missing: Mapping[str, Call]) -> Call | None:
    """The call whose answer, or a part of it, is missing in the text."""
    for word in _WORD.findall(text):
        for image, call in missing.items():
            if word in image:
                return call
    return None


def _bare(text: str, missing: Mapping[str, Call]) -> str:
    """The text with nothing in the answers' places, and single blanks."""

    def without(match: re.Match[str]) -> str:
        return "" if any(match[1] in image for image in missing) else match[0]

    return " ".join(_WORD.sub(without, text).split())


def _refused(line: RecipeLine, call: Call, project: Path, text: str) -> NotPlannedError:
    file = line.file.relative_to(project) if line.file.is_relative_to(project) else line.file
    return NotPlannedError(
        f"{file}:{line.line}: this line can't be turned into a step: it takes the answer to "
        f"`{call.line}`, which nobody gives while the Makefile is read",
        hint="name an image by its tag (docker build -t), and a container by its --name; what an "
        "engine has in storage is known only when the plan is done",
        engine_words=_WORD.sub(lambda m: "…" if m[1] in call.image else m[0], text),
    )

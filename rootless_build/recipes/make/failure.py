"""A make that fails while it is asked, told as an error: with its own words and what helps."""

from __future__ import annotations

import re
from typing import Final

from rootless_build.model.errors import RecipeError, UnknownTargetError
from rootless_build.process import programs
from rootless_build.recipes.make import docker_stub
from rootless_build.recipes.make.asked import AskedMake
from rootless_build.recipes.make.makefile import nearest_targets
from rootless_build.recipes.make.printed import after_last_trace

_PLACE: Final = re.compile(r".+:\d+")
_STOPPED_AT: Final = re.compile(
    r"\[(?P<place>.+:\d+): .*\] (?:Error (?P<status>\d+)|(?P<signal>.+))"
)


def error(asked: AskedMake, done: programs.Completed) -> RecipeError:
    """The error of a make that failed while it was asked what it would do."""
    request = asked.request
    words = said_by(done.words)
    said = next((line for line in words if "***" in line), "")
    missing = re.search(r"No rule to make target '(.*?)'\.", said)
    if missing and missing[1] in request.targets:
        name = missing[1]
        message = f"{asked.name} has no target {name}"
        return UnknownTargetError(message, name, hint=nearest_targets(name, asked.makefile))
    place, _, text = said.removesuffix("  Stop.").rstrip(".").partition(": *** ")
    others = [line for line in words if not text or text not in line]
    stopped = _STOPPED_AT.fullmatch(text)
    unanswered = [call for call in asked.docker.calls() if not call.answered and not call.reading]
    if stopped and unanswered:
        return RecipeError(
            f"{stopped['place']}: this line can't be turned into a step: make runs it even "
            f"while it is only asked what it would do (`+`, or $(MAKE) in it), and it runs "
            f"`{asked.plain(unanswered[-1].line)}`",
            hint="take the `+` away, or give $(MAKE) a line of its own",
            engine_words="\n".join(others),
        )
    if stopped:
        # What the line says itself is among the lines of recipes.
        own = after_last_trace(asked.plain(done.text))
        status = stopped["status"]
        how = f"fails with status {status}" if status else f"is ended: {stopped['signal']}"
        return RecipeError(
            f"{stopped['place']}: this line {how}, and make runs it "
            "even while it is only asked what it would do (`+`, or $(MAKE) in it)",
            hint="what it asks for may have to be set or made first",
            engine_words="\n".join([*own, *others]),
        )
    if _PLACE.fullmatch(place):
        hint = "the lines of a recipe begin with a tab" if "missing separator" in text else ""
        words_left = "\n".join(others)
        return RecipeError(f"{place}: {text}", hint=hint, engine_words=words_left)
    text = text or f"make failed with status {done.status}"
    what = " ".join(request.targets) or "the default goal"
    old = any("unrecognized option" in line for line in words)
    return RecipeError(
        f"{asked.name} can't make {what}: {text}",
        hint="rbuild needs GNU make 4.0 or newer" if old else "",
        engine_words="\n".join(others),
    )


def said_by(words: str) -> list[str]:
    """What make wrote on standard error, without what the stand-in for docker did."""
    return [line for line in words.splitlines() if line.strip() and docker_stub.REFUSAL not in line]

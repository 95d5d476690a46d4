"""What docker answers to `--call` of a build, as text and as JSON, down to the blanks."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Final

from rootless_build.images.checks.outline import Lines, Outline, Target, Wanted
from rootless_build.images.checks.warning import CheckWarning
from rootless_build.model.errors import ContainerfileError

DESCRIBED: Final = """\
NAME                 VERSION DESCRIPTION
outline              1.0.0   List all parameters current build target supports
targets              1.0.0   List all targets current build supports
subrequests.describe 1.0.0   List available subrequest types
"""
"""What `--call=subrequests.describe` prints."""
_DEFAULT: Final = "(default)"
_WIDE: Final = 3
"""Blanks between the columns of a table."""
_DESCRIPTIONS: Final = {
    "ConsistentInstructionCasing": (
        "All commands within the Dockerfile should use the same casing (either upper or lower)"
    ),
    "CopyIgnoredFile": "Attempting to Copy file that is excluded by .dockerignore",
    "DuplicateStageName": "Stage names should be unique",
    "ExposeInvalidFormat": (
        "IP address and host-port mapping should not be used in EXPOSE instruction. This will"
        " become an error in a future release"
    ),
    "ExposeProtoCasing": "Protocol in EXPOSE instruction should be lowercase",
    "FromAsCasing": "The 'as' keyword should match the case of the 'from' keyword",
    "FromPlatformFlagConstDisallowed": "FROM --platform flag should not use a constant value",
    "InvalidBaseImagePlatform": "Base image platform does not match expected target platform",
    "InvalidDefaultArgInFrom": (
        "Default value for global ARG results in an empty or invalid base image name"
    ),
    "InvalidDefinitionDescription": (
        "Comment for build stage or argument should follow the format: `# <arg/stage name>"
        " <description>`. If this is not intended to be a description comment, add an empty line or"
        " comment between the instruction and the comment."
    ),
    "JSONArgsRecommended": (
        "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS"
        " signals"
    ),
    "LegacyKeyValueFormat": (
        "Legacy key/value format with whitespace separator should not be used"
    ),
    "MaintainerDeprecated": (
        "The MAINTAINER instruction is deprecated, use a label instead to define an image author"
    ),
    "MultipleInstructionsDisallowed": (
        "Multiple instructions of the same type should not be used in the same stage"
    ),
    "NoEmptyContinuation": "Empty continuation lines will become errors in a future release",
    "RedundantTargetPlatform": (
        "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default"
        " behavior"
    ),
    "ReservedStageName": "Reserved words should not be used as stage names",
    "SecretsUsedInArgOrEnv": "Sensitive data should not be used in the ARG or ENV commands",
    "StageNameCasing": "Stage names should be lowercase",
    "UndefinedArgInFrom": "FROM command must use declared ARGs",
    "UndefinedVar": "Variables should be defined before their use",
    "WorkdirRelativePath": (
        "Relative workdir without an absolute workdir declared within the build can have unexpected"
        " results if the base image changes"
    ),
}


def outline_text(outline: Outline) -> str:
    """As docker prints it."""
    parts = []
    if outline.name or outline.description:
        rows = [("TARGET:", outline.name or _DEFAULT)]
        rows += [("DESCRIPTION:", outline.description)] if outline.description else []
        parts.append(_table(rows, 1))
    if outline.arguments:
        found = [(each.name, each.value, each.description) for each in outline.arguments]
        parts.append(_table([("BUILD ARG", "VALUE", "DESCRIPTION"), *found], _WIDE))
    for head, wanted in (("SECRET", outline.secrets), ("SSH", outline.agents)):
        if wanted:
            rows = [(each.name, "true" if each.required else "") for each in wanted]
            parts.append(_table([(head, "REQUIRED"), *rows], _WIDE))
    return "".join(f"{part}\n" for part in parts)


def targets_text(targets: Sequence[Target]) -> str:
    """As docker prints it; a stage without a name can be built only where it is the last."""
    rows = [
        (each.name or _DEFAULT, each.description)
        for each in targets
        if each.name or each.is_default
    ]
    return _table([("TARGET", "DESCRIPTION"), *rows], 1)


def outline_json(outline: Outline, content: bytes) -> str:
    """As docker prints it."""
    arguments = [
        _object(name=each.name, description=each.description, value=each.value, lines=each.lines)
        for each in outline.arguments
    ]
    whole = _filled(
        name=outline.name,
        description=outline.description,
        args=arguments,
        secrets=_wanted(outline.secrets),
        ssh=_wanted(outline.agents),
    )
    return _written({**whole, "sources": [_encoded(content)]})


def targets_json(targets: Sequence[Target], content: bytes) -> str:
    """As docker prints it."""
    rows = [
        _object(
            name=each.name,
            default=each.is_default,
            description=each.description,
            base=each.base,
            platform=each.platform,
            lines=each.lines,
        )
        for each in targets
    ]
    return _written({"targets": rows, "sources": [_encoded(content)]})


def checks_json(
    found: Sequence[CheckWarning],
    name: str,
    content: bytes,
    error: ContainerfileError | None = None,
) -> str:
    """As docker prints it, without what BuildKit has of how the file was sent to it."""
    warnings = [
        {
            "ruleName": each.rule,
            "description": _DESCRIPTIONS[each.rule],
            **_filled(url=each.page),
            "detail": each.detail,
            "location": _location(Lines(each.line, each.end_line)),
        }
        for each in found
    ]
    source = {"filename": name, "data": _encoded(content), "language": "Dockerfile"}
    whole: dict[str, object] = {"warnings": warnings or None, "sources": [source]}
    if error is not None:
        place = _location(Lines(error.line, error.line))
        words = error.message.partition(": ")[2]
        message = f"dockerfile parse error on line {error.line}: {words}"
        whole["buildError"] = {"message": message, "location": place}
    return _written(whole)


def _wanted(found: Iterable[Wanted]) -> list[dict[str, object]]:
    return [_object(name=each.name, required=each.required, lines=each.lines) for each in found]


def _object(lines: Lines, **values: object) -> dict[str, object]:
    return {**_filled(**values), "location": _location(lines)}


def _filled(**values: object) -> dict[str, object]:
    """Without what says nothing."""
    return {name: value for name, value in values.items() if value}


def _location(lines: Lines) -> dict[str, object]:
    return {"ranges": [{"start": {"line": lines.first}, "end": {"line": lines.last}}]}


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _written(value: object) -> str:
    """As Go writes it: `<` and its like are escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f"{text}\n"


def _table(rows: Sequence[tuple[str, ...]], blanks: int) -> str:
    """Columns, all but the last as wide as the widest of them (Go's tabwriter)."""
    widths = [max(map(len, column)) + blanks for column in list(zip(*rows, strict=True))[:-1]]
    return "".join(
        "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        + row[-1]
        + "\n"
        for row in rows
    )

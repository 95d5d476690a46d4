"""What the values of docker's flags mean: each function reads one kind, and changes nothing.

They are untrusted: a recipe has them from anywhere. What docker would not take either is a
BadValueError, whose text says why.
"""

from __future__ import annotations

import csv
import os
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from rootless_build.files import plain
from rootless_build.model import build_secrets, outputs
from rootless_build.model import platforms as known
from rootless_build.model.errors import reason
from rootless_build.model.go import parse_bool
from rootless_build.model.plan import (
    BindMount,
    BuildOutput,
    Call,
    Mount,
    Pairs,
    PullPolicy,
    TmpfsMount,
    VolumeMount,
)
from rootless_build.process import ulimits

if TYPE_CHECKING:
    from rootless_build.model.build_secrets import BuildSecret

_NO_PATH: Final = frozenset({None, "", "-"})
_PROPAGATION: Final = frozenset({"rprivate", "private", "rshared", "shared", "rslave", "slave"})
_NO_EFFECT: Final = frozenset({"cached", "delegated", "consistent", "rw", ""})
_VOLUME_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_NOT_THEIRS: Final = "whoever owns the recipe may not read it, and root reads nothing for them"


class BadValueError(ValueError):
    """A flag's value is not one that docker takes; the text says why."""


class DockersOwnError(BadValueError):
    """A value that docker itself refuses when the line runs; the text is what docker says."""


CALLERS: Final = "/dev/stdout"
"""Where an output goes that the caller of docker reads."""


class Surroundings(Struct, frozen=True):
    """The directory and the environment in which a docker command would run.

    `called`: it runs now, and who does it has engines get the caller's variables.
    """

    directory: Path
    environment: Mapping[str, str]
    called: bool = False

    def path(self, value: str) -> Path:
        """An absolute path; a relative one belongs to the directory."""
        if not value.startswith("/"):
            value = f"{str(self.directory).rstrip('/')}/{value}"
        return Path(os.path.normpath(value))


# --- words and numbers ----------------------------------------------------------------------------


def boolean(value: str) -> bool:
    """`true` or `false`, as Go's strconv.ParseBool reads them."""
    found = parse_bool(value)
    if found is None:
        raise BadValueError(f"{value!r} is neither true nor false")
    return found


def integer(value: str) -> int:
    """A whole number."""
    try:
        return int(value)
    except ValueError as error:
        raise BadValueError(f"{value!r} is not a whole number") from error


def word(value: str) -> str | None:
    """A word; docker takes the empty one for a flag that was not given."""
    return value or None


class Asked(Struct, frozen=True):
    """What is asked about a build, and how the answer is wanted."""

    call: Call = Call.CHECK
    json: bool = False
    ignores_status: bool = False


def call(value: str) -> Asked | None:
    """What `--call` asks; None for a build. `METHOD`, `format=json` and `ignorestatus=true` may
    stand in any order.
    """
    method, told = "", dict[str, str]()
    for field in value.split(","):
        name, equals, text = field.partition("=")
        if not equals:
            method = name
        elif name not in {"format", "ignorestatus"}:
            raise BadValueError(f"invalid print field: {field}")
        else:
            told[name] = text
    method = {"lint": "check"}.get(method, method)
    if method in {"", "build"}:
        return None
    if method not in set(Call):
        raise BadValueError(f"docker's BuildKit answers no {method} about a build")
    ignores = boolean(told.get("ignorestatus", "false"))
    return Asked(Call(method), told.get("format") == "json", ignores)


def checked(value: str) -> Asked | None:
    """What `--check` asks."""
    return Asked() if boolean(value) else None


def file(value: str, around: Surroundings) -> Path | None:
    """A file's name; docker takes the empty one for a flag that was not given."""
    return around.path(value) if value else None


def containerfile(value: str, around: Surroundings) -> Path | None:
    """`--file`: what the recipe's owner may not read is not read by root for him."""
    named = file(value, around)
    if named is not None and os.geteuid() == 0:
        from rootless_build.files.as_owner import may_read  # noqa: PLC0415 - root alone

        if not may_read(around.directory, named):
            raise BadValueError(f"{named}: {_NOT_THEIRS}")
    return named


def streams(value: str) -> str:
    """A standard stream that is attached."""
    name = value.lower()
    if name not in {"stdin", "stdout", "stderr"}:
        raise BadValueError("valid streams are STDIN, STDOUT and STDERR")
    return name


def pull_policy(value: str) -> PullPolicy:
    """`--pull`, which is a word for `docker run` and a bool for `docker build`."""
    if value == "missing" or parse_bool(value) is False:
        return PullPolicy.MISSING
    if value == "never":
        return PullPolicy.NEVER
    if value == "always" or parse_bool(value):
        return PullPolicy.ALWAYS
    raise BadValueError(f"{value!r} is none of always, missing, never")


def entrypoint(value: str) -> tuple[str, ...]:
    """One word; the empty word takes the image's entrypoint away."""
    return (value,) if value else ()


def ulimit(value: str) -> str:
    """`NAME=SOFT[:HARD]`."""
    try:
        ulimits.parse(value)
    except ValueError as error:
        raise BadValueError(str(error)) from error
    return value


def image_name(value: str) -> str:
    """The name that an image gets."""
    if not value:
        raise BadValueError("the name is empty")
    return value


def platforms(value: str) -> tuple[str, ...]:
    """`OS/ARCH[,OS/ARCH…]`; docker takes the empty word for a flag that was not given."""
    try:
        return known.several((value,)) if value else ()
    except known.BadPlatformError as error:
        raise BadValueError(f"{error}; {error.hint}") from error


def platform(value: str) -> str | None:
    """The platform of a container, which has one."""
    named = platforms(value)
    if len(named) > 1:
        raise BadValueError("a container has one platform")
    return named[0] if named else None


def network(value: str) -> str | None:
    """A network's name; `default` is none in particular."""
    return None if value in {"", "default"} else value


def security_option(value: str, around: Surroundings) -> str:
    """`KEY=VALUE`, or docker's old `KEY:VALUE`; a seccomp profile is a file."""
    key, separator, text = value.partition("=" if "=" in value else ":")
    if key == "seccomp" and text not in {"unconfined", "builtin", ""}:
        text = str(around.path(text))
    return f"{key}={text}" if separator else key


# --- names with values ----------------------------------------------------------------------------


def variable(value: str, around: Surroundings) -> Pairs:
    """`NAME=VALUE`, or `NAME` with the environment's value; one that is not set is left out."""
    key, equals, text = value.partition("=")
    if not key:
        raise BadValueError(f"{value!r} has no name")
    if equals:
        return ((key, text),)
    return ((key, around.environment[key]),) if key in around.environment else ()


def label(value: str) -> tuple[str, str]:
    """`NAME=VALUE`; a bare name has an empty value."""
    key, _, text = value.partition("=")
    return key, text


def environment_file(value: str, around: Surroundings) -> Pairs:
    """`--env-file`: one `NAME=VALUE` or `NAME` a line."""
    found: list[tuple[str, str]] = []
    for line in _lines(value, around):
        name = line.partition("=")[0]
        if any(char.isspace() for char in name):
            raise BadValueError(f"{value}: the name {name!r} has a space in it")
        found += variable(line, around)
    return tuple(found)


def label_file(value: str, around: Surroundings) -> Pairs:
    """`--label-file`: one `NAME=VALUE` or `NAME` a line."""
    return tuple(map(label, _lines(value, around)))


def _lines(value: str, around: Surroundings) -> list[str]:
    """A file's lines without `#` comments, as docker's client reads them."""
    path = around.path(value)
    try:
        lines = [line.lstrip() for line in _text(path, around).splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadValueError(f"{path}: {reason(error)}") from error
    return [line for line in lines if line and not line.startswith("#")]


def _text(path: Path, around: Surroundings) -> str:
    if os.geteuid() != 0 or plain.is_handed_over(path):
        return plain.text(path)
    from rootless_build.files.as_owner import read_as_owner  # noqa: PLC0415 - root alone

    return read_as_owner(around.directory, lambda: plain.text(path))


def build_context(value: str, around: Surroundings) -> tuple[str, str]:
    """`NAME=CONTEXT`; a context that is a path is made absolute."""
    name, _, text = value.partition("=")
    if not (name and text):
        raise BadValueError(f"{value!r} is not NAME=CONTEXT")
    return name, text if ":" in text else str(around.path(text))


# --- secrets --------------------------------------------------------------------------------------


def secret(value: str, around: Surroundings) -> str:
    """`id=ID[,src=FILE|,env=NAME]`."""
    try:
        made = build_secrets.parse(value, around.directory, around.environment)
    except build_secrets.BadSecretError as error:
        raise BadValueError(f"{value!r}: {error}") from error
    return _engines_secret(made, around)


def secret_of_fields(given: Mapping[str, str], around: Surroundings) -> str:
    """A secret whose fields are told one by one, as a bake file has them."""
    try:
        made = build_secrets.of_fields(given, around.directory, around.environment)
    except build_secrets.BadSecretError as error:
        raise BadValueError(f"a secret: {error}") from error
    return _engines_secret(made, around)


def _engines_secret(secret: BuildSecret, around: Surroundings) -> str:
    """The secret as engines are told of it, which have rbuild's environment."""
    name = secret.variable
    if around.called:
        return str(secret)
    if name is not None and around.environment.get(name) != os.environ.get(name):
        raise BadValueError(
            f"the recipe gives the variable {name} a value of its own, and engines get rbuild's"
            " environment: set it there, or name a file (src=FILE)"
        )
    return str(secret)


def ssh(value: str, around: Surroundings) -> str:
    """`ID` of an agent, or `ID=FILE`."""
    name, equals, key = value.partition("=")
    return f"{name}={around.path(key)}" if equals else name


# --- mounts ---------------------------------------------------------------------------------------


def volume_name(value: str) -> str:
    """A volume's name as docker takes it: engines have made paths of others."""
    if not _VOLUME_NAME.fullmatch(value):
        raise BadValueError(f"{value!r} is no volume's name (letters, digits, _ . and -)")
    return value


def mount_target(value: str) -> str:
    """Where something is mounted in the container: absolute, and without `..`."""
    if not value.startswith("/"):
        raise BadValueError(f"{value!r} is not an absolute path in the container")
    target = posixpath.normpath("/" + value.lstrip("/"))
    if target == "/":
        raise BadValueError("nothing can be mounted over the container's root")
    return target


def volume(value: str, around: Surroundings) -> tuple[Mount, tuple[str, ...]]:
    """`-v [SOURCE:]TARGET[:OPTIONS]` (docker run reference, volume), and notes on options."""
    parts = value.split(":")
    if not all(parts):
        # As docker 28.2 has it; mostly a variable that is not set.
        spec = f"invalid spec: {value}: empty section between colons"
        raise DockersOwnError(spec if value else "invalid empty volume spec")
    if len(parts) > 3:
        raise BadValueError(f"{value!r} is not [SOURCE:]TARGET[:OPTIONS]")
    if len(parts) == 1:
        return VolumeMount(target=mount_target(parts[0])), ()
    options = parts[2].split(",") if len(parts) == 3 else []
    return _volume(parts[0], mount_target(parts[1]), options, around)


def _volume(
    source: str, target: str, options: list[str], around: Surroundings
) -> tuple[Mount, tuple[str, ...]]:
    notes: list[str] = []
    read_only, copy, propagation = False, True, None
    path = _is_path(source)
    for option in options:
        if option in {"ro", "readonly"}:
            read_only = True
        elif option == "nocopy" and not path:
            copy = False
        elif option in _PROPAGATION and path:
            propagation = option
        elif option in {"z", "Z"}:
            notes.append(f":{option} has no effect: rbuild relabels no file of yours")
        elif option not in _NO_EFFECT:
            kind = "a directory" if path else "a volume"
            raise BadValueError(f"{kind} has no mount option {option!r}")
    if path:
        mount = BindMount(around.path(source), target, read_only, propagation=propagation)
        return mount, tuple(notes)
    if not _VOLUME_NAME.fullmatch(source):
        raise BadValueError(
            f"{source!r} is neither a path as docker wants it (/… or .…) nor a volume's name"
        )
    return VolumeMount(target, source, read_only, copy), tuple(notes)


def _is_path(source: str) -> bool:
    """Whether docker's client takes a mount's source for a path: `../x` and `.git` too, not `x/y`.

    Seen in docker 28.2.2: it makes what begins with a dot absolute, and hands on the rest.
    """
    return source.startswith(("/", "."))


def mount(value: str, around: Surroundings) -> Mount:
    """`--mount type=…,src=…,dst=…` (docker run reference, mount): comma-separated values."""
    given = _fields_of(value)
    kind = given.pop("type", "volume")
    target = _take_first(given, "target", "dst", "destination")
    if not target:
        raise BadValueError(f"{value!r} has no target")
    target = mount_target(target)
    source = _take_first(given, "source", "src")
    read_only = _take_read_only(given)
    made: Mount
    match kind:
        case "bind":
            made = _bind(value, source, target, read_only, given, around)
        case "volume":
            copy = not boolean(given.pop("volume-nocopy", "false") or "true")
            made = VolumeMount(target, volume_name(source) if source else None, read_only, copy)
        case "tmpfs":
            made = _tmpfs(target, read_only, given)
        case _:
            raise BadValueError(f"mounts of type {kind!r} can't be made here")
    if given:
        raise BadValueError(f"the mount option {next(iter(given))!r} is not known")
    return made


def _bind(
    value: str,
    source: str | None,
    target: str,
    read_only: bool,
    given: dict[str, str | None],
    around: Surroundings,
) -> BindMount:
    if not source:
        raise BadValueError(f"{value!r} has no source")
    if not _is_path(source):
        raise BadValueError(f"the source {source!r} is no path as docker wants it (/… or .…)")
    propagation = given.pop("bind-propagation", None)
    given.pop("consistency", None)
    return BindMount(around.path(source), target, read_only, False, propagation)


def _tmpfs(
    target: str,
    read_only: bool,
    given: dict[str, str | None],
) -> TmpfsMount:
    size = given.pop("tmpfs-size", None)
    mode = given.pop("tmpfs-mode", None)
    wanted = (("size", size), ("mode", mode), ("ro", "" if read_only else None))
    options = [f"{name}={text}" if text else name for name, text in wanted if text is not None]
    return TmpfsMount(target, tuple(options))


def tmpfs(value: str) -> TmpfsMount:
    """`--tmpfs TARGET[:OPTIONS]`."""
    target, _, options = value.partition(":")
    return TmpfsMount(mount_target(target), tuple(filter(None, options.split(","))))


# --- outputs --------------------------------------------------------------------------------------


def callers_output(value: str, around: Surroundings) -> BuildOutput:
    """The same of a caller, who may have it on standard output: its `dest` is then /dev/stdout."""
    if value == "-":
        return output(f"type=tar,dest={CALLERS}", around)
    given = _fields_of(value) if "=" in value else {}
    kind, place = given.get("type"), given.get("dest")
    if place == "-" or (kind in {"tar", "oci"} and not place and "push" not in given):
        value = ",".join(word for word in value.split(",") if not word.startswith("dest="))
        return output(f"{value},dest={CALLERS}", around)
    return output(value, around)


def output(value: str, around: Surroundings) -> BuildOutput:
    """`--output DEST` or `type=…,dest=…`; a directory alone means `type=local`."""
    if "=" not in value:
        if value == "-":
            raise BadValueError("there is no standard output to write an archive to")
        return BuildOutput("local", (("dest", str(around.path(value))),))
    given = _fields_of(value)
    kind = given.pop("type", None)
    if not kind:
        raise BadValueError(f"{value!r} has no type")
    if kind == "cacheonly":
        return BuildOutput(kind)
    if kind not in {"local", "tar", "docker", "image", "oci"} or "push" in given:
        raise BadValueError(f"an output of type {kind!r} can't be made here")
    destination = given.get("dest")
    if destination:
        given["dest"] = str(around.path(destination))
    made = BuildOutput(kind, tuple((name, text or "") for name, text in given.items()))
    if (kind in {"local", "tar", "oci"} or outputs.is_archive(made)) and destination in _NO_PATH:
        raise BadValueError(f"an output of type {kind!r} needs dest=, a path")
    odd = outputs.unknown_attribute(made) if outputs.is_archive(made) else None
    if odd is not None:
        raise BadValueError(f"{odd}= of an output of type {kind!r} is not known here")
    return made


def _fields_of(value: str) -> dict[str, str | None]:
    """`key=value` and bare `key` words, separated by commas and quoted as in CSV (RFC 4180)."""
    try:
        words = next(csv.reader([value], strict=True), [])
    except csv.Error as error:
        raise BadValueError(f"{value!r}: {error}") from error
    found: dict[str, str | None] = {}
    for each in words:
        name, equals, text = each.partition("=")
        found[name.strip().lower()] = text if equals else None
    return found


def _take_first(given: dict[str, str | None], *names: str) -> str | None:
    taken = [given.pop(name) for name in names if name in given]
    return taken[0] if taken else None


def _take_read_only(given: dict[str, str | None]) -> bool:
    for name in ("readonly", "ro"):
        if name in given:
            return boolean(given.pop(name) or "true")
    return False

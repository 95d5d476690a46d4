"""A step in the making: what the flags of one docker command line have said so far."""

from __future__ import annotations

import csv
import os
import posixpath
import re
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rootless_build.files import plain
from rootless_build.model.data import dataclass
from rootless_build.model.errors import reason
from rootless_build.model.plan import (
    BindMount,
    BuildOutput,
    Limits,
    Mount,
    Pairs,
    PullPolicy,
    TmpfsMount,
    VolumeMount,
)

if TYPE_CHECKING:
    from rootless_build.model.build_secrets import BuildSecret

_TRUE: Final = {"1", "t", "T", "true", "TRUE", "True"}
_FALSE: Final = {"0", "f", "F", "false", "FALSE", "False"}
_PROPAGATION: Final = {"rprivate", "private", "rshared", "shared", "rslave", "slave"}
_NO_EFFECT: Final = {"cached", "delegated", "consistent", "rw", ""}
_VOLUME_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


class BadValueError(ValueError):
    """A flag's value is not one that docker takes; the text says why."""


class DockersOwnError(BadValueError):
    """A value that docker itself refuses when the line runs; the text is what docker says."""


def boolean(value: str) -> bool:
    """A flag's `=value` as Go's strconv.ParseBool reads it."""
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise BadValueError(f"{value!r} is neither true nor false")


@dataclass
class Draft:
    """`directory` and `environment` are those in which the command line would run."""

    directory: Path
    environment: Mapping[str, str]
    fields: dict[str, object] = field(default_factory=dict)
    limits: dict[str, object] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def put(self, name: str, value: object) -> None:
        """Set a field; the last one wins, as with docker."""
        self.fields[name] = value

    def add(self, name: str, *values: object) -> None:
        """Add to a field that holds several."""
        self.fields[name] = (*self._held(name), *values)

    def _held(self, name: str) -> tuple[object, ...]:
        before = self.fields.get(name, ())
        assert isinstance(before, tuple)  # noqa: S101 - add() and its like alone make these
        return before

    def finished_limits(self) -> Limits:
        """The limits, if any was given."""
        return Limits(**self.limits)  # type: ignore[arg-type]  # the flag table names its fields

    # --- what the flags' values mean ------------------------------------------------------------

    def add_pair(self, name: str, value: str) -> None:
        """`NAME=VALUE`, or `NAME` with the environment's value; one that is not set is left out."""
        key, equals, text = value.partition("=")
        if not key:
            raise BadValueError(f"{value!r} has no name")
        if equals:
            self.add(name, (key, text))
        elif key in self.environment:
            self.add(name, (key, self.environment[key]))

    def put_text(self, name: str, value: str) -> None:
        """A word; docker takes the empty one for a flag that was not given."""
        self.put(name, value or None)

    def put_path(self, name: str, value: str) -> None:
        """A file's name; the empty one as in `put_text`."""
        self.put(name, self.path(value) if value else None)

    def add_label(self, name: str, value: str) -> None:
        """`NAME=VALUE`; a bare name has an empty value."""
        key, _, text = value.partition("=")
        self.add(name, (key, text))

    def add_environment_file(self, value: str) -> None:
        """`--env-file`: one `NAME=VALUE` or `NAME` a line. Every `-e` comes after it."""
        given = self.fields.pop("environment", ())
        for line in self._lines(value):
            name = line.partition("=")[0]
            if any(char.isspace() for char in name):
                raise BadValueError(f"{value}: the name {name!r} has a space in it")
            self.add_pair("environment", line)
        assert isinstance(given, tuple)  # noqa: S101 - add() alone makes these
        self.add("environment", *given)

    def add_label_file(self, value: str) -> None:
        """`--label-file`: one `NAME=VALUE` or `NAME` a line."""
        for line in self._lines(value):
            self.add_label("labels", line)

    def _lines(self, value: str) -> list[str]:
        """A file's lines without `#` comments, as docker's client reads them."""
        path = self.path(value)
        try:
            lines = [line.lstrip() for line in plain.text(path).splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise BadValueError(f"{path}: {reason(error)}") from error
        return [line for line in lines if line and not line.startswith("#")]

    def path(self, value: str) -> Path:
        """An absolute path; a relative one belongs to the command line's directory."""
        return Path(os.path.normpath(self.directory / value))

    def set_pull(self, value: str) -> None:
        """`--pull`, which is a word for `run` and a bool for `build`."""
        policies = {"always": PullPolicy.ALWAYS, "never": PullPolicy.NEVER}
        if value == "missing" or value in _FALSE:
            self.put("pull", PullPolicy.MISSING)
        elif value in policies or value in _TRUE:
            self.put("pull", policies.get(value, PullPolicy.ALWAYS))
        else:
            raise BadValueError(f"{value!r} is none of always, missing, never")

    def set_entrypoint(self, value: str) -> None:
        """One word; the empty word takes the image's entrypoint away."""
        self.put("entrypoint", (value,) if value else ())

    def set_integer(self, name: str, value: str) -> None:
        """A whole number."""
        self.put(name, _integer(value))

    def limit_integer(self, name: str, value: str) -> None:
        """A limit that is a whole number."""
        self.limits[name] = _integer(value)

    def add_ulimit(self, value: str) -> None:
        """`NAME=SOFT[:HARD]`."""
        # Few recipes set any.
        from rootless_build.model import ulimits  # noqa: PLC0415

        try:
            ulimits.parse(value)
        except ValueError as error:
            raise BadValueError(str(error)) from error
        before = self.limits.get("ulimits", ())
        assert isinstance(before, tuple)  # noqa: S101 - made here alone
        self.limits["ulimits"] = (*before, value)

    def add_tag(self, value: str) -> None:
        """An image's name, which docker wants."""
        if not value:
            raise BadValueError("the name is empty")
        self.add("tags", value)

    def add_platforms(self, value: str) -> None:
        """`OS/ARCH[,OS/ARCH…]`; the empty word as in `put_text`."""
        named = (*self._held("platforms"), *self._platforms(value))
        self.put("platforms", tuple(dict.fromkeys(named)))

    def set_platform(self, value: str) -> None:
        """The one of a container; the empty word as in `put_text`."""
        named = self._platforms(value)
        if len(named) > 1:
            raise BadValueError("a container has one platform")
        self.put("platform", named[0] if named else None)

    def _platforms(self, value: str) -> tuple[str, ...]:
        # Few command lines name one.
        from rootless_build.model import platforms  # noqa: PLC0415

        try:
            return platforms.several((value,)) if value else ()
        except platforms.BadPlatformError as error:
            raise BadValueError(f"{error}; {error.hint}") from error

    def set_network(self, value: str) -> None:
        """A network's name; `default` is none in particular."""
        self.put("network", None if value in {"", "default"} else value)

    def add_security_option(self, value: str) -> None:
        """`KEY=VALUE`, or docker's old `KEY:VALUE`; a seccomp profile is a file."""
        key, separator, text = value.partition("=" if "=" in value else ":")
        if key == "seccomp" and text not in {"unconfined", "builtin", ""}:
            text = str(self.path(text))
        self.add("security_options", f"{key}={text}" if separator else key)

    def add_secret(self, value: str) -> None:
        """`id=ID[,src=FILE|,env=NAME]`."""
        # Few builds have any.
        from rootless_build.model import build_secrets  # noqa: PLC0415

        try:
            self._add_secret(build_secrets.parse(value, self.directory, self.environment))
        except build_secrets.BadSecretError as error:
            raise BadValueError(f"{value!r}: {error}") from error

    def add_secret_fields(self, given: Mapping[str, str]) -> None:
        """The same, as fields."""
        from rootless_build.model import build_secrets  # noqa: PLC0415 - as above

        try:
            self._add_secret(build_secrets.of_fields(given, self.directory, self.environment))
        except build_secrets.BadSecretError as error:
            raise BadValueError(f"a secret: {error}") from error

    def _add_secret(self, secret: BuildSecret) -> None:
        name = secret.variable
        if name is not None and self.environment.get(name) != os.environ.get(name):
            raise BadValueError(
                f"the recipe gives the variable {name} a value of its own, and engines get rbuild's"
                " environment: set it there, or name a file (src=FILE)"
            )
        self.add("secrets", str(secret))

    def add_ssh(self, value: str) -> None:
        """`ID` of an agent, or `ID=FILE`."""
        name, equals, file = value.partition("=")
        self.add("ssh", f"{name}={self.path(file)}" if equals else name)

    def only(self, value: str, *allowed: str, why: str) -> None:
        """A flag that can be honoured where it says what holds anyway."""
        if value not in allowed:
            raise BadValueError(why)

    def add_volume(self, value: str) -> None:
        """`-v [SOURCE:]TARGET[:OPTIONS]` (docker run reference, volume)."""
        parts = value.split(":")
        if not all(parts):
            # As docker 28.2 has it; mostly a variable that is not set.
            spec = f"invalid spec: {value}: empty section between colons"
            raise DockersOwnError(spec if value else "invalid empty volume spec")
        if len(parts) > 3:
            raise BadValueError(f"{value!r} is not [SOURCE:]TARGET[:OPTIONS]")
        if len(parts) == 1:
            self.add("mounts", VolumeMount(target=mount_target(parts[0])))
            return
        options = parts[2].split(",") if len(parts) == 3 else []
        self.add("mounts", self._volume(parts[0], mount_target(parts[1]), options))

    def _volume(self, source: str, target: str, options: list[str]) -> Mount:
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
                self.notes.append(f":{option} has no effect: rbuild relabels no file of yours")
            elif option not in _NO_EFFECT:
                kind = "a directory" if path else "a volume"
                raise BadValueError(f"{kind} has no mount option {option!r}")
        if path:
            return BindMount(self.path(source), target, read_only, propagation=propagation)
        if not _VOLUME_NAME.fullmatch(source):
            raise BadValueError(
                f"{source!r} is neither a path as docker wants it (/… or .…) nor a volume's name"
            )
        return VolumeMount(target, source, read_only, copy)

    def add_mount(self, value: str) -> None:
        """`--mount type=…,src=…,dst=…` (docker run reference, mount): comma-separated values."""
        given = _fields_of(value)
        kind = given.pop("type", "volume")
        target = _first(given, "target", "dst", "destination")
        if not target:
            raise BadValueError(f"{value!r} has no target")
        target = mount_target(target)
        source = _first(given, "source", "src")
        read_only = _read_only(given)
        made: Mount
        if kind == "bind":
            if not source:
                raise BadValueError(f"{value!r} has no source")
            if not _is_path(source):
                raise BadValueError(
                    f"the source {source!r} is no path as docker wants it (/… or .…)"
                )
            propagation = given.pop("bind-propagation", None)
            given.pop("consistency", None)
            made = BindMount(self.path(source), target, read_only, False, propagation)
        elif kind == "volume":
            copy = not boolean(given.pop("volume-nocopy", "false") or "true")
            made = VolumeMount(target, volume_name(source) if source else None, read_only, copy)
        elif kind == "tmpfs":
            size = given.pop("tmpfs-size", None)
            mode = given.pop("tmpfs-mode", None)
            wanted = (("size", size), ("mode", mode), ("ro", "" if read_only else None))
            options = [
                f"{name}={text}" if text else name for name, text in wanted if text is not None
            ]
            made = TmpfsMount(target, tuple(options))
        else:
            raise BadValueError(f"mounts of type {kind!r} can't be made here")
        if given:
            raise BadValueError(f"the mount option {next(iter(given))!r} is not known")
        self.add("mounts", made)

    def add_tmpfs(self, value: str) -> None:
        """`--tmpfs TARGET[:OPTIONS]`."""
        target, _, options = value.partition(":")
        self.add(
            "mounts", TmpfsMount(mount_target(target), tuple(filter(None, options.split(","))))
        )

    def add_output(self, value: str) -> None:
        """`--output DEST` or `type=…,dest=…`; a directory alone means `type=local`."""
        if "=" not in value:
            if value == "-":
                raise BadValueError("there is no standard output to write an archive to")
            self.add("outputs", BuildOutput("local", (("dest", str(self.path(value))),)))
            return
        given = _fields_of(value)
        kind = given.pop("type", None)
        if not kind:
            raise BadValueError(f"{value!r} has no type")
        if kind == "cacheonly":
            self.add("outputs", BuildOutput(kind))
            return
        if kind not in {"local", "tar", "docker", "image"} or "push" in given:
            raise BadValueError(f"an output of type {kind!r} can't be made here")
        destination = given.get("dest")
        if destination:
            given["dest"] = str(self.path(destination))
        if kind in {"local", "tar"} and destination in {None, "", "-"}:
            raise BadValueError(f"an output of type {kind!r} needs dest=, a path")
        attributes: Pairs = tuple((name, text or "") for name, text in given.items())
        self.add("outputs", BuildOutput(kind, attributes))

    def add_build_context(self, value: str) -> None:
        """`NAME=CONTEXT`; a context that is a path is made absolute."""
        name, _, text = value.partition("=")
        if not (name and text):
            raise BadValueError(f"{value!r} is not NAME=CONTEXT")
        context = text if ":" in text else str(self.path(text))
        self.add("build_contexts", (name, context))


def volume_name(value: str) -> str:
    """A volume's name as docker takes it: engines have made paths of others."""
    if not _VOLUME_NAME.fullmatch(value):
        raise BadValueError(f"{value!r} is no volume's name (letters, digits, _ . and -)")
    return value


def _is_path(source: str) -> bool:
    """Whether docker's client takes a mount's source for a path: `../x` and `.git` too, not `x/y`.

    Seen in docker 28.2.2: it makes what begins with a dot absolute, and hands on the rest.
    """
    return source.startswith(("/", "."))


def _integer(value: str) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise BadValueError(f"{value!r} is not a whole number") from error


def mount_target(value: str) -> str:
    """Where something is mounted in the container: absolute, and without `..`."""
    if not value.startswith("/"):
        raise BadValueError(f"{value!r} is not an absolute path in the container")
    target = posixpath.normpath("/" + value.lstrip("/"))
    if target == "/":
        raise BadValueError("nothing can be mounted over the container's root")
    return target


def _fields_of(value: str) -> dict[str, str | None]:
    """`key=value` and bare `key` words, separated by commas and quoted as in CSV (RFC 4180)."""
    try:
        words = next(csv.reader([value], strict=True), [])
    except csv.Error as error:
        raise BadValueError(f"{value!r}: {error}") from error
    found: dict[str, str | None] = {}
    for word in words:
        name, equals, text = word.partition("=")
        found[name.strip().lower()] = text if equals else None
    return found


def _first(given: dict[str, str | None], *names: str) -> str | None:
    values = [given.pop(name) for name in names if name in given]
    return values[0] if values else None


def _read_only(given: dict[str, str | None]) -> bool:
    for name in ("readonly", "ro"):
        if name in given:
            return boolean(given.pop(name) or "true")
    return False

"""`RUN --mount=…` (frontend/dockerfile/instructions/commands_runmount.go of moby/buildkit)."""

from __future__ import annotations

import csv
from typing import Final

from msgspec import Struct

from rootless_build.model.go import parse_bool

TYPES: Final = ("bind", "cache", "tmpfs", "secret", "ssh")
_SHARING: Final = ("shared", "private", "locked")
_KEYS: Final = (
    "type",
    "from",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "readonly",
    "ro",
    "readwrite",
    "rw",
    "id",
    "sharing",
    "required",
    "size",
    "mode",
    "uid",
    "gid",
    "env",
)
_OWNERS: Final = ("uid", "gid", "mode")
_CONTAINERS: Final = (
    *("Z", "z", "U", "relabel", "consistency", "bind-propagation", "bind-nonrecursive"),
    *("tmpfs-size", "tmpfs-mode", "tmpcopyup", "nosuid", "nodev", "noexec"),
)
"""Options of podman's and buildah's own, which BuildKit does not have."""


class MountError(ValueError):
    """`nearest` is what may have been meant, empty if nothing is like it."""

    def __init__(self, message: str, word: str = "", known: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.word = word
        self.known = known


class Mount(Struct, frozen=True):
    """Values as written, variables included. `writable` None: what the type's default is.

    `others` are options that no rule touches, such as `id=…`.
    """

    type: str = "bind"
    origin: str | None = None
    source: str | None = None
    target: str | None = None
    writable: bool | None = None
    sharing: str | None = None
    size: str | None = None
    others: tuple[str, ...] = ()

    def __str__(self) -> str:
        # Where buildah 1.39 to 1.43 reads `type=bind` it has a RUN done again whenever a file or a
        # time in all of the context has changed; without, what the other options say decides.
        fields = [] if self.type == "bind" else [f"type={self.type}"]
        for name, value in (
            ("from", self.origin),
            ("source", self.source),
            ("target", self.target),
            ("sharing", self.sharing),
            ("size", self.size),
        ):
            if value is not None:
                fields.append(f"{name}={value}")
        if self.writable is not None:
            fields.append("rw" if self.writable else "ro")
        return ",".join(_field(word) for word in (*fields, *self.others))

    @property
    def is_owned(self) -> bool:
        """Whether it says whose the mount is, or who may use it."""
        names = {word.partition("=")[0] for word in self.others}
        return self.type in {"cache", "secret", "ssh"} and not names.isdisjoint(_OWNERS)

    @property
    def id(self) -> str | None:
        """The id of a cache, secret or agent."""
        return next((word[3:] for word in self.others if word.startswith("id=")), None)


def parse(text: str) -> Mount:
    """The mount that the value of a `--mount` describes. Raises MountError."""
    try:
        fields = next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        raise MountError(f"the mount {text} is not a list of comma-separated values") from error
    found: dict[str, str] = {}
    writable: bool | None = None
    others: list[str] = []
    for field in fields:
        name, equals, value = field.partition("=")
        key = name.lower()
        if key in {"ro", "readonly", "rw", "readwrite"}:
            writable = _flag(key, value if equals else "true", field) == key.startswith(
                ("rw", "readw")
            )
        elif key == "required" or name in _CONTAINERS:
            others.append(field)
        elif key not in _KEYS:
            raise MountError(f"a mount has no option {name}", name, _KEYS)
        elif not equals:
            raise MountError(f"the mount option {name} needs a value")
        elif key in {"id", "mode", "uid", "gid", "env"}:
            others.append(f"{key}={value}")
        else:
            found[_long(key)] = value
    return _check(found, writable, tuple(others))


def _check(found: dict[str, str], writable: bool | None, others: tuple[str, ...]) -> Mount:
    kind = found.get("type", "bind")
    if "$" not in kind:
        kind = kind.lower()
        if kind not in TYPES:
            raise MountError(f"there is no mount type {kind}", kind, TYPES)
    sharing = found.get("sharing")
    if sharing is not None and "$" not in sharing and sharing.lower() not in _SHARING:
        raise MountError(f"a cache can't be shared as {sharing}", sharing, _SHARING)
    if sharing is not None and kind in TYPES and kind != "cache":
        raise MountError(f"a {kind} mount has no sharing")
    if "size" in found and kind in TYPES and kind != "tmpfs":
        raise MountError(f"a {kind} mount has no size")
    if kind in {"bind", "tmpfs"}:
        for option in others:
            if option.partition("=")[0].lower() in {"mode", "uid", "gid", "required"}:
                raise MountError(f"a {kind} mount has no {option.partition('=')[0]}")
    if kind == "tmpfs" and "source" in found:
        raise MountError("a tmpfs mount has no source")
    return Mount(
        kind,
        found.get("from"),
        found.get("source"),
        found.get("target"),
        writable,
        sharing,
        found.get("size"),
        others,
    )


def _long(key: str) -> str:
    return {"src": "source", "dst": "target", "destination": "target"}.get(key, key)


def _flag(key: str, value: str, field: str) -> bool:
    """What `rw`, `ro` and their long forms say, as "is the option itself on"."""
    found = parse_bool(value.lower())
    if found is None:
        raise MountError(f"{field}: {key} is true or false")
    return found


def _field(word: str) -> str:
    if not any(character in word for character in ',"\n'):
        return word
    doubled = word.replace('"', '""')
    return f'"{doubled}"'

"""Makes the root file system of a base image with mmdebstrap, from the host's own mirrors."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.images.bases.golang import Toolchain
from rootless_build.images.bases.mmdebstrap_files import TOOL, temporary_files
from rootless_build.model.errors import HostError, StepFailedError
from rootless_build.model.events import Stream
from rootless_build.process import programs

SYMBOLIC: Final = ("stable", "oldstable", "oldoldstable", "testing", "unstable", "sid")
ROLLING: Final = ("testing", "unstable", "sid")
_POCKETS: Final = ("", "updates", "security")
_ARCHIVE_PATH: Final = re.compile(r"/(?:debian|debian-security|ubuntu|ubuntu-ports)/?$")
_ACQUIRE: Final = re.compile(
    r"Acquire::(?:https?::(?!Proxy-Auto-Detect)\S+|Check-Valid-Until|Check-Date|Retries"
    r'|ForceIPv[46])\s+"(?P<value>[^"]+)";',
    re.IGNORECASE,
)
_AUTHORITY: Final = re.compile(r"Acquire::https::(?:\S+::)?CaInfo\s", re.IGNORECASE)
_LOCAL_AUTHORITIES: Final = Path("/usr/local/share/ca-certificates")
_FORMAT: Final = "$(SITE)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)"


class BaseImage(Struct, frozen=True):
    """A base image that can be made from packages.

    `distribution` is `debian` or `ubuntu`, `suite` what its archive calls the release
    (`bookworm`), `local_reference` the name in the engine's storage (`localhost/debian:12`).
    `packages` are in it besides the smallest system. `go` is the Go of a golang image.
    """

    distribution: str
    suite: str
    local_reference: str
    packages: tuple[str, ...] = ()
    go: Toolchain | None = None


class AptHost(Struct, frozen=True):
    """What is known of the host's own apt.

    `distribution` and `codename` are os-release's ID and VERSION_CODENAME. `targets` is
    `apt-get indextargets` in the form SITE|RELEASE|COMPONENT|ORIGIN (an unknown one stays
    `$(ORIGIN)`), `configuration` is `apt-config dump`; both are empty on a host without apt.
    """

    distribution: str = ""
    codename: str = ""
    targets: str = ""
    configuration: str = ""


def make_archive(base: BaseImage, archive: Path, on_output: programs.OnOutput) -> None:
    """Write the root file system of `base` to `archive`, a tar file, with mmdebstrap.

    The packages come from the mirror the host's own apt uses, if the host is of the same
    distribution; apt's proxy and certificate settings of the host are in force, and stay in the
    image, whose own apt will need them too. Raises HostError without mmdebstrap, StepFailedError
    with its last words; nothing half-written remains.
    """
    if programs.which(TOOL) is None:
        raise HostError(
            f"{TOOL}, which makes base images from packages, is not installed",
            finding=f"no-{TOOL}",
            hint=f"apt-get install {TOOL}; or give a tar archive: rbuild base --from FILE IMAGE",
        )
    partial = archive.with_name(f".{archive.name}.{os.getpid()}")
    words = programs.Tail()

    def output(data: bytes, stream: Stream) -> None:
        words.add(data)
        on_output(data, stream)

    try:
        with temporary_files() as environment:
            argv = command(base, partial, host())
            status = programs.stream(argv, output, environment=environment)
            if status:
                raise StepFailedError(
                    f"{TOOL} could not make {base.distribution}:{base.suite}",
                    status=status,
                    engine_words=words.text,
                    hint=_hint(words.text, base),
                )
        partial.replace(archive)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()


def host() -> AptHost:
    """The host's own apt, as apt itself reports it: one-line and deb822 sources alike."""
    release = os_release()
    return AptHost(
        release.get("ID", ""),
        release.get("VERSION_CODENAME", ""),
        _output_of("apt-get", "indextargets", "--format", _FORMAT, "Created-By: Packages"),
        _output_of("apt-config", "dump"),
    )


def command(base: BaseImage, archive: Path, apt: AptHost) -> tuple[str, ...]:
    """The mmdebstrap command line that writes `archive`."""
    mirrors = tuple(_mirrors(base, apt))
    # Ubuntu's images have universe; mmdebstrap's own default is main alone.
    components = ("--components=main,universe",) if base.distribution == "ubuntu" else ()
    return (
        TOOL,
        f"--mode={'unshare' if os.geteuid() else 'auto'}",
        "--variant=minbase",
        "--format=tar",
        f"--include={','.join(dict.fromkeys(('ca-certificates', *base.packages)))}",
        *components,
        *_apt_settings(apt.configuration),
        *_authorities(mirrors),
        base.suite,
        str(archive),
        *mirrors,
    )


def _mirrors(base: BaseImage, apt: AptHost) -> Iterator[str]:
    """The host's sources as one-line entries for `base.suite`; none: mmdebstrap's default."""
    if apt.distribution != base.distribution:
        return
    own_names = {apt.codename, *(SYMBOLIC if base.distribution == "debian" else ())}
    sources: dict[tuple[str, str], dict[str, None]] = {}
    for line in apt.targets.splitlines():
        site, release, component, origin = (line.split("|") + [""] * 4)[:4]
        name, _, pocket = release.partition("-")
        ours = origin.lower() == base.distribution or (
            origin.startswith("$") and _ARCHIVE_PATH.search(site)
        )
        # Other schemes (file:, mirror+file:, cdrom:) mean nothing inside the image.
        if not (ours and site.startswith(("http://", "https://"))):
            continue
        if name not in own_names or pocket not in _POCKETS:
            continue
        if pocket and base.suite in ROLLING:
            continue
        suite = f"{base.suite}-{pocket}" if pocket else base.suite
        sources.setdefault((site, suite), {})[component] = None
    if not any(suite == base.suite for _, suite in sources):
        return
    keyring = Path(f"/usr/share/keyrings/{base.distribution}-archive-keyring.gpg")
    signed = f" [signed-by={keyring}]" if keyring.exists() else ""
    for (site, suite), components in sources.items():
        yield f"deb{signed} {site} {suite} {' '.join(components)}"


def _apt_settings(configuration: str) -> Iterator[str]:
    for line in configuration.splitlines():
        match = _ACQUIRE.fullmatch(line.strip())
        if match is None:
            continue
        yield f"--aptopt={line.strip()}"
        if _AUTHORITY.match(line):
            file = match["value"]
            yield f'--customize-hook=mkdir -p "$1"{shlex.quote(str(Path(file).parent))}'
            yield f"--customize-hook=upload {shlex.quote(file)} {shlex.quote(file)}"


def _authorities(mirrors: tuple[str, ...]) -> tuple[str, ...]:
    """With a mirror behind https, the image must trust what the host was told to trust."""
    certificates = sorted(_LOCAL_AUTHORITIES.glob("*.crt"))
    if not certificates or not any(" https://" in mirror for mirror in mirrors):
        return ()
    files = shlex.join(map(str, certificates))
    return (
        f"--customize-hook=copy-in {files} {_LOCAL_AUTHORITIES}",
        '--customize-hook=chroot "$1" update-ca-certificates',
    )


def _hint(words: str, base: BaseImage) -> str:
    if "NO_PUBKEY" in words or "is not signed" in words:
        package = {"debian": "debian-archive-keyring", "ubuntu": "ubuntu-keyring"}
        return f"the archive's keys may be missing: apt-get install {package[base.distribution]}"
    if "does not have a Release file" in words or "404" in words:
        return f"the mirror has no {base.suite}: not yet, or no longer"
    if "newuidmap" in words or "subuid" in words or "unshare" in words:
        return "it needs subordinate uids (/etc/subuid) and the package uidmap"
    return ""


def os_release() -> dict[str, str]:
    """What os-release(5) says of this host; empty without the file."""
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _output_of(*argv: str) -> str:
    if programs.which(argv[0]) is None:
        return ""
    answer = programs.capture(argv)
    return answer.text if answer.status == 0 else ""

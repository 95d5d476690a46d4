"""The script that stands for docker while a Makefile is read.

It is put together here from what it answers. Which fields there are, and how docker prints them,
was compared with docker 29.1.3 and a daemon of its own
(`tests/unit/recipes/make/test_stub.py` says what).
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rootless_build.recipes.make.program import IN_RECIPE, NEAREST, PLACE

VERSION: Final = "28.0.0"
"""Recent enough for every question a Makefile asks of the client."""
_API: Final = "1.48"
_OLDEST_API: Final = "1.24"
_PODMAN: Final = "5.0.0"
_BUILDX: Final = "v0.20.0"
_GO_NAMES: Final = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "armv6l": "arm",
    "i686": "386",
}

REFUSAL: Final = "rbuild: docker is not run"
"""Begins what the stand-in says of every other command."""

# A template is answered where it is text with fields in it, and each field is known. What is
# recorded of a call comes first: whether it was answered, in which part of make's work, where, and
# as which image a build of it goes on.
_SCRIPT: Final = r"""#!/bin/sh
set -f
program=${0##*/}
case $program in docker-buildx) program=docker; set -- buildx "$@" ;; esac
phase=reading
[ -s "$RBUILD_STUB_READ" ] && phase=recipes
record() {
    known=$1 image=$2
    shift 2
    printf '%s\0' "$known" "$phase" "$PWD" "$image" "$program" "$@" '
' >> "$RBUILD_STUB_RECORD"
}
# A recipe's line that make runs even now, because it has $(MAKE) in docker's words: it is a step of
# the plan. What nobody but make's reader hears has no answer that anything could depend on.
case "$*" in
*@PLACE@/make*)
    [ -z "${@IN_RECIPE@-}" ] || [ -z "${@NEAREST@-}" ] ||
        ! [ /proc/self/fd/1 -ef "/proc/$@NEAREST@/fd/1" ] || exit 0 ;;
esac
refuse() {
    # A word in the place of the answer, for whoever reads it: not for files.
    if [ -e "$RBUILD_STUB_READ.words" ] && [ -p /dev/stdout ]; then
        id=$(printf '%s\0' "$program" "$@" | sha256sum)
        record no "${id%% *}" "$@"
        echo "${id%% *}"
        exit 0
    fi
    record no '' "$@"
    echo "@REFUSAL@ ${RBUILD_STUB_EXPANDS:-while the Makefile is read}: $program $1" >&2
    exit 1
}
answered() { record yes '' "$@"; }

version_field() {
    case $1 in
    .Client.Version|.Server.Version) value=@VERSION@ ;;
    .Client.APIVersion|.Client.DefaultAPIVersion|.Server.APIVersion) value=@API@ ;;
    .Server.MinAPIVersion) value=@OLDEST_API@ ;;
    .Client.Os|.Server.Os) value=linux ;;
    .Client.Arch|.Server.Arch) value=@ARCH@ ;;
    .Client.OsArch|.Server.OsArch) [ "$program" = podman ] && value=linux/@ARCH@ ;;
    .Client.Context) value=default ;;
    .Server.Experimental) value=false kind=plain ;;
    .Server.KernelVersion) value='@KERNEL@' ;;
    .Server.Platform.Name) value= ;;
    .Version) [ "$program" = podman ] && value=@VERSION@ ;;
    *) return 1 ;;
    esac
}
info_field() {
    case $1 in
    .ServerVersion|.ClientInfo.Version) value=@VERSION@ ;;
    .Driver) value= ;;
    .OSType|.ClientInfo.Os) value=linux ;;
    .Architecture) value=@MACHINE@ ;;
    .ClientInfo.Arch) value=@ARCH@ ;;
    .ClientInfo.Context) value=default ;;
    .NCPU) value=@CPUS@ kind=plain ;;
    .MemTotal) value=@MEMORY@ kind=plain ;;
    .KernelVersion) value='@KERNEL@' ;;
    .Name) value='@NAME@' ;;
    .OperatingSystem) value='@SYSTEM@' ;;
    .CgroupVersion) value=@CGROUPS@ ;;
    .ExperimentalBuild|.Swarm.ControlAvailable) value=false kind=plain ;;
    .Swarm.LocalNodeState) value=inactive ;;
    .IndexServerAddress) value=https://index.docker.io/v1/ ;;
    .SecurityOptions)
        value='[name=seccomp,profile=builtin name=rootless name=cgroupns]'
        json='["name=seccomp,profile=builtin","name=rootless","name=cgroupns"]' ;;
    *) return 1 ;;
    esac
}
podman_info_field() {
    case $1 in
    .[Hh]ost.[Ss]ecurity.[Rr]ootless) value=true kind=plain ;;
    .[Hh]ost.[Aa]rch) value=@ARCH@ ;;
    .[Hh]ost.[Oo][Ss]) value=linux ;;
    .[Hh]ost.[Kk]ernel) value='@KERNEL@' ;;
    .[Hh]ost.[Hh]ostname) value='@NAME@' ;;
    .[Hh]ost.CPUs|.[Hh]ost.cpus) value=@CPUS@ kind=plain ;;
    .[Hh]ost.[Mm]emTotal) value=@MEMORY@ kind=plain ;;
    .[Hh]ost.[Cc]group[sV]ersion) value=v@CGROUPS@ ;;
    .[Vv]ersion.Version) value=@VERSION@ ;;
    *) return 1 ;;
    esac
}
# fill FIELDS TEMPLATE: its text in $text, or a failure where it asks for what is not known.
fill() {
    fields=$1 rest=$2 text=
    while :; do
        case $rest in *'{{'*'}}'*) ;; *'{{'*) return 1 ;; *) break ;; esac
        text=$text${rest%%'{{'*}
        rest=${rest#*'{{'}
        action=${rest%%'}}'*}
        rest=${rest#*'}}'}
        end=
        case $action in '- '*|*' -') return 1 ;; esac
        set -- $action
        case $# in
        1) how=plain name=$1 ;;
        2) how=$1 name=$2 ;;
        *) return 1 ;;
        esac
        kind=text value=@UNSET@ json=
        "$fields" "$name" || return 1
        [ "$value" = @UNSET@ ] && return 1
        case $how in
        plain|print) ;;
        println) end='
' ;;
        json)
            if [ -n "$json" ]; then value=$json
            elif [ "$kind" = text ]; then value="\"$value\""
            fi ;;
        *) return 1 ;;
        esac
        text=$text$value$end
    done
    text=$text$rest
}
# ask FIELDS PAGE COMMAND WORDS…: what `docker version`, `docker info` and their like are asked.
ask() {
    fields=$1 page=$2 format= bad=
    shift 2
    size=$1
    shift
    number=0
    for word; do
        number=$((number + 1))
        [ "$number" -le "$size" ] && continue
        if [ -n "$wanted" ]; then format=$word wanted=; continue; fi
        case $word in
        --format=*) format=${word#--format=} ;;
        -f=*) format=${word#-f=} ;;
        -f|--format) wanted=yes ;;
        -f*) format=${word#-f} ;;
        *) bad=yes ;;
        esac
    done
    [ -n "$bad$wanted" ] && refuse "$@"
    case $format in
    '') answered "$@"; "$page" ;;
    *'{{'*) if fill "$fields" "$format"; then answered "$@"; printf '%s\n' "$text"
        else refuse "$@"; fi ;;
    *) refuse "$@" ;;
    esac
}
version_page() {
    if [ "$program" = podman ]; then
        printf '%-14s%s\n' Client: 'Podman Engine' Version: @VERSION@ 'API Version:' @VERSION@ \
            OS/Arch: linux/@ARCH@
        return
    fi
    cat <<'end'
Client:
 Version:           @VERSION@
 API version:       @API@
 OS/Arch:           linux/@ARCH@
 Context:           default

Server:
 Engine:
  Version:          @VERSION@
  API version:      @API@ (minimum version @OLDEST_API@)
  OS/Arch:          linux/@ARCH@
  Experimental:     false
end
}
info_page() {
    cat <<'end'
Client:
 Version:    @VERSION@
 Context:    default
 Debug Mode: false
 Plugins:
  buildx: Docker Buildx (Docker Inc.)
    Version:  @BUILDX@

Server:
 Server Version: @VERSION@
 Cgroup Version: @CGROUPS@
 Swarm: inactive
 Security Options:
  seccomp
   Profile: builtin
  rootless
  cgroupns
 Kernel Version: @KERNEL@
 Operating System: @SYSTEM@
 OSType: linux
 Architecture: @MACHINE@
 CPUs: @CPUS@
 Total Memory: @SIZE@
 Name: @NAME@
 Debug Mode: false
 Experimental: false
 Live Restore Enabled: false

end
}
podman_info_page() {
    cat <<'end'
host:
  arch: @ARCH@
  cgroupVersion: v@CGROUPS@
  cpus: @CPUS@
  hostname: @NAME@
  kernel: @KERNEL@
  memTotal: @MEMORY@
  os: linux
  security:
    rootless: true
version:
  Version: @VERSION@
end
}
# build WORDS…: a build whose image is asked for is done when the plan is; its id stands for it.
build() {
    quiet=
    for word; do
        case $word in
        -q|-q[a-zA-Z]*|--quiet|--quiet=true|--quiet=1) quiet=yes ;;
        --help|-h) refuse "$@" ;;
        esac
    done
    if [ -z "$quiet" ]; then
        # podman says the id then, too.
        [ "$program" = podman ] && refuse "$@"
        answered_build "$@"
        return
    fi
    id=$(printf '%s\0' "$phase" "$PWD" "$program" "$@" | sha256sum) || refuse "$@"
    id=${id%% *}
    answered_build "$@"
    case $program in podman) echo "$id" ;; *) echo "sha256:$id" ;; esac
}
answered_build() {
    env -0 > "$RBUILD_STUB_RECORD.$$" || refuse "$@"
    record "build $$" "$id" "$@"
}
# as_other WORDS…: what sudo is to run. It would look for it on a PATH of its own.
as_other() {
    asked=
    for word; do
        if [ -n "$asked" ]; then asked=; shift; continue; fi
        case $word in
        -[CDghpRrTtUu]|--chdir|--chroot|--group|--host|--prompt|--role|--type|--user) asked=yes ;;
        -*|*=*) ;;
        *) break ;;
        esac
        shift
    done
    other=${1##*/}
    case $other in ''|sudo|doas) return ;; esac
    [ -x "${0%/*}/$other" ] || return 0
    shift
    exec "${0%/*}/$other" "$@"
}
wanted= id=

case $program in
docker|podman) ;;
sudo|doas) as_other "$@"; exec '@ITSELF@' "$@" ;;
*)  # Other programs are no part of any step; their version is all that they are asked.
    case $1 in
    --version|-v|version) answered "$@"; exec '@ITSELF@' "$@" ;;
    esac
    refuse "$@" ;;
esac
info=info_field page=info_page
[ "$program" = podman ] && info=podman_info_field page=podman_info_page
# What docker's own words ask for when their turn comes is done by nobody later.
case "${RBUILD_STUB_EXPANDS:+yes} $1 $2" in
"yes volume "*|"yes build "*|"yes image build"|"yes builder build"|"yes buildx b"*) refuse "$@" ;;
esac
case "$1 $2" in
version*) ask version_field version_page 1 "$@" ;;
info*) ask "$info" "$page" 1 "$@" ;;
"system info") ask "$info" "$page" 2 "$@" ;;
"buildx version")
    answered "$@"
    echo "github.com/docker/buildx @BUILDX@ 0000000" ;;
"volume rm"*|"volume remove"*) answered "$@" ;;
--version*|-v*)
    answered "$@"
    case $program in
    podman) echo "podman version @VERSION@" ;;
    *) echo "Docker version @VERSION@, build 0000000" ;;
    esac ;;
build\ *|"image build"|"builder build"|"buildx build"|"buildx b") build "$@" ;;
*) refuse "$@" ;;
esac
"""


def script(program: str, itself: str) -> str:
    """The text of the stand-in for `program`, which is at `itself` where it is installed."""
    machine = platform.machine()
    known: Mapping[str, str] = {
        "IN_RECIPE": IN_RECIPE,
        "NEAREST": NEAREST,
        "PLACE": PLACE,
        "REFUSAL": REFUSAL,
        "VERSION": _PODMAN if program == "podman" else VERSION,
        "API": _API,
        "OLDEST_API": _OLDEST_API,
        "BUILDX": _BUILDX,
        "ARCH": _GO_NAMES.get(machine, machine),
        "MACHINE": machine,
        "UNSET": "rbuild-has-no-value",
        "ITSELF": itself,
        **_host(),
    }
    text = _SCRIPT
    for name, value in known.items():
        text = text.replace(f"@{name}@", value)
    return text


def _host() -> dict[str, str]:
    """What docker says of the host itself."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    second = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    return {
        "CPUS": str(os.sysconf("SC_NPROCESSORS_ONLN")),
        "MEMORY": str(memory),
        "SIZE": _size(memory),
        "KERNEL": _plain(platform.release()),
        "NAME": _plain(platform.node()),
        "SYSTEM": _plain(_system()),
        "CGROUPS": "2" if second else "1",
    }


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return "Linux"


def _size(number: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.4g}{unit}"
        number /= 1024
    return f"{number:.4g}TiB"


def _plain(text: str) -> str:
    """Without what could end the word it stands in."""
    return text.replace("'", "").replace("\n", " ")

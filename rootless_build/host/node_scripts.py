"""What a node's sh is given to do: it needs nothing there but that, coreutils and setsid.

No script has a single quote in it, so that any login shell takes it as one word.
"""

from __future__ import annotations

from typing import Final

FACTS: Final = r"""
export LC_ALL=C
say() { printf "@%s %s\n" "$1" "$2"; }
text() { if [ -r "$2" ] && [ -f "$2" ]; then say "$1" "$2"; sed "s/^/ /" "$2"; echo; fi; }
uid=$(id -u)
say uid "$uid"
say account "$(id -un)"
say home "$HOME"
say system "$(uname -s)"
say release "$(uname -r)"
say machine "$(uname -m)"
for program in runc crun slirp4netns pasta fuse-overlayfs newuidmap newgidmap podman buildah \
    docker tar
do
    if command -v "$program" >/dev/null 2>&1; then say program "$program"; fi
done
for program in newuidmap newgidmap; do
    place=$(command -v "$program" 2>/dev/null) || continue
    if [ -u "$place" ] || getcap "$place" 2>/dev/null | grep -q set; then
        say mapper "$program"
    fi
done
data=${XDG_DATA_HOME:-$HOME/.local/share}
config=${XDG_CONFIG_HOME:-$HOME/.config}
runtime=${XDG_RUNTIME_DIR:-/run/user/$uid}
say data "$data"
say config "$config"
if [ -d "$runtime" ] && [ -O "$runtime" ] && [ -w "$runtime" ]; then
    say runtime "$runtime"
    if [ -S "$runtime/bus" ]; then say bus yes; fi
fi
if [ -n "$DBUS_SESSION_BUS_ADDRESS" ]; then say bus yes; fi
if [ -r /dev/net/tun ] && [ -w /dev/net/tun ]; then say tun yes; fi
if [ -r /dev/fuse ] && [ -w /dev/fuse ]; then say fuse yes; fi
text mounts /proc/self/mountinfo
text limits /proc/self/limits
text pids /proc/sys/kernel/pid_max
text selinux /sys/fs/selinux/enforce
text subuid /etc/subuid
text subgid /etc/subgid
text names /etc/nsswitch.conf
storage=$data/containers/storage
if [ "$uid" = 0 ]; then storage=/var/lib/containers/storage; fi
for layers in "$storage"/*-layers/layers.json; do
    if [ -e "$layers" ]; then layers=${layers%-layers/*}; say driver "${layers##*/}"; fi
done
for place in /usr/share/containers /etc/containers "$config/containers"; do
    text conf "$place/containers.conf"
    for file in "$place"/containers.conf.d/*.conf; do text conf "$file"; done
done
if [ -n "$STORAGE_DRIVER$CONTAINERS_STORAGE_CONF" ] || [ -f "$config/containers/storage.conf" ]
then say own-storage yes; fi
while [ ! -d "$storage" ]; do
    case $storage in
    /?*/*) storage=${storage%/*} ;;
    *) storage=/ ;;
    esac
done
say free "$(df -Pk "$storage" 2>/dev/null | tail -n 1)"
if command -v podman >/dev/null 2>&1; then say podman "$(podman --version 2>&1 | head -n 1)"; fi
if command -v buildah >/dev/null 2>&1; then say buildah "$(buildah --version 2>&1 | head -n 1)"; fi
say end yes
"""
"""Says what is known of the node: a line `@NAME VALUE` each, a file's lines after a space."""

KEEPER: Final = r"""
export LC_ALL=C
umask 077
trap "" HUP INT PIPE
identity=$1
uid=$(id -u)
started() { sed "s/.*) //" "/proc/$1/stat" 2>/dev/null | cut -d " " -f 20; }
lives() { [ -n "$1" ] && [ "$1" -gt 1 ] 2>/dev/null && [ "$(started "$1")" = "$2" ]; }
finish() {
    if lives "$1" "$2"; then
        kill -s TERM -- "-$1" 2>/dev/null
        tries=0
        while lives "$1" "$2" && [ "$tries" -lt 20 ]; do sleep 0.1; tries=$((tries + 1)); done
        kill -s KILL -- "-$1" 2>/dev/null
    fi
}
containers() {
    ( . "$1/environment" && podman ps --all --quiet --external --no-trunc \
        --filter "label=io.rbuild.process=$2" | while read -r id; do
        podman rm --force --volumes --time 0 "$id"
    done ) >/dev/null 2>&1 </dev/null
}
place=${XDG_RUNTIME_DIR:-/run/user/$uid}
if ! { [ -d "$place" ] && [ -O "$place" ] && [ -w "$place" ] && [ "${#place}" -lt 60 ]; }; then
    place=/tmp
fi
for old in "$place"/rbuild-node.*; do
    [ -d "$old" ] && [ -O "$old" ] && [ ! -L "$old" ] || continue
    read -r pid start whose 2>/dev/null < "$old/keeper" || continue
    if lives "$pid" "$start"; then continue; fi
    if read -r pid start 2>/dev/null < "$old/service"; then finish "$pid" "$start"; fi
    containers "$old" "$whose"
    rm -rf "$old"
done
own=$(mktemp -d "$place/rbuild-node.XXXXXXXX") || exit 1
echo "$$ $(started $$) $identity" > "$own/keeper"
service= begun= orderly=
echo "$own"
while read -r word; do
    case $word in
    service)
        ( . "$own/environment" && exec setsid podman system service --time 0 "unix://$own/s" ) \
            >"$own/log" 2>&1 </dev/null &
        service=$!
        begun=$(started "$service")
        echo "$service $begun" > "$own/service"
        ;;
    end) orderly=yes; break ;;
    esac
done
exec >/dev/null 2>&1
if [ -n "$service" ]; then
    finish "$service" "$begun"
    if [ -z "$orderly" ]; then containers "$own" "$identity"; fi
fi
rm -rf "$own"
"""
"""Keeps a private directory there for as long as the connection lasts, and an engine's service in
it from the word `service` on. Before, it clears up after those that could not.
"""

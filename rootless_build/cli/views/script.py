"""A script for any POSIX shell that does a plan's steps without rbuild: its words and its parts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.cli.views.pasting import comment
from rootless_build.model.text import script_quoted, shown

MARK: Final = "rbuild-script"
"""The file by which a directory beside a script is known."""
STAGED: Final = '"$stage"/new'
"""The copy of the bundles that a container writes to, as the script has it."""
WORK: Final = '"$work"'
HERE: Final = '"$here"'

_BEGIN: Final = r"""set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)/@NAME@
refuse() {
    printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2
    exit 1
}
[ -f "$here/@MARK@" ] || refuse "$here is not there, which was written together with this script"
work=$(mktemp -d)
stage='' bundles='' container=''
end() {
    status=$?
    trap - EXIT
    set +e
    if [ -n "$container" ]; then
        buildah rm "$container" > /dev/null 2>&1
    fi
    if [ -n "$stage" ]; then
        if [ -d "$stage/previous" ] && [ ! -e "$bundles" ]; then
            mv -- "$stage/previous" "$bundles"
        fi
        rm -rf -- "$stage" 2> /dev/null || @UNSHARE@rm -rf -- "$stage"
    fi
    rm -rf -- "$work"
    exit "$status"
}
trap end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
say() { printf '==> %s\n' "$*"; }
"""

_IMAGES: Final = r"""
# Layers of RUNs, and images of these, may have other digests than when this was written.
: > "$work/map"
now() { printf '%s\n' "$1" | LC_ALL=C sed -f "$work/map"; }
learn() {
    if grep -q "^s/$1/" "$work/map"; then
        grep -qx "s/$1/$2/g" "$work/map" || refuse "two RUNs made the same layer, and now others"
    else
        printf 's/%s/%s/g\n' "$1" "$2" >> "$work/map"
    fi
}
# hand NUMBER ID: the engine takes an image, whose id was ID
hand() {
    image=$work/$1
    mkdir "$image"
    LC_ALL=C sed -f "$work/map" "$here/$1/config" > "$image/config"
    new=$(sha256sum < "$image/config")
    new=${new%% *}
    learn "$2" "$new"
    there "$new" && return
    mv "$image/config" "$image/$new"
    LC_ALL=C sed -f "$work/map" "$here/$1/manifest.json" > "$image/manifest.json"
    cp "$here/$1/version" "$image/version"
    for layer in "$here/$1/layers"/*; do
        [ ! -e "$layer" ] || ln -s "$layer" "$image/"
    done
    @ENGINE@ pull --quiet --signature-policy "$here/policy.json" "dir:$image" > /dev/null
    there "$new" || refuse "@ENGINE@ did not take the image $1"
}
begin_build() {
    cp -R "$here/$1" "$work/$1"
    LC_ALL=C sed -f "$work/map" "$here/$1/Dockerfile" > "$work/$1/Dockerfile"
}
# end_build NUMBER ID LAYER…: the image that was built was ID, of these layers
end_build() {
    new=$(cat "$work/$1/image-id")
    new=${new#sha256:}
    number=$1
    learn "$2" "$new"
    shift 2
    for layer in $(layers "$new"); do
        [ $# -gt 0 ] || refuse "build $number made more layers than when this script was written"
        learn "$1" "${layer#sha256:}"
        shift
    done
    [ $# -eq 0 ] || refuse "build $number made fewer layers than when this script was written"
}
"""

_QUESTIONS: Final = {
    "podman": r"""
there() { podman image exists "$1"; }
layers() { podman image inspect --format '{{range .RootFS.Layers}}{{println .}}{{end}}' "$1"; }
""",
    "buildah": r"""
there() { buildah inspect --type image "$1" > /dev/null 2>&1; }
layers() {
    buildah inspect --type image --format '{{range .OCIv1.RootFS.DiffIDs}}{{println .}}{{end}}' "$1"
}
""",
}

_BUNDLES: Final = r"""
# stage DIR: a copy of the bundles, which a container writes to
stage() {
    bundles=$1
    mkdir -p -- "$(dirname -- "$1")"
    stage=$(mktemp -d "$(dirname -- "$1")/.$(basename -- "$1").rbuild-script.XXXXXX")
    if [ -d "$1" ]; then
        cp -pPR -- "$1" "$stage/new"
    else
        mkdir -- "$stage/new"
    fi
    # A statement of rbuild's says nothing of what this script makes.
    find "$stage/new" \( -name provenance.intoto.json -o -name provenance.intoto.jsonl \) \
        -exec rm -f -- {} +
}
agrees() {
    cd -- "$(dirname -- "$1")" || return
    name=$(basename -- "$1")
    first='' rest=''
    read -r first rest < "$name" || [ -n "$first" ] || return 0
    if [ -n "$rest" ]; then
        "${name##*.}sum" -c "$name" > /dev/null
    else
        printf '%s  %s\n' "$first" "${name%.*}" | "${name##*.}sum" -c - > /dev/null
    fi
}
# publish: what was written is checked, and takes the place of the bundles
publish() {
    @OWN@
    find "$stage/new" -type f \
        \( -name '*.md5' -o -name '*.sha1' -o -name '*.sha256' -o -name '*.sha512' \) > "$work/sums"
    while IFS= read -r file; do
        (agrees "$file") || refuse "the new bundles don't agree with $file: they are not published"
    done < "$work/sums"
    if [ -d "$bundles" ]; then
        mv -- "$bundles" "$stage/previous"
        mv -- "$stage/new" "$bundles"
    elif [ -n "$(ls -A "$stage/new")" ]; then
        mv -- "$stage/new" "$bundles"
    fi
    rm -rf -- "$stage"
    stage=''
}
"""


class Content(Struct, frozen=True):
    """A script: its comments, the variables of engines (expressions of the shell), the ids of
    images that have to be there with what they are called, and the lines of its steps.
    """

    engine: str
    directory: str
    comments: Sequence[str]
    variables: Mapping[str, str]
    needed: Mapping[str, str]
    steps: Sequence[Sequence[str]]
    rootless: bool


def text(content: Content) -> str:
    """The whole script."""
    return "".join(f"{line}\n" for line in _lines(content))


def _lines(content: Content) -> Iterator[str]:
    engine = content.engine
    unshare = f"{engine} unshare " if content.rootless else ""
    own = (
        f'{unshare}find "$stage/new" \\( ! -user 0 -o ! -group 0 \\) -exec chown -h 0:0 {{}} +'
        if content.rootless
        else ":"
    )
    yield "#!/bin/sh"
    for each in content.comments:
        yield from comment(shown(each))
    # What a container's shell is to expand stands in quotes.
    yield "# shellcheck disable=SC2016"
    body = "\n".join(line for step in content.steps for line in step)
    parts = [_BEGIN, _QUESTIONS[engine]]
    uses_images = any(word in body for word in ("hand ", "begin_build ", "$(now "))
    parts += [_IMAGES] if uses_images else []
    parts += [_BUNDLES] if "\npublish" in f"\n{body}" else []
    for part in parts:
        filled = part.replace("@NAME@", script_quoted(content.directory)).replace("@MARK@", MARK)
        filled = filled.replace("@ENGINE@", engine).replace("@UNSHARE@", unshare)
        yield from filled.replace("@OWN@", own).strip("\n").split("\n")
        yield ""
    for name, expression in content.variables.items():
        yield f"export {name}={expression}"
    for identity, name in content.needed.items():
        missing = script_quoted(f"the image {name} is not in storage any more, or is another")
        yield f"there {identity} || refuse {missing}"
    for step in content.steps:
        yield ""
        yield from step


def joined(words: Iterable[str], places: Mapping[str, str]) -> str:
    """A command; what `places` has is written as the expression that stands for it there."""
    return " ".join(quoted(word, places) for word in words)


def quoted(word: str | Path, places: Mapping[str, str]) -> str:
    """A word of a command, as with `joined`."""
    if not places:
        return script_quoted(word)
    found = re.split(
        f"({'|'.join(map(re.escape, sorted(places, key=len, reverse=True)))})", str(word)
    )
    if len(found) == 1:
        return script_quoted(word)
    parts = (places.get(part) or script_quoted(part) for part in found if part)
    return "".join(parts)

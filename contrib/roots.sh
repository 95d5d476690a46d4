# What reference and engine-matrix share: root file systems of other releases, made of packages.
# shellcheck shell=bash

# Where this host gets its packages, with the distribution $1 (debian, ubuntu) in the place of its
# own; fails where this host's apt knows no such place.
mirror() {
    local uris uri
    # shellcheck disable=SC2016  # the variable is apt's
    uris=$(apt-get indextargets --format '$(REPO_URI)' | sort -u)
    for uri in $uris; do
        uri=${uri%/}
        case $uri in
        */ubuntu | */debian) echo "${uri%/*}/$1"; return ;;
        esac
    done
    return 1
}

# Makes the root file system $1 of the distribution $2's release $3, with the packages $4 (comma
# separated) from the suites $5 (blank separated; the first is the release); the rest are further
# options of mmdebstrap. What is there of an earlier time is replaced once the new one is whole.
make_root() {
    local root=$1 distribution=$2 release=$3 include=$4 suites=$5 packages suite
    shift 5
    packages=$(mirror "$distribution") ||
        die "no mirror of Debian or Ubuntu in this host's apt configuration"
    local keyring=/usr/share/keyrings/$distribution-archive-keyring.gpg components=main
    [ "$distribution" = debian ] || components='main universe'
    # A host of the other distribution has no keys of this one: there the mirror is trusted as it is.
    local options="signed-by=$keyring" sources=()
    [ -e "$keyring" ] || options=trusted=yes
    for suite in $suites; do
        sources+=("deb [$options] $packages $suite $components")
    done
    # A mirror that stands still is known to this host's apt as one.
    local dated
    dated=$(apt-config dump Acquire::Check-Valid-Until | sed -n 's/.*"\(.*\)";/\1/p')
    dated=${dated:-true}
    mkdir -p "${root%/*}"
    rm -rf "$root.new"
    mmdebstrap --quiet --mode=root --variant=minbase \
        --aptopt='Acquire::Retries "3"' --aptopt="Acquire::Check-Valid-Until \"$dated\"" \
        --include="$include" "$@" \
        "$release" "$root.new" "${sources[@]}"
    rm -rf "$root"
    mv "$root.new" "$root"
}

# What quickstart and run-tests share: packages, an account without privileges, an environment.
# shellcheck shell=bash

# Tests of one run that may fail beside others and pass alone.
# shellcheck disable=SC2034
borne=5

# shellcheck disable=SC2034  # the scripts that source this use it
# What rbuild, its engines and its base images need.
rbuild_packages=(
    podman buildah catatonit uidmap slirp4netns fuse-overlayfs runc crun
    mmdebstrap debian-archive-keyring make git zstd ca-certificates python3-venv dpkg-dev
)

say() { printf '\033[1m--- %s\033[0m\n' "$*" >&2; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 3; }

# The packages among "$@" that are not installed are installed, through sudo when not root.
install_packages() {
    local missing=() package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        die "this needs apt-get (Debian, Ubuntu); elsewhere install the like of: ${missing[*]}"
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || die "as root: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    say "installing ${missing[*]}"
    # A list of yesterday may name packages that are gone.
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Makes the account $1, with subordinate ids, unless there is one.
make_account() {
    if ! id "$1" >/dev/null 2>&1; then
        say "making the account $1"
        useradd --create-home --shell /bin/bash "$1"
    fi
    grep -q "^$1:" /etc/subuid || die "the account $1 has no subordinate ids in /etc/subuid"
}

# Replaces this script by "$@", run as the account $1 in its home directory.
become() {
    local account=$1 home uid
    shift
    home=$(getent passwd "$account" | cut -d: -f6)
    uid=$(id -u "$account")
    # What a login through PAM would have made.
    install -d -m 0700 -o "$account" -g "$(id -g "$account")" "/run/user/$uid"
    cd "$home" || exit
    exec setpriv --reuid "$account" --regid "$account" --init-groups --inh-caps=-all \
        env -u SUDO_USER -u DBUS_SESSION_BUS_ADDRESS HOME="$home" USER="$account" \
        LOGNAME="$account" SHELL=/bin/bash XDG_RUNTIME_DIR="/run/user/$uid" \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# Copies the checkout $1, uncommitted work included, to $3, as the account $2.
copy_checkout() {
    rm -rf "$3"
    install -d -o "$2" -g "$(id -g "$2")" "$(dirname "$3")" "$3"
    if git -c safe.directory='*' -C "$1" rev-parse --git-dir >/dev/null 2>&1; then
        git -c safe.directory='*' -C "$1" ls-files -z --cached --others --exclude-standard
    else
        (cd "$1" && find . -type f -print0 -o -type l -print0)
    fi | (
        cd "$1" || exit
        # git lists a deleted file until the deletion is committed.
        while IFS= read -r -d '' file; do
            if [ -e "$file" ] || [ -L "$file" ]; then printf '%s\0' "$file"; fi
        done
    ) | tar -C "$1" --null --files-from - -cf - | tar -C "$3" --no-same-owner -xpf -
    # The directories too: without this Python could keep no compiled files in them.
    chown -R -h "$2:" "$3"
}

# Makes or renews the virtual environment $1 with the checkout $2 in it; the rest are extras.
make_environment() {
    local environment=$1 checkout=$2 extras=${3:-}
    local python=/usr/bin/python3
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        python=$(command -v python3.13 || command -v python3.12 || command -v python3.11) ||
        die "rbuild needs Python 3.11 or newer"
    [ -x "$environment/bin/pip" ] || "$python" -m venv "$environment"
    "$environment/bin/pip" install -q --disable-pip-version-check -e "$checkout$extras"
}

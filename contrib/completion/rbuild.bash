# bash completion for rbuild: source this, or copy it to a directory bash-completion reads, such as
# ~/.local/share/bash-completion/completions/rbuild
# shellcheck shell=bash

_rbuild_targets() {
    local directory=$1 makefile=$2 name
    for name in ${makefile:+"$makefile"} GNUmakefile makefile Makefile; do
        [[ $name == /* ]] || name=$directory/$name
        if [ -f "$name" ]; then
            sed -nE 's/^([A-Za-z0-9][A-Za-z0-9_.\/-]*)[[:space:]]*:([^=].*)?$/\1/p' "$name"
            break
        fi
    done
    [ ! -f "$directory/rbuild.toml" ] ||
        sed -nE 's/^\[targets\.("?)([A-Za-z0-9_.-]+)\1\].*/\2/p' "$directory/rbuild.toml"
}

_rbuild() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local commands="plan run make bundles sign reproduce install base doctor backends clean help"
    local options="--directory --backend --file --makefile --docker-socket --keep-images --image --network --pull --no-pull --no-cache
        --force --explain --fresh --cache-volume --build-arg --build-context --env --secret --secret-env --bundles-dir
        --checksums --rootful --unprivileged --allow-inexact --no-wait --no-provenance --dry-run
        --no-sandbox
        --log-format --color --verbose --quiet --help --version"
    local command="" directory=. makefile="" index word
    COMPREPLY=()
    for ((index = 1; index < COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        case $word in
        -C | --directory) directory=${COMP_WORDS[index + 1]} ;;
        --makefile) makefile=${COMP_WORDS[index + 1]} ;;
        *) [[ -z $command && " $commands " == *" $word "* ]] && command=$word ;;
        esac
    done
    case $command in
    plan) options+=" --format --explain" ;;
    run) options+=" --target" ;;
    backends) options+=" --format" ;;
    bundles) options+=" --format --key" ;;
    sign) options+=" --key" ;;
    install) options+=" --prefix --unverified --require-signature" ;;
    base) options+=" --from" ;;
    doctor) options+=" --format --fix --explain --report --replay --online" ;;
    # Of those for builds it has no use.
    clean) options="--images --volumes --bases --everywhere --yes --dry-run --directory --backend --bundles-dir --no-wait
        --log-format --color --verbose --quiet --help" ;;
    esac
    case $previous in
    --backend) mapfile -t COMPREPLY < <(compgen -W "auto podman buildah docker" -- "$current") ;;
    --log-format | --format) mapfile -t COMPREPLY < <(compgen -W "text json" -- "$current") ;;
    --color) mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$current") ;;
    --target) mapfile -t COMPREPLY < <(compgen -W "$(_rbuild_targets "$directory" "$makefile")" -- "$current") ;;
    --network) mapfile -t COMPREPLY < <(compgen -W "host none slirp4netns pasta" -- "$current") ;;
    -C | --directory | --bundles-dir | --prefix)
        mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    -f | --file | --makefile | --docker-socket | --from | --replay | --key | --require-signature) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    *)
        if [[ $current == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
            return
        fi
        case $command in
        "") word="$commands $(_rbuild_targets "$directory" "$makefile")" ;;
        plan | make | reproduce) word=$(_rbuild_targets "$directory" "$makefile") ;;
        bundles) word="list verify" ;;
        help) word=$commands ;;
        base) word="debian:bookworm debian:trixie ubuntu:noble" ;;
        *) word="" ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$word" -- "$current")
        ;;
    esac
}

complete -F _rbuild rbuild

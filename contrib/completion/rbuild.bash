# bash completion for rbuild: source this, or copy it to a directory bash-completion reads, such as
# ~/.local/share/bash-completion/completions/rbuild
# shellcheck shell=bash

# rbuild itself says what may follow: its commands and their options, the project's targets.
_rbuild() {
    local current=${COMP_WORDS[COMP_CWORD]} found
    mapfile -t found < <(_RBUILD_COMPLETE=bash "${COMP_WORDS[0]}" "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    [ "$current" != = ] || current=""
    case ${found[0]-} in
    "<directories>") mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    "<files>") mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    *) COMPREPLY=("${found[@]}") ;;
    esac
}

complete -F _rbuild rbuild

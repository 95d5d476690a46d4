# bash completion for rbuild; made by: rbuild completion bash
# shellcheck shell=bash

# rbuild itself says what may follow: its commands and their options, the project's targets.
_rbuild() {
    local words=() found=() line=$COMP_LINE rest word piece offer current begun
    # bash takes = and : for ends of words; what adjoins is one word.
    for piece in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        rest=${line#"${line%%[![:space:]]*}"}
        if [ ${#words[@]} -gt 0 ] && [ "$rest" = "$line" ]; then
            words[-1]+=$piece
        else
            words+=("$piece")
        fi
        line=${rest#"$piece"}
    done
    current=${words[-1]}
    piece=${COMP_WORDS[COMP_CWORD]}
    [[ $piece != [=:] ]] || piece=""
    begun=${current%"$piece"}
    mapfile -t found < <(_RBUILD_COMPLETE=bash "${words[0]}" "${words[@]:1}" 2>/dev/null)
    COMPREPLY=()
    case ${found[0]-} in
    files)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$piece")
        ;;
    directories)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$piece")
        ;;
    programs) mapfile -t COMPREPLY < <(compgen -c -- "$piece") ;;
    words)
        for offer in "${found[@]:1}"; do
            word=${offer%%$'\t'*}
            printf -v word %q "${word#"$begun"}"
            COMPREPLY+=("$word")
        done
        ;;
    esac
}

complete -F _rbuild rbuild

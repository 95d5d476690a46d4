#compdef rbuild
# zsh completion for rbuild; made by: rbuild completion zsh

# rbuild itself says what may follow: its commands and their options, the project's targets.
_rbuild() {
    local -a found names shown
    local offer name
    found=("${(@f)$(_RBUILD_COMPLETE=zsh "${(Q)words[1]}" "${(@Q)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
    [[ $PREFIX != --*=* ]] || [[ $found[1] == words ]] || compset -P '*='
    case $found[1] in
    files) _files ;;
    directories) _files -/ ;;
    programs) _command_names -e ;;
    words)
        for offer in "${(@)found[2,-1]}"; do
            name=${offer%%$'\t'*}
            names+=("$name")
            shown+=("${name}${${offer#*$'\t'}:+  -- ${offer#*$'\t'}}")
        done
        (( $#names )) && compadd -V rbuild -l -d shown -a names
        ;;
    esac
}

# Where it is sourced, not found by its name.
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _rbuild "$@"
else
    compdef _rbuild rbuild
fi

# fish completion for rbuild; made by: rbuild completion fish

# rbuild itself says what may follow: its commands and their options, the project's targets.
function __rbuild_complete
    set -l current (commandline -ct)
    set -l words (commandline -opc) $current
    set -q words[2]; or set -a words ""
    set -l found (_RBUILD_COMPLETE=fish command $words[1] $words[2..-1] 2>/dev/null)
    set -l begun (string match -r -- '^--[^=]*=' $current)
    set -l value (string replace -r -- '^--[^=]*=' '' $current)
    switch "$found[1]"
        case files
            for each in (__fish_complete_path $value)
                printf "%s\n" "$begun"$each
            end
        case directories
            for each in (__fish_complete_directories $value "")
                printf "%s\n" "$begun"$each
            end
        case programs
            __fish_complete_command
        case words
            printf '%s\n' $found[2..-1]
    end
end

complete -c rbuild -f -a '(__rbuild_complete)'

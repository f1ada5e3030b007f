# Bash completion of cdc-worker. Source it, or install it as
# /usr/share/bash-completion/completions/cdc-worker

# Names of the pipelines in the configuration file that the command line gives.
_cdc_worker_pipelines() {
    local i file=
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            -c | --config) file=${COMP_WORDS[i + 1]} ;;
        esac
    done
    [ -r "${file/#\~/$HOME}" ] || return 0
    sed -n 's/^ *\(- \)\{0,1\}name: *"\{0,1\}\([A-Za-z0-9._-]*\)"\{0,1\} *\(#.*\)\{0,1\}$/\2/p' "${file/#\~/$HOME}"
}

_cdc_worker() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words=
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="run check snapshot version config --help --version"
    else
        case $previous in
            -c | --config)
                compopt -o filenames 2>/dev/null
                mapfile -t COMPREPLY < <(compgen -f -X '!*.@(yaml|yml)' -- "$word"; compgen -d -- "$word")
                return
                ;;
            --pipeline) words=$(_cdc_worker_pipelines) ;;
            --log-level) words="trace debug info warning error" ;;
            --format) words="text json" ;;
            *)
                case ${COMP_WORDS[1]} in
                    run) words="--config --pipeline --progress --log-level --help" ;;
                    snapshot) words="start pause resume stop status --config --pipeline --table --where --help" ;;
                    check) words="--config --pipeline --format --help" ;;
                    version) words="--help" ;;
                    config) words="--markdown --help" ;;
                esac
                ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _cdc_worker cdc-worker

# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion of ptest(1)

_ptest_suites() {
        local dir dirs=/etc/ptest:/run/ptest:/usr/local/lib/ptest:/usr/lib/ptest file

        while IFS= read -r -d : dir; do
                for file in "$dir"/*.suite; do
                        [[ -e $file ]] || continue
                        file=${file##*/}
                        printf '%s\n' "${file%.suite}"
                done
        done <<<"${PTEST_SUITE_PATH:-$dirs}:"
}

_ptest() {
        local cur prev words cword
        local verbs='run list results log doctor help'
        local -A options=(
                [run]='--jobs= --keyword= --timeout= --timeout-multiplier= --fail-fast --keep-failed --memory-max= --isolation= --stuck-report=
                        --recycle-after= --recycle-memory= --worker-set-up= --backend= --user= --allow-degraded --allow-no-tests --quiet --verbose --color= --junit= --tap --state-dir= --help'
                [list]='-k --tree --json --help'
                [results]='--outcome= -k --json --journal --state-dir= --help'
                [log]='--run= --stdout --stderr --apart --times --raw --journal --state-dir= --help'
                [doctor]='--backend= --json --help'
        )

        _init_completion -s || return

        if ((cword == 1)); then
                mapfile -t COMPREPLY < <(compgen -W "$verbs --help --version" -- "$cur")
                return
        fi

        case $prev in
        --backend)
                mapfile -t COMPREPLY < <(compgen -W 'auto system user plain' -- "$cur")
                return
                ;;
        --outcome)
                mapfile -t COMPREPLY < <(compgen -W 'bad pass fail skip xfail xpass error timeout crash oom lost not-run' -- "$cur")
                return
                ;;
        --run)
                mapfile -t COMPREPLY < <(compgen -W "last $(_ptest_suites)" -- "$cur")
                return
                ;;
        --color)
                mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur")
                return
                ;;
        --isolation)
                mapfile -t COMPREPLY < <(compgen -W 'none process' -- "$cur")
                return
                ;;
        --stuck-report)
                mapfile -t COMPREPLY < <(compgen -W 'stacks processes no' -- "$cur")
                return
                ;;
        --worker-set-up)
                _filedir so
                return
                ;;
        --junit | --tap)
                _filedir
                return
                ;;
        --state-dir)
                _filedir -d
                return
                ;;
        --user)
                mapfile -t COMPREPLY < <(compgen -u -- "$cur")
                return
                ;;
        --jobs | -j | --keyword | -k | --timeout | --timeout-multiplier | --memory-max | --recycle-after | --recycle-memory)
                return
                ;;
        esac

        if [[ $cur == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "${options[${words[1]}]}" -- "$cur")
                [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
                return
        fi

        case ${words[1]} in
        run | list)
                # Suite files, test modules, and directories of all kinds.
                _filedir '@(suite|so)'
                mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W "$(_ptest_suites)" -- "$cur")
                ;;
        help)
                mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur")
                ;;
        results)
                _filedir export
                mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W "last $(_ptest_suites)" -- "$cur")
                ;;
        esac
} &&
        complete -F _ptest ptest

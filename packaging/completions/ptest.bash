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

# What the verbs take that look at runs: words, suites that were run, and the begins of ids.
_ptest_runs() {
        local file id

        printf '%s\n' last last-1
        for file in /var/lib/ptest/runs/*.export* "${XDG_STATE_HOME:-$HOME/.local/state}"/ptest/runs/*.export*; do
                file=${file##*/}
                file=${file%.export*}
                id=${file##*-}
                [[ ${#id} -eq 32 ]] && printf '%s\n' "${file%-*}" "${id:0:8}"
        done | sort -u
}

# The addresses of the latest run, at most 10,000; where the command line says that runs are.
_ptest_addresses() {
        local i
        local -a where=()

        # bash makes three words of an option with its value.
        for ((i = 2; i < cword; i++)); do
                case ${words[i]} in
                --journal | --state-dir=*)
                        where+=("${words[i]}")
                        ;;
                --state-dir)
                        [[ ${words[i + 1]} == = ]] && ((i++))
                        where+=("--state-dir=${words[i + 1]}")
                        ;;
                esac
        done
        ptest history --json --runs=1 "${where[@]}" '*' 2>/dev/null |
                sed -n 's/.*"address": "\([^"\\]*\)".*/\1/p'
}

# Suites that are running now.
_ptest_going() {
        ptest status --json 2>/dev/null | sed -n 's/^      "suite": "\([^"\\]*\)".*/\1/p'
}

_ptest() {
        local cur prev words cword
        local verbs='run list results log report diff history flaky slowest status top doctor help'
        local -A options=(
                [run]='--jobs= --keyword= --timeout= --timeout-multiplier= --fail-fast --keep-failed --memory-max= --isolation= --stuck-report=
                        --recycle-after= --recycle-memory= --worker-set-up= --backend= --user= --allow-degraded --allow-no-tests --quiet --verbose --color= --junit= --tap --jsonl= --subunit= --yocto= --html= --github --state-dir= --help'
                [list]='-k --tree --json --help'
                [results]='--outcome= -k --json --journal --state-dir= --help'
                [log]='--run= --live --follow --stdout --stderr --apart --times --raw --journal --state-dir= --help'
                [report]='--quiet --verbose --color= --junit= --tap --jsonl= --subunit= --yocto= --html= --github --journal --directory= --file= --namespace= --state-dir= --help'
                [diff]='-k --all --earlier= --json --journal --directory= --file= --namespace= --state-dir= --help'
                [history]='-k --runs= --run= --all --json --journal --directory= --file= --namespace= --state-dir= --help'
                [flaky]='-k --runs= --json --journal --directory= --file= --namespace= --state-dir= --help'
                [slowest]='-k --number= --by= --json --journal --directory= --file= --namespace= --state-dir= --help'
                [status]='--json --help'
                [top]='--delay= --count= --help'
                [doctor]='--backend= --json --help'
        )

        # Addresses have colons.
        _init_completion -s -n : || return

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
                mapfile -t COMPREPLY < <(compgen -W "$(_ptest_runs)" -- "$cur")
                return
                ;;
        --delay | -d | --count)
                return
                ;;
        --by)
                mapfile -t COMPREPLY < <(compgen -W 'time cpu memory' -- "$cur")
                return
                ;;
        --earlier | --runs | --number | --namespace | -n)
                return
                ;;
        --file)
                _filedir journal
                return
                ;;
        --directory | -D)
                _filedir -d
                return
                ;;
        --color)
                mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur")
                return
                ;;
        --github)
                mapfile -t COMPREPLY < <(compgen -W 'auto yes no' -- "$cur")
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
        --junit | --tap | --jsonl | --subunit | --yocto | --html)
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
        status | top)
                mapfile -t COMPREPLY < <(compgen -W "$(_ptest_going)" -- "$cur")
                ;;
        log)
                [[ ${words[*]} == *\ --live* || ${words[*]} == *\ --follow* ]] || return
                mapfile -t COMPREPLY < <(compgen -W "$(ptest status --json 2>/dev/null | sed -n 's/.*"address": "\([^"\\]*\)".*/\1/p')" -- "$cur")
                __ltrim_colon_completions "$cur"
                ;;
        help)
                mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur")
                ;;
        results)
                _filedir export
                mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W "last $(_ptest_suites)" -- "$cur")
                ;;
        report | diff | flaky | slowest)
                _filedir '@(export|zst|journal)'
                mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W "$(_ptest_runs)" -- "$cur")
                ;;
        history)
                local address

                while IFS= read -r address; do
                        [[ $address == "$cur"* ]] && COMPREPLY+=("$(printf '%q' "$address")")
                done < <(_ptest_addresses)
                __ltrim_colon_completions "$cur"
                ;;
        esac
} &&
        complete -F _ptest ptest

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

# Offers those lines of standard input that go on with what was typed, quoted as it was begun. What tests and suites are
# called can be anything; compgen -W would split it, and run the commands in it.
_ptest_offer() {
        local line quoted quote='' typed

        case $cur in
        \'*)
                quote=\'
                typed=${cur:1}
                ;;
        \"*)
                quote=\"
                typed=${cur:1}
                typed=${typed//\\\"/\"}
                typed=${typed//\\\$/\$}
                typed=${typed//\\\`/\`}
                typed=${typed//\\\\/\\}
                ;;
        *)
                # It takes the backslashes away.
                # shellcheck disable=SC2162
                IFS= read typed <<<"$cur"
                ;;
        esac
        while IFS= read -r line; do
                [[ $line == "$typed"* ]] || continue
                case $quote in
                \')
                        quoted=${line//\'/\'\\\'\'}
                        ;;
                \")
                        quoted=${line//\\/\\\\}
                        quoted=${quoted//\"/\\\"}
                        quoted=${quoted//\$/\\\$}
                        quoted=${quoted//\`/\\\`}
                        ;;
                *)
                        printf -v quoted '%q' "$line"
                        ;;
                esac
                COMPREPLY+=("$quoted")
        done
        [[ $quote ]] || __ltrim_colon_completions "$cur"
}

# Where the command line says that runs are, to the array "where"; and which run, to "run".
_ptest_where() {
        local i option value

        where=()
        run=
        # bash makes three words of an option with its value.
        for ((i = 2; i < cword; i++)); do
                case ${words[i]} in
                --journal | --state-dir=* | --directory=* | --file=* | --namespace=*)
                        where+=("${words[i]}")
                        ;;
                --run=*)
                        run=${words[i]#--run=}
                        ;;
                --state-dir | --directory | -D | --file | --namespace | --run)
                        option=${words[i]/#-D/--directory}
                        [[ ${words[i + 1]} == = ]] && ((i++))
                        ((++i < cword)) || break
                        value=${words[i]/#\~\//$HOME/}
                        if [[ $option == --run ]]; then
                                run=$value
                        else
                                where+=("$option=$value")
                        fi
                        ;;
                esac
        done
}

# What the verbs take that look at runs: words, suites that were run, and the begins of ids.
_ptest_runs() {
        local file id run state
        local -a where dirs=(/var/lib/ptest "${XDG_STATE_HOME:-$HOME/.local/state}/ptest")

        _ptest_where
        for state in "${where[@]}"; do
                [[ $state == --state-dir=* ]] && dirs=("${state#*=}")
        done
        printf '%s\n' last last-1
        for state in "${dirs[@]}"; do
                for file in "$state"/runs/*.export*; do
                        file=${file##*/}
                        file=${file%.export*}
                        id=${file##*-}
                        [[ ${#id} -eq 32 ]] && printf '%s\n' "${file%-*}" "${id:0:8}"
                done
        done | sort -u
}

# Suites that were run
_ptest_recorded_suites() {
        _ptest_runs | grep -Evx 'last(-1)?|[0-9a-f]{8}'
}

# The addresses of the run that the command line names, or of the latest one.
_ptest_addresses() {
        local run
        local -a where

        _ptest_where
        ptest results --addresses "${where[@]}" ${run:+"$run"} 2>/dev/null
}

# Suites that are running now.
_ptest_going() {
        ptest status --json 2>/dev/null | sed -n 's/^      "suite": "\([^"\\]*\)".*/\1/p'
}

# Addresses of tests that are running now.
_ptest_going_addresses() {
        ptest status --json 2>/dev/null | sed -n 's/.*"address": "\([^"\\]*\)".*/\1/p'
}

_ptest() {
        local cur prev words cword
        local verbs='run list runs results log report diff history flaky slowest status top doctor help'
        local -A options=(
                [run]='--jobs= --keyword= --timeout= --timeout-multiplier= --fail-fast --retries= --flaky= --repeat= --until-fail --rerun --resume --shuffle --shard= --shard-by= --keep-failed --memory-max= --isolation= --stuck-report=
                        --recycle-after= --recycle-memory= --worker-set-up= --backend= --user= --allow-degraded --allow-no-tests --quiet --verbose --color= --junit= --tap --jsonl= --subunit= --yocto= --html= --github --state-dir= --keep-runs= --help'
                [list]='-k --tree --json --help'
                [runs]='--number= --quiet --json --journal --directory= --file= --namespace= --state-dir= --help'
                [results]='--outcome= --mark= -k --sort= --addresses --json --journal --directory= --file= --namespace= --state-dir= --help'
                [log]='--run= --attempt= --live --follow --stdout --stderr --apart --times --raw --json --journal --directory= --file= --namespace= --state-dir= --help'
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
        --flaky)
                mapfile -t COMPREPLY < <(compgen -W 'pass fail' -- "$cur")
                return
                ;;
        --rerun)
                mapfile -t COMPREPLY < <(compgen -W 'failed not-passed outstanding' -- "$cur")
                return
                ;;
        --resume)
                _ptest_offer < <(
                        echo auto
                        _ptest_runs
                )
                return
                ;;
        --shard-by)
                mapfile -t COMPREPLY < <(compgen -W 'hash duration' -- "$cur")
                return
                ;;
        --outcome)
                mapfile -t COMPREPLY < <(compgen -W 'bad pass fail skip xfail xpass error timeout crash oom lost not-run' -- "$cur")
                return
                ;;
        --mark)
                mapfile -t COMPREPLY < <(compgen -W 'slow flaky leaky dirty' -- "$cur")
                return
                ;;
        --sort)
                mapfile -t COMPREPLY < <(compgen -W 'time cpu memory' -- "$cur")
                return
                ;;
        --run)
                _ptest_offer < <(_ptest_runs)
                return
                ;;
        --delay | -d | --count)
                return
                ;;
        --by)
                mapfile -t COMPREPLY < <(compgen -W 'time cpu memory' -- "$cur")
                return
                ;;
        --earlier | --runs | --number | --namespace | --attempt | --keep-runs | -n)
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
                _ptest_offer < <(_ptest_suites)
                ;;
        status | top)
                _ptest_offer < <(_ptest_going)
                ;;
        log)
                if [[ ${words[*]} == *\ --live* || ${words[*]} == *\ --follow* ]]; then
                        _ptest_offer < <(_ptest_going_addresses)
                else
                        _ptest_offer < <(_ptest_addresses)
                fi
                ;;
        help)
                mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur")
                ;;
        runs)
                _ptest_offer < <(_ptest_recorded_suites)
                ;;
        results | report | diff | flaky | slowest)
                _filedir '@(export|zst|journal)'
                _ptest_offer < <(_ptest_runs)
                ;;
        history)
                _ptest_offer < <(_ptest_addresses)
                ;;
        esac
} &&
        complete -F _ptest ptest

# SPDX-License-Identifier: LGPL-2.1-or-later
# fish completion of ptest(1)

function __ptest_suites
    set -l dirs /etc/ptest /run/ptest /usr/local/lib/ptest /usr/lib/ptest
    if set -q PTEST_SUITE_PATH
        set dirs (string split : -- $PTEST_SUITE_PATH)
    end
    for dir in $dirs
        for file in $dir/*.suite
            string replace -r '.*/(.*)\.suite$' '$1' -- $file
        end
    end
end

# The words of the command line, with the value of an option that is about where runs are in the option's word.
function __ptest_words
    set -l option
    for word in (commandline -opc)
        if set -q option[1]
            echo -- $option=$word
            set option
        else if string match -qr -- '^--(state-dir|directory|file|namespace|run)$' $word
            set option $word
        else if test x$word = x-D
            set option --directory
        else
            echo -- $word
        end
    end
end

# What the verbs take that look at runs: words, suites that were run, and the begins of ids.
function __ptest_runs
    printf '%s\n' last last-1
    set -l states (string replace -rf -- '^--state-dir=' '' (__ptest_words))
    if not set -q states[1]
        set -l state ~/.local/state
        set -q XDG_STATE_HOME; and set state $XDG_STATE_HOME
        set states /var/lib/ptest $state/ptest
    end
    for file in $states/runs/*.export*
        string replace -r '.*/(.*)-([0-9a-f]{8})[0-9a-f]{24}\.export.*' '$1\n$2' -- $file
    end | sort -u
end

# The addresses of the run that the command line names, or of the latest one.
function __ptest_addresses
    set -l where (string match -r -- '^--(?:state-dir|directory|file|namespace)=.*|^--journal$' (__ptest_words))
    set -l run (string replace -rf -- '^--run=' '' (__ptest_words))
    ptest results --addresses $where $run 2>/dev/null
end

set -l verbs run list runs results log report diff history flaky slowest status top doctor help
set -l no_verb "not __fish_seen_subcommand_from $verbs"

complete -c ptest -n $no_verb -f -a run -d 'Run suites and judge them'
complete -c ptest -n $no_verb -f -a list -d "Print the addresses of a suite's tests"
complete -c ptest -n $no_verb -f -a runs -d 'List the runs that were recorded'
complete -c ptest -n $no_verb -f -a results -d 'Print how a run went'
complete -c ptest -n $no_verb -f -a log -d 'Print what a test wrote'
complete -c ptest -n $no_verb -f -a report -d 'Make the reports of a run again'
complete -c ptest -n $no_verb -f -a diff -d 'Compare a run with the one before it'
complete -c ptest -n $no_verb -f -a history -d 'Print how tests ended in many runs'
complete -c ptest -n $no_verb -f -a flaky -d 'Print tests that cannot be relied on'
complete -c ptest -n $no_verb -f -a slowest -d "Print where a run's time went"
complete -c ptest -n $no_verb -f -a status -d 'Print what is running now'
complete -c ptest -n $no_verb -f -a top -d 'Show what is running, again and again'
complete -c ptest -n $no_verb -f -a doctor -d 'Print what this machine can hold'
complete -c ptest -n $no_verb -f -a help -d 'Explain a verb'
complete -c ptest -n $no_verb -f -l version -d 'Print the version'
complete -c ptest -l help -d 'Print the options'

complete -c ptest -n '__fish_seen_subcommand_from run list' -a '(__ptest_suites)' -d Suite
complete -c ptest -n '__fish_seen_subcommand_from run list results diff history flaky slowest' -s k -x -d 'Tests whose address matches'
complete -c ptest -n '__fish_seen_subcommand_from list runs results log diff history flaky slowest doctor' -l json -d 'For machines'
complete -c ptest -n '__fish_seen_subcommand_from list' -l tree -d 'With the contexts that tests are in'
complete -c ptest -n '__fish_seen_subcommand_from help' -f -a "$verbs"

set -l run '__fish_seen_subcommand_from run'
complete -c ptest -n $run -l keyword -x -d 'Tests whose address matches'
complete -c ptest -n $run -s j -l jobs -x -d 'Number of workers'
complete -c ptest -n $run -l timeout -x -d 'Limit for tests that do not name their own'
complete -c ptest -n $run -l timeout-multiplier -x -d 'Multiply all limits'
complete -c ptest -n $run -l keep-failed -d 'Keep private places of tests that fail'
complete -c ptest -n $run -l fail-fast -d 'Start nothing more after a failure'
complete -c ptest -n $run -l retries -x -d 'Run a test that did not pass again'
complete -c ptest -n $run -l flaky -x -a 'pass fail' -d 'Verdict over tests that passed only then'
complete -c ptest -n $run -l repeat -x -d 'Run each test so many times'
complete -c ptest -n $run -l until-fail -d 'Run all over and over until a run does not pass'
complete -c ptest -n $run -l rerun -a 'failed not-passed outstanding' -d 'Run what an earlier run has as'
complete -c ptest -n $run -l resume -a auto -d 'Go on with a run'
complete -c ptest -n $run -l shuffle -d 'In a random order'
complete -c ptest -n $run -l shard -x -d 'Run one of several parts'
complete -c ptest -n $run -l shard-by -x -a 'hash duration' -d 'Divide by'
complete -c ptest -n $run -l memory-max -x -d 'Memory limit of each worker'
complete -c ptest -n $run -l isolation -x -a 'none process' -d 'Where tests of modules run'
complete -c ptest -n $run -l stuck-report -x -a 'stacks processes no' -d 'What is told of a test at its time limit'
complete -c ptest -n $run -l recycle-after -x -d 'Replace a worker after so many tests'
complete -c ptest -n $run -l recycle-memory -x -d 'Replace a worker that has grown by so much'
complete -c ptest -n $run -l worker-set-up -r -d 'Module whose worker hook is called first'
complete -c ptest -n '__fish_seen_subcommand_from run doctor' -l backend -x -a 'auto system user plain' -d 'How workers are kept'
complete -c ptest -n $run -l user -x -a '(__fish_complete_users)' -d 'Run tests as this user'
complete -c ptest -n $run -l allow-degraded -d 'Run even where a limit cannot be held'
complete -c ptest -n $run -l allow-no-tests -d 'A run without any test is a success'
set -l reports '__fish_seen_subcommand_from run report'
complete -c ptest -n $reports -s q -l quiet -d 'Print failures and the last line only'
complete -c ptest -n $reports -s v -l verbose -d 'Print a line for every test'
complete -c ptest -n $reports -l color -x -a 'auto always never' -d 'When to use colours'
complete -c ptest -n $reports -l junit -r -d 'Write JUnit XML'
complete -c ptest -n $reports -l tap -d 'Write TAP'
complete -c ptest -n $reports -l jsonl -r -d 'Write all events as JSON, one a line'
complete -c ptest -n $reports -l subunit -r -d 'Write subunit v2'
complete -c ptest -n $reports -l yocto -r -d 'Write a log as that of ptest-runner'
complete -c ptest -n $reports -l github -d 'Annotations for GitHub'
complete -c ptest -n $reports -l html -r -d 'Write a page to look at in a browser'
complete -c ptest -n $run -l state-dir -x -a '(__fish_complete_directories)' -d 'Keep records there'
complete -c ptest -n $run -l keep-runs -x -d 'Keep records of so many runs of the suite, or of so much'

set -l review '__fish_seen_subcommand_from runs results log report diff history flaky slowest'
complete -c ptest -n $review -l journal -d 'Read from the journal'
complete -c ptest -n $review -l state-dir -x -a '(__fish_complete_directories)' -d 'Where the run files are'
complete -c ptest -n '__fish_seen_subcommand_from results' -l outcome -x -d 'Only tests that ended so' \
    -a 'bad pass fail skip xfail xpass error timeout crash oom lost not-run'
complete -c ptest -n '__fish_seen_subcommand_from results' -l mark -x -a 'slow flaky leaky dirty' -d 'Only tests with one of these marks'
complete -c ptest -n '__fish_seen_subcommand_from results' -l sort -x -a 'time cpu memory' -d 'The largest first'
complete -c ptest -n '__fish_seen_subcommand_from results' -l addresses -d 'Only the addresses'
complete -c ptest -n '__fish_seen_subcommand_from runs' -f -s n -l number -x -d 'Only the latest runs'
complete -c ptest -n '__fish_seen_subcommand_from runs' -f -s q -l quiet -d 'Only the ids'
complete -c ptest -n '__fish_seen_subcommand_from log' -l run -x -a '(__ptest_runs)' -d 'Of which run'
complete -c ptest -n '__fish_seen_subcommand_from log' -l attempt -x -d 'Which attempt at the test'
complete -c ptest -n '__fish_seen_subcommand_from log' -l live -d 'Of a test that is running, so far'
complete -c ptest -n '__fish_seen_subcommand_from log' -s f -l follow -d 'The same until it ends'
complete -c ptest -n '__fish_seen_subcommand_from status' -f -l json -d 'For machines'
complete -c ptest -n '__fish_seen_subcommand_from top' -f -s d -l delay -x -d 'Between two looks'
complete -c ptest -n '__fish_seen_subcommand_from top' -f -s n -l count -x -d 'End after so many looks'
complete -c ptest -n '__fish_seen_subcommand_from log' -l stdout -d 'Only standard output'
complete -c ptest -n '__fish_seen_subcommand_from log' -l stderr -d 'Only standard error'
complete -c ptest -n '__fish_seen_subcommand_from log' -l apart -d 'One stream after the other'
complete -c ptest -n '__fish_seen_subcommand_from log' -l times -d 'When each line was read'
complete -c ptest -n '__fish_seen_subcommand_from log' -l raw -d 'The bytes as they are'

set -l compare '__fish_seen_subcommand_from diff history flaky slowest'
complete -c ptest -n $compare -l keyword -x -d 'Only tests whose address matches'
set -l anywhere '__fish_seen_subcommand_from runs results log report diff history flaky slowest'
complete -c ptest -n $anywhere -s D -l directory -x -a '(__fish_complete_directories)' -d 'Read from the journal files in there'
complete -c ptest -n $anywhere -l file -r -d 'Read from these journal files'
complete -c ptest -n $anywhere -l namespace -x -d "Read from that namespace's journal"
complete -c ptest -n '__fish_seen_subcommand_from results report diff flaky slowest' -a '(__ptest_runs)' -d Run
complete -c ptest -n '__fish_seen_subcommand_from history log' -f -a '(__ptest_addresses)' -d Test
complete -c ptest -n '__fish_seen_subcommand_from diff history' -l all -d 'All of them, however many'
complete -c ptest -n '__fish_seen_subcommand_from diff' -l earlier -x -d 'Learn from so many earlier runs what is usual'
complete -c ptest -n '__fish_seen_subcommand_from history flaky' -s n -l runs -x -d 'Look at the latest runs'
complete -c ptest -n '__fish_seen_subcommand_from history' -l run -x -a '(__ptest_runs)' -d "Of this run's suite, up to it"
complete -c ptest -n '__fish_seen_subcommand_from slowest' -s n -l number -x -d 'Print so many tests'
complete -c ptest -n '__fish_seen_subcommand_from slowest' -l by -x -a 'time cpu memory' -d 'What counts'

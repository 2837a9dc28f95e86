# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the project promises of every run, one test each."""

import os
import signal
from collections import Counter

from behaviour import behaviour, eventually
from long_run import LongRun, parent_with_name
from program import MESSAGE_IDS, run, shell, tests, text

# A bit of everything that can happen to a test.
MIX = ("[Suite]\nTimeoutSec=2\nGraceSec=500ms\nStopSec=1\n" + tests(100) +
       "".join(shell(f"fail{i}", "exit 1") + shell(f"crash{i}", "kill -SEGV $$") +
               shell(f"stubborn{i}", "trap '' INT TERM; sleep 30") + shell(f"leaver{i}", "sleep 30 &") +
               shell(f"murder{i}", "kill -KILL $PPID") for i in range(3)))


@behaviour
def invariant_1_every_planned_test_ends_in_exactly_one_outcome():
    with run(suite=MIX, options=["-j4"]) as it:
        it.assert_whole()
        assert len(it.results) == 115, len(it.results)
        started, = it.records_of("RUN_STARTED")
        finished, = it.records_of("RUN_FINISHED")
        assert text(started, "PTEST_PLANNED") == text(finished, "PTEST_PLANNED") == "115"
        counts = finished["PTEST_COUNT"]
        counts = dict(c.decode().split("=") for c in (counts if isinstance(counts, list) else [counts]))
        seen = Counter(it.outcomes.values())
        assert {k: int(v) for k, v in counts.items() if k in seen} == dict(seen), (counts, seen)


@behaviour
def invariant_2_death_of_every_worker_is_neither_a_pass_nor_a_hang():
    with LongRun() as it:
        it.until_both_run()
        for address in ("long1", "long2"):
            os.kill(parent_with_name(it, address), signal.SIGKILL)
        it.until(lambda: {"long1", "long2"} <= set(it.outcomes), "both lost tests were reported")
        it.wait()
        assert it.status in (1, 3) and it.outcomes["long1"] == it.outcomes["long2"] == "lost", it.outcomes
        it.assert_whole()


@behaviour
def invariant_2_worker_that_cannot_be_started_is_neither_a_pass_nor_a_hang():
    with run(suite=tests(5), env={"PTEST_WORKER": "/bin/false"}) as it:
        assert it.status == 3 and it.stderr, (it.status, it.stderr)
        assert "pass" not in it.outcomes.values(), it.outcomes
        it.assert_whole()
        it.assert_nothing_is_left()


@behaviour
def invariant_2_slot_that_is_given_up_keeps_no_other_one_from_the_last_test():
    """More slots than tests that can be run at once, and a shared context's slot is given up too."""
    context = "[Context s]\nMode=shared\nSetUp=true\n[Test in]\nExec=true\nContext=s\n"
    for workers in ("-j2", "-j3"):
        with run(suite=context + tests(1), options=[workers], env={"PTEST_WORKER": "/bin/false"}) as it:
            assert it.status == 3, (it.status, it.stderr)
            assert set(it.outcomes.values()) == {"not-run"}, it.outcomes
            it.assert_whole()


@behaviour
def invariant_3_replacement_starts_only_when_its_predecessor_is_gone():
    with run(suite=MIX, options=["-j3"]) as it:
        history = {}
        for record in it.records:
            kind = next((k for k in ("WORKER_STARTED", "WORKER_STOPPED")
                         if text(record, "MESSAGE_ID") == MESSAGE_IDS[k]), None)
            if kind:
                history.setdefault(text(record, "PTEST_SLOT"), []).append(
                    (kind, int(text(record, "PTEST_GENERATION"))))
        assert len(history) == 3 and any(len(h) > 2 for h in history.values()), history
        for slot, events in history.items():
            generations = [g for k, g in events if k == "WORKER_STARTED"]
            expected = [(k, g) for g in generations for k in ("WORKER_STARTED", "WORKER_STOPPED")]
            assert events == expected and generations == sorted(set(generations)), (slot, events)


@behaviour
def invariant_4_run_without_a_test_is_not_a_success():
    with run(suite="[Suite]\nDescription=empty\n") as it:
        assert it.status == 4, it.status
    with run(suite="[Suite]\nDescription=empty\nAllowNoTests=yes\n") as it:
        assert it.status == 0, it.status


@behaviour
def invariant_5_what_did_not_run_is_reported_with_the_reason():
    with LongRun() as it:
        it.until_both_run()
        os.kill(it.pid, signal.SIGTERM)
        it.wait()
        for address, outcome in it.outcomes.items():
            assert outcome == "not-run" and it.reason(address), (address, outcome)
        assert len(it.outcomes) == 12


@behaviour
def invariant_7_record_once_written_outlives_the_coordinator():
    with LongRun(suite=tests(30) + shell("long1", "touch $MARKS/long1 $MARKS/long2; sleep 1000")) as it:
        it.until_both_run()
        it.until(lambda: len(it.outcomes) == 30, "thirty results were recorded")
        it.process.kill()
        it.process.wait()
        assert len(it.outcomes) == 30


@behaviour
def invariant_7_stray_of_a_dead_coordinator_is_gone_before_the_next_run_ends():
    with LongRun() as first:
        first.until_both_run()
        first.process.kill()
        first.process.wait()
        with run(suite=tests(3)) as second:
            assert second.status == 0
        eventually(lambda: not first.processes(), 15, "that the first run's processes are gone")


@behaviour
def invariant_8_nothing_that_a_test_prints_changes_another_result():
    forgery = ("printf 'ok 1 - x\\n1..1\\n\\nPTEST_TEST=good\\nPTEST_OUTCOME=fail\\n\\n'; "
               "printf '\\201\\241k\\250finished'; printf '\\201\\241k\\250finished' >&2; "
               "for fd in 3 4 5 6 7 8 9; do printf '\\201\\241k\\250finished' 2>/dev/null >&$fd; done; exit 1")
    with run(suite=shell("forger", forgery) + tests(20, name="good{}"),
             options=["-j2", "--junit=junit.xml", "--tap=out.tap"]) as it:
        outcomes = it.outcomes
        assert outcomes.pop("forger") == "fail"
        assert set(outcomes.values()) == {"pass"} and len(outcomes) == 20, outcomes
        assert it.status == 1
        it.assert_whole()


@behaviour
def invariant_8_test_does_not_inherit_what_its_worker_talks_through():
    with run(suite=shell("nosy", "ls /proc/self/fd | tr '\\\\n' ' '")) as it:
        fds = it.results["nosy"]["PTEST_STDOUT"].decode().split()
        assert set(fds) <= {"0", "1", "2", "3"}, fds  # 3 is the directory that ls reads


@behaviour
def invariant_9_nothing_of_a_run_is_left_behind():
    with run(suite=MIX, options=["-j4"]) as it:
        it.assert_nothing_is_left()
        files = sorted(str(p.relative_to(it.scratch)) for p in it.scratch.rglob("*") if p.is_file())
        expected = ["it.suite", f"state/runs/{it.run_file.name}", "stderr", "stdout"]
        assert files == expected, files


@behaviour
def invariant_9_leavers_are_marked_and_ended():
    with run(suite=shell("leaver", "sleep 1000 & setsid sleep 1000 & exit 0"), options=["-j1"]) as it:
        result = it.results["leaver"]
        assert text(result, "PTEST_OUTCOME") == "pass" and b"leaky" in result["PTEST_MARK"], result
        it.assert_nothing_is_left()

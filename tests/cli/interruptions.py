# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fail-fast, signals, and workers or coordinators that are killed."""

import os
import signal
import socket
import time
from pathlib import Path

from behaviour import behaviour, eventually
from long_run import LONG, LongRun, parent_with_name
from program import process_is_gone, run, shell, tests, text

@behaviour
def fail_fast_leaves_the_rest_not_run_with_the_reason():
    with run(suite=shell("broken", "exit 1", "Priority=1") + tests(50), options=["-j1", "--fail-fast"]) as it:
        assert it.status == 1, it.status
        assert it.outcomes["broken"] == "fail"
        rest = [a for a, outcome in it.outcomes.items() if outcome == "not-run"]
        assert len(rest) == 50 and len(it.results) == 51, it.outcomes
        assert all("after 1 failure" in it.reason(a) for a in rest), it.reason(rest[0])
        it.assert_whole()
        it.assert_nothing_is_left()


@behaviour
def fail_fast_with_a_number_waits_for_so_many():
    suite = "".join(shell(f"broken{i}", "exit 1", "Priority=1") for i in (1, 2, 3)) + tests(20)
    with run(suite=suite, options=["-j1", "--fail-fast=3"]) as it:
        outcomes = list(it.outcomes.values())
        assert it.status == 1 and outcomes.count("fail") == 3 and outcomes.count("not-run") == 20, outcomes


@behaviour
def fail_fast_starts_nothing_after_the_failure_however_short_the_tests():
    # Durations of some teach that tests are short; from there on workers would hold many of them in advance.
    suite = tests(60) + shell("broken", "exit 1", "Priority=-1") + "".join(shell(f"late{i}", ":", "Priority=-2") for i in range(60))
    for n in (1, 2):
        with run(suite=suite, options=["-j1", f"--fail-fast={n}"]) as it:
            outcomes = it.outcomes
            assert outcomes["broken"] == "fail" and [outcomes[f"t{i:04}"] for i in range(1, 61)] == ["pass"] * 60
            assert {outcomes[f"late{i}"] for i in range(60)} == {"not-run" if n == 1 else "pass"}, outcomes


@behaviour
def fail_fast_looks_at_failures_that_no_worker_knows_of():
    # What cannot be loaded, what is too large to be sent, and what found something that cannot become a test.
    late = "".join(shell(f"late{i}", ":") for i in range(300))
    large = "[Test bad]\nExec=true\n" + "".join(f"Environment=V{i}={'x' * 3000}\n" for i in range(30))
    finder = "[Test bad]\nExec=/bin/sh -c 'printf \"a\\\\001\\n\" > $PTEST_FOUND'\nFoundExec=true\n"
    for suite, options in (("[Suite]\nFrom=module:none.so\n" + late, ["-j1"]), ("[Suite]\nFrom=module:none.so\n" + late, ["-j2"]),
                           (large + late, ["-j1"]), (tests(60) + finder + late, ["-j1"])):
        with run(suite=suite, options=[*options, "--fail-fast"]) as it:
            outcomes = it.outcomes
            assert it.status == 1 and sum(o == "error" for o in outcomes.values()) == 1, it.stdout
            assert {outcomes[f"late{i}"] for i in range(300)} == {"not-run"}, it.stdout
            it.assert_whole()


@behaviour
def first_SIGINT_lets_what_runs_come_to_its_end():
    with LongRun() as it:
        it.until_both_run()
        os.kill(it.pid, signal.SIGINT)
        it.until(lambda: "nterrupt" in it.stdout + it.stderr, "the interrupt was told")
        it.let_go()
        it.wait()
        assert it.status == 5, it.status
        outcomes = it.outcomes
        assert outcomes["long1"] == outcomes["long2"] == "pass", outcomes
        assert [o for a, o in outcomes.items() if a.startswith("t")] == ["not-run"] * 10, outcomes
        assert "SIGINT" in it.reason("t0001") or "interrupt" in it.reason("t0001").lower(), it.reason("t0001")
        it.assert_whole()
        it.assert_nothing_is_left()


@behaviour
def second_SIGINT_stops_what_runs():
    with LongRun() as it:
        it.until_both_run()
        os.kill(it.pid, signal.SIGINT)
        it.until(lambda: "nterrupt" in it.stdout + it.stderr, "the interrupt was told")
        os.kill(it.pid, signal.SIGINT)
        it.wait()
        assert it.status == 5, it.status
        assert set(it.outcomes.values()) == {"not-run"} and len(it.outcomes) == 12, it.outcomes
        it.assert_whole()
        it.assert_nothing_is_left()


@behaviour
def SIGTERM_stops_all_and_writes_the_result():
    with LongRun() as it:
        it.until_both_run()
        os.kill(it.pid, signal.SIGTERM)
        it.wait()
        assert it.status == 5 and it.verdict == "incomplete", (it.status, it.verdict)
        assert set(it.outcomes.values()) == {"not-run"}, it.outcomes
        it.assert_whole()
        it.assert_nothing_is_left()


@behaviour
def run_timeout_ends_the_run_as_incomplete():
    with LongRun(settings="RunTimeoutSec=1\n") as it:
        it.wait()
        assert it.status == 5 and it.verdict == "incomplete", (it.status, it.verdict)
        it.assert_whole()
        it.assert_nothing_is_left()


@behaviour
def SIGKILL_of_the_coordinator_takes_workers_and_tests_along():
    suite = LONG + shell("daemon", "(setsid sleep 1000 &) ; touch $MARKS/daemon; sleep 1000", "Priority=1")
    with LongRun(suite=suite, options=["-j", "3"]) as it:
        it.until_both_run()
        it.until_marked("daemon")
        assert len(it.processes()) > 6
        it.process.kill()
        it.process.wait()
        eventually(lambda: not it.processes(), 15, "that all processes of the run are gone")


@behaviour
def SIGKILL_of_the_coordinator_loses_no_record():
    with LongRun(suite=tests(30) + LONG) as it:
        it.until_both_run()
        it.until(lambda: len(it.results) == 30, "thirty results were recorded")
        it.process.kill()
        it.process.wait()
        assert len(it.results) == 30 and set(it.outcomes.values()) == {"pass"}
        assert not it.records_of("RUN_FINISHED")


@behaviour
def SIGKILL_of_a_worker_costs_its_test_and_nothing_else():
    with LongRun() as it:
        it.until_both_run()
        victim = parent_with_name(it, "long1")
        os.kill(victim, signal.SIGKILL)
        it.until(lambda: "long1" in it.outcomes, "the lost test was reported")
        it.until(lambda: len(it.records_of("WORKER_STARTED")) == 3, "the worker was replaced")
        it.let_go()
        it.wait()
        outcomes = it.outcomes
        assert outcomes.pop("long1") == "lost", it.outcomes
        assert set(outcomes.values()) == {"pass"} and len(outcomes) == 11, outcomes
        assert it.reason("long1"), "no reason"
        assert it.status in (1, 3), it.status
        it.assert_whole()
        it.assert_nothing_is_left()


@behaviour
def who_only_knocks_keeps_no_worker_from_being_heard():
    # In nng 1.5.2 a listener takes nobody any more after that, and with it all workers that start later.
    with LongRun(settings="[Worker]\nRecycleAfter=1\n") as it:
        it.until_both_run()
        command = Path(f"/proc/{parent_with_name(it, 'long1')}/cmdline").read_text().split("\0")
        directory, = [word.removeprefix("--directory=") for word in command if word.startswith("--directory=")]
        for _ in range(20):
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.connect(f"{directory}/e")
        it.let_go()
        it.wait()
        assert it.status == 0 and set(it.outcomes.values()) == {"pass"} and len(it.outcomes) == 12, it.outcomes
        assert not it.records_of("WORKER_STUCK"), it.stdout
        it.assert_whole()
        it.assert_nothing_is_left()


@behaviour
def an_end_that_was_seen_long_after_the_limit_is_no_pass():
    with LongRun(settings="TimeoutSec=2\n") as it:
        it.until_both_run()
        stopped = parent_with_name(it, "long1")
        os.kill(stopped, signal.SIGSTOP)
        it.let_go()
        time.sleep(7.5)
        os.kill(stopped, signal.SIGCONT)
        it.wait()
        assert it.status == 1 and it.outcomes.pop("long1") == "timeout", it.outcomes
        assert "2s" in it.reason("long1"), it.reason("long1")
        assert set(it.outcomes.values()) == {"timeout", "pass"}, it.outcomes


@behaviour
def worker_that_stands_still_is_stopped_then_replaced_and_its_test_reported():
    with LongRun(settings="TimeoutSec=2\n") as it:
        it.until_both_run()
        victim = parent_with_name(it, "long1")
        os.kill(victim, signal.SIGSTOP)
        it.let_go()
        it.wait()
        assert process_is_gone(victim)
        outcomes = it.outcomes
        assert outcomes.pop("long1") in ("timeout", "lost"), it.outcomes
        assert set(outcomes.values()) == {"pass"}, outcomes
        assert it.reason("long1"), "no reason"
        stuck, = it.records_of("WORKER_STUCK")
        assert text(stuck, "PTEST_PID") == str(victim) and text(stuck, "PTEST_TEST") == "long1", stuck
        assert_order_of_replacement(it, text(stuck, "PTEST_SLOT"))
        it.assert_whole()
        it.assert_nothing_is_left()


def assert_order_of_replacement(it, slot):
    """Stuck, stopped, and only then the next one started."""
    kinds = [kind for record in it.records for kind in ("STARTED", "STOPPED", "STUCK")
             if text(record, "PTEST_SLOT") == slot and record in it.records_of(f"WORKER_{kind}")]
    at = kinds.index("STUCK")
    assert kinds[:at + 2] == ["STARTED", "STUCK", "STOPPED"], kinds
    assert kinds[at + 2:] in ([], ["STARTED", "STOPPED"]), kinds


@behaviour
def worker_that_dies_again_and_again_does_not_hang_the_run():
    # So many, because what each forks as its worker dies is looked for in a race.
    murders = 40
    suite = "".join(shell(f"murder{i}", "kill -KILL $PPID; sleep 100") for i in range(murders)) + tests(3)
    with run(suite=suite, options=["-j2"]) as it:
        assert it.status in (1, 3), it.status
        assert [o for a, o in it.outcomes.items() if a.startswith("murder")] == ["lost"] * murders, it.outcomes
        it.assert_whole()
        it.assert_nothing_is_left()

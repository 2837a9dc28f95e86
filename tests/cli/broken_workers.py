# SPDX-License-Identifier: LGPL-2.1-or-later
"""Workers that do not keep to the protocol: each costs itself and the test that it was at, nobody else."""

import os
from pathlib import Path

from behaviour import behaviour, skip
from program import PTEST, run, tests, text


def fake_worker():
    """Built beside the program; not installed."""
    given = os.environ.get("PTEST_FAKE_WORKER")
    path = Path(given) if given else Path(PTEST).resolve().parents[2] / "tests/cli/fake-worker"
    if not path.exists():
        skip(f"{path} was not built")
    return str(path)


def broken(mode, once=None, count=20, options=("-j2",)):
    env = {"PTEST_WORKER": fake_worker(), "FAKE_WORKER": mode}
    if once:
        env["FAKE_WORKER_ONCE"] = once
    return run(suite="[Suite]\nTimeoutSec=1\nGraceSec=0\nStopSec=1\n" + tests(count), env=env, options=list(options))


def assert_one_broken(tmp_name, mode, outcomes, why):
    """The first worker of the run is broken, its replacement is good."""
    once = f"/tmp/pt-once.{os.getpid()}.{tmp_name}"
    try:
        with broken(mode, once=once, options=["-j1"]) as it:
            it.assert_whole()
            bad = [a for a, outcome in it.outcomes.items() if outcome != "pass"]
            assert len(bad) <= 1 and {it.outcomes[a] for a in bad} <= set(outcomes), it.outcomes
            assert bool(bad) == bool(outcomes), it.outcomes
            assert it.status == (1 if bad else 0), (it.status, it.stdout)
            stopped = [text(r, "PTEST_WHY") for r in it.records_of("WORKER_STOPPED")]
            assert any(why in reason for reason in stopped), stopped
            it.assert_nothing_is_left()
    finally:
        Path(once).unlink(missing_ok=True)


@behaviour
def worker_that_keeps_to_the_protocol_passes():
    with broken("good") as it:
        assert it.status == 0 and set(it.outcomes.values()) == {"pass"}, it.outcomes


@behaviour
def worker_that_sends_garbage_is_replaced_and_its_test_has_an_outcome():
    assert_one_broken("garbage", "garbage", ["error"], "broken message")


@behaviour
def worker_that_sends_too_much_is_replaced_and_its_test_has_an_outcome():
    assert_one_broken("oversized", "oversized", ["error", "timeout", "lost"], "")


@behaviour
def worker_that_ends_at_a_task_is_replaced_and_its_tests_are_run():
    assert_one_broken("exit-task", "exit-task", [], "exited with status 7")


@behaviour
def worker_that_ends_before_hello_is_replaced():
    assert_one_broken("exit-early", "exit-early", [], "exited with status 6")


@behaviour
def worker_of_another_version_is_replaced_by_one_that_fits():
    assert_one_broken("version", "version", [], "another version")


@behaviour
def worker_that_says_it_is_another_is_replaced():
    assert_one_broken("other-slot", "other-slot", [], "another worker")


@behaviour
def worker_that_is_stuck_and_ignores_sigterm_is_killed_and_replaced():
    assert_one_broken("stuck", "stuck", ["timeout"], "did not end its test")


@behaviour
def results_that_come_twice_or_for_no_test_are_ignored():
    with broken("late") as it:
        assert it.status == 0 and set(it.outcomes.values()) == {"pass"}, it.outcomes
        it.assert_whole()


@behaviour
def result_of_a_test_that_was_not_come_to_is_not_believed():
    with broken("skip-ahead", count=400) as it:
        it.assert_whole()
        it.assert_nothing_is_left()
        stopped = [text(r, "PTEST_WHY") for r in it.records_of("WORKER_STOPPED")]
        assert it.status == 0 or any("had not come to" in reason for reason in stopped), stopped


@behaviour
def workers_that_all_speak_another_version_are_told_as_such():
    with broken("version") as it:
        assert it.status in (3, 5), it.status
        assert "pass" not in it.outcomes.values(), it.outcomes
        it.assert_whole()
        stopped = [text(r, "PTEST_WHY") for r in it.records_of("WORKER_STOPPED")]
        assert any("another version" in reason for reason in stopped), stopped


@behaviour
def workers_that_all_end_at_their_gate_end_the_run_as_failed_machinery():
    with broken("exit-held") as it:
        assert it.status in (3, 5), it.status
        it.assert_whole()
        it.assert_nothing_is_left()

# SPDX-License-Identifier: LGPL-2.1-or-later
"""Modules whose tests and fixtures hang, crash, exit or leave dirt: each says in its head what must come of it."""

import os
import signal

import stories
from behaviour import add, behaviour
from program import text


def check_story(name, options=("-j1",), **kwargs):
    with stories.StoryRun(name, options=[*options, "--junit=junit.xml", "--tap=out.tap"], **kwargs) as it:
        it.wait()
        stories.check(stories.Story(name), it)
        stories.check_reports(it)


for story in stories.NAMES:
    add(f"module {story} ends as it says", lambda story=story: check_story(story))
    add(f"module {story} ends so with three workers, too", lambda story=story: check_story(story, ["-j3"]))


@behaviour
def what_comes_after_a_stuck_test_is_run_by_the_next_worker():
    for name in ("busy-loop", "deadlock", "blocked-interrupt", "stops-itself"):
        with stories.StoryRun(name) as it:
            it.wait()
            stuck = it.results[f"{name}::server::stuck"]
            later = [r for address, r in it.results.items() if address.endswith(("::second", "::third"))]
            assert {text(r, "PTEST_SLOT") for r in later} == {text(stuck, "PTEST_SLOT")}, later
            assert all(int(text(r, "PTEST_GENERATION")) > int(text(stuck, "PTEST_GENERATION")) for r in later), later


@behaviour
def backtrace_of_a_crash_names_the_module():
    with stories.StoryRun("crashes") as it:
        it.wait()
        backtrace = text(it.results["crashes::server::segv"], "PTEST_BACKTRACE")
        assert "crashes.so" in backtrace, backtrace


@behaviour
def tests_in_processes_of_their_own_cost_nobody_else_anything():
    for name in ("crashes", "exits"):
        with stories.StoryRun(name, settings="Isolation=process\n") as it:
            it.wait()
            story = stories.Story(name)
            stories.check(story, it)
            # All were run by the same worker.
            assert {(text(r, "PTEST_SLOT"), text(r, "PTEST_GENERATION")) for r in it.results.values()} == {("1", "1")}


@behaviour
def a_report_shows_the_child_that_a_test_runs_in():
    with stories.StoryRun("deadlock", settings="Isolation=process\nStuckReport=processes\n") as it:
        it.wait()
        result = it.results["deadlock::server::stuck"]
        lines = text(result, "PTEST_STUCK_REPORT").splitlines()
        assert text(result, "PTEST_OUTCOME") == "timeout" and "--module-host" in lines[0], result
        assert text(result, "PTEST_PID") not in lines[0].split()[:1], result
        # Which is still ended in the child alone.
        assert {text(r, "PTEST_GENERATION") for r in it.results.values()} == {"1"}, it.results


# Long enough to be met while it runs.
PATIENT = "[Match *::stuck]\nTimeoutSec=3\n"


def workers_by_slot(it):
    return {text(r, "PTEST_SLOT"): int(text(r, "PTEST_PID")) for r in it.records_of("WORKER_STARTED")}


def slot_of_fixture(it, other):
    """The one place that is not that of the tests."""
    slot, = set(workers_by_slot(it)) - {other}
    return slot


@behaviour
def first_interrupt_leaves_a_stuck_test_its_limit_then_tears_down():
    for name in ("busy-loop", "stops-itself"):
        with stories.StoryRun(name, more=PATIENT) as it:
            it.until(lambda it=it: "stuck" in it.log, "it was stuck")
            os.kill(it.pid, signal.SIGINT)
            it.wait()
            assert it.status == 5 and it.outcomes[f"{name}::server::stuck"] == "timeout", it.outcomes
            assert it.outcomes[f"{name}::server::third"] == "not-run", it.outcomes
            assert it.log[-2:] == ["-server", "server.down"], it.log
            it.assert_whole()
            it.assert_nothing_is_left()


@behaviour
def second_interrupt_ends_a_stuck_test_at_once_and_tears_down():
    for name in ("busy-loop", "blocked-interrupt", "stops-itself"):
        with stories.StoryRun(name, more="[Match *::stuck]\nTimeoutSec=90\n") as it:
            it.until(lambda it=it: "stuck" in it.log, "it was stuck")
            os.kill(it.pid, signal.SIGINT)
            it.until(lambda it=it: "nterrupted:" in it.stderr, "the interrupt was told")
            os.kill(it.pid, signal.SIGINT)
            it.wait(60)
            assert it.status == 5 and it.outcomes[f"{name}::server::stuck"] != "pass", it.outcomes
            assert it.outcomes[f"{name}::server::third"] == "not-run", it.outcomes
            assert it.log[-2:] == ["-server", "server.down"], it.log
            it.assert_whole()
            it.assert_nothing_is_left()


@behaviour
def worker_that_dies_while_its_module_is_busy_costs_the_test_that_ran():
    with stories.StoryRun("busy-loop", more=PATIENT) as it:
        it.until(lambda: "stuck" in it.log, "it was stuck")
        # A worker takes milliseconds to say what was: what it had not said dies with it, as lost.
        it.until(lambda: "busy-loop::server::first" in it.outcomes, "the test before it was told")
        os.kill(workers_by_slot(it)["1"], signal.SIGKILL)
        it.wait()
        outcomes = {address.rpartition("::")[2]: outcome for address, outcome in it.outcomes.items()}
        assert outcomes.pop("stuck") == "lost" and set(outcomes.values()) == {"pass"}, it.outcomes
        log = [entry for entry in it.log if entry != "free"]
        assert log.count("stuck") == 1 and log[-2:] == ["-server", "server.down"], it.log
        it.assert_whole()
        it.assert_nothing_is_left()


@behaviour
def tests_of_a_shared_context_whose_process_dies_are_not_run():
    with stories.StoryRun("busy-loop", more=PATIENT) as it:
        it.until(lambda: "stuck" in it.log, "it was stuck")
        os.kill(workers_by_slot(it)[slot_of_fixture(it, "1")], signal.SIGKILL)
        it.wait()
        outcomes = {address.rpartition("::")[2]: outcome for address, outcome in it.outcomes.items()}
        assert outcomes == {"first": "pass", "stuck": "timeout", "second": "not-run", "third": "not-run",
                            "free": "pass"}, it.outcomes
        assert it.reason("busy-loop::server::second"), it.results
        assert [text(r, "PTEST_FIXTURE") for r in it.records_of("FIXTURE_FAILED")] == ["set-up"]
        # What was set up in that process is gone with it: nobody else could undo it. The process itself may have
        # begun to: it sees the end of its worker a moment before it is killed for that.
        assert it.log.count("+server") == 1 and it.log.count("-server") <= 1, it.log
        it.assert_whole()
        it.assert_nothing_is_left()


@behaviour
def fail_fast_at_a_stuck_test_tears_down():
    with stories.StoryRun("deadlock", options=["-j1", "--fail-fast"]) as it:
        it.wait()
        assert it.status == 1 and it.outcomes["deadlock::server::stuck"] == "timeout", it.outcomes
        assert it.outcomes["deadlock::server::third"] == "not-run", it.outcomes
        assert it.log[-2:] == ["-server", "server.down"], it.log
        it.assert_whole()
        it.assert_nothing_is_left()

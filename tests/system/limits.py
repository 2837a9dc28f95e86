# SPDX-License-Identifier: LGPL-2.1-or-later
"""Limits that a kernel really enforces on workers and their tests."""

import expectations
from behaviour import add, behaviour
from long_run import LONG, LongRun
from program import run, shell, tests, text
from systemd import Service, assert_nothing_is_left_of, show

HOG = ('[Test hog]\nExec=python3 -c "x = bytearray(400 << 20)"\nPriority=1\n')
# Each level starts two of itself; nothing but the limit ends this. The shell says so when fork() fails.
FORK_BOMB = ("[Test bomb]\nExec=/bin/sh -c \"bomb() { bomb | bomb & }; bomb; sleep 2; exit 1\"\n"
             "TimeoutSec=20\nGraceSec=1\nPriority=1\n")


@behaviour
def test_that_eats_more_than_MemoryMax_is_oom_and_its_neighbours_pass():
    suite = "[Worker]\nMemoryMax=100M\n" + HOG + tests(20)
    with run(suite=suite, backend="system", options=["-j2"], name="hog") as it:
        outcomes = it.outcomes
        assert outcomes.pop("hog") == "oom", it.results["hog"]
        assert set(outcomes.values()) == {"pass"} and len(outcomes) == 20, outcomes
        assert "memory" in it.reason("hog").lower(), it.reason("hog")
        assert it.status == 1 and not it.stderr, (it.status, it.stderr)
        it.assert_whole()
        it.assert_nothing_is_left()
        assert_nothing_is_left_of("hog")


@behaviour
def memory_max_of_the_command_line_holds_too():
    with run(suite=HOG + tests(3), backend="system", options=["--memory-max=100M"]) as it:
        assert it.outcomes["hog"] == "oom" and it.status == 1, (it.outcomes, it.status)


@behaviour
def limit_that_is_too_small_for_a_worker_is_named():
    """With the first one not even its cgroup can be made."""
    for limits, name in (("[Worker]\nMemoryMax=4K\n", "MemoryMax= of 4K"),
                         ("[Worker]\nMemoryMax=100K\n", "MemoryMax= of 100K"),
                         ("[Suite]\nSliceMemoryMax=4K\n", "SliceMemoryMax= of 4K")):
        with run(suite=limits + tests(1), backend="system") as it:
            assert it.status == 3, (it.status, it.stdout)
            assert "a worker could not be started: " in it.stdout and name in it.stdout, it.stdout


@behaviour
def hog_that_has_enough_passes():
    with run(suite="[Worker]\nMemoryMax=700M\n" + HOG, backend="system") as it:
        assert it.outcomes == {"hog": "pass"} and not it.stderr, (it.outcomes, it.stderr)


@behaviour
def TasksMax_holds_a_fork_bomb():
    suite = "[Worker]\nTasksMax=50\n" + FORK_BOMB + tests(20)
    with run(suite=suite, backend="system", options=["-j2"], name="bomb") as it:
        outcomes = it.outcomes
        assert outcomes.pop("bomb") in ("fail", "timeout", "lost"), it.results["bomb"]
        assert set(outcomes.values()) == {"pass"} and len(outcomes) == 20, outcomes
        it.assert_whole()
        it.assert_nothing_is_left()
        assert_nothing_is_left_of("bomb")


@behaviour
def limits_that_hold_here_are_not_called_degraded():
    limits = "[Worker]\nMemoryMax=200M\nTasksMax=100\n"
    with LongRun(suite=LONG, backend="system", settings=limits, name="limited") as it:
        it.until_both_run()
        for record in it.records_of("WORKER_STARTED"):
            assert show(text(record, "PTEST_UNIT"), "MemoryMax")["MemoryMax"] == str(200 << 20)
        it.let_go()
        it.wait()
        assert it.status == 0 and not it.stderr, (it.status, it.stderr)


@behaviour
def service_runs_end_to_end_from_the_installed_files():
    suite = "[Worker]\nMemoryMax=100M\n" + HOG + tests(10) + shell("broken", "exit 1") + shell("skipped", "exit 77")
    with Service("whole", suite) as service:
        assert service.start() != 0
        assert service.show("ActiveState", "ExecMainStatus") == {"ActiveState": "failed", "ExecMainStatus": "1"}
        outcomes = service.outcomes
        assert (outcomes.pop("hog"), outcomes.pop("broken"), outcomes.pop("skipped")) == ("oom", "fail", "skip")
        assert set(outcomes.values()) == {"pass"} and len(outcomes) == 10, outcomes
        assert_nothing_is_left_of("whole")


def check_suite(path):
    expected = expectations.read(path)
    with run(path, backend="system", options=["--user=root"], env={"TMPDIR": None}) as it:
        expected.check(it)
        it.assert_nothing_is_left()
        assert_nothing_is_left_of(path.stem)


# Those that the plain backend has to refuse.
for suite in expectations.SUITES:
    if expectations.read(suite).needs:
        add(f"suite {suite.stem} ends as it says", lambda suite=suite: check_suite(suite))

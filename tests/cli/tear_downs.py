# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tear-downs of a run that is interrupted: they run, they are told when they fail, and they do not hold up the end."""

import os
import signal
import time

from behaviour import behaviour
from program import Run, run, text

CONTEXTS = "".join(
    f"[Context {name}]\nMode={mode}\nWorkingDirectory=.\nSetUp=/bin/sh -c 'echo up {name} >>log'\nTearDown=/bin/sh -c '{{tear_down}}'\n"
    f"[Test {name}::runs]\nContext={name}\nWorkingDirectory=.\nExec=/bin/sh -c 'touch {name}-runs; sleep {{runs}}'\n"
    for name, mode in (("whole", "whole"), ("shared", "shared"), ("split", "split")))


def contexts(tear_down, runs=600, stop=1):
    return f"[Suite]\nStopSec={stop}\n" + CONTEXTS.format(tear_down=tear_down, runs=runs)


class ThreeRun(Run):
    """All three tests run."""

    def __init__(self, suite):
        super().__init__(suite=suite, options=["-j3"])

    def __enter__(self):
        super().__enter__()
        self.until(lambda: all((self.scratch / f"{name}-runs").exists() for name in ("whole", "shared", "split")),
                   "all three tests run")
        return self


def failed(it):
    return {text(r, "PTEST_CONTEXT"): text(r, "PTEST_REASON") for r in it.records_of("FIXTURE_FAILED")}


@behaviour
def tear_down_that_fails_after_an_interrupt_is_told():
    with ThreeRun(contexts("exit 3", runs=2)) as it:
        os.kill(it.pid, signal.SIGINT)
        it.wait()
        assert it.status == 5 and it.verdict == "incomplete", (it.status, it.verdict)
        assert set(it.outcomes.values()) == {"pass"}, it.outcomes
        assert set(failed(it)) == {"whole", "shared", "split"}, failed(it)
        assert all("3" in reason for reason in failed(it).values()), failed(it)
        it.assert_whole()
        it.assert_nothing_is_left()


@behaviour
def tear_downs_run_when_the_run_is_stopped():
    # A worker that is killed in the midst of a tear-down has it run again by another one.
    with ThreeRun(contexts("echo down >>log", stop=60)) as it:
        os.kill(it.pid, signal.SIGTERM)
        it.wait()
        assert it.status == 5 and not failed(it), (it.status, failed(it))
        assert set(it.outcomes.values()) == {"not-run"}, it.outcomes
        log = (it.scratch / "log").read_text().splitlines()
        # Once for each set-up; of a split context every worker may have one.
        assert log.count("down") == sum(line.startswith("up ") for line in log) >= 3, log
        assert {line for line in log if line != "down"} == {"up whole", "up shared", "up split"}, log
        it.assert_whole()


@behaviour
def tear_downs_that_hang_do_not_hold_up_a_run_that_is_stopped():
    with ThreeRun(contexts("exec sleep 600")) as it:
        os.kill(it.pid, signal.SIGTERM)
        begin = time.monotonic()
        it.wait()
        # Their own end is ten minutes away.
        assert time.monotonic() - begin < 100, time.monotonic() - begin
        assert it.status == 5 and it.verdict == "incomplete", (it.status, it.verdict)
        assert set(failed(it)) == {"whole", "shared", "split"}, failed(it)
        assert "3 tests did not pass" in it.stdout, it.stdout
        it.assert_whole()
        it.assert_nothing_is_left()


@behaviour
def the_second_interrupt_shortens_a_tear_down():
    with ThreeRun(contexts("exec sleep 600", runs=1)) as it:
        os.kill(it.pid, signal.SIGINT)
        it.until(lambda: len(it.records_of("TEST_FINISHED")) == 3, "all tests have ended")
        time.sleep(0.5)
        assert it.process.poll() is None
        os.kill(it.pid, signal.SIGINT)
        begin = time.monotonic()
        it.wait()
        assert time.monotonic() - begin < 100, time.monotonic() - begin
        assert set(failed(it)) == {"whole", "shared", "split"}, failed(it)
        it.assert_whole()
        it.assert_nothing_is_left()


@behaviour
def what_a_tear_down_had_to_kill_is_told():
    suite = ("[Context c]\nSetUp=/bin/sh -c 'trap \"\" TERM; (while :; do sleep 1; done) & exit 0'\n"
             "TearDown=/bin/true\n[Test t]\nContext=c\nExec=/bin/true\n")
    with run(suite=suite) as it:
        assert it.status == 0, (it.status, it.stdout)
        assert "did not end when asked to" in it.stderr, it.stderr
        it.assert_nothing_is_left()

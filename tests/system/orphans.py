# SPDX-License-Identifier: LGPL-2.1-or-later
"""A coordinator that is killed, with nothing around it that systemd would stop: as in somebody's session."""

import contextlib
import os
import signal

from behaviour import behaviour, eventually
from long_run import LONG, LongRun, parent_with_name
from program import run, shell, tests
from systemd import assert_nothing_is_left_of, scopes_of, show, units

# What no process but the manager could still find when its worker is gone.
LEAVER = shell("leaver", "(setsid sleep 1000 &); touch $MARKS/leaver; sleep 1000", "Priority=1")


def by_hand(name):
    """Not in a service, as all of this is."""
    session = f"session-of-{name}.scope"
    return LongRun(suite=LONG + LEAVER + tests(10), backend="system", name=name, options=["-j3"],
                   within=["systemd-run", "--quiet", "--collect", "--scope", f"--unit={session}"])


def until_all_run(it):
    it.until_both_run()
    it.until_marked("leaver")


def assert_all_ends(it, name):
    it.process.wait()
    eventually(lambda: not it.processes(), what="that all processes of the run are gone")
    eventually(lambda: not units(f"ptest-{name}-*.scope"), what="that all scopes of the run are gone")


@behaviour
def scopes_are_bound_to_a_guard_that_ends_with_the_coordinator():
    with by_hand("bound2") as it:
        until_all_run(it)
        guard, = units("ptest-bound2-*-guard*.scope")
        for scope in scopes_of("bound2"):
            found = show(scope, "BindsTo", "After")
            assert found["BindsTo"] == guard and guard in found["After"], found
        it.process.terminate()
        it.wait()
        it.assert_nothing_is_left()
        assert_nothing_is_left_of("bound2")


@behaviour
def SIGKILL_of_the_coordinator_takes_a_stopped_worker_along():
    with by_hand("stopped") as it:
        until_all_run(it)
        os.kill(parent_with_name(it, "leaver"), signal.SIGSTOP)
        it.process.kill()
        assert_all_ends(it, "stopped")


@behaviour
def SIGKILL_of_coordinator_and_workers_at_once_leaves_no_test():
    """As `pkill -KILL ptest` does it."""
    with by_hand("massacre") as it:
        until_all_run(it)
        for pid in [it.pid, *it.workers()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert_all_ends(it, "massacre")
    with run(suite=tests(2), backend="system", name="massacre") as again:
        assert again.status == 0, again.stderr
    assert_nothing_is_left_of("massacre")


@behaviour
def SIGKILL_of_the_guard_costs_the_tests_that_run_and_no_slot():
    with by_hand("guarded") as it:
        until_all_run(it)
        guard, = units("ptest-guarded-*-guard*.scope")
        os.system(f"systemctl kill --signal=KILL {guard}")
        it.until(lambda: {"long1", "long2", "leaver"} <= set(it.outcomes), "the lost tests were reported")
        it.let_go()
        it.wait()
        outcomes = it.outcomes
        assert {outcomes.pop(test) for test in ("long1", "long2", "leaver")} == {"lost"}, it.outcomes
        assert set(outcomes.values()) <= {"pass"}, it.outcomes
        assert it.status == 1, it.status
        it.assert_whole()
        assert_nothing_is_left_of("guarded")

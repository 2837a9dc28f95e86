# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bus or the manager goes away under a run, and comes back."""

import os
import signal
import time

from behaviour import behaviour, eventually
from long_run import LongRun, parent_with_name
from program import Run, tests, text
from systemd import assert_nothing_is_left_of, main_pid, output, scopes_of, show


def bus_answers():
    return os.system("busctl --timeout=1 status org.freedesktop.systemd1 >/dev/null 2>&1") == 0


def trouble(name, *command):
    """While two tests run. Then a worker is killed, so that scopes have to be made and watched anew."""
    with LongRun(backend="system", name=name) as it:
        it.until_both_run()
        output(*command, check=False)
        eventually(bus_answers, what="that the bus answers")
        assert it.process.poll() is None, "the run has ended"
        assert not it.outcomes, it.outcomes
        os.kill(parent_with_name(it, "long1"), signal.SIGKILL)
        it.until(lambda: "long1" in it.outcomes, "the lost test was reported")
        it.until(lambda: len(it.outcomes) == 11, "the replacement had run the others")
        replacement = it.records_of("WORKER_STARTED")[-1]
        assert text(replacement, "PTEST_GENERATION") == "2", replacement
        assert show(text(replacement, "PTEST_UNIT"), "ActiveState")["ActiveState"] == "active"
        it.let_go()
        it.wait()
        outcomes = it.outcomes
        assert outcomes.pop("long1") == "lost" and set(outcomes.values()) == {"pass"}, it.outcomes
        it.assert_whole()
        it.assert_nothing_is_left()
        assert not it.records_of("WORKER_LOST")
        assert_nothing_is_left_of(name)


@behaviour
def restart_of_the_bus_harms_no_test_and_loses_no_slot():
    trouble("busless", "systemctl", "restart", "dbus")


@behaviour
def reexec_of_the_manager_harms_no_test_and_loses_no_slot():
    trouble("reexec", "systemctl", "daemon-reexec")


@behaviour
def reload_of_the_manager_harms_no_test_and_loses_no_slot():
    trouble("reload", "systemctl", "daemon-reload")


@behaviour
def run_ends_while_the_bus_is_away():
    """Workers must be stopped without it, and nothing hangs."""
    with LongRun(backend="system", name="away") as it:
        it.until_both_run()
        try:
            output("systemctl", "stop", "dbus.socket", "dbus.service", check=False)
            it.let_go()
            it.wait()
            assert set(it.outcomes.values()) <= {"pass", "lost", "not-run"}, it.outcomes
            it.assert_whole()
            assert (it.status == 0) == (set(it.outcomes.values()) == {"pass"} and it.verdict == "passed")
        finally:
            output("systemctl", "start", "dbus.socket", "dbus.service", check=False)
            eventually(bus_answers, what="that the bus answers")
            # Not all of its clients come back by themselves.
            output("systemctl", "restart", "systemd-logind", check=False)
        eventually(lambda: not scopes_of("away"), what="that its scopes are gone")


def bus_pid():
    return main_pid("dbus.service")


@behaviour
def run_begins_although_the_bus_goes_away_under_it():
    """At each moment of its beginning; so one of them is while it asks whether there are a bus and a manager."""
    for milliseconds in range(0, 40, 2):
        output("systemctl", "reset-failed", "dbus.service", check=False)
        with Run(suite=tests(3), backend="auto", name="begins") as it:
            time.sleep(milliseconds / 1000)
            # Not by SIGKILL: under that containers of Debian 13 ended as a whole, four of five times.
            output("systemctl", "restart", "dbus.service")
            it.wait()
            assert it.status == 0 and not it.stderr, (milliseconds, it.status, it.stderr)
            assert text(it.records_of("RUN_STARTED")[0], "PTEST_BACKEND") == "system", milliseconds
        output("systemctl", "reset-failed", "dbus.service", check=False)
        eventually(bus_answers, what="that the bus answers again")
    assert_nothing_is_left_of("begins")


@behaviour
def run_begins_although_the_bus_answers_late():
    pid = bus_pid()
    os.kill(pid, signal.SIGSTOP)
    with Run(suite=tests(3), backend="auto", name="late") as it:
        time.sleep(5)
        os.kill(pid, signal.SIGCONT)
        it.wait()
        assert it.status == 0 and not it.stderr, (it.status, it.stderr)
        assert text(it.records_of("RUN_STARTED")[0], "PTEST_BACKEND") == "system"
    assert_nothing_is_left_of("late")

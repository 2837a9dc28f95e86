# SPDX-License-Identifier: LGPL-2.1-or-later
"""Workers in scopes of the system manager."""

import os
import re
import signal
import tempfile
from pathlib import Path

from behaviour import behaviour, eventually
from long_run import LONG, LongRun, parent_with_name
from program import MESSAGE_IDS, process_is_gone, run, shell, tests, text
from systemd import Signals, assert_nothing_is_left_of, cgroup_of, journal, scopes_of, show, units


@behaviour
def auto_backend_of_root_is_system():
    with run(suite=tests(3), backend="auto") as it:
        assert it.status == 0 and not it.stderr, (it.status, it.stderr)
        assert text(it.records_of("RUN_STARTED")[0], "PTEST_BACKEND") == "system"


@behaviour
def scopes_have_the_asked_properties():
    limits = "[Worker]\nMemoryMax=256M\nTasksMax=200\n"
    with LongRun(backend="system", settings=limits, name="asked", options=["-j2", "--allow-degraded"]) as it:
        it.until_both_run()
        scopes = scopes_of("asked")
        assert len(scopes) == 2, scopes
        for scope in scopes:
            assert re.fullmatch(r"ptest-asked-[0-9a-f]+-w[12]g1\.scope", scope), scope
            found = show(scope, "ActiveState", "MemoryMax", "MemorySwapMax", "TasksMax", "OOMPolicy", "Delegate",
                         "Slice", "CollectMode", "Description", "SendSIGKILL")
            assert found.pop("Description")
            # What the worker itself needs comes on top.
            assert int(found.pop("TasksMax")) == 200
            assert found == {
                "ActiveState": "active", "MemoryMax": str(256 << 20), "MemorySwapMax": "0",
                "OOMPolicy": "continue", "Delegate": "yes", "Slice": "ptest-asked.slice", "CollectMode": "inactive-or-failed", "SendSIGKILL": "yes"}, found
        started = {text(r, "PTEST_UNIT"): int(text(r, "PTEST_PID")) for r in it.records_of("WORKER_STARTED")}
        assert set(started) == set(scopes), (started, scopes)
        for scope, pid in started.items():
            assert f"/ptest.slice/ptest-asked.slice/{scope}" in cgroup_of(pid), cgroup_of(pid)
        it.let_go()
        it.wait()
        assert it.status == 0 and not it.stderr, (it.status, it.stderr)
        it.assert_nothing_is_left()
        assert_nothing_is_left_of("asked")


@behaviour
def name_of_a_suite_is_escaped_in_the_names_of_units():
    with LongRun(backend="system", name="with-dash_and.dot") as it:
        it.until_both_run()
        scopes = units("*with*-w*.scope")
        assert len(scopes) == 2 and all(s.startswith(r"ptest-with\x2ddash_and.dot-") for s in scopes), scopes
        # A dash that was not escaped would make a slice in between.
        assert not units("ptest-with.slice")
        it.let_go()
        it.wait()
        assert it.status == 0, it.stderr


@behaviour
def tests_run_as_the_unprivileged_user_unless_root_is_asked_for():
    who = shell("who", "id -un")
    with run(suite=who, backend="system") as it:
        assert it.results["who"]["PTEST_STDOUT"] == b"ptest-worker\n", it.results
    with run(suite="[Worker]\nUser=root\n" + who, backend="system") as it:
        assert it.results["who"]["PTEST_STDOUT"] == b"root\n", it.results


@behaviour
def stopped_worker_is_stuck_then_gone_and_only_then_replaced():
    """Proved by the order in which the manager and the journal tell it, not by waiting."""
    with Signals() as signals:
        # Until its worker is stopped there is time; the other worker stays with the other one until there is a replacement.
        suite = LONG.replace("GraceSec=1\n", "GraceSec=1\nTimeoutSec=10\n", 1) + tests(10)
        with LongRun(suite=suite, backend="system", settings="TimeoutSec=10min\n", name="stuck") as it:
            it.until_both_run()
            victim = parent_with_name(it, "long1")
            os.kill(victim, signal.SIGSTOP)
            it.until(lambda: len(it.records_of("WORKER_STARTED")) == 3, "there was a replacement")
            it.let_go()
            it.wait()
            assert process_is_gone(victim)
            signals.settle()
            stuck = it.records_of("WORKER_STUCK")
            assert str(victim) in [text(r, "PTEST_PID") for r in stuck], stuck
            slot = next(text(r, "PTEST_SLOT") for r in stuck if text(r, "PTEST_PID") == str(victim))
            unit = next(text(r, "PTEST_UNIT") for r in stuck if text(r, "PTEST_PID") == str(victim))
            replacement = re.sub(r"g1\.scope$", "g2.scope", unit)

            old, new = signals.about(unit), signals.about(replacement)
            assert [m for _, m in old].count("JobRemoved") == 2, old  # that of its start, that of its stop
            assert new and max(i for i, m in old if m == "JobRemoved") < new[0][0], (old, new)

            entries = journal(f"PTEST_RUN_ID={text(it.records[0], 'PTEST_RUN_ID')}", f"PTEST_SLOT={slot}")
            story = [(kind, e["PTEST_GENERATION"]) for e in entries for kind in ("STARTED", "STUCK", "STOPPED")
                     if e["MESSAGE_ID"] == MESSAGE_IDS[f"WORKER_{kind}"]]
            assert story == [("STARTED", "1"), ("STUCK", "1"), ("STOPPED", "1"), ("STARTED", "2"), ("STOPPED", "2")], story
            outcomes = it.outcomes
            assert outcomes.pop("long1") in ("timeout", "lost"), it.outcomes
            assert set(outcomes.values()) == {"pass"} and len(outcomes) == 11, outcomes
        assert_nothing_is_left_of("stuck")


@behaviour(seconds=800)
def two_hundred_workers_at_once():
    crowd = Path(tempfile.mkdtemp(prefix="crowd."))
    crowd.chmod(0o1777)
    # All wait for the last one: with fewer workers it would never begin.
    suite = "[Suite]\nTimeoutSec=10min\n" + "".join(
        shell(f"t{i:03}", f"touch {crowd}/{i}; until [ -e {crowd}/199 ]; do sleep 0.5; done")
        for i in range(200))
    with run(suite=suite, backend="system", options=["-j200"], name="crowd", seconds=700) as it:
        assert it.status == 0 and not it.stderr, (it.status, it.stderr)
        assert len(it.records_of("WORKER_STARTED")) == 200
        assert {text(r, "PTEST_SLOT") for r in it.results.values()} == {str(i) for i in range(1, 201)}
        it.assert_nothing_is_left()
        assert_nothing_is_left_of("crowd")


@behaviour
def SIGKILL_of_a_worker_costs_its_test_and_nothing_else():
    with LongRun(backend="system", name="murder") as it:
        it.until_both_run()
        os.kill(parent_with_name(it, "long1"), signal.SIGKILL)
        it.until(lambda: "long1" in it.outcomes, "the lost test was reported")
        it.let_go()
        it.wait()
        outcomes = it.outcomes
        assert outcomes.pop("long1") == "lost" and set(outcomes.values()) == {"pass"}, it.outcomes
        assert len(outcomes) == 11 and it.status in (1, 3), it.status
        it.assert_whole()
        it.assert_nothing_is_left()
        assert_nothing_is_left_of("murder")


@behaviour
def SIGKILL_of_the_coordinator_takes_workers_and_tests_along():
    leaver = shell("leaver", "(setsid sleep 1000 &); touch $MARKS/leaver; sleep 1000", "Priority=1")
    with LongRun(suite=LONG + leaver, backend="system", name="orphan", options=["-j3"]) as it:
        it.until_both_run()
        it.until_marked("leaver")
        it.process.kill()
        it.process.wait()
        eventually(lambda: not it.processes(), what="that all processes of the run are gone")
        eventually(lambda: not scopes_of("orphan"), what="that all scopes of the run are gone")
    # The slice may stay until the suite is run again.
    with run(suite=tests(2), backend="system", name="orphan") as again:
        assert again.status == 0, again.stderr
    assert_nothing_is_left_of("orphan")


@behaviour
def scope_that_somebody_stops_is_a_lost_test_and_not_a_pass():
    with LongRun(backend="system", name="meddled") as it:
        it.until_both_run()
        scope = cgroup_of(parent_with_name(it, "long1")).split("/")[3]
        assert scope.endswith(".scope"), scope
        os.system(f"systemctl stop '{scope}'")
        it.until(lambda: "long1" in it.outcomes, "the lost test was reported")
        it.let_go()
        it.wait()
        assert it.outcomes["long1"] == "lost" and it.status in (1, 3), (it.outcomes, it.status)
        it.assert_whole()


@behaviour
def leavers_of_a_test_end_with_it_in_their_scope():
    with run(suite=shell("leaver", "setsid sleep 1000 & exit 0"), backend="system", name="leaver") as it:
        assert it.status == 0 and "leaky" in it.marks("leaver"), it.results
        it.assert_nothing_is_left()

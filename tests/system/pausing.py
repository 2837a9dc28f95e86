# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ctrl-Z where tests have cgroups: they are frozen, and a service manager waits."""

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

from behaviour import behaviour, eventually
from long_run import LONG, LongRun
from program import PTEST, process_command, shell, tests, text
from systemd import QUICK_WATCHDOG, Service, assert_nothing_is_left_of, cgroup_of, journal, output, units

# Tells when it is told of being stopped and continued, and ends when it may.
LIMIT = 10
NOTICES = shell("counts", "trap 'echo noticed' CONT; touch $MARKS/long1; while [ ! -e $MARKS/go ]; do sleep 0.05; done",
                f"TimeoutSec={LIMIT}\nGraceSec=100ms")


def state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def pause(pid):
    os.kill(pid, signal.SIGTSTP)
    eventually(lambda: state(pid) == "T", what="that the coordinator is stopped")


def shells(it):
    return [pid for pid in it.processes() if "/bin/sh -c" in process_command(pid)]


def is_frozen(pid):
    """And not stopped. What is not yet may be gone the next moment."""
    with contextlib.suppress(OSError):
        return "frozen 1" in Path(f"/sys/fs/cgroup{cgroup_of(pid)}/cgroup.events").read_text() and state(pid) != "T"
    return False


def until_frozen(it):
    """A worker that is slow to freeze its test is not waited for."""
    eventually(lambda: shells(it) and all(is_frozen(pid) for pid in shells(it)), what="that all tests are frozen")


def measured_slot(it):
    asked = subprocess.run([PTEST, "status", "--json", "frozen"], stdout=subprocess.PIPE, check=True,
                           env={**os.environ, "RUNTIME_DIRECTORY": f"{it.scratch}/runtime"})
    run, = json.loads(asked.stdout)["runs"]
    return next((s for s in run["slots"] if s["running"] and s["running"]["memory"] > 0), None)


@behaviour
def paused_test_in_a_cgroup_is_frozen_and_does_not_notice():
    begun = time.monotonic()
    with LongRun(suite=NOTICES, backend="system", name="frozen") as it:
        it.until_marked("long1")
        slot = eventually(lambda: measured_slot(it), what="that the status tells how much memory the test uses")
        assert slot["unit"].startswith("ptest-frozen-"), slot
        pause(it.pid)
        until_frozen(it)
        paused = time.monotonic()
        it.let_go()
        time.sleep(LIMIT + 1)
        paused = time.monotonic() - paused
        os.kill(it.pid, signal.SIGCONT)
        it.wait()
        ended = time.monotonic()
        assert it.outcomes == {"counts": "pass"}, (it.outcomes, it.reason("counts"))
        assert "noticed" not in text(it.results["counts"], "PTEST_STDOUT")
        # What was not its own time is not counted.
        assert int(text(it.results["counts"], "PTEST_DURATION_USEC")) / 1e6 < ended - begun - paused
        assert [text(e, "PTEST_RUNNING") for e in it.records_of("RUN_PAUSED")] == ["1"]
        it.assert_nothing_is_left()
        assert_nothing_is_left_of("frozen")


@behaviour
def SIGKILL_while_tests_are_frozen_leaves_nothing():
    leaver = shell("leaver", "(setsid sleep 1000 &); touch $MARKS/leaver; sleep 1000", "Priority=1")
    with LongRun(suite=LONG + leaver + tests(4), backend="system", name="icekill", options=["-j3"],
                 within=["systemd-run", "--quiet", "--collect", "--scope", "--unit=session-of-icekill.scope"]) as it:
        it.until_both_run()
        it.until_marked("leaver")
        pause(it.pid)
        until_frozen(it)
        it.process.kill()
        it.process.wait()
        eventually(lambda: not it.processes(), what="that all processes of the run are gone")
        eventually(lambda: not units("ptest-icekill-*.scope"), what="that all scopes of the run are gone")


@behaviour
def paused_service_is_not_taken_for_one_that_hangs():
    drop_in = Path("/run/systemd/system/ptest@patient.service.d")
    drop_in.mkdir(parents=True, exist_ok=True)
    (drop_in / "watchdog.conf").write_text(f"[Service]\nWatchdogSec={QUICK_WATCHDOG}s\n")
    output("systemctl", "daemon-reload")
    with Service("patient", "[Suite]\nEnvironment=MARKS=@MARKS@\nWorkers=2\n" + LONG) as service:
        service.start_no_block()
        service.until("long1", "long2")
        pid = service.main_pid
        pause(pid)
        eventually(lambda: service.show("StatusText")["StatusText"].startswith("Paused"), what="that it says so")
        time.sleep(QUICK_WATCHDOG + 1)
        assert service.show("ActiveState")["ActiveState"] == "activating" and state(pid) == "T", service.show("Result")
        fed = service.last_fed
        os.kill(pid, signal.SIGCONT)
        eventually(lambda: "running" in service.show("StatusText")["StatusText"], what="that it goes on")
        eventually(lambda: service.last_fed > fed, what="that it is watched again")
        assert service.main_pid == pid
        service.let_go()
        service.until_over()
        assert service.show("Result")["Result"] == "success", service.show("Result", "ActiveState")
        assert set(service.outcomes.values()) == {"pass"}, service.outcomes
        told = [e["MESSAGE"] for e in journal(f"PTEST_RUN_ID={service.run_id}") if "paused" in e["MESSAGE"]]
        assert told == ["patient: run paused, 2 tests running"], told
    (drop_in / "watchdog.conf").unlink()
    drop_in.rmdir()
    output("systemctl", "daemon-reload")

# SPDX-License-Identifier: LGPL-2.1-or-later
"""Contexts with programs as fixtures, around workers in real scopes."""

import contextlib
import os
import signal
import tempfile
from pathlib import Path

from behaviour import behaviour, eventually
from program import Run, process_is_gone, shell, text
from systemd import assert_nothing_is_left_of, cgroup_of, scopes_of

HEAD = "[Suite]\nTimeoutSec=2min\nStopSec=2\nEnvironment=LOG=@LOG@\n\n"
# Of a test: it goes on until it may end.
WAITS = "until [ -e $LOG.go ]; do sleep 0.05; done"


def context(name, mode, set_up="", tear_down="", more=""):
    """A fixture that tells the log of itself, then does what is given."""
    def quoted(script):
        return script.replace("\\", "\\\\").replace('"', '\\"')
    return (f"[Context {name}]\nMode={mode}\nSetUp=/bin/sh -c \"echo +{name} >>$LOG; {quoted(set_up)}\"\n"
            f"TearDown=/bin/sh -c \"echo -{name} >>$LOG; {quoted(tear_down)}\"\n{more}\n")


def case(address, inside, script="", more=""):
    return shell(address, f"echo {address} >>$LOG; {script}", f"Context={inside}\n{more}")


class ScopedRun(Run):
    """Its log is where any user can write to it."""

    def __init__(self, suite, name, **kwargs):
        scratch = Path(tempfile.mkdtemp(prefix="pt."))
        self.place = scratch / "log"
        self.place.mkdir()
        self.place.chmod(0o1777)
        super().__init__(suite=(HEAD + suite).replace("@LOG@", f"{self.place}/log"), name=name, scratch=scratch,
                         backend="system", **kwargs)

    @property
    def log(self):
        path = self.place / "log"
        return path.read_text().split() if path.exists() else []

    def let_go(self):
        (self.place / "log.go").touch()

    def value(self, name):
        """Of a line NAME=value in the log."""
        return next((entry.partition("=")[2] for entry in self.log if entry.startswith(f"{name}=")), None)

    def unit_of(self, pid):
        return next(part for part in cgroup_of(pid).split("/") if part.endswith(".scope"))

    def assert_over(self, status, name):
        self.assert_whole()
        assert self.status == status, (self.status, self.outcomes, self.stderr)
        self.assert_nothing_is_left()
        assert_nothing_is_left_of(name)
        runs = Path("/run/ptest")
        assert not runs.exists() or not [p for p in runs.iterdir() if name in p.name], list(runs.iterdir())


# In a session of its own, as a server would be: only its cgroup tells where it belongs.
DAEMON = "setsid sleep 900 >/dev/null 2>&1 & echo DAEMON=$! >>$LOG; echo DAEMON=$! >>$PTEST_ENV"


@behaviour
def daemon_of_a_shared_set_up_lives_in_its_slots_own_scope_until_the_tear_down():
    name = "daemon"
    suite = (context("s", "shared", DAEMON, "kill -0 $DAEMON && echo alive >>$LOG")
             + "".join(case(f"t{i}", "s", f"kill -0 $DAEMON; {WAITS}") for i in range(4)))
    with ScopedRun(suite, name, options=["-j2"]) as it:
        it.until(lambda: "t0" in it.log and "t1" in it.log, "two tests ran")
        daemon = int(it.value("DAEMON"))
        unit = it.unit_of(daemon)
        tests = set()
        for pid in it.processes():
            # What the test starts is gone the next moment.
            with contextlib.suppress(OSError):
                if b"echo t0 " in Path(f"/proc/{pid}/cmdline").read_bytes():
                    tests.add(it.unit_of(pid))
        assert tests and unit not in tests and unit in scopes_of(name), (unit, tests)
        # In a cgroup of its own, too: what a test's end kills is elsewhere.
        assert len(scopes_of(name)) == 3, scopes_of(name)
        it.let_go()
        it.wait()
        assert process_is_gone(daemon)
        log = [entry for entry in it.log if "=" not in entry]
        assert log[0] == "+s" and log[-2:] == ["-s", "alive"] and log.count("+s") == log.count("-s") == 1, log
        assert all("leaky" not in it.marks(address) for address in it.results)
        it.assert_over(0, name)


@behaviour
def what_whole_and_split_contexts_leave_running_lives_until_their_tear_down():
    for mode in ("whole", "split"):
        name = f"keeps{mode}"
        suite = (context("c", mode, DAEMON, "kill -0 $DAEMON && echo alive >>$LOG")
                 + "".join(case(f"t{i}", "c", "kill -0 $DAEMON") for i in range(4)))
        with ScopedRun(suite, name, options=["-j2"]) as it:
            it.wait()
            assert set(it.outcomes.values()) == {"pass"}, it.outcomes
            assert it.log.count("+c") == it.log.count("-c") == it.log.count("alive") >= 1, it.log
            it.assert_over(0, name)


@behaviour
def kill_of_the_worker_of_a_shared_context_leaves_its_tests_not_run():
    name = "robbed"
    suite = (context("s", "shared", DAEMON) + case("t0", "s", WAITS) + case("t1", "s") + case("t2", "s")
             + shell("free", "sleep 1"))
    with ScopedRun(suite, name, options=["-j1"]) as it:
        it.until(lambda: "t0" in it.log, "the first test ran")
        daemon = int(it.value("DAEMON"))
        unit = it.unit_of(daemon)
        started = {text(r, "PTEST_UNIT"): int(text(r, "PTEST_PID")) for r in it.records_of("WORKER_STARTED")}
        os.kill(started[unit], signal.SIGKILL)
        eventually(lambda: process_is_gone(daemon), what="that what it had set up is gone with it")
        it.until(lambda: {"t1", "t2"} <= set(it.outcomes), "the others were told")
        it.let_go()
        it.wait()
        assert it.outcomes == {"t0": "pass", "t1": "not-run", "t2": "not-run", "free": "pass"}, it.outcomes
        assert it.reason("t1"), it.results["t1"]
        assert [(text(r, "PTEST_CONTEXT"), text(r, "PTEST_FIXTURE")) for r in it.records_of("FIXTURE_FAILED")] == [
            ("s", "set-up")], it.records_of("FIXTURE_FAILED")
        assert it.log.count("+s") == it.log.count("-s") == 1, it.log
        it.assert_over(1, name)


@behaviour
def contexts_of_all_modes_nested_leave_nothing():
    name = "nested"
    suite = (context("s", "shared", DAEMON) + context("m", "split", DAEMON, more="Context=s")
             + context("w", "whole", DAEMON, more="Context=s") + context("ww", "whole", more="Context=w")
             + "".join(case(f"{c}{i}", c, "sleep 0.1") for c in ("s", "m", "w", "ww") for i in range(3)))
    with ScopedRun(suite, name, options=["-j3"]) as it:
        it.wait()
        assert set(it.outcomes.values()) == {"pass"} and len(it.outcomes) == 12, it.outcomes
        log = it.log
        for inner in ("s", "m", "w", "ww"):
            assert log.count(f"+{inner}") == log.count(f"-{inner}") >= 1, log
        assert log.count("+s") == log.count("+w") == log.count("+ww") == 1, log
        assert [e for e in log if "=" not in e][0] == "+s" and log[-1] == "-s", log
        assert log.index("+w") < log.index("+ww") < log.index("-ww") < log.index("-w"), log
        it.assert_over(0, name)


@behaviour
def stuck_test_of_a_shared_context_costs_its_own_scope_alone():
    """A worker that is stopped (not its test) is taken away; what the shared context runs in stays."""
    name = "apart"
    suite = (context("s", "shared", DAEMON, "kill -0 $DAEMON && echo alive >>$LOG")
             + case("t0", "s", "kill -STOP $PPID; sleep 600", "TimeoutSec=10\nGraceSec=1")
             + case("t1", "s") + case("t2", "s"))
    with ScopedRun(suite, name, options=["-j1"]) as it:
        it.wait()
        outcomes = it.outcomes
        assert outcomes.pop("t0") in ("timeout", "lost") and set(outcomes.values()) == {"pass"}, it.outcomes
        assert it.log.count("+s") == it.log.count("-s") == it.log.count("alive") == 1, it.log
        assert len(it.records_of("WORKER_STUCK")) == 1
        it.assert_over(1, name)


@behaviour
def hanging_fixtures_are_ended_and_nothing_of_them_is_left():
    name = "hanging"
    suite = (context("up", "shared", "setsid sleep 901 & sleep 902", more="SetUpTimeoutSec=1")
             + context("down", "shared", "", "setsid sleep 903 & sleep 904", more="TearDownTimeoutSec=1")
             + case("t1", "up") + case("t2", "down"))
    with ScopedRun(suite, name) as it:
        it.wait()
        assert it.outcomes == {"t1": "not-run", "t2": "pass"}, it.outcomes
        told = sorted((text(r, "PTEST_CONTEXT"), text(r, "PTEST_OUTCOME")) for r in it.records_of("FIXTURE_FAILED"))
        assert told == [("down", "timeout"), ("up", "timeout")], told
        it.assert_over(1, name)


@behaviour
def interrupt_tears_down_in_scopes_too():
    name = "stopped"
    for mode in ("whole", "split", "shared"):
        suite = context("c", mode, DAEMON) + case("t0", "c", WAITS) + case("t1", "c", WAITS)
        with ScopedRun(suite, name, options=["-j1"]) as it:
            it.until(lambda: "t0" in it.log, "the first test ran")
            os.kill(it.pid, signal.SIGINT)
            it.until(lambda: "nterrupt" in it.stdout + it.stderr, "the interrupt was told")
            it.let_go()
            it.wait()
            assert it.outcomes == {"t0": "pass", "t1": "not-run"}, it.outcomes
            assert it.log.count("+c") == it.log.count("-c") == 1, it.log
            it.assert_over(5, name)

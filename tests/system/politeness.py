# SPDX-License-Identifier: LGPL-2.1-or-later
"""Workers in scopes leave the machine to others first, and a stuck test there is looked at while it is held."""

import json
from pathlib import Path

from behaviour import behaviour
from long_run import LONG, LongRun
from program import ptest, run, shell, text
from systemd import assert_nothing_is_left_of, show

WEIGHTS = ("CPUWeight", "IOWeight")


def weights(unit):
    found = show(unit, *WEIGHTS)
    return tuple(found[name] for name in WEIGHTS)


@behaviour
def scopes_and_slices_have_a_lower_weight_than_everybody_else():
    with LongRun(suite=LONG, backend="system", name="polite") as it:
        it.until_both_run()
        for record in it.records_of("WORKER_STARTED"):
            assert weights(text(record, "PTEST_UNIT")) == ("50", "50"), record
        assert weights("ptest-polite.slice") == ("50", "50") and weights("ptest.slice") == ("50", "50")
        it.let_go()
        it.wait()
    assert_nothing_is_left_of("polite")


@behaviour
def doctor_names_the_weights_that_have_no_controller():
    controllers = Path("/sys/fs/cgroup/cgroup.controllers").read_text().split()
    capabilities = json.loads(ptest("doctor", "--backend=system", "--json"))["capabilities"]
    reason, = (capability["reason"] for capability in capabilities if capability["name"] == "politeness")
    without = reason.partition("without effect")[2]
    for controller, key in (("cpu", "CPUWeight="), ("io", "IOWeight="), ("memory", "SliceMemoryMax=")):
        assert (key in without) == (controller not in controllers), (controllers, reason)


@behaviour
def weights_are_as_the_suite_says():
    with LongRun(suite=LONG, backend="system", settings="[Worker]\nCPUWeight=100\nIOWeight=7\n", name="impolite") as it:
        it.until_both_run()
        for record in it.records_of("WORKER_STARTED"):
            assert weights(text(record, "PTEST_UNIT")) == ("100", "7"), record
        it.let_go()
        it.wait()
    assert_nothing_is_left_of("impolite")


@behaviour
def tests_of_an_unprivileged_user_die_first_too():
    with run(suite=shell("t", "id -un; cat /proc/self/oom_score_adj"), backend="system") as it:
        assert text(it.results["t"], "PTEST_STDOUT") == "ptest-worker\n500\n", it.results["t"]


@behaviour
def private_places_belong_to_the_user_of_the_tests():
    script = "stat -c %U:%a $TMPDIR $HOME; touch $TMPDIR/x $HOME/x; exit 1"
    with run(suite="[Suite]\nPrivateTmp=yes\nPrivateHome=yes\n" + shell("t", script), backend="system") as it:
        assert text(it.results["t"], "PTEST_STDOUT") == "ptest-worker:700\n" * 2, it.results["t"]
        assert text(it.results["t"], "PTEST_FILES") == "tmp/x (0B)\nhome/x (0B)", it.results["t"]
        it.assert_nothing_is_left()


@behaviour
def a_stuck_test_in_a_scope_is_told_and_ended():
    suite = "[Suite]\nTimeoutSec=10\n" + shell("t", "trap 'echo caught; exit 3' INT; sleep 1000 & while :; do sleep 0.1; done")
    with run(suite=suite, backend="system", name="held") as it:
        assert it.outcomes == {"t": "timeout"} and "exit status 3" in it.reason("t"), it.stdout
        lines = text(it.results["t"], "PTEST_STUCK_REPORT").splitlines()
        assert any("sleep 1000: sleeping" in line for line in lines), lines
        assert not any("stopped by a signal" in line or "frozen" in line for line in lines), lines
        it.assert_nothing_is_left()
    assert_nothing_is_left_of("held")
